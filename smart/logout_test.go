package smart_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/transport"
)

const bye = "https://app.example/bye"

// TestWhoConfirmsSigningOutGoesBackToTheApplication: OpenID Connect RP-Initiated
// Logout 1.0 sections 2 and 3: to a registered address, with state, of an
// application that is known by its id token or client_id.
func TestWhoConfirmsSigningOutGoesBackToTheApplication(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{PostLogoutRedirectURIs: []string{bye}})
	g := a.tokens(n.browser(), "paul")
	asked := func(pairs ...string) (*browser, page) {
		t.Helper()
		b := n.browser()
		b.open(issuer + "/signin").signIn("paul")
		p := b.open(issuer + "/logout?" + form(pairs...).Encode())
		same(w, "asked", p.title, "Sign out?")
		return b, p
	}
	to := bye + "?" + url.Values{"state": {"s t&a"}}.Encode()
	for name, ask := range map[string][]string{
		"client_id":                      {"client_id", "growth", "post_logout_redirect_uri", bye, "state", "s t&a"},
		"an id token of another session": {"id_token_hint", g.ID, "post_logout_redirect_uri", bye, "state", "s t&a"},
	} {
		b, p := asked(ask...)
		if !strings.Contains(p.answer.Reply.Policy, "form-action 'self' https://app.example;") {
			t.Errorf("%s: a browser would not follow: %s", name, p.answer.Reply.Policy)
		}
		same(w, name, p.submit("/signout", "answer", "signout").to, to)
		same(w, name+": signed out", b.open(issuer+"/account").title, "Sign in")
	}
	b, p := asked("client_id", "growth", "post_logout_redirect_uri", bye)
	same(w, "stay", p.submit("/signout", "answer", "stay").title, "Your account")
	same(w, "stayed", b.open(issuer+"/account").title, "Your account")
	for name, ask := range map[string][]string{
		"not registered":    {"client_id", "growth", "post_logout_redirect_uri", "https://evil.example/"},
		"nobody's":          {"post_logout_redirect_uri", bye},
		"of no application": {"client_id", "nobody", "post_logout_redirect_uri", bye},
	} {
		b, p := asked(ask...)
		p = p.submit("/signout", "answer", "signout")
		same(w, name, p.title+p.to, "You are signed out")
		same(w, name+": signed out", b.open(issuer+"/account").title, "Sign in")
	}
	err := n.clients.Disable(background, "growth", "operator")
	must(t, err)
	_, p = asked("client_id", "growth", "post_logout_redirect_uri", bye)
	same(w, "disabled", p.submit("/signout", "answer", "signout").to, "")
}

// TestAStateThatIsTooLongIsNotKept: who asks to sign somebody out need not be
// signed in.
func TestAStateThatIsTooLongIsNotKept(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.register(client.Client{PostLogoutRedirectURIs: []string{bye}})
	rows := 0
	w.table.set(func(f *frail) { f.wait = func(c []change) { rows += len(c) } })
	ask := func(length int) int {
		v := form("client_id", "growth", "post_logout_redirect_uri", bye, "state", strings.Repeat("x", length))
		return n.serve(transport.WebRequest{Method: "GET", Path: "/auth/logout", Query: v.Encode()}).Reply.Status
	}
	same(w, "status", []int{ask(2048), ask(2049)}, []int{303, 400})
	same(w, "rows", rows, 1)
}

// TestAnApplicationAsksToSignOutByPost: of another site's form no cookie comes
// along (SameSite), and the person is not told that they are signed out when they
// are not.
func TestAnApplicationAsksToSignOutByPost(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{PostLogoutRedirectURIs: []string{bye}})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", "openid online_access patient/*.rs")
	post := func(pairs ...string) page {
		sent := n.browser().send(transport.WebRequest{Method: "POST", Path: "/auth/logout", Body: []byte(form(pairs...).Encode()), Origin: "https://app.example",
			Site: "cross-site", ContentType: "application/x-www-form-urlencoded"})
		return b.follow(sent, "/auth/logout")
	}
	same(w, "asked", post("client_id", "growth", "post_logout_redirect_uri", bye).title, "Sign out?")
	same(w, "without anything", post().title, "Sign out?")
	same(w, "signed in", b.open(issuer+"/account").title, "Your account")
	same(w, "with the id token", post("id_token_hint", g.ID, "post_logout_redirect_uri", bye).to, bye)
	same(w, "signed out", b.open(issuer+"/account").title, "Sign in")
	n.dead(g.Access)
}

// TestAnApplicationIsToldOfALogoutLongAfterItsToken: what it made of the id token
// goes on for longer than the grant (OpenID Connect Back-Channel Logout 1.0
// section 2.5).
func TestAnApplicationIsToldOfALogoutLongAfterItsToken(t *testing.T) {
	told := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.PostFormValue("logout_token") }))
	defer s.Close()
	w := newWorld(t)
	w.tune = func(o *smart.Options) { o.Outbound = s.Client() }
	n := w.node()
	n.patient()
	a := n.register(client.Client{BackchannelLogoutURI: "https://app.example/told"})
	s.Client().Transport = redirected{s.URL}
	b := n.browser()
	g := a.tokens(b, "paul", "scope", "openid patient/*.rs")
	for range 4 {
		w.clk.Advance(29 * time.Minute)
		b.open(issuer + "/account")
	}
	b.open(issuer + "/account").submit("/signout")
	select {
	case token := <-told:
		w.secret(token)
		same(w, "sid", claims(w, token)["sid"], claims(w, g.ID)["sid"])
	case <-time.After(5 * time.Second):
		t.Error("it was not told")
	}
}

// TestAnApplicationIsToldOfALogoutAfterASecondSignIn: the session goes on by it,
// under its sid, for longer than it would have.
func TestAnApplicationIsToldOfALogoutAfterASecondSignIn(t *testing.T) {
	told := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.PostFormValue("logout_token") }))
	defer s.Close()
	w := newWorld(t)
	w.tune = func(o *smart.Options) { o.Outbound, o.SessionLife = s.Client(), time.Hour }
	n := w.node()
	n.patient()
	a, other := n.register(client.Client{BackchannelLogoutURI: "https://app.example/told"}), n.register(client.Client{ID: "other", Name: "Other"})
	s.Client().Transport = redirected{s.URL}
	b := n.browser()
	g := a.tokens(b, "paul", "scope", "openid patient/*.rs")
	w.clk.Advance(29 * time.Minute)
	again := other.tokens(b, "paul", "scope", "openid patient/*.rs", "prompt", "login")
	same(w, "sid", claims(w, again.ID)["sid"], claims(w, g.ID)["sid"])
	w.clk.Advance(29 * time.Minute)
	b.open(issuer + "/account")
	w.clk.Advance(3 * time.Minute)
	b.open(issuer + "/account").submit("/signout")
	select {
	case token := <-told:
		w.secret(token)
	case <-time.After(5 * time.Second):
		t.Error("it was not told")
	}
}

// TestAnApplicationThatDoesNotAnswerKeepsNoOtherFromHearing of a logout.
func TestAnApplicationThatDoesNotAnswerKeepsNoOtherFromHearing(t *testing.T) {
	const people = 20
	told, stop := make(chan string, people), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dead" {
			<-stop
			return
		}
		told <- r.PostFormValue("logout_token")
	}))
	defer s.Close()
	defer close(stop)
	w := newWorld(t)
	w.tune = func(o *smart.Options) { o.Outbound = s.Client() }
	n := w.node()
	n.patient()
	dead := n.register(client.Client{ID: "dead", Name: "Dead", BackchannelLogoutURI: "https://app.example/dead"})
	a := n.register(client.Client{BackchannelLogoutURI: "https://app.example/told"})
	s.Client().Transport = redirected{s.URL}
	for i := range people {
		b := n.browser()
		dead.tokens(b, "paul")
		a.tokens(b, "paul")
		b.open(issuer + "/account").submit("/signout")
		select {
		case token := <-told:
			w.secret(token)
		case <-time.After(5 * time.Second):
			t.Fatalf("it was not told of logout %d", i)
		}
	}
}

// TestTheLogNamesWhichApplicationWasNotToldOfALogout, or says that it failed there.
func TestTheLogNamesWhichApplicationWasNotToldOfALogout(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			panic(http.ErrAbortHandler)
		}
		rw.WriteHeader(http.StatusBadRequest)
	}))
	defer s.Close()
	w := newWorld(t)
	w.tune = func(o *smart.Options) { o.Outbound = s.Client() }
	n := w.node()
	n.patient()
	b := n.browser()
	for _, id := range []string{"away", "fails"} {
		n.register(client.Client{ID: id, Name: id, BackchannelLogoutURI: "https://app.example/" + id}).tokens(b, "paul")
	}
	s.Client().Transport = redirected{s.URL}
	b.open(issuer + "/account").submit("/signout")
	for _, want := range []string{"client=away", "client=fails status=400"} {
		for end := time.Now().Add(5 * time.Second); !strings.Contains(w.log.String(), want); runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("the log does not say %q", want)
			}
		}
	}
}

// TestAFormThatComesTooLateSaysHowToGoOn: after the session has ended, and after
// the sign-in took too long: there may be no application to go back to.
func TestAFormThatComesTooLateSaysHowToGoOn(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	b := n.browser()
	late := b.open(issuer + "/signin")
	account := late.signIn("paul")
	w.clk.Advance(31 * time.Minute)
	for _, p := range []page{account.submit("/account/session", "session", "others"), late.submit("/signin", "username", "paul", "password", password)} {
		same(w, p.path, p.answer.Reply.Status, 400)
		if !strings.Contains(string(p.answer.Reply.Body), `href="/auth/account"`) {
			t.Errorf("%s: %q leads nowhere: %s", p.path, p.title, p.text)
		}
	}
	same(w, "to sign out", account.submit("/signout").title, "You are signed out")
}
