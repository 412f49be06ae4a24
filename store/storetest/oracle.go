package storetest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
	"firebreak/gate"
)

// oracle evaluates conditions and rules naively: every resource, one after the
// other, on its body.
type oracle struct {
	t    tb
	x    *search.Extractor
	w    *world
	rule func(fhir.Action, string) gate.Rule
	now  time.Time
	memo map[*version]*extracted
}

type extracted struct {
	root fhirjson.Node
	rows []search.Row
}

func newOracle(t tb, w *world, a access) *oracle {
	return &oracle{t: t, x: search.NewExtractor(), w: w, rule: a.rule, now: w.clock.Now(), memo: w.extracted()}
}

// extracted is shared by the oracles of a world: bodies don't change.
func (w *world) extracted() map[*version]*extracted {
	if w.memo == nil {
		w.memo = map[*version]*extracted{}
	}
	return w.memo
}

func (o *oracle) of(v *version) *extracted {
	o.t.Helper()
	if e, ok := o.memo[v]; ok {
		return e
	}
	doc, err := fhirjson.Parse(v.body)
	if err != nil {
		o.t.Fatalf("oracle: %v", err)
	}
	e := &extracted{root: doc.Root()}
	if e.rows, err = o.x.Extract(e.root); err != nil {
		o.t.Fatalf("oracle: %v", err)
	}
	o.memo[v] = e
	return e
}

// admits is the reference evaluation of a rule on one version of an item.
func (o *oracle) admits(r gate.Rule, it *item, v *version) bool {
	o.t.Helper()
	switch r := r.(type) {
	case gate.Always:
		return true
	case gate.Every:
		for _, x := range r {
			if !o.admits(x, it, v) {
				return false
			}
		}
		return true
	case gate.Either:
		for _, x := range r {
			if o.admits(x, it, v) {
				return true
			}
		}
		return false
	case gate.Unless:
		return !o.admits(r.Rule, it, v)
	case gate.ClassTest:
		return r.Holds(v.class)
	case gate.KeyTest:
		return o.related(r, v)
	case gate.Residual:
		return r.Type == it.typ && o.holds(r.Where, it, v)
	}
	return false
}

func (o *oracle) related(k gate.KeyTest, v *version) bool {
	if k.Holder == "" {
		return false
	}
	switch k.Relation {
	case gate.SubjectIs:
		return slices.Contains(v.keys.Subjects, k.Holder)
	case gate.AuthorIs:
		return v.keys.Author == k.Holder
	case gate.InCareTeam:
		for _, it := range o.w.items {
			for _, tie := range it.current().ties {
				open := (tie.From.IsZero() || !o.now.Before(tie.From)) && (tie.Until.IsZero() || o.now.Before(tie.Until))
				if tie.Holder == k.Holder && open && slices.Contains(v.keys.Subjects, tie.Patient) {
					return true
				}
			}
		}
	}
	return false
}

// sees reports whether a current, undeleted resource is visible for an action.
func (o *oracle) sees(action fhir.Action, it *item) bool {
	return it.live() && o.admits(o.rule(action, it.typ), it, it.current())
}

// holds is the reference evaluation of a condition, hop by hop over what is visible.
func (o *oracle) holds(e search.Expr, it *item, v *version) bool {
	o.t.Helper()
	switch e := e.(type) {
	case nil:
		return true
	case search.And:
		for _, c := range e {
			if !o.holds(c, it, v) {
				return false
			}
		}
		return true
	case search.Or:
		for _, c := range e {
			if o.holds(c, it, v) {
				return true
			}
		}
		return false
	case search.Not:
		return !o.holds(e.Expr, it, v)
	case search.Chain:
		for _, row := range o.references(v, e.Param) {
			to := o.w.byRef[row.Aux+"/"+row.Value]
			if row.Aux == e.Target && to != nil && o.sees(fhir.ActSearch, to) && o.holds(e.Where, to, to.current()) {
				return true
			}
		}
		return false
	case search.Has:
		for _, from := range o.w.items {
			if from.typ != e.Source || !o.sees(fhir.ActSearch, from) {
				continue
			}
			for _, row := range o.references(from.current(), e.Param) {
				if row.Aux == it.typ && row.Value == it.id && o.holds(e.Where, from, from.current()) {
					return true
				}
			}
		}
		return false
	}
	ok, err := o.x.Match(e, o.of(v).root, search.Meta{ID: it.id, LastUpdated: v.at.UnixMicro()})
	if err != nil {
		o.t.Fatalf("oracle: %v", err)
	}
	return ok
}

// references are the rows of a version's literal references by one parameter,
// by all of them when param is nil.
func (o *oracle) references(v *version, param *r4.SearchParam) []search.Row {
	var out []search.Row
	for _, r := range o.of(v).rows {
		if r.Part == search.Whole && r.Param.Type == r4.ParamReference && r.Aux != "" && (param == nil || r.Param == param) {
			out = append(out, r)
		}
	}
	return out
}

// found are the visible matches of a query in the order of its sort.
func (o *oracle) found(q *search.Query) []*item {
	o.t.Helper()
	var out []*item
	for _, it := range o.w.items {
		for _, b := range q.Branches {
			if b.Type == it.typ && o.sees(fhir.ActSearch, it) && o.holds(b.Where, it, it.current()) {
				out = append(out, it)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *item) int {
		for _, k := range q.Sort {
			if c := compare(o.key(a, k), o.key(b, k), k.Descending); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.number, b.number)
	})
	return out
}

// sortValue is what an item sorts by: text, a number, or nothing.
type sortValue struct {
	there  bool
	text   string
	number float64
}

func compare(a, b sortValue, descending bool) int {
	switch {
	case !a.there && !b.there:
		return 0
	case !a.there:
		return 1
	case !b.there:
		return -1
	}
	c := strings.Compare(a.text, b.text)
	if a.number < b.number {
		c = -1
	} else if a.number > b.number {
		c = 1
	}
	if descending {
		return -c
	}
	return c
}

// key is the least value of the parameter, descending the greatest
// (search.html#sort).
func (o *oracle) key(it *item, k search.SortKey) sortValue {
	switch k.Code {
	case "_id":
		return sortValue{there: true, text: it.id}
	case "_lastUpdated":
		return sortValue{there: true, number: float64(it.current().at.UnixMilli())}
	}
	best := sortValue{}
	for _, r := range o.of(it.current()).rows {
		if r.Param.Code != k.Code || r.Part != search.Whole {
			continue
		}
		v := sortValue{there: true}
		switch search.RowKind(r.Param.Type, search.Whole) {
		case search.KindDate:
			v.number = float64(r.Low)
			if k.Descending {
				v.number = float64(r.High)
			}
		case search.KindNumber:
			v.number = r.NumLow
			if k.Descending {
				v.number = r.NumHigh
			}
		default:
			v.text = r.Value
		}
		if !best.there || compare(v, best, k.Descending) < 0 {
			best = v
		}
	}
	return best
}
