package store

import (
	"slices"
	"strings"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// drive picks the part of a conjunction that finds candidates, and the rest
// that tests them. A Test comes back when index order can answer it; a Chain or
// Has as a set of rids; nil when every resource of the type is a candidate.
func drive(where search.Expr) (driver search.Expr, rest []search.Expr) {
	list, ok := where.(search.And)
	if !ok && where != nil {
		list = search.And{where}
	}
	best, rank := -1, worst
	for i, e := range list {
		if r := selectivity(e); r < rank {
			best, rank = i, r
		}
	}
	if best < 0 {
		return nil, list
	}
	return list[best], slices.Delete(slices.Clone(list), best, best+1)
}

const worst = 100

// selectivity ranks a condition by how few resources it usually leaves; worst
// when it cannot find candidates by itself.
func selectivity(e search.Expr) int {
	switch e := e.(type) {
	case search.Test:
		return testSelectivity(e)
	case search.Chain:
		if inner, _ := drive(e.Where); inner != nil {
			return 5 + selectivity(inner)/4
		}
	case search.Has:
		if inner, _ := drive(e.Where); inner != nil {
			return 6 + selectivity(inner)/4
		}
	case search.Or:
		return unionSelectivity(e)
	}
	return worst
}

// unionSelectivity is for a compartment reached by several parameters, and for a
// chain to one of several types: candidates of all of the conditions together.
// One that leaves many resources is better tested, and so are very many.
func unionSelectivity(list search.Or) int {
	const few, many = 8, 40
	rank := 0
	for _, e := range list {
		rank = max(rank, selectivity(e))
	}
	if len(list) == 0 || len(list) > few || rank >= many {
		return worst
	}
	return rank + 1
}

func testSelectivity(e search.Test) int {
	if e.Param.Code == "_lastUpdated" || e.Param.Type == r4.ParamComposite || len(e.Values) == 0 {
		return worst
	}
	if e.Param.Code == "_id" {
		return 0
	}
	rank := 0
	for _, v := range e.Values {
		rank = max(rank, valueSelectivity(e, v))
	}
	if len(e.Values) > 1 && rank < worst {
		rank++
	}
	return rank
}

func valueSelectivity(e search.Test, v search.Value) int {
	switch {
	case e.Modifier == search.ByIdentifier || e.Modifier == search.OfType:
		return 1
	case e.Modifier == search.Contains || e.Modifier == search.Above || e.Modifier == search.Below:
		return 70
	case e.Modifier == search.Text:
		return 40
	}
	switch e.Param.Type {
	case r4.ParamReference:
		return 2
	case r4.ParamToken:
		switch {
		case v.Code == "":
			return 80
		case strings.HasSuffix(e.Param.Code, "identifier"):
			return 1
		}
		return 20
	case r4.ParamURI:
		return 10
	case r4.ParamString:
		return 30
	case r4.ParamSpecial: // near: a band of latitudes
		return 60
	case r4.ParamDate, r4.ParamNumber, r4.ParamQuantity:
		if v.Prefix == search.Eq {
			return 50
		}
		return 90
	}
	return worst
}

// inOrder reports whether the index gives a test's rows in the order of a page,
// so that a page can stop when it is full: one value, compared for equality.
func inOrder(e search.Test) bool {
	if len(e.Values) != 1 || e.Param.Code == "_id" || search.RowKind(e.Param.Type, search.PartOf(e.Modifier)) != search.KindText {
		return false
	}
	v := e.Values[0]
	switch {
	case e.Modifier == search.ByIdentifier || e.Modifier == search.OfType:
		return v.Code != ""
	case e.Modifier != search.NoModifier:
		return false
	case e.Param.Type == r4.ParamToken:
		return v.Code != ""
	}
	return e.Param.Type == r4.ParamReference || e.Param.Type == r4.ParamURI
}
