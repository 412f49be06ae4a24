package store

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/validate"
)

// restricted is a layer with a rule of each kind: rows of organisation "open"
// are seen, of "closed" not, of "team" by the care team, of "coded" with the
// code "public".
type restricted struct{ everything }

func (restricted) Rule(gate.Principal, fhir.Action, string) (gate.Rule, error) {
	of := func(org string) gate.Rule {
		return gate.ClassTest{Text: org, Holds: func(c gate.Class) bool { return c.Organization == org }}
	}
	p := &validate.Parser{Base: here, Now: time.Now}
	q, err := p.Condition("Observation", "code=public")
	if err != nil {
		return nil, err
	}
	return gate.Or(of("open"), gate.And(of("team"), gate.KeyTest{Relation: gate.InCareTeam, Holder: "Practitioner/p"}),
		gate.And(of("coded"), gate.Residual{Type: "Observation", Where: q.Branches[0].Where, Text: "code=public"})), nil
}

const here = "https://here.test/fhir"

// labels takes class and subjects from the writer.
type labels struct{}

func (labels) Classify(p gate.Principal, c *gate.Content, asserted bool) (gate.Class, gate.Keys, []gate.Tie, error) {
	id := p.Identity()
	return gate.Class{Tenant: id.Tenant, Type: "Observation", Organization: id.Organization, Confidentiality: gate.Normal},
		gate.Keys{Subjects: strings.Fields(id.Patient), Author: "Practitioner/w"}, nil, nil
}

// writeObservation stores one for an organisation, of some patients.
func writeObservation(t *testing.T, s *Store, org, patients, id string) {
	t.Helper()
	g := gate.New(labels{}, nil, everything{})
	m, err := g.Admit(gate.NewPrincipal(gate.Identity{Tenant: "main", Subject: "w", Organization: org, Patient: patients}), fhir.Plan{Interaction: &fhir.Interaction{}})
	if err != nil {
		t.Fatal(err)
	}
	draft := gate.Draft{Header: gate.Header{Type: "Observation", ID: id, Version: "v-" + id, Method: "POST"},
		Body: []byte(`{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"coding":[{"code":"secret"}]}}`)}
	err = s.Change(context.Background(), m, nil, func(tx *Tx) error {
		draft.Header.LastUpdated = tx.now
		j, err := g.JudgeChange(m, fhir.ActCreate, nil, &draft, tx.Facts)
		if err != nil {
			return err
		}
		return tx.Commit(j)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// looks are the ways to ask for one resource by its id, as the pipeline asks. Each reports whether
// something was found.
func looks(t *testing.T) map[string]func(s *Snapshot, id string) (bool, error) {
	p := &validate.Parser{Base: here, Now: time.Now}
	byID := func(id string) *search.Query {
		q, err := p.Condition("Observation", "_id="+id)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	return map[string]func(s *Snapshot, id string) (bool, error){
		"read": func(s *Snapshot, id string) (bool, error) {
			_, found, err := s.Read("Observation", id)
			return found, err
		},
		"vread": func(s *Snapshot, id string) (bool, error) {
			_, found, err := s.Version("Observation", id, "v-"+id)
			return found, err
		},
		"history": func(s *Snapshot, id string) (bool, error) {
			if err := s.Together(); err != nil {
				return false, err
			}
			if _, found, err := s.Read("Observation", id); err != nil || !found {
				return false, err
			}
			found, err := s.History("Observation", id, &fhir.History{Count: 10}, nil)
			return len(found.Matches) > 0, err
		},
		"search": func(s *Snapshot, id string) (bool, error) {
			found, err := s.Search(&search.Query{Branches: byID(id).Branches, Count: 10}, nil, true)
			return len(found.Matches) > 0, err
		},
		"update": func(s *Snapshot, id string) (bool, error) {
			_, found, err := s.Target(fhir.ActUpdate, "Observation", id)
			return found, err
		},
		"delete": func(s *Snapshot, id string) (bool, error) {
			_, found, err := s.Target(fhir.ActDelete, "Observation", id)
			return found, err
		},
		"condition": func(s *Snapshot, id string) (bool, error) {
			rows, err := s.Matches(byID(id), fhir.ActUpdate, 2)
			return len(rows) > 0, err
		},
	}
}

// The time of an answer is mostly that of its statements. About what is hidden,
// by its class, its keys or its content, kept in memory or not, the database is
// asked what it is asked about what is absent: the same texts, in the same order.
// What differs is that a row comes back.
func TestStatementsTellNoHiddenFromAbsent(t *testing.T) {
	s, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "store.db"),
		Options{Clock: clock.NewFixed(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), Base: here, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hidden := []string{"closed", "team", "coded"}
	for _, org := range append(hidden, "open") {
		writeObservation(t, s, org, "a", org)
		writeObservation(t, s, org, "", org+"-of-nobody")
	}
	var asked []string
	for _, x := range s.all {
		x.asked = func(text string, _ []any) { asked = append(asked, text) }
	}
	g := gate.New(labels{}, nil, restricted{})
	m, err := g.Admit(gate.NewPrincipal(gate.Identity{Tenant: "main", Subject: "x", FHIRUser: "Practitioner/p"}), fhir.Plan{Interaction: &fhir.Interaction{}})
	if err != nil {
		t.Fatal(err)
	}
	for name, look := range looks(t) {
		changes := name == "update" || name == "delete" || name == "condition"
		ask := func(id string) (found bool, texts string) {
			t.Helper()
			asked = asked[:0]
			do := func(s *Snapshot) (err error) { found, err = look(s, id); return err }
			var err error
			if changes {
				err = s.Change(context.Background(), m, nil, func(tx *Tx) error { return do(tx.Snapshot) })
			} else {
				err = s.View(context.Background(), m, do)
			}
			if err != nil {
				t.Fatalf("%s %s: %v", name, id, err)
			}
			return found, strings.Join(asked, "\n")
		}
		_, want := ask("absent")
		for _, id := range hidden {
			for _, id := range []string{id, id, id + "-of-nobody"} { // twice: it may be in memory by then
				if found, got := ask(id); found || got != want {
					t.Errorf("%s of what is hidden (%s, found %t) asks\n%s\n\nand of what is absent\n%s", name, id, found, got, want)
				}
			}
		}
		if found, _ := ask("open"); !found || want == "" {
			t.Errorf("%s does not find what may be seen, or nothing was recorded", name)
		}
	}
}
