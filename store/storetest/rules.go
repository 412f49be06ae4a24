package storetest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/store"
)

// rules are random rules, one for each type and action that is asked for.
type rules struct {
	g    gen
	ask  *asker
	made map[string]gate.Rule
}

func newRules(g gen, o *oracle) *rules {
	return &rules{g: g, ask: newAsker(g, o), made: map[string]gate.Rule{}}
}

// rule: reading and searching differ for some types, as scopes can make them.
func (r *rules) rule(action fhir.Action, typ string) gate.Rule {
	key := typ
	if action != fhir.ActSearch && len(typ)%2 == 0 {
		key += string(action)
	}
	made, ok := r.made[key]
	if !ok {
		made = r.make(typ, 1+r.g.IntN(3))
		r.made[key] = made
	}
	return made
}

func (r *rules) make(typ string, depth int) gate.Rule {
	if depth > 0 {
		a, b := r.make(typ, depth-1), r.make(typ, depth-1)
		switch r.g.IntN(7) {
		case 0:
			return gate.And(a, b)
		case 1, 2:
			return gate.Or(a, b)
		case 3:
			return gate.Except(a)
		case 4:
			return gate.Every{a, gate.Either{b, r.leaf(typ)}}
		}
	}
	return r.leaf(typ)
}

func (r *rules) leaf(typ string) gate.Rule {
	g := r.g
	switch g.IntN(11) {
	case 0:
		return gate.Always{}
	case 1:
		return gate.Never{}
	case 2, 3:
		org := one(g, []string{"north", "south"})
		return gate.ClassTest{Text: "org " + org, Holds: func(c gate.Class) bool { return c.Organization == org }}
	case 4, 5:
		most := one(g, []gate.Confidentiality{gate.Normal, gate.Restricted})
		return gate.ClassTest{Text: "up to " + most.String(), Holds: func(c gate.Class) bool { return c.Confidentiality != 0 && c.Confidentiality <= most }}
	case 6:
		return gate.KeyTest{Relation: gate.SubjectIs, Holder: one(g, append(patients, "absent", ""))}
	case 7:
		return gate.KeyTest{Relation: gate.InCareTeam, Holder: caller}
	case 8:
		return gate.KeyTest{Relation: gate.AuthorIs, Holder: one(g, []string{caller, "Practitioner/other", ""})}
	case 9:
		typ = one(g, types) // a residual of another type holds for nothing
	}
	x := r.ask.tree(typ, g.IntN(2), 0)
	return gate.Residual{Type: typ, Where: x.expr, Text: x.text}
}

// rulesAgree: whatever the rules, a search's total, pages and order are those
// of a naive evaluation of the same rules.
func rulesAgree(t *testing.T, open Opener) {
	eachWorld(t, open, 160, func(t *testing.T, w *world) {
		var c tally
		all := w.all()
		rapid.Check(t, func(t *rapid.T) {
			g := draw(t)
			a := w.access(newRules(g, newOracle(t, w, all)).rule)
			o := newOracle(t, w, a)
			ask := newAsker(g, o)
			for range 3 {
				w.clock.Advance(1) // ties begin and end while the tests run
				o.now = w.clock.Now()
				q, text := broad(ask, rapid.IntRange(1, 60).Draw(t, "count"))
				all := 0
				for _, b := range q.Branches {
					all += w.count(b.Type)
				}
				c.add(agree(t, w, o, a, q, text+" under "+fmt.Sprint(a.rule(fhir.ActSearch, q.Branches[0].Type))), all)
			}
		})
		c.check(t, 30)
	})
}

// readsAgree: a read, a version and a target are found exactly when the
// reference evaluation admits the row, and so is the row of a search for its id.
func readsAgree(t *testing.T, open Opener) {
	eachWorld(t, open, 80, func(t *testing.T, w *world) {
		all := w.all()
		rapid.Check(t, func(t *rapid.T) {
			g := draw(t)
			a := w.access(newRules(g, newOracle(t, w, all)).rule)
			o := newOracle(t, w, a)
			for range 10 {
				it := one(g, w.items)
				view(t, w, a, func(s *store.Snapshot) { readAgrees(t, s, o, a, it) })
			}
		})
	})
}

func readAgrees(t tb, s *store.Snapshot, o *oracle, a access, it *item) {
	t.Helper()
	read := o.admits(a.rule(fhir.ActRead, it.typ), it, it.current())
	sealed, found, err := s.Read(it.typ, it.id)
	if err != nil || found != read {
		t.Fatalf("Read(%s) found %t, %v; want %t", it.ref(), found, err, read)
	}
	if found {
		h := headers(t, a, []gate.Sealed{sealed})[0]
		if h.Version != it.current().id || h.Deleted != it.current().deleted {
			t.Errorf("Read(%s) = version %s deleted %t, want %s %t", it.ref(), h.Version, h.Deleted, it.current().id, it.current().deleted)
		}
	}
	update := read || o.admits(a.rule(fhir.ActUpdate, it.typ), it, it.current())
	if _, found, err = s.Target(fhir.ActUpdate, it.typ, it.id); err != nil || found != update {
		t.Errorf("Target(%s) found %t, %v; want %t", it.ref(), found, err, update)
	}
	for i := range it.versions {
		v := &it.versions[i]
		want := read && o.admits(a.rule(fhir.ActRead, it.typ), it, v)
		sealed, found, err := s.Version(it.typ, it.id, v.id)
		if err != nil || found != want {
			t.Fatalf("Version(%s, %s) found %t, %v; want %t", it.ref(), v.id, found, err, want)
		}
		if found && headers(t, a, []gate.Sealed{sealed})[0].Version != v.id {
			t.Errorf("Version(%s, %s) is another version", it.ref(), v.id)
		}
	}
}

// matchesAgree: a condition finds among what the caller may search, and may read
// or do the action to, and no more than was asked for.
func matchesAgree(t *testing.T, open Opener) {
	w := newWorld(t, open, 5)
	w.populate(120)
	all := w.all()
	rapid.Check(t, func(t *rapid.T) {
		g := draw(t)
		a := w.access(newRules(g, newOracle(t, w, all)).rule)
		o := newOracle(t, w, a)
		typ := one(g, types)
		x := newAsker(g, o).tree(typ, 1, 1)
		want := map[string]bool{}
		for _, it := range w.items {
			known := o.admits(a.rule(fhir.ActRead, typ), it, it.current()) || o.admits(a.rule(fhir.ActUpdate, typ), it, it.current())
			if it.typ == typ && known && o.sees(fhir.ActSearch, it) && o.holds(x.expr, it, it.current()) {
				want[it.ref()] = true
			}
		}
		limit := 1 + g.IntN(3)
		view(t, w, a, func(s *store.Snapshot) {
			sealed, err := s.Matches(&search.Query{Branches: []search.Branch{{Type: typ, Where: x.expr}}}, fhir.ActUpdate, limit)
			if err != nil {
				t.Fatalf("%v", err)
			}
			if len(sealed) != min(limit, len(want)) {
				t.Errorf("%s: %d matches of at most %d, want %d", x.text, len(sealed), limit, len(want))
			}
			for _, h := range headers(t, a, sealed) {
				if !want[h.Reference()] {
					t.Errorf("%s matched %s", x.text, h.Reference())
				}
			}
		})
	})
}
