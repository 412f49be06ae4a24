package smart_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
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

// TestTokensFitIntoAHeader: all scopes of US Core together do; what would not is
// not granted.
func TestTokensFitIntoAHeader(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	var all []string
	for _, file := range []string{"granular", "patient-types"} {
		text, err := os.ReadFile("scope/testdata/" + file + ".txt")
		must(t, err)
		for line := range strings.Lines(string(text)) {
			s := strings.Trim(strings.TrimSpace(line), "{}")
			if strings.HasPrefix(s, "patient/") && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d scopes are tried", len(all))
	}
	a := n.register(client.Client{Trusted: true, Scopes: append([]string{"launch/patient", "patient/*.cruds", "offline_access"}, all...), Offline: true})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", "launch/patient "+strings.Join(all, " "))
	if len(g.Access) > 7<<10 { // other servers take 8 KiB a line
		t.Errorf("%d scopes make a token of %d bytes", len(all), len(g.Access))
	}
	for i := range 60 {
		all = append(all, fmt.Sprintf("patient/Observation.rs?code=http://loinc.org|%040d", i))
	}
	if back := a.start(b, "scope", strings.Join(all, " ")).back(); back.Get("error") != "invalid_scope" {
		t.Errorf("a scope of %d bytes: %v", len(strings.Join(all, " ")), back)
	}
}
