package smart_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"firebreak/smart/client"
	"firebreak/transport"
)

// TestTheTokenEndpointTakesFormsInTheBodyOnly: what is in a URL is in logs and
// histories (RFC 6749 section 2.3.1, RFC 9700 section 4.3).
func TestTheTokenEndpointTakesFormsInTheBodyOnly(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	code := a.code(n.browser(), "paul")
	good := form("grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", a.verifier, "client_id", "growth")
	const kind = "application/x-www-form-urlencoded"
	for name, req := range map[string]transport.WebRequest{
		"in the query":      {Query: good.Encode(), ContentType: kind},
		"half in the query": {Query: "code=" + code, Body: []byte(form("grant_type", "authorization_code", "client_id", "growth").Encode()), ContentType: kind},
		"anything in query": {Query: "x", Body: []byte(good.Encode()), ContentType: kind},
		"JSON":              {Body: []byte(`{"grant_type":"authorization_code"}`), ContentType: "application/json"},
		"no content type":   {Body: []byte(good.Encode())},
		"multipart":         {Body: []byte(good.Encode()), ContentType: "multipart/form-data; boundary=x"},
		"another charset":   {Body: []byte(good.Encode()), ContentType: kind + "; charset=utf-16"},
		"code twice":        {Body: []byte(good.Encode() + "&code=x"), ContentType: kind},
		"client twice":      {Body: []byte(good.Encode() + "&client_id=growth"), ContentType: kind},
		"bad escape":        {Body: []byte(good.Encode() + "&x=%"), ContentType: kind},
		"NUL":               {Body: []byte(good.Encode() + "&x=%00"), ContentType: kind},
		"no UTF-8":          {Body: []byte(good.Encode() + "&x=%ff%fe"), ContentType: kind},
		"oversized":         {Body: []byte(good.Encode() + "&x=" + strings.Repeat("a", 64<<10)), ContentType: kind},
		"too many":          {Body: []byte(good.Encode() + "&" + fields(64)), ContentType: kind},
	} {
		req.Method, req.Path = "POST", "/auth/token"
		if g := n.posted(req); g.status != 400 || g.Error != "invalid_request" {
			t.Errorf("%s: %d %s", name, g.status, g.answer.Reply.Body)
		}
	}
	if a := n.serve(transport.WebRequest{Method: "GET", Path: "/auth/token", Query: good.Encode()}); a.Reply.Status != 405 || a.Reply.Allow != "OPTIONS, POST" {
		t.Errorf("GET: %d, %q", a.Reply.Status, a.Reply.Allow)
	}
	for name, v := range map[string]url.Values{"none": form(), "empty": form("grant_type", "")} {
		if g := a.ask("/token", v); g.Error != "invalid_request" {
			t.Errorf("grant type %s: %s", name, g.Error)
		}
	}
	for _, kind := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:token-exchange", "Authorization_code"} {
		a.ask("/token", form("grant_type", kind, "username", "paul", "password", password)).refused(w, "unsupported_grant_type")
	}
	a.exchange(code).ok(w)
}

func TestClientsProveWhoTheyAreAtEachEndpoint(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	g := a.tokens(n.browser(), "paul", "scope", offline)
	wrong, public := *a, *a
	wrong.secret = text(24)
	public.c.Method = client.None
	for _, path := range []string{"/token", "/introspect", "/revoke"} {
		for name, x := range map[string]*app{"a wrong secret": &wrong, "none": &public} {
			y := x.ask(path, form("grant_type", "refresh_token", "refresh_token", g.Refresh, "token", g.Refresh))
			if y.Error != "invalid_client" || y.status != 401 {
				t.Errorf("%s with %s: %d %s", path, name, y.status, y.Error)
			}
			if !strings.HasPrefix(y.answer.Reply.Challenge, "Basic ") { // RFC 9110 section 15.5.2
				t.Errorf("%s with %s: challenge %q", path, name, y.answer.Reply.Challenge)
			}
		}
	}
	n.good(g.Access)
	a.refresh(g.Refresh).ok(w)
}

// TestSystemsAreNoAppsAndAppsNoSystems: scope escalation by the kind of grant.
func TestSystemsAreNoAppsAndAppsNoSystems(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	public := n.register(client.Client{ID: "public", Name: "Public"})
	system := n.register(client.Client{ID: "export", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/Patient.rs"}})
	for _, x := range []*app{a, public} {
		x.ask("/token", form("grant_type", "client_credentials", "scope", "system/*.rs")).refused(w, "unauthorized_client")
	}
	for _, s := range []string{"", "patient/*.rs", "user/*.rs", "launch/patient", "openid", "offline_access", "system/Observation.rs", "system/Patient.cud", "nonsense", "system/*.sr"} {
		system.ask("/token", form("grant_type", "client_credentials", "scope", s)).refused(w, "invalid_scope")
	}
	g := system.ask("/token", form("grant_type", "client_credentials", "scope", "system/*.cruds user/*.rs offline_access openid")).ok(w)
	same(w, "scope", g.Scope, "system/Patient.rs")
	if g.Refresh != "" || g.ID != "" {
		t.Error("a system got more than an access token")
	}
	code := a.code(n.browser(), "paul")
	system.verifier, system.c.RedirectURIs = a.verifier, []string{callback}
	system.exchange(code).refused(w, "unauthorized_client")
	if p := n.browser().open(issuer + "/authorize?" + system.request().Encode()); p.to != "" || p.answer.Reply.Status != 400 {
		t.Errorf("a system at the authorization endpoint: %d %s", p.answer.Reply.Status, p.to)
	}
}

func TestScopesAskedForStayWithinTheRegistration(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Scopes: []string{"openid", "patient/Observation.rs"}})
	g := a.tokens(n.browser(), "paul", "scope", "openid fhirUser offline_access user/*.rs patient/*.cruds system/*.rs")
	same(w, "scope", g.Scope, "openid patient/Observation.rs")
	for _, s := range []string{"", "system/*.rs", "user/*.rs", "patient/Condition.rs", "offline_access", strings.Repeat("patient/Observation.rs ", 2000), "nonsense"} {
		if back := a.start(n.browser(), "scope", s).back(); back.Get("error") != "invalid_scope" {
			t.Errorf("%.40q: %v", s, back)
		}
	}
	// A registration that has system scopes all the same gives a person none.
	if back := a.start(n.browser(), "scope", "system/*.rs").back(); back.Has("code") {
		t.Error("a system scope for a person")
	}
}

// TestIntrospectionTellsWhatTheTokenResponseTold: RFC 7662, SMART App Launch 2.2
// token-introspection; to the application itself and to resource servers.
func TestIntrospectionTellsWhatTheTokenResponseTold(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	anna := n.clinician()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.PrivateKeyJWT, LaunchURI: "https://app.example/launch"})
	rs := n.register(client.Client{ID: "archive", Name: "Archive", Kind: client.Confidential, Method: client.SecretBasic, Introspect: true, RedirectURIs: []string{}, Scopes: []string{}})
	stranger := n.register(client.Client{ID: "stranger", Name: "Stranger", Kind: client.Confidential, Method: client.SecretPost})
	system := n.register(client.Client{ID: "proxy", Name: "Proxy", Kind: client.System, Method: client.PrivateKeyJWT, Introspect: true, Scopes: []string{"system/*.rs"}})
	b := n.browser()
	launch := launched(w, b, "growth", "p2", "Encounter/e-p2").Get("launch")
	back := a.start(b, "scope", "launch openid fhirUser offline_access patient/*.rs", "launch", launch)
	g := a.exchange(back.allow([]string{"offline_access"}, nil).back().Get("code")).ok(w)
	tok := n.good(g.Access)
	want := map[string]any{"active": true, "scope": g.Scope, "client_id": "growth", "sub": string(anna.ID), "iss": issuer, "aud": base, "token_type": "Bearer",
		"exp": float64(tok.Expires.Unix()), "iat": float64(tok.IssuedAt.Unix()), "jti": tok.JTI, "fhirUser": base + "/Practitioner/anna", "acr": "urn:firebreak:acr:1",
		"patient": "p2", "encounter": "e-p2", "need_patient_banner": true, "smart_style_url": g.all["smart_style_url"]}
	bearer := system.ask("/token", form("grant_type", "client_credentials", "scope", "system/*.rs")).ok(w)
	by := func(authorization, token string) got {
		return n.posted(transport.WebRequest{Method: "POST", Path: "/auth/introspect", Authorization: authorization, ContentType: "application/x-www-form-urlencoded", Body: []byte(form("token", token).Encode())})
	}
	for name, x := range map[string]got{"itself": a.introspect(g.Access), "resource server": rs.introspect(g.Access), "with a token": by("Bearer "+bearer.Access, g.Access)} {
		same(w, name, x.all, want)
	}
	r := rs.introspect(g.Refresh)
	same(w, "refresh token", []any{r.all["active"], r.all["client_id"], r.all["patient"], r.all["encounter"], r.all["sub"]}, []any{true, "growth", "p2", "e-p2", string(anna.ID)})
	const nothing = `{"active":false}`
	for name, x := range map[string]got{"a stranger": stranger.introspect(g.Access), "a stranger, refresh": stranger.introspect(g.Refresh), "no token of ours": rs.introspect("x"), "no token at all": rs.introspect("a.b.c"),
		"the id token": rs.introspect(g.ID), "altered": rs.introspect(g.Access + "A"), "altered refresh": rs.introspect(g.Refresh + "A")} {
		same(w, name, string(x.answer.Reply.Body), nothing)
	}
	// A person's token is no application's credential.
	for authorization, status := range map[string]int{"Bearer " + g.Access: 401, "Bearer x": 401, "Bearer ": 400} {
		if x := by(authorization, g.Access); x.status != status || x.all["active"] != nil || !strings.HasPrefix(x.answer.Reply.Challenge, "Bearer") {
			t.Errorf("%.8s: %d %v", authorization, x.status, x.all)
		}
	}
	if x := rs.ask("/introspect", form()); x.Error != "invalid_request" {
		t.Errorf("without a token: %v", x.all)
	}
	w.clk.Advance(time.Second)
	a.ask("/revoke", form("token", g.Refresh)).ok(w)
	for _, dead := range []string{g.Access, g.Refresh} {
		same(w, "revoked", string(rs.introspect(dead).answer.Reply.Body), nothing)
	}
	w.clk.Advance(5 * time.Minute)
	if x := by("Bearer "+bearer.Access, g.Access); x.status != 401 {
		t.Errorf("with a token that ended: %d", x.status)
	}
}

// TestIntrospectionOfWhatAPersonLost tells what a use of it would.
func TestIntrospectionOfWhatAPersonLost(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	paul := n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	b := n.browser()
	online := a.tokens(b, "paul", "scope", "online_access patient/*.rs")
	away := a.tokens(b, "paul", "scope", offline)
	w.clk.Advance(36 * time.Minute) // the session has lapsed, and what it was kept for
	same(w, "online", a.introspect(online.Refresh).all, map[string]any{"active": false})
	same(w, "offline", a.introspect(away.Refresh).all["active"], true)
	reset(w, n, paul)
	same(w, "offline", a.introspect(away.Refresh).all, map[string]any{"active": false})
}

// TestIntrospectionOfWhatAnApplicationLost: its refresh token is told of as what
// would come of it, by the registration as it is now.
func TestIntrospectionOfWhatAnApplicationLost(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	rs := n.register(client.Client{ID: "archive", Name: "Archive", Kind: client.Confidential, Method: client.SecretBasic, Introspect: true, RedirectURIs: []string{}, Scopes: []string{}})
	change := func(id string, do func(*client.Client)) {
		r, err := n.clients.Load(background, id)
		must(t, err)
		do(&r.Client)
		_, err = n.clients.Replace(background, r, "admin")
		must(t, err)
	}
	for name, do := range map[string]func(*client.Client){"disabled": func(c *client.Client) { c.Disabled = true }, "ended": func(c *client.Client) { c.Until = w.clk.Now() },
		"no longer away": func(c *client.Client) { c.Offline, c.Scopes = false, []string{"patient/*.rs"} }} {
		id := strings.ReplaceAll(name, " ", "-")
		a := n.register(client.Client{ID: id, Name: name})
		g := a.tokens(n.browser(), "paul", "scope", offline)
		same(w, name+", before", rs.introspect(g.Refresh).all["active"], true)
		change(id, do)
		same(w, name, rs.introspect(g.Refresh).all, map[string]any{"active": false})
	}
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "paul", "scope", "openid fhirUser "+offline)
	change("growth", func(c *client.Client) {
		c.Scopes = []string{"launch/patient", "offline_access", "patient/Observation.r"}
	})
	x := rs.introspect(g.Refresh).all
	same(w, "less", []any{x["active"], x["scope"], x["fhirUser"]}, []any{true, a.refresh(g.Refresh).ok(w).Scope, nil})
}

// TestBoundTokensAreToldOfAndTakenBack: who asks need not hold the key.
func TestBoundTokensAreToldOfAndTakenBack(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	paul := n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	a.dpop = newKey(w, p256, "ES256")
	g := a.tokens(n.browser(), "paul", "scope", "openid offline_access patient/*.rs")
	x := a.introspect(g.Access)
	same(w, "told", []any{x.all["active"], x.all["token_type"], x.all["cnf"]}, []any{true, "DPoP", map[string]any{"jkt": a.dpop.thumbprint(w)}})
	userinfo := func() got {
		return n.posted(transport.WebRequest{Method: "GET", Path: "/auth/userinfo", Authorization: "DPoP " + g.Access, DPoP: a.proof("GET", issuer+"/userinfo", g.Access)})
	}
	same(w, "userinfo", userinfo().all["sub"], string(paul.ID))
	if u := n.posted(transport.WebRequest{Method: "GET", Path: "/auth/userinfo", Authorization: "DPoP " + g.Access}); u.status != 401 {
		t.Errorf("without a proof: %d", u.status)
	}
	a.ask("/revoke", form("token", g.Access)).ok(w)
	same(w, "taken back", a.introspect(g.Access).all["active"], false)
	same(w, "userinfo", userinfo().status, 401)
	a.refresh(g.Refresh).ok(w) // an access token goes alone
}

func TestAnApplicationGivesUpItsTokensAndNobodyElses(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	thief := n.register(client.Client{ID: "thief", Name: "Thief"})
	g := a.tokens(n.browser(), "paul", "scope", offline)
	for _, token := range []string{g.Access, g.Refresh, "x", "a.b.c"} { // RFC 7009 section 2.2
		same(w, "another's", thief.ask("/revoke", form("token", token)).status, 200)
	}
	n.good(g.Access)
	same(w, "no token", a.ask("/revoke", form()).Error, "invalid_request")
	a.ask("/revoke", form("token", g.Access, "token_type_hint", "refresh_token")).ok(w)
	n.dead(g.Access)
	g = a.refresh(g.Refresh).ok(w)
	a.ask("/revoke", form("token", g.Refresh)).ok(w)
	n.dead(g.Access)
	a.refresh(g.Refresh).refused(w, "invalid_grant")
	same(w, "again", a.ask("/revoke", form("token", g.Refresh)).status, 200)
}

// forged are tokens made of a good one by the tricks of RFC 8725.
func forged(w *world, n *node, good string) map[string]string {
	part := strings.Split(good, ".")
	own := newKey(w, p256, "ES256")
	jwk, err := json.Marshal(own.public())
	must(w.t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	set, err := n.Keys().Public(background)
	must(w.t, err)
	var out = map[string]string{"cut": part[0] + "." + part[1] + "."}
	head := func(h map[string]any) string {
		b, err := json.Marshal(h)
		must(w.t, err)
		return b64(b)
	}
	for _, k := range set.Keys {
		typ := "at+jwt"
		if k.Algorithm == "RS256" {
			typ = "JWT"
		}
		out["none, "+k.Algorithm] = head(map[string]any{"alg": "none", "typ": typ, "kid": k.KeyID}) + "." + part[1] + "."
		out["None, "+k.Algorithm] = head(map[string]any{"alg": "None", "typ": typ, "kid": k.KeyID}) + "." + part[1] + "." + part[2]
		out["swapped to "+k.Algorithm] = head(map[string]any{"alg": k.Algorithm, "typ": typ, "kid": k.KeyID}) + "." + part[1] + "." + part[2]
		public, err := k.MarshalJSON()
		must(w.t, err)
		for _, secret := range [][]byte{public, []byte(k.KeyID)} { // the public key as a secret
			out["HS256, "+k.Algorithm+string(secret[:4])] = hmacSigned(head(map[string]any{"alg": "HS256", "typ": typ, "kid": k.KeyID})+"."+part[1], secret)
		}
		for name, h := range map[string]map[string]any{"own key": {}, "own key as jwk": {"jwk": json.RawMessage(jwk)}, "own jku": {"jku": "https://evil.example/jwks"}, "own x5u": {"x5u": "https://evil.example/x"},
			"kid as a path": {"kid": "../../dev/null"}, "kid as SQL": {"kid": "' OR 1=1 --"}, "empty kid": {"kid": ""}, "crit": {"crit": []string{"x"}, "x": 1}} {
			h["alg"] = "ES256"
			h["typ"] = typ
			if h["kid"] == nil {
				h["kid"] = k.KeyID
			}
			out[name+", "+k.Algorithm] = own.signRaw(w, head(h)+"."+part[1])
		}
	}
	for name, token := range out {
		if token == good {
			delete(out, name)
		}
	}
	return out
}

// TestNoTrickMakesAnAccessToken: none, algorithm confusion, kid, jku, x5u, jwk,
// crit; nor does a genuine token of another kind.
func TestNoTrickMakesAnAccessToken(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", offline)
	n.good(g.Access)
	bad := forged(w, n, g.Access)
	bad["the id token"], bad["the refresh token"] = g.ID, g.Refresh
	bad["its claims, the id token's signature"] = g.ID[:strings.LastIndex(g.ID, ".")] + g.Access[strings.LastIndex(g.Access, "."):]
	for name, token := range bad {
		if _, err := n.reads(token); err == nil {
			t.Errorf("%s: it opens records", name)
		}
		if x := a.introspect(token); name != "the refresh token" && x.all["active"] != false {
			t.Errorf("%s: %v", name, x.all)
		}
		u := n.posted(transport.WebRequest{Method: "GET", Path: "/auth/userinfo", Authorization: "Bearer " + token})
		if u.status != 401 {
			t.Errorf("%s: userinfo %d", name, u.status)
		}
	}
}

// TestNoTrickMakesAnIDTokenHint: none of them ends the session without asking,
// or leads to where the application registered.
func TestNoTrickMakesAnIDTokenHint(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{PostLogoutRedirectURIs: []string{"https://app.example/bye"}})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", offline)
	bad := forged(w, n, g.ID)
	bad["an access token"], bad["nothing"], bad["a refresh token"] = g.Access, "", g.Refresh
	for name, hint := range bad {
		p := b.open(issuer + "/logout?" + form("id_token_hint", hint, "post_logout_redirect_uri", "https://app.example/bye", "client_id", "growth").Encode())
		if p.to != "" || p.title != "Sign out?" {
			t.Errorf("%s: %q, sent to %q", name, p.title, p.to)
		}
	}
	if p := b.open(issuer + "/account"); p.title != "Your account" {
		t.Fatalf("signed out: %s", p.title)
	}
	if len(bad) < 20 {
		t.Errorf("only %d tricks were tried", len(bad))
	}
}

// TestWhatPagesUseNobodyGets: the client id of the server's own pages.
func TestWhatPagesUseNobodyGets(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	for _, id := range []string{"firebreak/pages", "firebreak%2Fpages"} {
		if _, _, err := n.clients.Register(background, client.Client{ID: id, Name: "x", Kind: client.Public, Method: client.None, RedirectURIs: []string{callback}}, "admin"); err == nil {
			t.Errorf("%s can be registered", id)
		}
		v := form("client_id", id, "response_type", "code", "redirect_uri", callback)
		if p := n.browser().open(issuer + "/authorize?" + v.Encode()); p.answer.Reply.Status != 400 || p.to != "" {
			t.Errorf("%s: %d", id, p.answer.Reply.Status)
		}
		g := n.posted(transport.WebRequest{Method: "POST", Path: "/auth/token", ContentType: "application/x-www-form-urlencoded",
			Body: []byte(form("grant_type", "client_credentials", "client_id", id, "scope", "user/*.rs").Encode())})
		g.refused(w, "invalid_client")
	}
}
