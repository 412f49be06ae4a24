package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/store"
)

// RunNodes holds servers that share one database to what they promise each
// other. place gives an Opener of one new database.
func RunNodes(t *testing.T, place func(testing.TB) Opener) {
	t.Run("ConditionalCreatesMakeNoDuplicates", func(t *testing.T) { noDuplicates(t, place(t)) })
	t.Run("ClassesOfOthersAreSeen", func(t *testing.T) { othersClasses(t, place(t)) })
	t.Run("SettingsAreShared", func(t *testing.T) { sharedSetting(t, place(t)) })
}

// also is the same world through another server.
func (w *world) also(open Opener) *world {
	return &world{t: w.t, s: open(w.t, store.Options{Clock: w.clock, Readers: 3}), clock: w.clock, rand: w.rand, byRef: map[string]*item{}}
}

// noDuplicates: every server creates what its condition does not find, as
// If-None-Exist does (http.html#ccreate).
func noDuplicates(t *testing.T, open Opener) {
	one := newWorld(t, open, 1)
	two := one.also(open)
	two.number.Store(1 << 32)
	const identifiers, workers = 40, 6
	var made atomic.Int64
	var group sync.WaitGroup
	for n, w := range []*world{one, two} {
		for worker := range workers {
			a := w.all()
			group.Go(func() {
				for i := range identifiers {
					id := fmt.Sprintf("n%dw%di%d", n, worker, i)
					created, err := w.createUnless(a, id, fmt.Sprint("urn:id:", (i*7+worker)%identifiers))
					if err != nil {
						t.Errorf("%s: %v", id, err)
					}
					if created {
						made.Add(1)
					}
				}
			})
		}
	}
	group.Wait()
	for name, w := range map[string]*world{"one": one, "two": two} {
		a := w.all()
		view(t, w, a, func(s *store.Snapshot) {
			if n := total(t, s, "Patient"); n != identifiers || made.Load() != identifiers {
				t.Errorf("server %s has %d patients, %d were acknowledged; want %d", name, n, made.Load(), identifiers)
			}
		})
	}
}

// createUnless creates a Patient with an identifier when none has it.
func (w *world) createUnless(a access, id, identifier string) (created bool, err error) {
	q, err := search.Parse([]string{"Patient"}, []search.Pair{{Name: "identifier", Value: identifier}}, search.Options{Condition: true})
	if err != nil {
		return false, err
	}
	body := fmt.Sprintf(`{"resourceType":"Patient","id":"%s","meta":{"tag":[{"system":"urn:test:org","code":"%s"},{"system":"urn:test:subject","code":"%s"}]},"identifier":[{"value":"%s"}]}`,
		id, identifier, id, identifier)
	err = w.s.Change(context.Background(), a.m, nil, func(tx *store.Tx) error {
		created = false
		found, err := tx.Matches(q, fhir.ActRead, 2)
		if err != nil || len(found) > 0 {
			return err
		}
		created = true
		_, err = w.write(tx, a, put(body))
		return err
	})
	return created && err == nil, err
}

// othersClasses: what one server interns, another sees in its next snapshot,
// by a visibility it has worked out before, and interns on from there.
func othersClasses(t *testing.T, open Opener) {
	one := newWorld(t, open, 1)
	two := one.also(open)
	two.number.Store(1 << 32)
	worlds := []*world{one, two}
	rule := func(fhir.Action, string) gate.Rule {
		return gate.ClassTest{Holds: func(c gate.Class) bool { return c.Organization != "secret" }}
	}
	permits := []access{one.access(rule), two.access(rule)}
	for i := range 12 {
		id := fmt.Sprint("a", i)
		org := id
		if i%3 == 2 {
			org = "secret"
		}
		worlds[i%2].do(put(simple(id, "org="+org, "subject="+id)))
		for n, w := range worlds {
			view(t, w, permits[n], func(s *store.Snapshot) {
				if got, want := total(t, s, "Patient"), i+1-(i+1)/3; got != want {
					t.Errorf("server %d sees %d patients after %d, want %d", n, got, i+1, want)
				}
				sealed, found, err := s.Read("Patient", id)
				if err != nil || found != (org != "secret") {
					t.Errorf("server %d reads %s: %t, %v", n, id, found, err)
				}
				if found {
					if h := headers(t, permits[n], []gate.Sealed{sealed})[0]; h.Class.Organization != org || fmt.Sprint(h.Keys.Subjects) != "["+id+"]" {
						t.Errorf("server %d reads %s as %v of %v", n, id, h.Class, h.Keys.Subjects)
					}
				}
			})
		}
	}
}

func sharedSetting(t *testing.T, open Opener) {
	one := newWorld(t, open, 1)
	two := one.also(open)
	got := make([]string, 2)
	var group sync.WaitGroup
	for n, w := range []*world{one, two} {
		group.Go(func() {
			v, err := w.s.Setting(context.Background(), "key", func() []byte { return []byte{byte('0' + n)} })
			if err != nil {
				t.Error(err)
			}
			got[n] = string(v)
		})
	}
	group.Wait()
	if got[0] != got[1] || got[0] == "" {
		t.Errorf("the servers have the settings %q", got)
	}
}
