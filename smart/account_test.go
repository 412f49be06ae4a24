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

// TestWhatIsTakenBackOnTheAccountPageIsDeadAtOnce, on every server.
func TestWhatIsTakenBackOnTheAccountPageIsDeadAtOnce(t *testing.T) {
	w := worldOver(t, shared{newTable()})
	n, other := w.node(), w.node()
	n.patient()
	n.clinician()
	a, keep := n.register(client.Client{}), n.register(client.Client{ID: "keep", Name: "Keep"})
	b := n.browser()
	// Opened again, by the same person: one application, and gone as one.
	again, once := a.tokens(b, "paul", "scope", "patient/Patient.rs"), a.tokens(n.browser(), "paul", "scope", offline)
	g, kept := a.tokens(b, "paul", "scope", offline), keep.tokens(b, "paul", "scope", offline)
	other.good(g.Access)
	p := b.open(issuer + "/account")
	if strings.Count(p.text, "Growth chart") != 1 || !strings.Contains(p.text, "North Apps") || !strings.Contains(p.text, "Keep") || strings.Count(p.text, "Take back access") != 2 {
		t.Errorf("the page does not tell: %s", p.text)
	}
	// Another person cannot.
	c := n.browser()
	c.open(issuer + "/signin").signIn("anna")
	theirs := c.open(issuer + "/account")
	c.post("/auth/account/revoke", form("csrf", theirs.at("/signout").fields.Get("csrf"), "app", "growth"))
	n.good(g.Access)
	p = p.submit("/account/revoke", "app", "growth")
	if strings.Contains(p.text, "Growth chart") || !strings.Contains(p.text, "Keep") {
		t.Errorf("afterwards: %s", p.text)
	}
	for _, x := range []got{g, again, once} {
		n.dead(x.Access)
		other.dead(x.Access)
	}
	a.refresh(g.Refresh).refused(w, "invalid_grant")
	a.refresh(once.Refresh).refused(w, "invalid_grant")
	other.good(kept.Access)
	keep.refresh(kept.Refresh).ok(w)
}
