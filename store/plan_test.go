package store

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/validate"
)

// everything is a layer that permits all.
type everything struct{}

func (everything) Layer() string { return "test" }
func (everything) Rule(gate.Principal, fhir.Action, string) (gate.Rule, error) {
	return gate.Always{}, nil
}
func (everything) Decide(gate.Principal, fhir.Action, gate.Header, *gate.Content) (gate.Decision, error) {
	return gate.Decision{Effect: gate.Permits}, nil
}
func (everything) MayAssert(gate.Principal, string) (bool, error) { return true, nil }
func (everything) MayImport(gate.Principal) (bool, error)         { return true, nil }
func (everything) Epoch() string                                  { return "test" }

// Left to itself, SQLite's planner walks whole tables once for each row of a
// page, or all of a parameter's values for each row to be sorted: milliseconds
// become minutes. Every table of a statement must be entered by a key, and what
// is asked for each row by that row's.
func TestSQLiteEntersEveryTableByAKey(t *testing.T) {
	c := clock.NewFixed(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	s, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "store.db"), Options{Clock: c, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	g := gate.New(nil, nil, everything{})
	parser := &validate.Parser{Base: "https://here.test/fhir", Now: c.Now}
	x := <-s.readers
	s.readers <- x
	plans := 0
	x.asked = func(text string, args []any) {
		if !strings.Contains(text, "resource") {
			return
		}
		plans++
		for _, line := range queryPlan(t, x, text, args) {
			if badStep.MatchString(line) || strings.Contains(text, "ord+0") && strings.HasPrefix(line, "SEARCH m USING") && !strings.Contains(line, "rid=?") {
				t.Errorf("%s\n%s", line, text)
			}
		}
	}
	for _, url := range []string{
		"Observation?code=c", "Observation?code=c&_sort=-date", "Observation?_sort=code", "Observation?_sort=date,-status,subject,value-quantity",
		"Observation?subject=Patient/a&code=c&_sort=-_lastUpdated", "?_type=Patient,Encounter&_sort=-_lastUpdated", "?_type=Patient,Encounter&_sort=_id",
		"Encounter?_sort=-_lastUpdated", "Encounter?_sort=_id", "Patient?_has:Observation:patient:code=c&_sort=family", "Observation?patient.name=a&_sort=-date", "Observation?patient.name=a", "Patient?_has:Observation:patient:code=c", "Observation?value-quantity=5",
		"Practitioner?name=a&_revinclude=*", "Patient?name=a&_revinclude=Observation:patient&_include:iterate=Observation:performer", "Observation?code=c&_include=*",
		"Observation?value-quantity=gt5&_sort=value-quantity", "Observation?code:missing=true&_sort=code", "Patient?name:contains=a&_sort=birthdate",
	} {
		typ, query, _ := strings.Cut(url, "?")
		i, err := parser.Interaction(&fhir.Request{Method: "GET", Path: typ, Query: query})
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		plan := fhir.Compile(i)
		m, err := g.Admit(gate.NewPrincipal(gate.Identity{Tenant: "main", Subject: "x"}), plan)
		if err != nil {
			t.Fatal(err)
		}
		before := plans
		err = s.View(context.Background(), m, func(snap *Snapshot) error {
			// A class of each type, so that there is something to search and include.
			snap.ts = &termSet{classes: []gate.Class{{}, {Tenant: "main", Type: "Patient"}, {Tenant: "main", Type: "Observation"}, {Tenant: "main", Type: "Encounter"}, {Tenant: "main", Type: "Practitioner"}}}
			snap.begun = true
			if _, err := snap.Search(plan.Query, nil, true); err != nil {
				return err
			}
			for _, inc := range plan.Query.Includes {
				if _, err := snap.include(inc, []row{{rid: 1, typ: typeNumber(typ)}}, maxIncludes); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if plans == before {
			t.Errorf("%s: no statement was seen", url)
		}
	}
}

// badStep is a step that walks a table from its start, all of a tenant, or for
// each row all of a parameter.
var badStep = regexp.MustCompile(`SCAN ([rvmf]|a[0-9]+)( |$)|\(tenant=\?\)|inner: SEARCH .*\(tenant=\? AND param=\?\)`)

// queryPlan are the steps of a statement; those inside a subquery that runs for
// each row are marked as inner.
func queryPlan(t *testing.T, x *session, text string, args []any) (lines []string) {
	t.Helper()
	rows, err := x.conn.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	inner := map[int]bool{}
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		inner[id] = inner[parent] || strings.HasPrefix(detail, "CORRELATED")
		if inner[id] {
			detail = "inner: " + detail
		}
		lines = append(lines, detail)
	}
	if rows.Err() != nil || len(lines) == 0 {
		t.Fatal(fmt.Sprint("no plan: ", rows.Err()))
	}
	return lines
}
