package search_test

import (
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// Provenance.target refers to every type but Parameters; a search of the whole
// system by who refers to a resource was refused on account of that one.
func TestHasIsSearchedInTheTypesThatAreReferredTo(t *testing.T) {
	q, err := search.Parse(r4.Resources(), pairs(t, "_has:Provenance:target:agent=Practitioner/1"), search.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range q.Branches {
		want := "Provenance.target<(agent=Practitioner/1)"
		if b.Type == "Parameters" {
			want = "or()" // never
		}
		if got := show(b.Where); got != want {
			t.Errorf("Where of %s = %s, want %s", b.Type, got, want)
		}
	}
	q, err = search.Parse([]string{"Observation", "Patient"}, pairs(t, "_has:Encounter:patient:status=finished"), search.Options{})
	if err != nil || show(q.Branches[0].Where) != "or()" {
		t.Errorf("Observation and Patient: %v", err)
	}
	for _, types := range [][]string{{"Observation"}, {"Observation", "Encounter"}} {
		for _, query := range []string{"_has:Encounter:patient:status=finished", "_has:Encounter:nope:status=finished", "_has:Encounter:patient:nope=1"} {
			if _, err := search.Parse(types, pairs(t, query), search.Options{}); err == nil {
				t.Errorf("%v?%s was taken", types, query)
			}
		}
	}
}
