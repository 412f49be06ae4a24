package smart_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"firebreak/smart"
	"firebreak/smart/person"
	"firebreak/ui"
)

// withApp gives whoever is signed in an authenticator app, by the page; its codes
// come from the function.
func (b *ownBrowser) withApp() (code func() string) {
	b.Helper()
	b.get("/auth/account/totp")
	page := b.page
	b.post(ui.PathTOTP, "code", b.code())
	return func() string {
		b.r.clk.Advance(time.Minute) // a code is taken once
		return (&ownBrowser{TB: b.TB, r: b.r, page: page}).code()
	}
}

var recoveryPattern = regexp.MustCompile(`<li><code>([^<]*)</code>`)

func (b *ownBrowser) recovery() (out []string) {
	for _, m := range recoveryPattern.FindAllStringSubmatch(b.page, -1) {
		out = append(out, html.UnescapeString(m[1]))
	}
	return out
}

func TestAnAppIsSetUpUsedAndRemoved(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	granted := b.authorized("openid offline_access")
	r.clk.Advance(2 * time.Second)
	other := r.browser(t)
	other.in("anna", ownFirst)
	code := b.withApp()
	b.titled("Your recovery codes")
	b.happened("factor-added", false)
	codes := b.recovery()
	if len(codes) != 10 {
		t.Fatalf("codes %q", codes)
	}
	for _, e := range b.events {
		if strings.Contains(e.Why+e.About+e.What, codes[0]) {
			t.Errorf("an event holds a code: %+v", e)
		}
	}
	other.get("/auth/account")
	other.titled("Sign in")
	// What was granted goes on: something was added. Its tokens are new ones.
	if got := r.refreshed(t, granted.Refresh); got.Access == "" {
		t.Errorf("refreshing gives %+v", got)
	}
	other.in("anna", ownFirst)
	other.titled("Confirm it is you")
	other.post(ui.PathFactor, "code", "000000")
	other.sees("That code is not right")
	other.happened("sign-in-refused", true)
	other.post(ui.PathFactor, "code", code())
	other.titled("Your account")
	third := r.browser(t)
	third.in("anna", ownFirst)
	third.post(ui.PathFactor, "recovery", codes[0])
	third.titled("Your account")
	third.sees("9 left")
	third.post(ui.PathRecovery)
	third.titled("Your recovery codes")
	third.happened("recovery-codes-made", false)
	if fresh := third.recovery(); len(fresh) != 10 || fresh[0] == codes[0] {
		t.Errorf("new codes %q", fresh)
	}
	third.get("/auth/account")
	third.post(ui.PathTOTPRemove)
	third.titled("Your account")
	third.happened("factor-removed", false)
	if now, _ := r.people.Account(t.Context(), a.ID); now.HasTOTP || now.RecoveryCodes != 0 {
		t.Errorf("still there: %+v", now)
	}
}

// TestASecondFactorBringsNothingBack: what ended with the credentials it was
// granted under is not granted anew with others; what is granted now goes on,
// also while the person is there.
func TestASecondFactorBringsNothingBack(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	old := b.authorized("openid offline_access")
	_, err := r.people.Disable(t.Context(), operator, a.ID)
	ok(t, err)
	_, err = r.people.Enable(t.Context(), operator, a.ID)
	ok(t, err)
	b.in("anna", ownFirst)
	online := b.authorized("openid online_access")
	if online.Refresh == "" {
		t.Fatalf("tokens %+v", online)
	}
	b.withApp()
	if got := r.refreshed(t, old.Refresh); got.Error != "invalid_grant" {
		t.Errorf("an old grant gives %+v", got)
	}
	if got := r.refreshed(t, online.Refresh); got.Access == "" {
		t.Errorf("a grant of this session gives %+v", got)
	}
}

func TestAWrongCodeAtSetUpShowsNoSecretAgain(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	b.get("/auth/account/totp")
	right := b.code()
	secret := secretPattern.FindStringSubmatch(b.page)[1]
	if groups := strings.Fields(secret); len(groups) != 8 || len(groups[0]) != 4 {
		t.Errorf("the secret %q is not in fours", secret)
	}
	b.post(ui.PathTOTP, "code", "000000")
	b.titled("Error: Set up an authenticator app")
	if strings.Contains(b.page, secret) || strings.Contains(b.page, "data:image") {
		t.Error("the secret is on the page again")
	}
	b.post(ui.PathTOTP, "code", right) // the app has it
	b.titled("Your recovery codes")
}

// TestWhoMustHaveASecondFactorGetsItFirst: nothing is begun for somebody whose
// role needs one, until they have it; and their codes are shown before they go on.
func TestWhoMustHaveASecondFactorGetsItFirst(t *testing.T) {
	admin := person.Newcomer{Login: "robin", Roles: []person.RoleGrant{{Role: "admin"}}}
	t.Run("an app", func(t *testing.T) {
		r := newOwnRig(t)
		r.joined(t, admin)
		b := r.browser(t)
		b.in("robin", ownFirst)
		b.titled("One more step")
		if _, there := b.cookies["__Host-session"]; there {
			t.Error("there is a session")
		}
		probe := r.browser(t)
		probe.cookies = mapsClone(b.cookies)
		probe.get("/auth/account") // a flow of its own
		probe.titled("Sign in")
		b.post(ui.PathTOTP, "code", "000000")
		b.titled("Error: One more step")
		flow, _ := b.form(ui.PathTOTP)
		b.get("/auth/flow?id=" + flow.Get("flow")) // "begin again"
		b.post(ui.PathTOTP, "code", b.code())
		b.titled("Your recovery codes")
		b.happened("factor-added", false)
		if _, there := b.cookies["__Host-session"]; there {
			t.Error("there is a session before the codes were seen")
		}
		b.get("/auth/flow?id=" + flow.Get("flow"))
		b.titled("Your account")
		if c := read(t, b.authorized("openid").Access); c.ACR != smart.ACRTwoFactors {
			t.Errorf("acr %s", c.ACR)
		}
		b.get("/auth/account")
		b.post(ui.PathTOTPRemove)
		b.titled("This stays")
	})
	t.Run("a passkey", func(t *testing.T) {
		r := newOwnRig(t)
		r.joined(t, admin)
		b := r.browser(t)
		b.in("robin", ownFirst)
		flow, options := b.form(ui.PathPasskey)
		k := newOwnKey(t)
		b.post(ui.PathPasskey, "credential", k.create(t, options), "name", "key")
		b.titled("Your recovery codes")
		b.get("/auth/flow?id=" + flow.Get("flow"))
		b.titled("Your account")
		other := r.browser(t)
		other.get("/auth/account")
		other.use(ui.PathSignInPasskey, k)
		other.titled("Your account")
	})
}

// TestAPasswordAloneAddsNoSecondFactorBesideAnother: the forms for who must have
// one are no way around the one that there is.
func TestAPasswordAloneAddsNoSecondFactorBesideAnother(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "robin", FHIRUser: "Practitioner/robin"})
	b.withApp()
	thief := r.browser(t)
	thief.in("robin", ownFirst)
	thief.titled("Confirm it is you")
	f, _ := thief.form(ui.PathFactor)
	// A secret the thief knows is pending, as if by another window.
	b.get("/auth/account/totp")
	f.Set("code", b.code())
	for _, path := range []string{ui.PathTOTP, ui.PathPasskey} {
		thief.send("POST", "/auth"+path, f)
		thief.titled("Confirm it is you")
		if len(thief.events) > 0 {
			t.Errorf("%s: %+v", path, thief.events)
		}
	}
	if now, _ := r.people.Account(t.Context(), a.ID); len(now.Passkeys) > 0 || now.Epoch != a.Epoch+1 {
		t.Errorf("something was added: %+v", now)
	}
}

func TestSomebodyElseMaySignInInstead(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	b.withApp()
	r.joined(t, person.Newcomer{Login: "bert"})
	other := r.browser(t)
	other.in("anna", ownFirst)
	other.titled("Confirm it is you")
	other.post(ui.PathSignOut)
	other.titled("Sign in")
	other.post(ui.PathSignIn, "username", "bert", "password", ownFirst)
	other.titled("Your account")
	other.sees("bert@ehr.example")
}

// TestAnothersSignInEndsTheSessionBefore: on a shared computer.
func TestAnothersSignInEndsTheSessionBefore(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	r.joined(t, person.Newcomer{Login: "bert"})
	granted := b.authorized("openid online_access")
	if granted.Refresh != "" && r.refreshed(t, granted.Refresh).Access == "" {
		t.Fatal("nothing to lose")
	}
	b.authorized("openid", "prompt", "login")
	b.post(ui.PathSignIn, "username", "bert", "password", ownFirst)
	b.happened("sign-out", false)
	if r.live(t, granted.Access) {
		t.Error("anna's application goes on after she left")
	}
}
