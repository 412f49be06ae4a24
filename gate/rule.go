package gate

import (
	"slices"

	"firebreak/fhir/search"
)

// Rule is a decision about rows not yet fetched: what a store must hold every
// row to that it lets a query see. It may ask for three things and nothing
// else: the row's class, its keys, and search parameters of the row itself.
type Rule interface{ rule() }

type (
	// Always holds for every row; Never for none.
	Always struct{}
	Never  struct{}
	// Every holds when all of its rules do, Either when one does.
	Every  []Rule
	Either []Rule
	// Unless holds when its rule does not.
	Unless struct{ Rule Rule }
	// ClassTest asks the row's class. Text says what, for explain.
	ClassTest struct {
		Text  string
		Holds func(Class) bool
	}
	// KeyTest asks the row's keys.
	KeyTest struct {
		Relation Relation
		Holder   string // SubjectIs: a Patient id; else a reference, "Practitioner/…"
	}
	// Residual asks search parameters of the row, as a SMART scope's search
	// arguments do. It holds for no row of another type.
	Residual struct {
		Type  string
		Where search.Expr // no Chain, no Has
		Text  string
	}
)

func (Always) rule()    {}
func (Never) rule()     {}
func (Every) rule()     {}
func (Either) rule()    {}
func (Unless) rule()    {}
func (ClassTest) rule() {}
func (KeyTest) rule()   {}
func (Residual) rule()  {}

// Relation is a tie between a holder and a row.
type Relation string

// The relations.
const (
	SubjectIs  Relation = "subject"   // the row is the record of this patient
	InCareTeam Relation = "care-team" // an asserted care team of a subject names the holder
	AuthorIs   Relation = "author"    // the holder wrote this version
)

// And is the meet of rules, folded.
func And(rules ...Rule) Rule {
	var one Rule
	n := 0
	for _, r := range rules {
		switch r := r.(type) {
		case nil, Never:
			return Never{}
		case Always:
		case Every:
			if n += len(r); len(r) > 0 {
				one = r[0]
			}
		default:
			one = r
			n++
		}
	}
	switch n {
	case 0:
		return Always{}
	case 1:
		return one
	}
	out := make(Every, 0, n)
	for _, r := range rules {
		switch r := r.(type) {
		case Always:
		case Every:
			out = append(out, r...)
		default:
			out = append(out, r)
		}
	}
	return out
}

// Or is the join of rules, folded.
func Or(rules ...Rule) Rule {
	var out Either
	for _, r := range rules {
		switch r := r.(type) {
		case nil, Never:
		case Always:
			return Always{}
		case Either:
			out = append(out, r...)
		default:
			out = append(out, r)
		}
	}
	switch len(out) {
	case 0:
		return Never{}
	case 1:
		return out[0]
	}
	return out
}

// Except negates a rule, folded.
func Except(r Rule) Rule {
	switch r := r.(type) {
	case nil, Always:
		return Never{}
	case Never:
		return Always{}
	case Unless:
		return r.Rule
	}
	return Unless{r}
}

// AtClass is the rule for rows of one class: what is left to ask of keys and
// content when every question about the class is answered. A store calls it
// once per interned class.
func AtClass(r Rule, c Class) Rule {
	switch r := r.(type) {
	case Every:
		out := make([]Rule, len(r))
		for i, x := range r {
			out[i] = AtClass(x, c)
		}
		return And(out...)
	case Either:
		out := make([]Rule, len(r))
		for i, x := range r {
			out[i] = AtClass(x, c)
		}
		return Or(out...)
	case Unless:
		if missing(r) {
			return Never{}
		}
		return Except(AtClass(r.Rule, c))
	case ClassTest:
		if r.Holds(c) {
			return Always{}
		}
		return Never{}
	case Residual:
		if r.Type != c.Type {
			return Never{}
		}
		return r
	case nil:
		return Never{}
	default:
		return r
	}
}

// missing reports whether a part of the rule is nil, which nobody wrote. It
// denies, so it must not be negated into a permission.
func missing(r Rule) bool {
	switch r := r.(type) {
	case nil:
		return true
	case Every:
		return slices.ContainsFunc(r, missing)
	case Either:
		return slices.ContainsFunc(r, missing)
	case Unless:
		return missing(r.Rule)
	}
	return false
}
