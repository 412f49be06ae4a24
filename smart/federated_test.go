package smart_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/federation"
	"firebreak/transport"
)

// elsewhere is another OpenID provider, at which one person is signed in.
type elsewhere struct {
	w      *world
	server *httptest.Server
	key    *ecdsa.PrivateKey
	nonce  string

	// What a test may change.
	publishes map[string]any // members of its discovery document
	claims    map[string]any // of its ID tokens
}

// elsewhere makes the provider "clinic" one of the world's.
func (w *world) elsewhere(change func(*federation.Config)) *elsewhere {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(p256, rand.Reader)
	must(w.t, err)
	p := &elsewhere{w: w, key: key, publishes: map[string]any{}, claims: map[string]any{"sub": "dora", "fhirUser": "Practitioner/dora", "roles": []string{"doctor"}}}
	p.server = httptest.NewServer(p)
	w.t.Cleanup(p.server.Close)
	file := filepath.Join(w.t.TempDir(), "secret")
	must(w.t, os.WriteFile(file, []byte("hush"), 0o600))
	c := federation.Config{ID: "clinic", Name: "Clinic", Issuer: p.server.URL, ClientID: "us", ClientSecretFile: file, PlainLoopback: true,
		Rules: federation.Rules{Roles: federation.Values{Claim: "roles", Map: []federation.Pair{{From: "doctor", To: "physician"}}},
			ACR: federation.Values{Map: []federation.Pair{{From: "strong", To: federation.ACR2}, {From: "key", To: federation.ACR3}}}}}
	if change != nil {
		change(&c)
	}
	before := w.tune
	w.tune = func(o *smart.Options) {
		if before != nil {
			before(o)
		}
		o.Federation, err = federation.New(federation.Options{Providers: []federation.Config{c}, Base: issuer, FHIRBases: []string{base}, Vault: o.Vault, Clock: w.clk,
			Egress: http.DefaultTransport})
		must(w.t, err)
	}
	return p
}

// ServeHTTP answers as a provider does; it takes every code.
func (p *elsewhere) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var out any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		doc := map[string]any{"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorize", "token_endpoint": p.server.URL + "/token",
			"jwks_uri": p.server.URL + "/jwks"}
		for name, v := range p.publishes {
			doc[name] = v
		}
		out = doc
	case "/jwks":
		out = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "ES256"}}}
	case "/token":
		now := p.w.clk.Now().Unix()
		claims := map[string]any{"iss": p.server.URL, "aud": "us", "iat": now, "exp": now + 300, "nonce": p.nonce, "auth_time": now}
		for name, v := range p.claims {
			claims[name] = v
		}
		out = map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": p.signed(claims)}
	default:
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(out)
}

func (p *elsewhere) signed(claims map[string]any) string {
	return (&key{p.key, "k", jose.ES256}).sign(p.w, claims, nil)
}

// from sends the browser there, and gives what was asked.
func (p *elsewhere) from(at page) (asked url.Values) {
	p.w.t.Helper()
	there := at.submit("/signin/provider", "provider", "clinic")
	u, err := url.Parse(there.to)
	must(p.w.t, err)
	asked = u.Query()
	p.nonce = asked.Get("nonce")
	p.w.secret(p.nonce, asked.Get("state"))
	return asked
}

// comes is the browser that comes back with an answer; "" takes a parameter out.
func (p *elsewhere) comes(b *browser, asked url.Values, pairs ...string) page {
	p.w.t.Helper()
	answer := form("code", "code", "state", asked.Get("state"))
	for i := 0; i < len(pairs); i += 2 {
		if answer.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			answer.Del(pairs[i])
		}
	}
	return b.open(issuer + "/signin/clinic/callback?" + answer.Encode())
}

// signIn is the whole way, from a page with the provider's button.
func (p *elsewhere) signIn(at page) page {
	p.w.t.Helper()
	return p.comes(at.b, p.from(at))
}

// says is a logout token of the provider, posted by it.
func (p *elsewhere) says(n *node, claims map[string]any) smart.Answer {
	p.w.t.Helper()
	now := p.w.clk.Now().Unix()
	all := map[string]any{"iss": p.server.URL, "aud": "us", "iat": now, "exp": now + 120, "jti": text(9),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	for name, v := range claims {
		all[name] = v
	}
	return n.serve(transport.WebRequest{Method: "POST", Path: "/auth/signin/clinic/logout", ContentType: "application/x-www-form-urlencoded",
		Body: []byte(form("logout_token", p.signed(all)).Encode())})
}

// formActions are the sources that forms of a page may lead to.
func formActions(p page) string {
	_, rest, _ := strings.Cut(p.answer.Reply.Policy, "form-action ")
	rest, _, _ = strings.Cut(rest, ";")
	return rest
}

// A browser holds the redirect that answers a form to the page's policy: it must
// let the person through to where the provider really is, and nowhere else.
func TestPagesLetFormsLeadToTheProviderAndNowhereElse(t *testing.T) {
	w := newWorld(t)
	p := w.elsewhere(nil)
	p.publishes["authorization_endpoint"] = "https://login.clinic.example/authorize"
	p.publishes["end_session_endpoint"] = "https://bye.clinic.example/end"
	n := w.node()
	a := n.register(client.Client{})
	at := a.start(n.browser())
	if got, want := formActions(at), "'self' https://app.example https://login.clinic.example https://bye.clinic.example"; got != want {
		t.Errorf("the sign-in page's forms may lead to %s, want %s", got, want)
	}
	p.signIn(at)
	account := at.b.open(issuer + "/account")
	if got, want := formActions(account), "'self' https://login.clinic.example https://bye.clinic.example"; got != want {
		t.Errorf("the account page's forms may lead to %s, want %s", got, want)
	}
	if out := account.submit("/signout"); !strings.HasPrefix(out.to, "https://bye.clinic.example/end?") {
		t.Errorf("signing out leads to %q", out.to)
	}
}

// Roles whose holders must sign in with two factors are no less so for people who
// sign in elsewhere.
func TestWhoMustHaveTwoFactorsMustHaveThemElsewhereToo(t *testing.T) {
	w := newWorld(t)
	w.second = []string{"physician"}
	p := w.elsewhere(nil)
	n := w.node()
	a := n.register(client.Client{})
	for _, c := range []struct {
		name string
		acr  any
		in   bool
	}{{"it says nothing", nil, false}, {"a class that means nothing here", "gold", false}, {"two factors", "strong", true}, {"a passkey", "key", true}} {
		p.claims["acr"] = c.acr
		b := n.browser()
		got := p.signIn(a.start(b))
		if in := b.cookies["__Host-session"] != ""; in != c.in || !in && (got.answer.Reply.Status != 403 || !strings.Contains(got.text, "two factors")) {
			t.Errorf("%s: signed in %t, want %t: %d %s", c.name, in, c.in, got.answer.Reply.Status, got.text)
		}
	}
	same(w, "on record", len(w.happened("sign-in-refused")), 2)
	// Nor does it say who could not, where it is asked for two by its configuration.
	at := a.start(n.browser())
	got := p.comes(at.b, p.from(at), "code", "", "error", "unmet_authentication_requirements")
	same(w, "it could not", []any{got.answer.Reply.Status, len(w.happened("sign-in-refused"))}, []any{403, 3})
	// Who holds no such role needs none.
	p.claims["sub"], p.claims["roles"], p.claims["acr"] = "paula", nil, nil
	p.claims["fhirUser"] = "Patient/p1"
	b := n.browser()
	p.signIn(a.start(b))
	if b.cookies["__Host-session"] == "" {
		t.Error("a patient is asked for two factors")
	}
}

// Some providers say access_denied of a person that has no access to us: the page
// that asks again must say that something was wrong.
func TestWhoWasTurnedAwayElsewhereIsTold(t *testing.T) {
	w := newWorld(t)
	p := w.elsewhere(nil)
	n := w.node()
	at := n.register(client.Client{}).start(n.browser())
	asked := p.from(at)
	got := p.comes(at.b, asked, "code", "", "error", "access_denied")
	if !got.has("/signin/provider") || !strings.Contains(got.text, "not signed in") {
		t.Errorf("%d %s", got.answer.Reply.Status, got.text)
	}
}

// A provider's logout token may name a session of which its ID tokens said nothing.
func TestALogoutThereEndsSessionsWhoseNameWasNotTold(t *testing.T) {
	w := newWorld(t)
	p := w.elsewhere(nil)
	n := w.node()
	a := n.register(client.Client{})
	in := func(sid any, sub string) *browser {
		p.claims["sid"], p.claims["sub"] = sid, sub
		b := n.browser()
		p.signIn(a.start(b))
		return b
	}
	lives := func(b *browser) bool { return !b.open(issuer + "/account").has("/signin/provider") }
	unnamed, named, other := in(nil, "dora"), in("s2", "dora"), in(nil, "otto")
	if got := p.says(n, map[string]any{"sub": "dora", "sid": "s1"}); got.Reply.Status != 200 {
		t.Fatalf("%d %s", got.Reply.Status, got.Reply.Body)
	}
	for _, c := range []struct {
		name string
		b    *browser
		want bool
	}{{"one without a name", unnamed, false}, {"one of another name", named, true}, {"another person's", other, true}} {
		if got := lives(c.b); got != c.want {
			t.Errorf("%s lives: %t, want %t", c.name, got, c.want)
		}
	}
}

// What would do is asked for at the provider, the weakest of it; and when it falls
// short, or the provider says that it cannot be, the application is told.
func TestAProviderIsAskedForTheWeakestThatWouldDo(t *testing.T) {
	w := newWorld(t)
	p := w.elsewhere(nil)
	a := w.node().register(client.Client{})
	for _, c := range []struct{ wanted, asked string }{
		{"urn:firebreak:acr:2", "strong"},
		{"urn:firebreak:acr:3", "key"},
		{"urn:firebreak:acr:3 urn:firebreak:acr:2", "strong"},
		{"urn:elsewhere urn:firebreak:acr:3", "key"},
		{"urn:elsewhere", ""},
	} {
		at := a.start(a.n.browser(), "acr_values", c.wanted)
		asked := p.from(at)
		if got := asked.Get("acr_values"); got != c.asked {
			t.Errorf("%s: the provider is asked for %q, want %q", c.wanted, got, c.asked)
		}
		p.claims["acr"] = c.asked
		in := p.comes(at.b, asked)
		if weak := in.to != ""; weak != (c.asked == "") {
			t.Errorf("%s: the browser is sent to %q", c.wanted, in.to)
		}
		at = a.start(a.n.browser(), "acr_values", c.wanted)
		back := p.comes(at.b, p.from(at), "code", "", "error", "unmet_authentication_requirements").back()
		if back.Get("error") != "unmet_authentication_requirements" || back.Get("state") != a.state {
			t.Errorf("%s: the application is told %v", c.wanted, back)
		}
	}
}
