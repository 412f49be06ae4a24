package storetest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/store"
)

// place is one version in the model.
type place struct {
	it  *item
	seq int
}

func (p place) version() *version { return &p.it.versions[p.seq] }
func (p place) String() string    { return p.it.ref() + "/" + p.version().id }

// history is what a naive evaluation finds, newest first. A version is there
// when its own class and keys allow it and those of the current version do; of
// hidden versions nothing follows, also not when another one ended.
func (o *oracle) history(action fhir.Action, typ, id string, h *fhir.History) []place {
	o.t.Helper()
	var out []place
	for _, it := range o.w.items {
		if typ != "" && it.typ != typ || id != "" && it.id != id {
			continue
		}
		rule := o.rule(action, it.typ)
		if !o.admits(rule, it, it.current()) {
			continue
		}
		var visible []place
		for seq := range it.versions {
			if o.admits(rule, it, &it.versions[seq]) {
				visible = append(visible, place{it, seq})
			}
		}
		for i, p := range visible {
			at := p.version().at
			ended := i+1 < len(visible) && !visible[i+1].version().at.After(h.At)
			if !h.Since.IsZero() && at.Before(h.Since) || !h.At.IsZero() && (!at.Before(h.AtEnd) || ended) {
				continue
			}
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b place) int {
		if c := b.version().at.Compare(a.version().at); c != 0 {
			return c
		}
		if a.it != b.it {
			return cmp.Compare(b.it.number, a.it.number)
		}
		return b.seq - a.seq
	})
	return out
}

func historyAgrees(t *testing.T, open Opener) {
	some, asked := 0, 0
	eachWorld(t, open, 80, func(t *testing.T, w *world) {
		g := gen{w.rand}
		for range 80 {
			w.clock.Advance(time.Duration(g.IntN(3)) * 400 * time.Millisecond)
			w.churn(g)
		}
		all := w.all()
		rapid.Check(t, func(t *rapid.T) {
			g := draw(t)
			a := all
			if g.chance(75) {
				a = w.access(newRules(g, newOracle(t, w, all)).rule)
			}
			o := newOracle(t, w, a)
			typ, id := "", ""
			if it := one(g, w.items); g.chance(70) {
				typ = it.typ
				if g.chance(50) {
					id = it.id
				}
			}
			h := &fhir.History{Count: 1 + g.IntN(30)}
			if g.chance(30) {
				h.Since = one(g, w.items).current().at
			}
			if g.chance(40) {
				h.At = one(g, one(g, w.items).versions).at
				h.AtEnd = h.At.Add(one(g, []time.Duration{time.Millisecond, time.Second, time.Minute}))
			}
			if asked++; historyAgree(t, w, o, a, typ, id, h) > 0 {
				some++
			}
		})
	})
	if some*3 < asked {
		t.Errorf("only %d of %d histories had anything in them", some, asked)
	}
}

func historyAgree(t tb, w *world, o *oracle, a access, typ, id string, h *fhir.History) int {
	t.Helper()
	action := fhir.ActSearch
	if id != "" {
		action = fhir.ActRead
	}
	var want []string
	for _, p := range o.history(action, typ, id, h) {
		want = append(want, p.String())
	}
	var got []string
	view(t, w, a, func(s *store.Snapshot) {
		var after *gate.Position
		for range 1000 {
			f, err := s.History(typ, id, h, after)
			if err != nil {
				t.Fatalf("history: %v", err)
			}
			if f.Total != len(want) {
				t.Errorf("history of %q %q has the total %d, want %d", typ, id, f.Total, len(want))
			}
			for _, h := range headers(t, a, f.Matches) {
				got = append(got, h.Reference()+"/"+h.Version)
			}
			if f.Next == nil {
				return
			}
			if len(f.Matches) != h.Count {
				t.Fatalf("a page of %d has %d entries and a next page", h.Count, len(f.Matches))
			}
			after = f.Next
		}
	})
	if !slices.Equal(got, want) {
		t.Fatalf("history of %q %q since %v at %v-%v under %v\n got %v\nwant %v", typ, id, h.Since, h.At, h.AtEnd, o.rule(action, typ), got, want)
	}
	return len(want)
}
