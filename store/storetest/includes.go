package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/store"
)

// includesAgree compares includes with the references in the bodies.
func includesAgree(t *testing.T, open Opener) {
	some, queries := 0, 0
	eachWorld(t, open, 160, func(t *testing.T, w *world) {
		all := w.all()
		rapid.Check(t, func(t *rapid.T) {
			g := draw(t)
			a := all
			if g.chance(50) {
				a = w.access(newRules(g, newOracle(t, w, all)).rule)
			}
			o := newOracle(t, w, a)
			ask := newAsker(g, o)
			typ := one(g, types)
			q := query(typ, cond{}, 1+g.IntN(20))
			if g.chance(50) {
				q = query(typ, ask.test(typ), q.Count)
			}
			for range 1 + g.IntN(5) {
				q.Includes = append(q.Includes, include(ask, typ))
			}
			page := o.found(q)
			page = page[:min(len(page), q.Count)]
			want := o.includes(q, page)
			var got []string
			view(t, w, a, func(s *store.Snapshot) {
				f, err := s.Search(q, nil, false)
				if err != nil {
					t.Fatalf("%v", err)
				}
				for _, h := range headers(t, a, f.Includes) {
					got = append(got, h.Reference())
				}
			})
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("includes %s of %v\n got %v\nwant %v", showIncludes(q.Includes), refs(page), got, want)
			}
			if queries++; len(want) > 0 {
				some++
			}
		})
	})
	t.Logf("%d of %d queries included something", some, queries)
	if some*6 < queries {
		t.Errorf("only %d of %d queries included anything", some, queries)
	}
}

func include(ask *asker, typ string) search.Include {
	g := ask.gen
	inc := search.Include{Reverse: g.chance(50), Iterate: g.chance(30)}
	if g.chance(15) {
		inc.All = true
		if g.chance(70) {
			inc.Source = one(g, types)
		}
		return inc
	}
	for {
		inc.Source = typ
		if inc.Reverse || inc.Iterate && g.chance(50) {
			inc.Source = one(g, types)
		}
		p := one(g, r4.SearchParams(inc.Source))
		if p.Type != r4.ParamReference || len(rowsOf(ask.rows[inc.Source], p)) == 0 && g.chance(90) {
			if g.chance(10) {
				typ = one(g, types)
			}
			continue
		}
		if inc.Reverse && !contains(search.Targets(p), typ) && g.chance(80) {
			continue // nothing of the page is referred to by it
		}
		inc.Param = p
		if targets := search.Targets(p); g.chance(25) {
			inc.Target = one(g, targets)
		}
		return inc
	}
}

func showIncludes(list []search.Include) string {
	var out []string
	for _, i := range list {
		code := "*"
		if i.Param != nil {
			code = i.Param.Code
		}
		out = append(out, fmt.Sprintf("{%s:%s:%s reverse=%t iterate=%t}", i.Source, code, i.Target, i.Reverse, i.Iterate))
	}
	return strings.Join(out, " ")
}

// includes follows references forth and back from the page, as long as
// something new comes in by :iterate.
func (o *oracle) includes(q *search.Query, page []*item) []string {
	seen := map[*item]bool{}
	for _, it := range page {
		seen[it] = true
	}
	var out []string
	base := page
	for round := 0; len(base) > 0; round++ {
		var found []*item
		for _, inc := range q.Includes {
			if round > 0 && !inc.Iterate {
				continue
			}
			for _, b := range base {
				for _, it := range o.w.items {
					if !seen[it] && o.included(inc, b, it) {
						seen[it] = true
						found = append(found, it)
						out = append(out, it.ref())
					}
				}
			}
		}
		base = found
	}
	return out
}

func (o *oracle) included(inc search.Include, base, it *item) bool {
	from, to, action := base, it, fhir.ActRead
	if inc.Reverse {
		from, to, action = it, base, fhir.ActSearch
	}
	if inc.Source != "" && inc.Source != from.typ || inc.Target != "" && inc.Target != to.typ || !o.sees(action, it) {
		return false
	}
	for _, r := range o.references(from.current(), inc.Param) {
		if r.Aux == to.typ && r.Value == to.id {
			return true
		}
	}
	return false
}
