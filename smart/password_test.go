package smart_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"firebreak/smart/person"
	"firebreak/ui"
)

func TestANewPasswordKeepsThisSessionAndEndsAllElse(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	other := r.browser(t)
	other.in("anna", ownFirst)
	granted := b.authorized("openid offline_access")
	if granted.Refresh == "" || !r.live(t, granted.Access) {
		t.Fatalf("tokens %+v", granted)
	}
	was := b.cookies["__Host-session"]
	b.get("/auth/account/password")
	b.post(ui.PathPassword, "current", ownFirst, "password", ownSecond, "repeat", ownSecond)
	b.titled("Your account")
	b.happened("password-changed", false)
	b.happened("revoke", false)
	ended := 0
	for _, e := range b.events {
		if e.What == "sign-out" {
			ended++
		}
	}
	if ended != 1 {
		t.Errorf("%d sessions ended, want the other browser's: %+v", ended, b.events)
	}
	b.sees("No application has access on your behalf.")
	if b.cookies["__Host-session"] == was {
		t.Error("the session has the name it had before")
	}
	other.get("/auth/account")
	other.titled("Sign in")
	old := r.browser(t)
	old.cookies["__Host-session"] = was
	old.get("/auth/account")
	old.titled("Sign in")
	if r.live(t, granted.Access) {
		t.Error("an access token from before is live")
	}
	if got := r.refreshed(t, granted.Refresh); got.Error != "invalid_grant" {
		t.Errorf("refreshing gives %+v", got)
	}
	other.in("anna", ownFirst)
	other.sees("not right")
	other.in("anna", ownSecond)
	other.titled("Your account")
}

func TestAPasswordIsChangedOnlyByWhoKnowsItAndChoosesWell(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	b.get("/auth/account/password")
	for _, c := range []struct{ name, current, password, repeat, says string }{
		{"wrong", "guess", ownSecond, ownSecond, "This is not your password"},
		{"short", ownFirst, "tiny-one", "tiny-one", "The password is too short."},
		{"usual", ownFirst, "passwordpassword", "passwordpassword", "tried first"},
		{"differing", ownFirst, ownSecond, ownFirst, "The two passwords differ."},
	} {
		b.post(ui.PathPassword, "current", c.current, "password", c.password, "repeat", c.repeat)
		b.titled("Error: Change your password")
		b.sees(c.says)
		if strings.Contains(b.page, c.password) {
			t.Errorf("%s: the page repeats the password", c.name)
		}
		if c.name == "wrong" {
			b.happened("sign-in-refused", true)
		}
	}
	r.browser(t).in("anna", ownFirst)
}

// TestCredentialsAreChangedSoonAfterSigningInOnly: a browser left open is not its
// owner.
func TestCredentialsAreChangedSoonAfterSigningInOnly(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	pages := []string{ui.PathPassword, ui.PathTOTP, ui.PathPasskey, ui.PathEmail}
	for _, p := range pages {
		b.get("/auth" + p)
		if b.reply.Status != 200 || strings.HasPrefix(b.title(), "Sign in") {
			t.Errorf("%s, just signed in: %d %q", p, b.reply.Status, b.title())
		}
	}
	b.get("/auth/account")
	csrf := url.Values{"csrf": {csrfOf(b)}, "current": {ownFirst}, "password": {ownSecond}, "repeat": {ownSecond}, "email": {"x@evil.example"}, "passkey": {"AAAA"}, "code": {"123456"}}
	r.clk.Advance(10*time.Minute + time.Second)
	for _, p := range pages {
		b.get("/auth" + p)
		b.titled("Sign in")
		b.sees("Please confirm that it is you.")
	}
	for _, p := range []string{ui.PathPassword, ui.PathTOTP, ui.PathTOTPRemove, ui.PathPasskey, ui.PathPasskeyRemove, ui.PathRecovery, ui.PathEmail} {
		b.send("POST", "/auth"+p, csrf)
		b.titled("Sign in")
		if len(b.events) > 0 {
			t.Errorf("%s: %+v", p, b.events)
		}
	}
	if now, _ := r.people.Account(t.Context(), a.ID); now.Epoch != a.Epoch {
		t.Error("something was changed")
	}
	// Who signs in again comes to the page, with the name filled in.
	b.get("/auth/account/totp")
	b.sees(`value="anna"`)
	b.post(ui.PathSignIn, "username", "anna", "password", ownFirst)
	b.titled("Set up an authenticator app")
}

func csrfOf(b *ownBrowser) string {
	f, _ := b.form(ui.PathSignOut)
	return f.Get("csrf")
}

// TestFormsOfOthersChangeNothing: every form of a person's own pages needs the
// token of this session's page, and a browser that names our own site.
func TestFormsOfOthersChangeNothing(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	good := csrfOf(b)
	mallory, _ := r.signedIn(t, person.Newcomer{Login: "mallory"})
	for path := range map[string]bool{ui.PathPassword: true, ui.PathTOTP: true, ui.PathTOTPRemove: true, ui.PathPasskey: true, ui.PathPasskeyRemove: true,
		ui.PathRecovery: true, ui.PathEmail: true, ui.PathRoles: true, ui.PathRoleGiveBack: true, ui.PathRoleWithdraw: true} {
		for name, c := range map[string]struct{ csrf, site string }{"none": {"", "same-origin"}, "another's": {csrfOf(mallory), "same-origin"}, "another site": {good, "cross-site"}, "another name": {good, "same-site"}} {
			b.site = c.site
			b.send("POST", "/auth"+path, url.Values{"csrf": {c.csrf}, "current": {ownFirst}, "password": {ownSecond}, "repeat": {ownSecond}, "email": {"x@evil.example"},
				"role": {"break-glass"}, "reason": {"a reason that is long"}, "until": {"2026-11-22T10:00"}})
			if b.reply.Status != 400 || len(b.events) > 0 {
				t.Errorf("%s with %s: %d, %+v", path, name, b.reply.Status, b.events)
			}
		}
	}
	if now, _ := r.people.Account(t.Context(), a.ID); now.Epoch != a.Epoch || len(now.Roles) > 0 {
		t.Errorf("something was changed: %+v", now)
	}
}

func TestAnAddressIsChangedByItsOwnLink(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	b.get("/auth/account/email")
	b.sees("anna@ehr.example")
	b.post(ui.PathEmail, "email", "no address")
	b.sees("This is not an e-mail address.")
	b.post(ui.PathEmail, "email", "new@ehr.example")
	b.sees("new@ehr.example")
	b.happened("email-change-asked", false)
	if now, _ := r.people.Account(t.Context(), a.ID); now.Email != "anna@ehr.example" {
		t.Error("it is changed before the link was followed")
	}
	link := r.letter(t, person.LetterConfirm)
	phone := r.browser(t)
	for range 2 { // looking uses nothing up
		phone.get(link.Link)
		phone.sees("new@ehr.example")
	}
	phone.post(ui.PathEmailConfirm)
	phone.titled("Sign in")
	phone.sees("Your e-mail address is changed.")
	phone.happened("email-changed", false)
	if now, _ := r.people.Account(t.Context(), a.ID); now.Email != "new@ehr.example" || !now.EmailVerified {
		t.Errorf("address %q", now.Email)
	}
	b.get("/auth/account")
	b.titled("Sign in")
	phone.get(link.Link)
	phone.titled("This link is used up")
}

// TestNobodyIsFloodedWithLetters: of one person's making.
func TestNobodyIsFloodedWithLetters(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	ask := func() int {
		b.get("/auth/account/email")
		b.post(ui.PathEmail, "email", "victim@elsewhere.example")
		return b.reply.Status
	}
	for range 10 {
		if got := ask(); got != 200 {
			t.Fatalf("status %d", got)
		}
		r.letter(t, person.LetterConfirm)
	}
	if got := ask(); got != 429 || len(b.events) > 0 {
		t.Errorf("status %d, %+v", got, b.events)
	}
	r.clk.Advance(24*time.Hour + time.Second)
	b.in("anna", ownFirst)
	if got := ask(); got != 200 {
		t.Errorf("the next day: %d", got)
	}
}

func TestAnOwnerAllowsAnAdministratorsChangeOfTheAddress(t *testing.T) {
	r := newOwnRig(t)
	a := r.joined(t, person.Newcomer{Login: "anna", FHIRUser: "Practitioner/anna"})
	_, _, err := r.people.AskEmail(t.Context(), person.Hands{By: "admin-1"}, a.ID, "new@ehr.example")
	ok(t, err)
	b := r.browser(t)
	b.get(r.letter(t, person.LetterAllow).Link)
	b.sees("new@ehr.example")
	b.sees("An administrator wants to change")
	b.post(ui.PathEmailAllow)
	b.titled("You allowed the change")
	b.happened("email-change-allowed", false)
	if l := r.letter(t, person.LetterConfirm); l.To != "new@ehr.example" {
		t.Errorf("the link went to %s", l.To)
	}
}

// TestWhoSignsInElsewhereChangesNothingHere: password and second factor are kept
// there, and one made here would be a way around what is asked for there.
func TestWhoSignsInElsewhereChangesNothingHere(t *testing.T) {
	r := newOwnRig(t)
	a, _, err := r.people.Linked(t.Context(), "kc", "https://kc.example", "4711", person.Profile{Display: "Kim", Email: "kim@ehr.example"})
	ok(t, err)
	c, err := r.SignedInAs(t.Context(), string(a.ID), "kc")
	ok(t, err)
	b := r.browser(t)
	b.cookies[c.Name] = c.Value
	b.get("/auth/account")
	b.titled("Your account")
	b.sees("<bdi>kc</bdi></strong>, which keeps your password")
	for _, p := range []string{ui.PathPassword, ui.PathTOTP, ui.PathPasskey, ui.PathEmail} {
		b.get("/auth" + p)
		b.titled("This is kept elsewhere")
	}
	csrf := csrfHere(b)
	for _, p := range []string{ui.PathPassword, ui.PathTOTP, ui.PathTOTPRemove, ui.PathPasskey, ui.PathPasskeyRemove, ui.PathRecovery, ui.PathEmail} {
		b.send("POST", "/auth"+p, url.Values{"csrf": {csrf}, "current": {ownFirst}, "password": {ownSecond}, "repeat": {ownSecond}, "email": {"x@evil.example"}})
		b.titled("This is kept elsewhere")
	}
	if now, _ := r.people.Account(t.Context(), a.ID); now.Epoch != a.Epoch {
		t.Error("something was changed")
	}
}
