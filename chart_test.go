package firebreak_test

import (
	"net/url"
	"slices"
	"testing"
)

// deskWith is a server with patients of adams' hospital, and adams' browser at its
// launch page.
func deskWith(t *testing.T, rules []variant, patients ...string) (*desk, *browser) {
	t.Helper()
	s := newSide(t, openers()[0], atDesks(), rules)
	for _, p := range patients {
		s.load(&version{typ: "Patient", id: p, vid: "v" + p, raw: `{"resourceType":"Patient","id":"` + p + `","name":[{"family":"` + p + `","given":["Amy","Lou"]}]}`,
			at: start.Add(-1), by: writer{"Organization/north", "Practitioner/adams", false}})
	}
	s.clock.Set(start)
	d := newRegister(t).desk(t, s)
	b := &browser{d: d, cookies: map[string]string{}}
	b.open("/launch", nil)
	b.post("/signin", url.Values{"username": {"adams"}, "password": {passphrase}})
	return d, b
}

// TestAPatientIsFoundByTheNameAsItIsWritten: people type whole names, and commas
// that mean nothing of FHIR's.
func TestAPatientIsFoundByTheNameAsItIsWritten(t *testing.T) {
	_, b := deskWith(t, nil, "Rivera", "Stone")
	for name, want := range map[string][]string{
		"Amy Rivera": {"Rivera"}, "rivera,  amy lou": {"Rivera"}, "Rivera": {"Rivera"}, "Stone, Bob": nil, "Stone Rivera": nil, `Stone\`: nil, "Stone|": nil,
	} {
		b.post("/launch", url.Values{"name": {name}})
		if got := b.values(offeredPatient); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", name, got, want)
		}
	}
}
