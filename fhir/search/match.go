package search

import (
	"errors"
	"fmt"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// ErrOtherResources is returned by Match for a chain or _has: one resource's
// body does not hold the answer.
var ErrOtherResources = errors.New("search: the condition needs other resources")

// Meta is what a store knows of a resource besides its body, for the
// parameters _id and _lastUpdated.
type Meta struct {
	ID          string
	LastUpdated int64 // microseconds since 1970 UTC
}

// Match decides whether a resource answers a condition, from its body alone. It
// shares nothing with a store's compiler but the functions of semantics.go. A
// nil condition holds. An error, also for a parameter of another type, means
// that there is no answer: whoever asks for security must deny.
func (x *Extractor) Match(e Expr, resource fhirjson.Node, meta Meta) (bool, error) {
	if e == nil {
		return true, nil
	}
	m := matcher{x: x, resource: resource, meta: meta, rows: map[*r4.SearchParam][]Row{}}
	return m.holds(e)
}

type matcher struct {
	x        *Extractor
	resource fhirjson.Node
	meta     Meta
	rows     map[*r4.SearchParam][]Row
}

func (m *matcher) holds(e Expr) (bool, error) {
	switch e := e.(type) {
	case And:
		for _, c := range e {
			if ok, err := m.holds(c); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case Or:
		for _, c := range e {
			if ok, err := m.holds(c); ok || err != nil {
				return ok && err == nil, err
			}
		}
		return false, nil
	case Not:
		ok, err := m.holds(e.Expr)
		return !ok && err == nil, err
	case Test:
		return m.test(e)
	case Missing:
		rows, err := m.of(e.Param)
		return (len(rows) == 0) == e.Missing && err == nil, err
	case Chain, Has:
		return false, ErrOtherResources
	default:
		return false, fmt.Errorf("search: %T is no condition", e)
	}
}

func (m *matcher) test(t Test) (bool, error) {
	rows, err := m.of(t.Param)
	if err != nil {
		return false, err
	}
	for _, v := range t.Values {
		if t.Param.Type == r4.ParamComposite {
			if TupleMatches(t.Param, v, rows) {
				return true, nil
			}
			continue
		}
		for _, row := range rows {
			if row.Part == PartOf(t.Modifier) && ValueMatches(t.Param.Type, t.Modifier, v, row) {
				return true, nil
			}
		}
	}
	return false, nil
}

// of are the rows of one parameter; _id and _lastUpdated are the store's.
func (m *matcher) of(p *r4.SearchParam) ([]Row, error) {
	if p == nil {
		return nil, errors.New("search: a condition without parameter")
	}
	if m.resource.Field("resourceType").Text() != p.Resource {
		return nil, errors.New("search: the parameter is of another resource type")
	}
	switch p.Code {
	case "_id":
		return []Row{{Param: p, Value: m.meta.ID}}, nil
	case "_lastUpdated":
		return []Row{{Param: p, Low: m.meta.LastUpdated, High: m.meta.LastUpdated + 1}}, nil
	}
	if rows, ok := m.rows[p]; ok {
		return rows, nil
	}
	rows, err := m.x.extractParam(p, m.resource)
	if err == nil {
		m.rows[p] = rows
	}
	return rows, err
}
