package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/store"
)

// undoneTerms: classes and subjects of an undone change come again, for others.
func undoneTerms(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("zero")))
	for i := range 5 {
		err := w.try(context.Background(), nil, func(*store.Tx) error { return errWanted },
			put(simple("a", fmt.Sprintf("org=undone%d", i), "subject=p1", "subject=p2", "mention=p4")))
		if !errors.Is(err, errWanted) {
			t.Fatal(err)
		}
		id := fmt.Sprint("b", i)
		w.do(put(simple(id, "org="+id, "subject="+id, "mention=p3")))
		same(t, w)
		onlyIn(t, w, id, id)
	}
	w.do(put(simple("a", "org=undone0", "subject=a")))
	same(t, w)
	same(t, w)
}

// undoneSubjectsRead: a change that reads what it has written learns the numbers
// of subject sets that may never be committed. They must not be remembered.
func undoneSubjectsRead(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("zero")))
	read := func(tx *store.Tx) error {
		if _, found, err := tx.Read("Patient", "a"); err != nil || !found {
			return fmt.Errorf("own write: found %t, %w", found, err)
		}
		if _, err := tx.Search(query("Patient", cond{}, 10), nil, false); err != nil {
			return err
		}
		return errWanted
	}
	if err := w.try(context.Background(), nil, read, put(simple("a", "subject=secret"))); !errors.Is(err, errWanted) {
		t.Fatal(err)
	}
	w.do(put(simple("b", "subject=b", "org=b")))
	w.do(put(simple("a", "subject=secret", "org=secret")))
	same(t, w)
	onlyIn(t, w, "b", "b")
	onlyIn(t, w, "secret", "a")
	// The same when the commit as a whole is given up.
	err := w.try(context.Background(), func(context.Context) error { return errWanted }, func(tx *store.Tx) error {
		if err := read(tx); !errors.Is(err, errWanted) {
			return err
		}
		return nil
	}, put(simple("a", "subject=other")))
	if !errors.Is(err, errWanted) {
		t.Fatal(err)
	}
	w.do(put(simple("c", "subject=c", "org=c")))
	w.do(put(simple("d", "subject=other", "org=other")))
	same(t, w)
	onlyIn(t, w, "c", "c")
	onlyIn(t, w, "other", "d")
}

func total(t tb, s *store.Snapshot, typ string) int {
	t.Helper()
	f, err := s.Search(&search.Query{Branches: []search.Branch{{Type: typ}}}, nil, true)
	if err != nil {
		t.Fatalf("total: %v", err)
	}
	return f.Total
}

// snapshotIsOneMoment: what a view has begun to read does not change under it.
func snapshotIsOneMoment(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.populate(60)
	a := w.all()
	o := newOracle(t, w, a)
	want := map[string]int{}
	for _, typ := range types {
		want[typ] = w.count(typ)
	}
	old := refs(o.found(query("Patient", cond{}, 5)))
	view(t, w, a, func(s *store.Snapshot) {
		if n := total(t, s, "Patient"); n != want["Patient"] {
			t.Fatalf("total %d, want %d", n, want["Patient"])
		}
		w.do(put(simple("new", "org=new", "subject=new")), remove("Patient", w.live("Patient").id))
		for _, typ := range types {
			if n := total(t, s, typ); n != want[typ] {
				t.Errorf("%s: total %d after another's commit, want %d", typ, n, want[typ])
			}
		}
		got := pages(t, a, s, query("Patient", cond{}, 2), len(old), "all patients")
		if fmt.Sprint(got) != fmt.Sprint(old) {
			t.Errorf("pages after another's commit are %v, want %v", got, old)
		}
		if _, found, err := s.Read("Patient", "new"); found || err != nil {
			t.Errorf("a later resource is found: %t, %v", found, err)
		}
	})
	same(t, w)
}

func (w *world) live(typ string) *item {
	for _, it := range w.items {
		if it.typ == typ && it.live() {
			return it
		}
	}
	w.t.Fatalf("no %s is left", typ)
	return nil
}

// snapshotSeesWhole: of a change that makes one resource of a known class and
// one of a new class, a view sees both or none, and with the same view the
// total and the pages agree.
func snapshotSeesWhole(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("zero", "org=known")), put(labelled("Practitioner", "zero", "org=known")))
	var stop atomic.Bool
	var group sync.WaitGroup
	for range 2 {
		a := w.all()
		group.Go(func() {
			for !stop.Load() {
				_ = w.s.View(context.Background(), a.m, func(s *store.Snapshot) error {
					p, q := total(t, s, "Patient"), total(t, s, "Practitioner")
					if p != q {
						t.Errorf("half of a change is seen: %d and %d", p, q)
						stop.Store(true)
					}
					return nil
				})
			}
		})
	}
	for i := range 150 {
		if stop.Load() {
			break
		}
		w.do(put(simple(fmt.Sprint("a", i), "org=known")), put(labelled("Practitioner", fmt.Sprint("a", i), fmt.Sprint("org=new", i))))
	}
	stop.Store(true)
	group.Wait()
}

// laterClass: a visibility worked out before a class came into being admits
// its rows afterwards where the rule does, and nowhere else.
func laterClass(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("a", "org=north")))
	rule := gate.ClassTest{Holds: func(c gate.Class) bool { return c.Organization != "secret" }}
	a := w.access(func(fhir.Action, string) gate.Rule { return rule })
	check := func() {
		t.Helper()
		o := newOracle(t, w, a)
		agree(t, w, o, a, query("Patient", cond{}, 10), "all")
		x := cond{expr: search.Not{Expr: search.Missing{Param: param(t, "Patient", "active"), Missing: true}}}
		agree(t, w, o, a, query("Patient", x, 10), "active")
		view(t, w, a, func(s *store.Snapshot) {
			for _, it := range w.items {
				_, found, err := s.Read(it.typ, it.id)
				if want := it.current().class.Organization != "secret"; found != want || err != nil {
					t.Errorf("Read(%s) found %t, %v; want %t", it.ref(), found, err, want)
				}
			}
		})
	}
	check()
	for i := range 4 {
		w.do(put(simple(fmt.Sprint("b", i), fmt.Sprint("org=b", i))))
		check()
		w.do(put(simple(fmt.Sprint("c", i), "org=secret", fmt.Sprintf("subject=s%d", i))))
		check()
	}
	w.do(put(simple("a", "org=secret")))
	check()
}

func param(t tb, typ, code string) *r4.SearchParam {
	t.Helper()
	p, ok := r4.LookupSearchParam(typ, code)
	if !ok {
		t.Fatalf("no parameter %s of %s", code, typ)
	}
	return p
}

// seesOwnWrites: within a change, also under another permit, new classes and
// new subjects are seen at once.
func seesOwnWrites(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("zero", "org=north")))
	a, other := w.all(), w.all()
	err := w.try(context.Background(), nil, func(tx *store.Tx) error {
		if n := total(t, tx.Snapshot, "Patient"); n != 2 {
			t.Errorf("the change finds %d patients, want 2", n)
		}
		under := tx.Under(other.m)
		if n := total(t, under.Snapshot, "Patient"); n != 2 {
			t.Errorf("the change finds %d patients under another permit, want 2", n)
		}
		if _, err := w.write(under, other, put(simple("two", "org=two", "subject=two"))); err != nil {
			return err
		}
		for name, s := range map[string]*store.Snapshot{"the permit that wrote": under.Snapshot, "the first permit": tx.Snapshot} {
			if n := total(t, s, "Patient"); n != 3 {
				t.Errorf("under %s the change finds %d patients, want 3", name, n)
			}
			if _, found, err := s.Read("Patient", "two"); !found || err != nil {
				t.Errorf("under %s the change finds its write: %t, %v", name, found, err)
			}
		}
		return errWanted
	}, put(simple("one", "org=one", "subject=one")))
	if !errors.Is(err, errWanted) {
		t.Fatal(err)
	}
	view(t, w, a, func(s *store.Snapshot) {
		if n := total(t, s, "Patient"); n != 1 {
			t.Errorf("%d patients after the change was undone, want 1", n)
		}
	})
	w.clock.Advance(time.Second)
	same(t, w)
}

// readsNeverGoBack: a read shows what was acknowledged before it began, and no
// reader sees an older version after a newer one.
func readsNeverGoBack(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("a", "org=0")))
	var acknowledged atomic.Int64
	var stop atomic.Bool
	var group sync.WaitGroup
	for range 3 {
		a := w.all()
		group.Go(func() {
			last := int64(0)
			for !stop.Load() {
				least := max(last, acknowledged.Load())
				view(t, w, a, func(s *store.Snapshot) {
					sealed, found, err := s.Read("Patient", "a")
					if err != nil || !found {
						t.Errorf("read: %t, %v", found, err)
						return
					}
					_, _ = fmt.Sscan(headers(t, a, []gate.Sealed{sealed})[0].Class.Organization, &last)
				})
				if last < least {
					t.Errorf("a read shows version %d after %d was seen or acknowledged", last, least)
					stop.Store(true)
				}
			}
		})
	}
	for i := int64(1); i <= 150 && !stop.Load(); i++ {
		w.do(put(simple("a", fmt.Sprint("org=", i))))
		acknowledged.Store(i)
	}
	stop.Store(true)
	group.Wait()
	same(t, w)
}
