package smart_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/transport"
)

func (n *node) get(path string) got {
	n.w.t.Helper()
	return n.posted(transport.WebRequest{Method: "GET", Path: path})
}

// TestWhatIsNotPublishedIsNotThere, for who has no token yet: requirement 27 of UDAP
// wants 404.
func TestWhatIsNotPublishedIsNotThere(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	for _, path := range []string{"/fhir/.well-known/udap", "/fhir/.well-known/jwks.json"} {
		r := n.get(path)
		same(w, path, []any{n.Serves(path), n.Below(path), r.status, strings.HasPrefix(string(r.answer.Reply.Body), `{"resourceType":"OperationOutcome"`), r.answer.Reply.ContentType}, []any{true, true, 404, true, "application/fhir+json"})
	}
	if n.Serves("/fhir/Patient") || n.Serves("/fhir/.well-known") {
		t.Error("requests for records are taken for those for metadata")
	}
	same(w, "the issuer's own address", n.get("/auth").answer.Reply.Location, issuer+"/account")
}

// TestDiscoveryTellsWhatWorks: each thing that is listed is tried, and what is
// not listed is not there.
func TestDiscoveryTellsWhatWorks(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	d := n.get("/fhir/.well-known/smart-configuration")
	o := n.get("/auth/.well-known/openid-configuration")
	if r := n.get("/.well-known/oauth-authorization-server/auth"); string(r.answer.Reply.Body) != string(o.answer.Reply.Body) {
		t.Error("RFC 8414's document is another one")
	}
	same(w, "by any page", []any{d.answer.Reply.Origin, o.answer.Reply.Origin, d.answer.Reply.ContentType}, []any{"*", "*", "application/json"})
	list := func(x got, name string) []string {
		var out []string
		all, _ := x.all[name].([]any)
		for _, v := range all {
			out = append(out, v.(string))
		}
		return out
	}
	for _, name := range []string{"issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "introspection_endpoint", "revocation_endpoint", "management_endpoint"} {
		to, _ := d.all[name].(string)
		path, ours := strings.CutPrefix(to, origin)
		if !ours {
			t.Errorf("%s is %q", name, to)
			continue
		}
		if a := n.serve(transport.WebRequest{Method: "OPTIONS", Path: path}); name != "issuer" && (a.Reply.Status != 204 || !n.Serves(path)) {
			t.Errorf("%s: nothing is at %s", name, path)
		}
	}
	for _, name := range []string{"userinfo_endpoint", "end_session_endpoint"} {
		if a := n.serve(transport.WebRequest{Method: "OPTIONS", Path: strings.TrimPrefix(o.all[name].(string), origin)}); a.Reply.Status != 204 {
			t.Errorf("%s: nothing is there", name)
		}
	}
	same(w, "S256 alone", list(d, "code_challenge_methods_supported"), "[S256]")
	same(w, "id token", list(o, "id_token_signing_alg_values_supported"), "[RS256]")
	same(w, "objects", []any{o.all["request_parameter_supported"], o.all["request_uri_parameter_supported"]}, []any{false, false})
	// Every scope that is listed is granted to who is registered for it.
	var scopes []string
	for _, s := range list(d, "scopes_supported") {
		if !strings.HasPrefix(s, "system/") && s != "launch" && s != "online_access" {
			scopes = append(scopes, s)
		}
	}
	a := n.register(client.Client{Trusted: true, Scopes: scopes, Offline: true})
	b := n.browser()
	for _, s := range scopes {
		if g := a.tokens(b, "paul", "scope", s); g.Scope != s {
			t.Errorf("listed %s, granted %q", s, g.Scope)
		}
	}
	system := n.register(client.Client{ID: "export", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/*.rs", "system/*.cruds", "system/*.read"}})
	for _, s := range list(d, "scopes_supported") {
		if strings.HasPrefix(s, "system/") {
			same(w, s, system.ask("/token", form("grant_type", "client_credentials", "scope", s)).ok(w).Scope, s)
		}
	}
	for _, kind := range list(d, "grant_types_supported") {
		if g := a.ask("/token", form("grant_type", kind)); g.Error == "unsupported_grant_type" {
			t.Errorf("%s is listed", kind)
		}
	}
	same(w, "methods", []any{list(d, "token_endpoint_auth_methods_supported"), list(d, "revocation_endpoint_auth_methods_supported"), list(d, "introspection_endpoint_auth_methods_supported")},
		"[[none client_secret_basic client_secret_post private_key_jwt] [none client_secret_basic client_secret_post private_key_jwt] [client_secret_basic client_secret_post private_key_jwt Bearer DPoP]]")
	for _, c := range []string{"launch-ehr", "launch-standalone", "authorize-post", "client-public", "client-confidential-symmetric", "client-confidential-asymmetric", "sso-openid-connect",
		"context-banner", "context-style", "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient", "permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v1", "permission-v2"} {
		if !slices.Contains(list(d, "capabilities"), c) {
			t.Errorf("%s is not listed", c)
		}
	}
}

// TestTokensBoundToACertificateAreOfUseWhereOneIsAskedFor: RFC 8705 section 5. The
// places that are announced are there, and are all that such a token is for.
func TestTokensBoundToACertificateAreOfUseWhereOneIsAskedFor(t *testing.T) {
	w := newWorld(t)
	w.tune = func(o *smart.Options) { o.Mutual = []string{"https://programs.example/auth"} }
	n := w.node()
	paul := n.patient()
	aliases, _ := n.get("/fhir/.well-known/smart-configuration").all["mtls_endpoint_aliases"].(map[string]any)
	for _, name := range []string{"token_endpoint", "introspection_endpoint", "revocation_endpoint", "userinfo_endpoint"} {
		to, _ := aliases[name].(string)
		path, there := strings.CutPrefix(to, "https://programs.example")
		if !there || !n.ForPrograms("programs.example", path) || n.serve(transport.WebRequest{Method: "OPTIONS", Path: path}).Reply.Status != 204 {
			t.Errorf("%s is at %q", name, to)
		}
	}
	for _, path := range []string{"/authorize", "/signin", "/account", "/logout"} {
		same(w, path, n.ForPrograms("programs.example", "/auth"+path), false)
	}
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic, Bound: client.BoundCertificate})
	a.cert = strings.Repeat("ab", 32)
	g := a.tokens(n.browser(), "paul")
	for certificate, want := range map[string]any{a.cert: string(paul.ID), "": nil, strings.Repeat("cd", 32): nil} {
		x := n.posted(transport.WebRequest{Method: "GET", Path: "/auth/userinfo", Authorization: "Bearer " + g.Access, Certificate: certificate})
		same(w, "userinfo with "+certificate, x.all["sub"], want)
	}
}

// TestEachPlaceTakesItsMethodsOnly.
func TestEachPlaceTakesItsMethodsOnly(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	for path, allow := range map[string]string{"/auth/token": "OPTIONS, POST", "/auth/introspect": "OPTIONS, POST", "/auth/revoke": "OPTIONS, POST", "/auth/jwks": "OPTIONS, GET, HEAD",
		"/auth/authorize": "OPTIONS, GET, HEAD, POST", "/auth/userinfo": "OPTIONS, GET, HEAD, POST", "/auth/consent": "OPTIONS, POST", "/auth/account": "OPTIONS, GET, HEAD"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"} {
			a := n.serve(transport.WebRequest{Method: method, Path: path})
			if there := slices.Contains(strings.Split(allow, ", "), method); there == (a.Reply.Status == 405) || !there && a.Reply.Allow != allow {
				t.Errorf("%s %s: %d, %q", method, path, a.Reply.Status, a.Reply.Allow)
			}
		}
		if a := n.serve(transport.WebRequest{Method: "OPTIONS", Path: path}); a.Reply.Status != 204 || a.Reply.Allow != allow {
			t.Errorf("OPTIONS %s: %d, %q", path, a.Reply.Status, a.Reply.Allow)
		}
	}
	for _, path := range []string{"/auth/", "/auth/token/", "/auth/Token", "/auth/x", "/auth/assets/", "/auth/assets/../token", "/auth/signin/x/callback"} {
		a := n.serve(transport.WebRequest{Method: "GET", Path: path})
		if a.Reply.Status != 404 || a.Reply.Route != "auth/other" && !strings.HasPrefix(path, "/auth/assets") {
			t.Errorf("%s: %d, %s", path, a.Reply.Status, a.Reply.Route)
		}
	}
}

// TestOnlyPagesOfRegisteredApplicationsMayReadAnswers: and no page reads ours.
func TestOnlyPagesOfRegisteredApplicationsMayReadAnswers(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.register(client.Client{Origins: []string{"https://other.example"}})
	n.register(client.Client{ID: "off", Name: "Off", RedirectURIs: []string{"https://off.example/cb"}})
	must(t, n.clients.Disable(background, "off", "admin"))
	for from, may := range map[string]bool{"https://app.example": true, "https://other.example": true, "https://evil.example": false, "null": false, "http://app.example": false,
		"https://app.example.evil.example": false, "https://off.example": false, "https://app.example:444": false, "": false} {
		for _, path := range []string{"/auth/token", "/auth/introspect", "/auth/revoke", "/auth/userinfo"} {
			for _, method := range []string{"OPTIONS", "POST"} {
				want := ""
				if may {
					want = from
				}
				if a := n.serve(transport.WebRequest{Method: method, Path: path, Origin: from}); a.Reply.Origin != want {
					t.Errorf("%s %s from %s: %q may read it", method, path, from, a.Reply.Origin)
				}
			}
		}
		for _, path := range []string{"/auth/authorize", "/auth/account", "/auth/consent", "/auth/signin", "/auth/flow"} {
			if a := n.serve(transport.WebRequest{Method: "GET", Path: path, Origin: from}); a.Reply.Origin != "" {
				t.Errorf("%s from %s: %q may read it", path, from, a.Reply.Origin)
			}
		}
		same(w, "FHIR from "+from, n.MayShare(from), may)
	}
}

// TestATokenInAURLOpensNothing: RFC 6750 section 2.3, RFC 9700 section 4.3.2.
func TestATokenInAURLOpensNothing(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretPost})
	g := a.tokens(n.browser(), "paul")
	for _, name := range []string{"access_token", "token"} {
		q := form(name, g.Access).Encode()
		if r := n.serve(transport.WebRequest{Method: "GET", Path: "/auth/userinfo", Query: q}); r.Reply.Status != 401 {
			t.Errorf("userinfo?%s: %d", name, r.Reply.Status)
		}
		for _, path := range []string{"/auth/introspect", "/auth/revoke"} {
			r := n.posted(transport.WebRequest{Method: "POST", Path: path, Query: q, ContentType: "application/x-www-form-urlencoded", Body: []byte(form("client_id", a.c.ID, "client_secret", a.secret).Encode())})
			if r.Error != "invalid_request" {
				t.Errorf("%s?%s: %d %v", path, name, r.status, r.all)
			}
		}
	}
	n.good(g.Access)
}

// TestTheAccountPageTellsTheLatestFirst: entries have random names, whose order
// says nothing and changes with each sign-in.
func TestTheAccountPageTellsTheLatestFirst(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	b := n.browser()
	var apps []string
	for _, name := range []string{"Ash", "Beech", "Cedar", "Date", "Elm", "Fir"} {
		a := n.register(client.Client{ID: name, Name: name})
		w.clk.Advance(time.Minute)
		n.browser().open(issuer + "/signin").signIn("paul")
		a.tokens(b, "paul", "scope", "patient/*.rs")
		apps = append(apps, name)
	}
	p := b.open(issuer + "/account")
	slices.Reverse(apps)
	same(w, "applications", regexp.MustCompile("Ash|Beech|Cedar|Date|Elm|Fir").FindAllString(p.text, -1), apps)
	began := regexp.MustCompile(`since [^·]*`).FindAllString(p.text, -1)
	if len(began) != 7 || !slices.IsSortedFunc(began, func(x, y string) int { return strings.Compare(y, x) }) {
		t.Errorf("signed in %q", began)
	}
}

func TestAPersonEndsTheirOtherSessions(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	one, two, three := n.browser(), n.browser(), n.browser()
	g := a.tokens(two, "paul", "scope", "online_access patient/*.rs")
	for _, b := range []*browser{one, three} {
		b.open(issuer + "/signin").signIn("paul")
	}
	w.clk.Advance(time.Second)
	p := one.open(issuer + "/account")
	p.submit("/account/session", "session", claims(w, g.Access)["sid"].(string))
	same(w, "the one", two.open(issuer+"/account").title, "Sign in")
	n.dead(g.Access)
	same(w, "the third", three.open(issuer+"/account").title, "Your account")
	p.submit("/account/session", "session", "others")
	same(w, "the third", three.open(issuer+"/account").title, "Sign in")
	same(w, "this one", one.open(issuer+"/account").title, "Your account")
}

// TestSessionsEndUnusedAndAtAll.
func TestSessionsEndUnusedAndAtAll(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	b := n.browser()
	b.open(issuer + "/signin").signIn("paul")
	for range 24 {
		w.clk.Advance(29 * time.Minute)
		same(w, "in use", b.open(issuer+"/account").title, "Your account")
	}
	w.clk.Advance(25 * time.Minute) // 12 h
	same(w, "after half a day", b.open(issuer+"/account").title, "Sign in")
	b = n.browser()
	b.open(issuer + "/signin").signIn("paul")
	w.clk.Advance(30 * time.Minute)
	same(w, "unused", b.open(issuer+"/account").title, "Sign in")
}

// TestSigningOutAtAnApplication: OpenID Connect RP-Initiated Logout 1.0.
func TestSigningOutAtAnApplication(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	const bye = "https://app.example/bye"
	a := n.register(client.Client{PostLogoutRedirectURIs: []string{bye}})
	n.register(client.Client{ID: "other", Name: "Other", PostLogoutRedirectURIs: []string{"https://other.example/bye"}})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", "openid online_access patient/*.rs")
	logout := func(b *browser, pairs ...string) page { return b.open(issuer + "/logout?" + form(pairs...).Encode()) }

	// No open redirector, signed in or not, hint or not.
	stranger := n.browser()
	for _, uri := range []string{"https://evil.example/", "https://other.example/bye", bye + "/", bye + "?x", "HTTPS://app.example/bye", "//evil.example", "javascript:alert(1)", "", callback} {
		for _, who := range []*browser{b, stranger} {
			p := logout(who, "client_id", "growth", "post_logout_redirect_uri", uri)
			if p.to != "" || strings.Contains(string(p.answer.Reply.Body), "evil") || strings.Contains(string(p.answer.Reply.Body), "other.example") {
				t.Errorf("%q: sent to %q", uri, p.to)
			}
		}
		if p := logout(stranger, "id_token_hint", g.ID, "post_logout_redirect_uri", uri); p.to != "" {
			t.Errorf("%q: sent to %q", uri, p.to)
		}
	}
	same(w, "another's id token", logout(b, "id_token_hint", g.ID, "client_id", "other").answer.Reply.Status, 400)
	same(w, "still signed in", b.open(issuer+"/account").title, "Your account")
	// A hint of another session of the person only asks.
	second := n.browser()
	second.open(issuer + "/signin").signIn("paul")
	same(w, "another session", logout(second, "id_token_hint", g.ID, "post_logout_redirect_uri", bye).title, "Sign out?")

	w.clk.Advance(20 * time.Minute) // the id token has ended, and is a hint still
	p := logout(b, "id_token_hint", g.ID, "post_logout_redirect_uri", bye, "state", "s t&a")
	same(w, "sent to", p.to, bye+"?"+url.Values{"state": {"s t&a"}}.Encode())
	same(w, "signed out", b.open(issuer+"/account").title, "Sign in")
	n.dead(g.Access)
	a.refresh(g.Refresh).refused(w, "invalid_grant")
}

// TestApplicationsAreToldThatTheSessionEnded: OpenID Connect Back-Channel Logout
// 1.0.
func TestApplicationsAreToldThatTheSessionEnded(t *testing.T) {
	told := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.PostFormValue("logout_token") }))
	defer s.Close()
	w := newWorld(t)
	w.tune = func(o *smart.Options) { o.Outbound = s.Client() }
	n := w.node()
	paul := n.patient()
	a := n.register(client.Client{BackchannelLogoutURI: "https://app.example/told"})
	// The address is loopback, which no registration may have: it is put there.
	s.Client().Transport = redirected{s.URL}
	b := n.browser()
	g := a.tokens(b, "paul")
	b.open(issuer + "/account").submit("/signout")
	token := <-told
	w.secret(token)
	same(w, "typ", header(w, token)["typ"], "logout+jwt")
	c := claims(w, token)
	for name, want := range map[string]any{"iss": issuer, "sub": string(paul.ID), "aud": "growth", "sid": claims(w, g.ID)["sid"], "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}, "nonce": nil} {
		same(w, name, c[name], want)
	}
	// It is no token of another kind.
	if _, err := n.reads(token); err == nil {
		t.Error("it opens records")
	}
	b.open(issuer + "/signin").signIn("paul")
	if p := b.open(issuer + "/logout?id_token_hint=" + token); p.title != "Sign out?" {
		t.Errorf("it passes for an id token: %s", p.title)
	}
}

type redirected struct{ to string }

func (r redirected) RoundTrip(req *http.Request) (*http.Response, error) {
	u, err := url.Parse(r.to)
	if err != nil {
		return nil, err
	}
	req.URL.Scheme, req.URL.Host = u.Scheme, u.Host
	return http.DefaultTransport.RoundTrip(req)
}

// TestAnswersOfTheTokenEndpointAreJSON, errors too; nothing of them is kept.
func TestAnswersOfTheTokenEndpointAreJSON(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	for _, g := range []got{a.tokens(n.browser(), "paul"), a.refresh("x"), a.ask("/token", form("grant_type", "x"))} {
		if r := g.answer.Reply; r.ContentType != "application/json" || r.Lasting || r.ETag != "" || !json.Valid(r.Body) {
			t.Errorf("%q, lasting %v: %s", r.ContentType, r.Lasting, r.Body)
		}
	}
}
