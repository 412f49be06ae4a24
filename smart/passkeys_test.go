package smart_test

import (
	"strings"
	"testing"
	"time"

	"firebreak/smart"
	"firebreak/smart/person"
	"firebreak/ui"
)

// withKey gives whoever is signed in a passkey, by the page.
func (b *ownBrowser) withKey() *ownKey {
	b.Helper()
	k := newOwnKey(b)
	b.get("/auth/account/passkey")
	_, options := b.form(ui.PathPasskey)
	b.post(ui.PathPasskey, "credential", k.create(b, options), "name", "Work laptop")
	return k
}

// use signs in, or goes on, by a passkey on the page.
func (b *ownBrowser) use(action string, k *ownKey) {
	b.Helper()
	_, options := b.form(action)
	b.post(action, "credential", k.get(b, options))
}

func TestAPasskeySignsInWithoutAName(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	was := b.cookies["__Host-session"]
	k := b.withKey()
	b.titled("Your recovery codes") // the first second factor brings them
	b.happened("factor-added", false)
	if n := strings.Count(b.page, "<li><code>"); n != 10 {
		t.Errorf("%d codes", n)
	}
	if b.cookies["__Host-session"] == was {
		t.Error("the session has the name it had before")
	}
	b.get("/auth/account")
	b.titled("Your account")
	b.sees("Work laptop")
	b.sees("10 left")

	other := r.browser(t)
	other.get("/auth/account")
	other.use(ui.PathSignInPasskey, k)
	other.titled("Your account")
	other.happened("signed-in", false)
	granted := other.authorized("openid offline_access", "acr_values", smart.ACRPhishingResistant)
	if c := read(t, granted.Access); c.ACR != smart.ACRPhishingResistant {
		t.Errorf("acr %q", c.ACR)
	}
}

func TestAPasskeyIsAlsoASecondFactor(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	k := b.withKey()
	other := r.browser(t)
	other.in("anna", ownFirst)
	other.titled("Confirm it is you") // the password alone does not do
	if _, there := other.cookies["__Host-session"]; there {
		t.Error("there is a session after one of two factors")
	}
	other.use(ui.PathFactorPasskey, newOwnKeyLike(t, k))
	other.sees("That passkey was not accepted.")
	other.happened("sign-in-refused", true)
	other.use(ui.PathFactorPasskey, k)
	other.titled("Your account")
}

// newOwnKeyLike is another key of the same name.
func newOwnKeyLike(t testing.TB, k *ownKey) *ownKey {
	n := newOwnKey(t)
	n.id, n.handle = k.id, k.handle
	return n
}

// TestAPasskeysAnswerIsForOnePage: what was asked for by one page is no answer on
// another, nor twice, nor late.
func TestAPasskeysAnswerIsForOnePage(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	k := b.withKey()
	victim, thief := r.browser(t), r.browser(t)
	victim.get("/auth/account")
	thief.get("/auth/account")
	f, options := victim.form(ui.PathSignInPasskey)
	stolen := k.get(t, options)
	thief.post(ui.PathSignInPasskey, "ceremony", f.Get("ceremony"), "credential", stolen)
	thief.titled("Error: Sign in")
	thief.post(ui.PathSignInPasskey, "credential", stolen) // with its own ceremony
	thief.titled("Error: Sign in")
	victim.post(ui.PathSignInPasskey, "credential", stolen)
	victim.titled("Your account")
	again := r.browser(t)
	again.get("/auth/account")
	f, options = again.form(ui.PathSignInPasskey)
	answer := k.get(t, options)
	again.send("POST", "/auth/signin/passkey", f) // without an answer: that was the one try
	again.titled("Error: Sign in")
	f.Set("credential", answer)
	again.send("POST", "/auth/signin/passkey", f)
	again.titled("Error: Sign in")
	again.sees("That took too long.")
	late := r.browser(t)
	late.get("/auth/account")
	_, options = late.form(ui.PathSignInPasskey)
	answer = k.get(t, options)
	r.clk.Advance(5*time.Minute + time.Second)
	late.post(ui.PathSignInPasskey, "credential", answer)
	late.sees("That took too long.")
}

// TestSomebodyElsesPasskeyIsNotAdded: the ceremony of one session's page is none
// in another's.
func TestSomebodyElsesPasskeyIsNotAdded(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	mallory, _ := r.signedIn(t, person.Newcomer{Login: "mallory"})
	mallory.get("/auth/account/passkey")
	b.get("/auth/account/passkey")
	f, options := b.form(ui.PathPasskey)
	mallory.post(ui.PathPasskey, "ceremony", f.Get("ceremony"), "credential", newOwnKey(t).create(t, options), "name", "mine")
	mallory.titled("Error: Add a passkey")
	if a, _ := r.people.Find(t.Context(), "anna"); len(a.Passkeys) > 0 {
		t.Error("anna has a passkey that mallory made")
	}
}

func TestAPasskeyIsRemovedByItsOwnerAndSessionsEnd(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	k := b.withKey()
	other := r.browser(t)
	other.get("/auth/account")
	other.use(ui.PathSignInPasskey, k)
	b.get("/auth/account")
	granted := b.authorized("openid offline_access")
	b.get("/auth/account")
	now, _ := r.people.Account(t.Context(), a.ID)
	b.post(ui.PathPasskeyRemove, "passkey", now.Passkeys[0].ID)
	b.titled("Your account")
	b.happened("factor-removed", false)
	other.get("/auth/account")
	other.titled("Sign in")
	if r.live(t, granted.Access) {
		t.Error("a token from before is live: who has the lost device may have it")
	}
	other.use(ui.PathSignInPasskey, k)
	other.titled("Error: Sign in")
}

func TestAnAddressHasNoPasskeys(t *testing.T) {
	r := newOwnRig(t, func(_ *smart.Options, p *person.Options) { p.Origin = "" })
	b := r.browser(t)
	b.get("/auth/account")
	b.titled("Sign in")
	if strings.Contains(b.page, "passkey") {
		t.Error("the sign-in page offers a passkey")
	}
	b, _ = r.signedIn(t, person.Newcomer{Login: "anna"})
	b.get("/auth/account/passkey")
	b.titled("There are no passkeys here")
}

// TestAStrongerSignInAsksForWhatIsMissingOnly: the password of the session
// counts, and so does its age.
func TestAStrongerSignInAsksForWhatIsMissingOnly(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	k := b.withKey() // the session goes on with one factor
	code := b.withApp()
	began, sid := r.clk.Now(), read(t, b.authorized("openid").Access).Sid
	r.clk.Advance(time.Minute)
	b.authorized("openid", "acr_values", smart.ACRTwoFactors, "max_age", "30")
	b.titled("Sign in") // all of it: it was too long ago
	b.authorized("openid", "acr_values", smart.ACRTwoFactors)
	b.titled("Confirm it is you")
	b.post(ui.PathFactor, "code", code())
	c := read(t, b.exchange().Access)
	if c.ACR != smart.ACRTwoFactors || c.AuthTime != began.Unix() || !r.clk.Now().After(began) {
		t.Errorf("acr %s at %d, want two factors at %d: a code does not renew the password", c.ACR, c.AuthTime, began.Unix())
	}
	if c.Sid != sid || sid == "" {
		t.Errorf("session %q, want %q to go on", c.Sid, sid)
	}
	b.authorized("openid", "acr_values", smart.ACRPhishingResistant)
	b.use(ui.PathFactorPasskey, k)
	if c = read(t, b.exchange().Access); c.ACR != smart.ACRPhishingResistant || c.AuthTime != r.clk.Now().Unix() || c.Sid != sid {
		t.Errorf("acr %s at %d in %s: a passkey proves everything anew", c.ACR, c.AuthTime, c.Sid)
	}
}

func TestAllFactorsAreAskedForThatAreWanted(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	k, code := b.withKey(), b.withApp()
	other := r.browser(t)
	other.authorized("openid", "acr_values", smart.ACRPhishingResistant)
	other.post(ui.PathSignIn, "username", "anna", "password", ownFirst)
	other.post(ui.PathFactor, "code", code())
	other.titled("Confirm it is you") // a code is not enough
	other.use(ui.PathFactorPasskey, k)
	if c := read(t, other.exchange().Access); c.ACR != smart.ACRPhishingResistant {
		t.Errorf("acr %s", c.ACR)
	}
}

// TestWhoIsAskedForMoreMaySignInWhollyInstead: then all of it is of now.
func TestWhoIsAskedForMoreMaySignInWhollyInstead(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	code := b.withApp()
	r.clk.Advance(time.Minute)
	b.authorized("openid", "acr_values", smart.ACRTwoFactors)
	b.titled("Confirm it is you")
	b.post(ui.PathSignOut) // as somebody else
	b.titled("Sign in")
	b.authorized("openid", "acr_values", smart.ACRTwoFactors)
	b.titled("Confirm it is you")
	f, _ := b.form(ui.PathFactor) // and by a page of before
	f.Set("username", "anna")
	f.Set("password", ownFirst)
	b.send("POST", "/auth/signin", f)
	b.post(ui.PathFactor, "code", code())
	if c := read(t, b.exchange().Access); c.AuthTime != r.clk.Now().Unix() {
		t.Errorf("auth_time %d, want now", c.AuthTime)
	}
}
