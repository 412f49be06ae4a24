package smart_test

import (
	"fmt"
	"testing"

	"firebreak/smart/client"
	"firebreak/smart/person"
)

// TestWhoHasNoRecordHasNoFHIRUser: an administrator whom no FHIR resource stands
// for; asked or trusted, fhirUser is not granted.
func TestWhoHasNoRecordHasNoFHIRUser(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.join(person.Newcomer{Login: "root"})
	for _, trusted := range []bool{false, true} {
		a := n.register(client.Client{ID: fmt.Sprint("app-", trusted), Trusted: trusted})
		b := n.browser()
		g := a.tokens(b, "root", "scope", "openid fhirUser profile user/Patient.rs")
		c := claims(w, g.ID)
		if g.Scope != "openid profile user/Patient.rs" || c["fhirUser"] != nil || c["profile"] != nil {
			t.Errorf("trusted %v: %q, %v", trusted, g.Scope, c)
		}
		if back := a.start(b, "scope", "fhirUser").back(); back.Get("error") != "invalid_scope" {
			t.Errorf("trusted %v, fhirUser alone: %v", trusted, back)
		}
	}
}
