package store

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/gate"
	"firebreak/validate"
)

// A composite with a hundred alternatives, a subquery for each, took 17 s on
// SQLite and more than 30 s on PostgreSQL, over 17 000 Observations.
func TestACompositeEntersItsRowsOnceForAllValues(t *testing.T) {
	one := longestStatement(t, "Observation", "code-value-quantity=a$gt1", "SELECT")
	hundred := longestStatement(t, "Observation", "code-value-quantity="+strings.Repeat("a$gt1,", 99)+"a$gt1", "SELECT")
	if one < 2 || hundred != one {
		t.Errorf("a composite of 1 value has %d SELECTs and one of 100 has %d, want the same, 2 or more", one, hundred)
	}
}

// Without a type, a chain goes through 145 types. A lookup of the reference for
// each, for every row, took 30 s and more over 17 000 Observations.
func TestAChainThatMayLeadAnywhereLooksUpItsReferenceOnce(t *testing.T) {
	// One for the page and one for the total may stand in one statement.
	if n := longestStatement(t, "Observation", "focus._id=x", "idx_text"); n < 1 || n > 2 {
		t.Errorf("a statement enters idx_text %d times, want 1 or 2", n)
	}
}

// A compartment is reached by several parameters, an untyped chain leads to
// several types: an Or. Tested on each Observation there is, it would cost more
// with each that is stored.
func TestAnOrOfNarrowConditionsFindsItsCandidates(t *testing.T) {
	for _, url := range []string{"Patient/a/Observation?_sort=-date", "Practitioner/a/Encounter?", "Observation?subject.name=a", "Observation?performer.identifier=a&_sort=date"} {
		path, query, _ := strings.Cut(url, "?")
		if longestStatement(t, path, query, "m.rid IN (") == 0 {
			t.Errorf("%s: every resource of the type is a candidate", url)
		}
	}
}

// longestStatement runs a search and says how often the word is
// in the statement that has it most.
func longestStatement(t *testing.T, path, query, word string) (most int) {
	t.Helper()
	c := clock.NewFixed(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	s, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "store.db"), Options{Clock: c, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := <-s.readers
	s.readers <- x
	x.asked = func(text string, _ []any) { most = max(most, strings.Count(text, word)) }
	parser := &validate.Parser{Base: "https://here.test/fhir", Now: c.Now}
	i, err := parser.Interaction(&fhir.Request{Method: "GET", Path: path, Query: query})
	if err != nil {
		t.Fatal(err)
	}
	plan := fhir.Compile(i)
	m, err := gate.New(nil, nil, everything{}).Admit(gate.NewPrincipal(gate.Identity{Tenant: "main", Subject: "x"}), plan)
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(context.Background(), m, func(snap *Snapshot) error {
		// A class of each type, so that there is something to search.
		snap.ts = &termSet{classes: []gate.Class{{}}}
		for _, typ := range r4.Resources() {
			snap.ts.classes = append(snap.ts.classes, gate.Class{Tenant: "main", Type: typ})
		}
		snap.begun = true
		_, err := snap.Search(plan.Query, nil, true)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return most
}
