package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"firebreak/store"
)

func (w *world) change(fn func(*store.Tx) error) error {
	return w.s.Change(context.Background(), w.all().m, nil, fn)
}

func firstResult(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	for _, err := range []error{
		w.change(func(tx *store.Tx) error { return tx.PutFirst("me", "r1", []byte("digest"), []byte{0, 1, 255}) }),
		w.change(func(tx *store.Tx) error { return tx.PutFirst("me", "r2", []byte("digest"), []byte("old")) }),
		w.change(func(tx *store.Tx) error { return tx.PutFirst("me", "r2", []byte("other"), []byte("new")) }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	err := w.change(func(tx *store.Tx) error {
		if err := tx.PutFirst("me", "r3", []byte("digest"), []byte("undone")); err != nil {
			return err
		}
		return errWanted
	})
	if !errors.Is(err, errWanted) {
		t.Fatal(err)
	}
	for _, c := range []struct{ owner, request, digest, want string }{
		{"me", "r1", "digest", "\x00\x01\xff"}, {"me", "r1", "other", ""}, {"you", "r1", "digest", ""},
		{"me", "r2", "digest", ""}, {"me", "r2", "other", "new"}, {"me", "r3", "digest", ""},
	} {
		err := w.change(func(tx *store.Tx) error {
			got, found, err := tx.First(c.owner, c.request, []byte(c.digest))
			if err == nil && (found != (c.want != "") || string(got) != c.want) {
				t.Errorf("First(%s, %s, %s) = %q %t, want %q", c.owner, c.request, c.digest, got, found, c.want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) pending(t *testing.T) []string {
	t.Helper()
	var out []string
	err := w.s.Pending(context.Background(), func(visit string, payload []byte) error {
		out = append(out, visit)
		if want := append([]byte(visit), 0); !bytes.Equal(payload, want) {
			t.Errorf("the record of %s is %q, want %q", visit, payload, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) record(t *testing.T, visits ...string) {
	t.Helper()
	for _, v := range visits {
		if err := w.change(func(tx *store.Tx) error { return tx.Outbox(v, append([]byte(v), 0)) }); err != nil {
			t.Fatal(err)
		}
	}
}

func outbox(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	check := func(want ...string) {
		t.Helper()
		if got := w.pending(t); !slices.Equal(got, want) {
			t.Errorf("pending are %v, want %v", got, want)
		}
	}
	check()
	w.record(t, "v1", "v2", "v3")
	err := w.change(func(tx *store.Tx) error {
		if err := tx.Outbox("undone", []byte{0}); err != nil {
			return err
		}
		return errWanted
	})
	if !errors.Is(err, errWanted) {
		t.Fatal(err)
	}
	check("v1", "v2", "v3")
	w.s.Journalled("v1", "v3", "never")
	w.record(t, "v4") // what is on record goes with the next commit
	check("v2", "v4")
	// A batch that has to be run again takes what is on record out all the same.
	w.s.Journalled("v2")
	err = w.s.Change(context.Background(), w.all().m, func(context.Context) error { return errWanted }, func(*store.Tx) error { return nil })
	if !errors.Is(err, errWanted) {
		t.Fatal(err)
	}
	w.record(t, "v5")
	check("v4", "v5")
	var many []string
	for i := range 150 {
		many = append(many, fmt.Sprint("w", i))
	}
	w.record(t, many...)
	w.s.Journalled(many...)
	w.record(t, "v6")
	check("v4", "v5", "v6")
}

func setting(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	made := 0
	for _, c := range []struct{ name, makes, want string }{{"key", "first\x00", "first\x00"}, {"key", "second", "first\x00"}, {"other", "third", "third"}} {
		got, err := w.s.Setting(context.Background(), c.name, func() []byte { made++; return []byte(c.makes) })
		if err != nil || string(got) != c.want {
			t.Errorf("Setting(%s) = %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	if made < 2 || made > 3 {
		t.Errorf("values were made %d times", made)
	}
}

// again opens the world's database once more.
func (w *world) again(open Opener) {
	w.t.Helper()
	if err := w.s.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.s = open(w.t, store.Options{Clock: w.clock, Readers: 2})
}

func reopened(t *testing.T, open Opener) {
	w := newWorld(t, open, 9)
	w.populate(80)
	w.record(t, "v1", "v2")
	if _, err := w.s.Setting(context.Background(), "key", func() []byte { return []byte("first") }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.again(open)
		same(t, w)
		a := w.all()
		o := newOracle(t, w, a)
		ask := newAsker(gen{w.rand}, o)
		for range 40 {
			q, text := broad(ask, 30)
			agree(t, w, o, a, q, text)
		}
		if got := w.pending(t); !slices.Equal(got, []string{"v1", "v2"}) {
			t.Errorf("pending are %v, want v1 and v2", got)
		}
		got, err := w.s.Setting(context.Background(), "key", func() []byte { return []byte("second") })
		if err != nil || string(got) != "first" {
			t.Errorf("the setting is %q, %v; want the first", got, err)
		}
		g := gen{w.rand}
		for range 20 {
			w.churn(g)
		}
		same(t, w)
	}
}

// orderOfCreation: resources made in two orders, at one time and at several,
// are found in one order, which is theirs and not that of their making.
func orderOfCreation(t *testing.T, open Opener) {
	ids := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	var orders [][]string
	for _, made := range [][]string{ids, {"h", "c", "a", "g", "b", "f", "d", "e"}} {
		w := newWorld(t, open, 1)
		for i, id := range made {
			w.do(put(simple(id)))
			if i%2 == 0 {
				w.clock.Advance(-time.Hour)
			}
		}
		a := w.all()
		q := query("Patient", cond{}, 3)
		agree(t, w, newOracle(t, w, a), a, q, "all")
		orders = append(orders, refs(newOracle(t, w, a).found(q)))
	}
	if !slices.Equal(orders[0], orders[1]) || slices.IsSorted(orders[0]) {
		t.Errorf("made in two orders, they are found in the orders %v", orders)
	}
}
