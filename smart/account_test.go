package smart_test

import (
	"strings"
	"testing"

	"firebreak/smart/client"
)

// TestAPageFromBeforeTakesBackAll that is there by now: the application has been
// opened again since, or has given up one of its grants.
func TestAPageFromBeforeTakesBackAll(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	first, last := a.tokens(b, "paul", "scope", "patient/Patient.rs"), a.tokens(b, "paul", "scope", offline)
	p := b.open(issuer + "/account")
	since := a.tokens(b, "paul", "scope", offline)
	a.ask("/revoke", form("token", last.Refresh)).ok(w)
	n.good(first.Access)
	for field, of := range p.at("/account/revoke").offered { // its one button
		p = p.submit("/account/revoke", field, of[0])
	}
	if !strings.Contains(p.text, "Access was taken back.") || strings.Contains(p.text, "Growth chart") {
		t.Errorf("the page does not tell: %s", p.text)
	}
	n.dead(first.Access)
	n.dead(since.Access)
	same(w, "on record, with the one given up", len(w.happened("revoke")), 3)
}

// TestTheAccountSaysWhatWasDone, in words of ours only.
func TestTheAccountSaysWhatWasDone(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	a.tokens(b, "paul", "scope", offline)
	n.browser().open(issuer + "/signin").signIn("paul")
	says := func(p page, want string) {
		t.Helper()
		if p.title != "Your account" || !strings.Contains(p.text, want) {
			t.Errorf("%q: it does not say %q", p.title, want)
		}
	}
	p := b.open(issuer + "/account")
	says(p.submit("/account/revoke", "app", p.at("/account/revoke").offered["app"][0]), "Access was taken back.")
	says(b.open(issuer+"/account").submit("/account/session", "session", "others"), "You are signed out there.")
	says(b.open(issuer+"/account/password").submit("/account/password", "current", password, "password", "vier alte Fahrräder im Regen", "repeat", "vier alte Fahrräder im Regen"), "Your password is changed.")
	if p := b.open(issuer + "/account?done=Your+password+is+1234"); strings.Contains(p.text, "1234") {
		t.Errorf("a link puts words into the page: %s", p.text)
	}
}
