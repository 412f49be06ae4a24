package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/store"
)

// draw makes a generator whose choices rapid can repeat.
func draw(t *rapid.T) gen {
	return gen{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))}
}

// agree compares what the store finds, page by page, with the oracle.
func agree(t tb, w *world, o *oracle, a access, q *search.Query, text string) (found int) {
	t.Helper()
	want := refs(o.found(q))
	var got []string
	view(t, w, a, func(s *store.Snapshot) {
		got = pages(t, a, s, q, len(want), text)
	})
	if !slices.Equal(got, want) {
		t.Fatalf("%s sorted by %v\n got %v\nwant %v\n%s", text, q.Sort, got, want, difference(o, got, want))
	}
	return len(want)
}

// pages fetches all pages of a query on one snapshot, each with the total.
func pages(t tb, a access, s *store.Snapshot, q *search.Query, total int, text string) []string {
	t.Helper()
	var got []string
	var after *gate.Position
	for n := 0; ; n++ {
		f, err := s.Search(q, after, true)
		if err != nil {
			t.Fatalf("search %s: %v", text, err)
		}
		if f.Total != total {
			t.Errorf("%s: page %d has the total %d, want %d", text, n, f.Total, total)
		}
		for _, h := range headers(t, a, f.Matches) {
			got = append(got, h.Reference())
		}
		if f.Next == nil {
			return got
		}
		if len(f.Matches) != q.Count {
			t.Fatalf("%s: a page of %d has %d entries and a next page", text, q.Count, len(f.Matches))
		}
		after = f.Next
		if n > 1000 {
			t.Fatalf("%s: the pages have no end", text)
		}
	}
}

func refs(items []*item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.ref())
	}
	return out
}

// difference shows the first resource that only one of them has.
func difference(o *oracle, got, want []string) string {
	for _, ref := range got {
		if !slices.Contains(want, ref) {
			return "found but does not match: " + string(o.w.byRef[ref].current().body)
		}
	}
	for _, ref := range want {
		if !slices.Contains(got, ref) {
			return "matches but not found: " + string(o.w.byRef[ref].current().body)
		}
	}
	return "the order differs"
}

func query(typ string, c cond, count int, sort ...search.SortKey) *search.Query {
	return &search.Query{Branches: []search.Branch{{Type: typ, Where: c.expr}}, Count: count, Sort: sort}
}

// tally fails a property that was about nothing: most of its queries must find
// something, and not everything.
type tally struct{ queries, some int }

func (c *tally) add(found, all int) {
	c.queries++
	if found > 0 && found < all {
		c.some++
	}
}

func (c *tally) check(t *testing.T, percent int) {
	t.Helper()
	t.Logf("%d of %d queries found some of what there is", c.some, c.queries)
	if testing.Short() {
		percent /= 3 // of few queries the share varies
	}
	if c.some*100 < c.queries*percent {
		t.Errorf("only %d of %d queries found some but not all", c.some, c.queries)
	}
}

func (w *world) count(typ string) int {
	n := 0
	for _, it := range w.items {
		if it.typ == typ && it.live() {
			n++
		}
	}
	return n
}

// eachWorld runs a property on a few populated worlds.
func eachWorld(t *testing.T, open Opener, size int, check func(*testing.T, *world)) {
	for seed := range uint64(2) {
		w := newWorld(t, open, seed)
		w.populate(size)
		check(t, w)
	}
}

func testsAgree(t *testing.T, open Opener) {
	used, asked := map[string]int{}, 0
	eachWorld(t, open, 160, func(t *testing.T, w *world) {
		var c tally
		a := w.all()
		o := newOracle(t, w, a)
		rapid.Check(t, func(t *rapid.T) {
			ask := newAsker(draw(t), o)
			for range 10 {
				typ := one(ask.gen, types)
				x := ask.test(typ)
				asked++
				kinds(used, x.expr)
				c.add(agree(t, w, o, a, query(typ, x, 500), x.text), w.count(typ))
			}
		})
		c.check(t, 30)
	})
	t.Log(used)
	for _, want := range []string{"token", "token:text", "token:of-type", "string", "string:exact", "string:contains", "string:" + string(search.LaterOn), "uri", "uri:above", "uri:below",
		"reference", "reference:identifier", "date", "number", "quantity", "composite", "near", "not", "missing", "_id", "_lastUpdated"} {
		if used[want] == 0 && asked > 1000 {
			t.Errorf("no condition of kind %s was tried", want)
		}
	}
}

var typeNames = map[r4.ParamType]string{r4.ParamToken: "token", r4.ParamString: "string", r4.ParamURI: "uri", r4.ParamReference: "reference",
	r4.ParamDate: "date", r4.ParamNumber: "number", r4.ParamQuantity: "quantity", r4.ParamComposite: "composite", r4.ParamSpecial: "near"}

// kinds counts what kinds of condition were tried.
func kinds(used map[string]int, e search.Expr) {
	switch e := e.(type) {
	case search.Test:
		name := typeNames[e.Param.Type]
		if strings.HasPrefix(e.Param.Code, "_") && (e.Param.Code == "_id" || e.Param.Code == "_lastUpdated") {
			name = e.Param.Code
		}
		if e.Modifier != "" {
			name += ":" + string(e.Modifier)
		}
		used[name]++
	case search.Or:
		for _, c := range e {
			kinds(used, c)
		}
	case search.Not:
		used["not"]++
		kinds(used, e.Expr)
	case search.Missing:
		used["missing"]++
	}
}

func treesAgree(t *testing.T, open Opener) {
	eachWorld(t, open, 160, func(t *testing.T, w *world) {
		var c tally
		a := w.all()
		o := newOracle(t, w, a)
		rapid.Check(t, func(t *rapid.T) {
			ask := newAsker(draw(t), o)
			typ := one(ask.gen, types)
			x := ask.tree(typ, rapid.IntRange(1, 4).Draw(t, "depth"), 0)
			c.add(agree(t, w, o, a, query(typ, x, 500), x.text), w.count(typ))
		})
		c.check(t, 30)
	})
}

func chainsAgree(t *testing.T, open Opener) {
	eachWorld(t, open, 160, func(t *testing.T, w *world) {
		var c tally
		all := w.all()
		rapid.Check(t, func(t *rapid.T) {
			g := draw(t)
			a := all
			if g.chance(50) {
				a = w.access(newRules(g, newOracle(t, w, all)).rule)
			}
			o := newOracle(t, w, a)
			ask := newAsker(g, o)
			for range 3 {
				typ := one(ask.gen, types)
				x := ask.tree(typ, rapid.IntRange(0, 1).Draw(t, "depth"), rapid.IntRange(1, 3).Draw(t, "hops"))
				c.add(agree(t, w, o, a, query(typ, x, 500), x.text), w.count(typ))
			}
		})
		c.check(t, 15)
	})
}

// sorting are sort keys that the types searched have.
func sorting(g gen, on []string) []search.SortKey {
	var keys []search.SortKey
	for range g.IntN(4) {
		p := one(g, r4.SearchParams(on[0]))
		ok := p.Type != r4.ParamComposite && p.Type != r4.ParamSpecial && !(p.Type == r4.ParamString && contains(on, "Practitioner"))
		for _, typ := range on[1:] {
			q, has := r4.LookupSearchParam(typ, p.Code)
			ok = ok && has && search.RowKind(q.Type, search.Whole) == search.RowKind(p.Type, search.Whole)
		}
		if ok && !slices.ContainsFunc(keys, func(k search.SortKey) bool { return k.Code == p.Code }) {
			keys = append(keys, search.SortKey{Code: p.Code, Descending: g.chance(50)})
		}
	}
	return keys
}

// broad asks several types at once, with or without a condition.
func broad(ask *asker, count int) (*search.Query, string) {
	n := 1 + ask.IntN(3)
	var on []string
	q := &search.Query{Count: count}
	text := ""
	for _, i := range ask.Perm(len(types))[:n] {
		on = append(on, types[i])
		b := search.Branch{Type: types[i]}
		if ask.chance(50) {
			x := ask.tree(types[i], 1, 0)
			b.Where, text = x.expr, text+" "+x.text
		} else {
			text += " " + types[i]
		}
		q.Branches = append(q.Branches, b)
	}
	q.Sort = sorting(ask.gen, on)
	return q, text
}

func sortAgrees(t *testing.T, open Opener) {
	eachWorld(t, open, 160, func(t *testing.T, w *world) {
		a := w.all()
		o := newOracle(t, w, a)
		rapid.Check(t, func(t *rapid.T) {
			ask := newAsker(draw(t), o)
			q, text := broad(ask, 500)
			agree(t, w, o, a, q, text)
		})
	})
}

func pagesCover(t *testing.T, open Opener) {
	eachWorld(t, open, 120, func(t *testing.T, w *world) {
		a := w.all()
		o := newOracle(t, w, a)
		rapid.Check(t, func(t *rapid.T) {
			ask := newAsker(draw(t), o)
			q, text := broad(ask, rapid.IntRange(1, 20).Draw(t, "count"))
			agree(t, w, o, a, q, text)
		})
	})
}

// pagesWhileWriting: what is there from the first page to the last, unchanged,
// is on exactly one page; nothing is on two.
func pagesWhileWriting(t *testing.T, open Opener) {
	w := newWorld(t, open, 3)
	w.populate(100)
	a := w.all()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		g := draw(rt)
		o := newOracle(rt, w, a)
		q, text := broad(newAsker(g, o), 1+g.IntN(10))
		before := o.found(q)
		seen := map[string]int{}
		late := 0
		var after *gate.Position
		for {
			var f gate.Found
			view(rt, w, a, func(s *store.Snapshot) {
				var err error
				if f, err = s.Search(q, after, false); err != nil {
					rt.Fatalf("%s: %v", text, err)
				}
			})
			for _, h := range headers(rt, a, f.Matches) {
				seen[h.Reference()]++
			}
			if f.Next == nil {
				break
			}
			after = f.Next
			for range min(g.IntN(3), 12-late) {
				n, late = n+1, late+1
				w.do(put(g.resource(q.Branches[0].Type, fmt.Sprint("late", n))))
			}
		}
		for _, it := range before {
			if seen[it.ref()] != 1 {
				rt.Errorf("%s by %v: %s was on %d pages", text, q.Sort, it.ref(), seen[it.ref()])
			}
		}
		for ref, times := range seen {
			if times > 1 {
				rt.Errorf("%s by %v: %s was on %d pages", text, q.Sort, ref, times)
			}
		}
	})
}
