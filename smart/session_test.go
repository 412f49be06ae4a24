package smart_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
)

// TestAFlowIsOfTheBrowserThatBeganIt: login CSRF and session fixation (RFC 9700
// section 4.7): what is in URLs opens nothing in another browser.
func TestAFlowIsOfTheBrowserThatBeganIt(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	mine, theirs := n.browser(), n.browser()
	p := a.start(mine)
	f := p.at("/signin").fields
	same(w, "opened elsewhere", theirs.open(issuer+"/flow?id="+f.Get("flow")).title, "Please start again")
	f.Set("username", "paul")
	f.Set("password", password)
	same(w, "posted elsewhere", theirs.post("/auth/signin", f).title, "Please start again")
	if len(theirs.cookies) > 0 {
		t.Errorf("cookies: %v", theirs.cookies)
	}
	// Nor with a flow of their own, whose cookie is there.
	own := a.start(theirs).at("/signin").fields
	for name, mixed := range map[string]url.Values{
		"flow of mine":   form("flow", f.Get("flow"), "csrf", own.Get("csrf")),
		"csrf of mine":   form("flow", own.Get("flow"), "csrf", f.Get("csrf")),
		"no csrf":        form("flow", own.Get("flow")),
		"no flow":        form("csrf", own.Get("csrf")),
		"unknown flow":   form("flow", "x", "csrf", own.Get("csrf")),
		"a strange flow": form("flow", "\xff", "csrf", own.Get("csrf")),
	} {
		mixed.Set("username", "paul")
		mixed.Set("password", password)
		if p := theirs.post("/auth/signin", mixed); p.title != "Please start again" {
			t.Errorf("%s: %s", name, p.title)
		}
	}
}

// TestACookieThatWasPlantedIsNoSession: session fixation: the name of a session
// is always new, and a cookie that is there before opens nothing after.
func TestACookieThatWasPlantedIsNoSession(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	n.clinician()
	a := n.register(client.Client{})
	b := n.browser()
	b.cookies["__Host-session"] = "planted"
	a.through(a.start(b), "paul").back()
	if b.cookies["__Host-session"] == "planted" {
		t.Error("the planted name was kept")
	}
	thief := n.browser()
	thief.cookies["__Host-session"] = "planted"
	same(w, "the planter", thief.open(issuer+"/account").title, "Sign in")

	// A session of the planter's own does not become the victim's.
	thief = n.browser()
	thief.open(issuer + "/signin").signIn("anna")
	victim := n.browser()
	victim.cookies["__Host-session"] = thief.cookies["__Host-session"]
	a.through(a.start(victim, "prompt", "login"), "paul").back()
	if p := thief.open(issuer + "/account"); strings.Contains(p.text, "Paul Roth") {
		t.Error("the planter is signed in as the victim")
	}
}

// TestSigningInAgainMakesAnotherCookie, and the one before opens nothing.
func TestSigningInAgainMakesAnotherCookie(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	first := a.tokens(b, "paul", "scope", "openid online_access patient/*.rs")
	copied := n.browser()
	copied.cookies["__Host-session"] = b.cookies["__Host-session"]
	second := a.tokens(b, "paul", "prompt", "login")
	same(w, "the copy", copied.open(issuer+"/account").title, "Sign in")
	// It is one session still: the first application goes on.
	same(w, "sid", claims(w, second.ID)["sid"], claims(w, first.ID)["sid"])
	n.good(a.refresh(first.Refresh).ok(w).Access)
}

// TestSomebodyElseSigningInEndsTheSessionThatWas, with all that hung on it.
func TestSomebodyElseSigningInEndsTheSessionThatWas(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	n.clinician()
	a := n.register(client.Client{})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", "openid online_access patient/*.rs")
	w.clk.Advance(time.Second)
	other := a.tokens(b, "anna", "prompt", "login")
	n.dead(g.Access)
	a.refresh(g.Refresh).refused(w, "invalid_grant")
	n.good(other.Access)
}

// TestFormsFromOtherSitesCount: cross-site request forgery, as browsers tell it.
func TestFormsFromOtherSitesDoNotCount(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", offline)
	account := b.open(issuer + "/account")
	consent := a.start(b)
	for _, from := range [][2]string{{"https://evil.example", "cross-site"}, {"https://evil.example", ""}, {"", "cross-site"}, {"", "same-site"}, {"null", "same-origin"}, {"http://ehr.example", ""}, {"https://ehr.example:8443", "same-site"}, {"", "none"}} {
		for _, f := range []*formOf{account.at("/account/revoke"), account.at("/signout"), account.at("/account/session"), consent.at("/consent")} {
			v := f.fields
			v.Set("app", strings.Join(f.offered["app"], ""))
			v.Set("session", strings.Join(f.offered["session"], ""))
			v.Set("answer", "allow")
			if p := b.postFrom(f.action, v, from[0], from[1]); p.title != "Please start again" {
				t.Errorf("%s from %v: %q %s", f.action, from, p.title, p.to)
			}
		}
	}
	n.good(g.Access)
	for _, csrf := range []string{"", "x", consent.at("/consent").fields.Get("csrf")} {
		v := form("csrf", csrf, "app", account.at("/account/revoke").offered["app"][0])
		if p := b.post("/auth/account/revoke", v); p.title != "Please start again" {
			t.Errorf("csrf %q: %s", csrf, p.title)
		}
	}
	n.good(g.Access)
}

func TestAFlowEndsAfterAQuarterOfAnHour(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	p := n.register(client.Client{}).start(n.browser())
	w.clk.Advance(15 * time.Minute)
	same(w, "sign in", p.signIn("paul").title, "Please start again")
}

func TestPromptsAreHeeded(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	wants := func(what, error string, change ...string) {
		t.Helper()
		if back := a.start(b, change...).back(); back.Get("error") != error || back.Has("code") {
			t.Errorf("%s: %v, want %s", what, back, error)
		}
	}
	wants("nobody is signed in", "login_required", "prompt", "none")
	a.tokens(b, "paul")
	wants("nobody agreed", "consent_required", "prompt", "none")
	for _, bad := range []string{"none login", "nonsense", "login nonsense"} {
		wants(bad, "invalid_request", "prompt", bad)
	}
	for _, prompt := range []string{"login", "select_account", "login consent"} {
		p := a.start(b, "prompt", prompt)
		if !p.has("/signin") {
			t.Errorf("%s: %s", prompt, p.title)
		}
		if p = p.signIn("paul"); !p.has("/consent") { // once is enough
			t.Errorf("%s: %s", prompt, p.title)
		}
	}
	for _, bad := range []string{"-1", "x", "1.5", "99999999999999999999"} {
		wants("max_age "+bad, "invalid_request", "max_age", bad)
	}
	w.clk.Advance(61 * time.Second)
	if p := a.start(b, "max_age", "61"); !p.has("/consent") {
		t.Errorf("max_age 61: %s", p.title)
	}
	for _, age := range []string{"60", "0"} {
		if p := a.start(b, "max_age", age); !p.has("/signin") {
			t.Errorf("max_age %s: %s", age, p.title)
		}
		wants("max_age "+age, "login_required", "max_age", age, "prompt", "none")
	}
	g := a.tokens(b, "paul", "max_age", "0")
	same(w, "auth_time", claims(w, g.ID)["auth_time"], float64(w.clk.Now().Unix()))
}

// TestAHintNamesWhoItMustBe: OpenID Connect Core 1.0 section 3.1.2.1.
func TestAHintNamesWhoItMustBe(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	n.clinician()
	a := n.register(client.Client{Trusted: true})
	other := n.register(client.Client{ID: "other", Name: "Other"})
	b := n.browser()
	g := a.tokens(b, "paul")
	same(w, "the same person", a.start(b, "prompt", "none", "id_token_hint", g.ID).back().Has("code"), true)
	same(w, "another application's", other.start(b, "id_token_hint", g.ID).back().Get("error"), "invalid_request")
	same(w, "no id token", a.start(b, "id_token_hint", g.Access).back().Get("error"), "invalid_request")
	a.tokens(b, "anna", "prompt", "login", "scope", "openid user/*.rs")
	same(w, "somebody else", a.start(b, "prompt", "none", "id_token_hint", g.ID).back().Get("error"), "login_required")
	p := a.start(b, "id_token_hint", g.ID)
	if !p.has("/signin") {
		t.Fatalf("somebody else: %s %s", p.title, p.to)
	}
	same(w, "somebody else again", p.signIn("anna").back().Get("error"), "login_required")
	same(w, "the person", a.start(b, "id_token_hint", g.ID).signIn("paul").back().Has("code"), true)
}

// enrol gives a person an authenticator app, and is its secret.
func enrol(w *world, n *node, id person.ID) func() string {
	w.t.Helper()
	e, err := n.people.EnrolTOTP(background, id)
	must(w.t, err)
	w.secret(e.Secret)
	code := func() string {
		w.clk.Advance(30 * time.Second)
		c, err := totp.GenerateCode(e.Secret, w.clk.Now())
		must(w.t, err)
		return c
	}
	_, _, err = n.people.ConfirmTOTP(background, id, "", code(), "192.0.2.9")
	must(w.t, err)
	return code
}

func TestWhoHasASecondFactorIsAskedForIt(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	paul := n.patient()
	code := enrol(w, n, paul.ID)
	a := n.register(client.Client{})
	b := n.browser()
	p := a.start(b).signIn("paul")
	if !p.has("/signin/factor") || b.cookies["__Host-session"] != "" {
		t.Fatalf("signed in by the password alone: %s", p.title)
	}
	// Neither is the sign-in over elsewhere in the browser.
	same(w, "account", b.open(issuer+"/account").title, "Sign in")
	if again := p.submit("/signin/factor", "code", "000000"); !again.has("/signin/factor") || b.cookies["__Host-session"] != "" {
		t.Errorf("a wrong code: %s", again.title)
	}
	if again := p.submit("/signout"); !again.has("/signin") {
		t.Errorf("as someone else: %s", again.title)
	}
	p = a.start(b).signIn("paul").submit("/signin/factor", "code", code())
	g := a.exchange(p.submit("/consent", "answer", "allow").back().Get("code")).ok(w)
	same(w, "acr", claims(w, g.ID)["acr"], smart.ACRTwoFactors)
	same(w, "amr", claims(w, g.ID)["amr"], "[pwd otp mfa]")
}

// TestAStrongerSignInAsksForWhatIsMissing, and for nothing that was proved.
func TestAStrongerSignInAsksForWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	paul := n.patient()
	n.clinician()
	a := n.register(client.Client{})
	b := n.browser()
	weak := a.tokens(b, "paul", "scope", "openid online_access patient/*.rs")
	began := w.clk.Now().Unix()
	// No factor to add: nothing would do.
	p := a.start(b, "acr_values", smart.ACRTwoFactors)
	same(w, "without a factor", p.signIn("paul").back().Get("error"), "unmet_authentication_requirements")
	same(w, "none", a.start(b, "acr_values", smart.ACRTwoFactors, "prompt", "none").back().Get("error"), "login_required")

	code := enrol(w, n, paul.ID)
	// The account's own page has kept its session through the change.
	must(t, n.Continue(background, b.cookies["__Host-session"]))
	p = a.start(b, "acr_values", smart.ACRTwoFactors)
	if p.has("/signin") || !p.has("/signin/factor") {
		t.Fatalf("asked for more than the second factor: %s", p.title)
	}
	p = p.submit("/signin/factor", "code", code())
	g := a.exchange(p.submit("/consent", "answer", "allow").back().Get("code")).ok(w)
	c := claims(w, g.ID)
	same(w, "acr, auth_time, sid", []any{c["acr"], c["auth_time"], c["sid"]}, []any{smart.ACRTwoFactors, float64(began), claims(w, weak.ID)["sid"]})
	if p := a.start(b, "acr_values", smart.ACRTwoFactors); !p.has("/consent") {
		t.Errorf("two factors were given: %s", p.title)
	}
	if p := a.start(b, "acr_values", smart.ACRPassword); !p.has("/consent") {
		t.Errorf("a stronger sign-in does, too: %s", p.title)
	}
	if p := a.start(b, "acr_values", smart.ACRPhishingResistant); !p.has("/signin") {
		t.Errorf("two factors are not a passkey: %s", p.title)
	}
	if p := a.start(b, "acr_values", "urn:other:gold"); !p.has("/signin") {
		t.Errorf("a class that nobody knows: %s", p.title)
	}
}

// TestARaisedSessionIsTheOneThatWasThere: the second factor alone opens nothing
// after that has ended.
func TestARaisedSessionIsTheOneThatWasThere(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	paul := n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	a.tokens(b, "paul")
	code := enrol(w, n, paul.ID)
	must(t, n.Continue(background, b.cookies["__Host-session"]))
	p := a.start(b, "acr_values", smart.ACRTwoFactors)
	b.open(issuer + "/account").submit("/signout")
	if p = p.submit("/signin/factor", "code", code()); p.to != "" || p.has("/consent") {
		t.Errorf("it went on: %s", p.title)
	}
	same(w, "account", b.open(issuer+"/account").title, "Sign in")

	b = n.browser()
	a.through(a.start(b).signIn("paul").submit("/signin/factor", "code", code()), "paul").back()
}

// TestFailuresElsewhereKeepNobodyOut of the browser that they sign in with, at
// either factor; and a browser that nobody has signed in with learns nothing.
func TestFailuresElsewhereKeepNobodyOut(t *testing.T) {
	w := newWorld(t)
	n, other := w.node(), w.node()
	paul := n.patient()
	code := enrol(w, n, paul.ID)
	b := n.browser()
	b.open(issuer+"/signin").signIn("paul").submit("/signin/factor", "code", code())
	b.open(issuer + "/account").submit("/signout")
	half := b.open(issuer + "/signin").signIn("paul")
	stranger := other.browser()
	for range 12 {
		stranger.open(issuer+"/signin").submit("/signin", "username", "paul", "password", "wrong")
	}
	if _, ok := stranger.cookies["__Host-browser"]; ok {
		t.Error("a browser in which nobody signed in is given a cookie")
	}
	same(w, "the second factor", half.submit("/signin/factor", "code", code()).title, "Your account")
	b.open(issuer + "/account").submit("/signout")
	for range 12 {
		stranger.open(issuer+"/signin").submit("/signin", "username", "paul", "password", "wrong")
	}
	same(w, "both", b.open(issuer+"/signin").signIn("paul").submit("/signin/factor", "code", code()).title, "Your account")
	p := stranger.open(issuer + "/signin").signIn("paul")
	same(w, "elsewhere", p.title, "Sign in")
}
