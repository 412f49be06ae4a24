package smart_test

import (
	"strings"
	"testing"

	"firebreak/smart/client"
)

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
	says(p.submit("/account/revoke", "grant", p.at("/account/revoke").offered["grant"][0]), "Access was taken back.")
	says(b.open(issuer+"/account").submit("/account/session", "session", "others"), "You are signed out there.")
	says(b.open(issuer+"/account/password").submit("/account/password", "current", password, "password", "vier alte Fahrräder im Regen", "repeat", "vier alte Fahrräder im Regen"), "Your password is changed.")
	if p := b.open(issuer + "/account?done=Your+password+is+1234"); strings.Contains(p.text, "1234") {
		t.Errorf("a link puts words into the page: %s", p.text)
	}
}
