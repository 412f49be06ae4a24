package search_test

import (
	"slices"
	"strings"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// sample is a value that a parameter of that type takes.
func sample(p *r4.SearchParam) string {
	switch p.Type {
	case r4.ParamNumber:
		return "ge1.5"
	case r4.ParamDate:
		return "le2020-01"
	case r4.ParamQuantity:
		return "gt5.4|http://unitsofmeasure.org|mg"
	case r4.ParamReference:
		return search.Targets(p)[0] + "/1"
	case r4.ParamURI:
		return "http://example.org/x"
	case r4.ParamComposite:
		var parts []string
		for _, c := range p.Components {
			parts = append(parts, sample(c.Param))
		}
		return strings.Join(parts, "$")
	default:
		return "abc"
	}
}

func TestEveryPublishedParameterIsRead(t *testing.T) {
	n := 0
	for _, typ := range r4.Resources() {
		for _, p := range r4.SearchParams(typ) {
			q, err := search.Parse([]string{typ}, []search.Pair{{Name: p.Code, Value: sample(p)}}, search.Options{Strict: true})
			if p.Type == r4.ParamSpecial {
				if err == nil {
					t.Errorf("%s.%s is special, yet was read as %s", typ, p.Code, show(q.Branches[0].Where))
				}
				continue
			}
			if err != nil {
				t.Errorf("%s?%s=%s: %v", typ, p.Code, sample(p), err)
				continue
			}
			test, ok := q.Branches[0].Where.(search.Test)
			if !ok || test.Param != p || len(test.Values) != 1 {
				t.Errorf("%s?%s=%s is %s", typ, p.Code, sample(p), show(q.Branches[0].Where))
			}
			if _, err := search.Parse([]string{typ}, []search.Pair{{Name: p.Code + ":missing", Value: "true"}}, search.Options{}); err != nil {
				t.Errorf("%s?%s:missing=true: %v", typ, p.Code, err)
			}
			n++
		}
	}
	if n < 2000 {
		t.Errorf("only %d parameters were tried", n)
	}
}

// "start" is a date of a Slot and a code of a GraphDefinition. R4 does not say
// which order the two have together.
func TestSortKeysOfTwoKindsAreUnknown(t *testing.T) {
	types, mixed := r4.Resources(), pairs(t, "_type=Slot,GraphDefinition&_sort=start,_id")
	q, err := search.Parse(types, mixed, search.Options{})
	if err != nil || !slices.Equal(q.Sort, []search.SortKey{{Code: "_id"}}) || !slices.Equal(q.Ignored, []string{"_sort"}) {
		t.Errorf("Sort = %v, Ignored = %v, %v; want _id alone", q.Sort, q.Ignored, err)
	}
	if _, err := search.Parse(types, mixed, search.Options{Strict: true}); err == nil {
		t.Error("strict handling took a key of two kinds")
	}
	q, err = search.Parse(types, pairs(t, "_type=Slot&_sort=start"), search.Options{Strict: true})
	if err != nil || len(q.Sort) != 1 {
		t.Errorf("of one type: %v, want start", err)
	}
	q, err = search.Parse(types, pairs(t, "_type=Observation,Procedure&_sort=-date"), search.Options{Strict: true})
	if err != nil || len(q.Sort) != 1 {
		t.Errorf("of one kind: %v, want -date", err)
	}
}

// Within the limits of parameters and alternatives a query can still ask for more
// constants than a database takes in one statement, or can prepare in time.
func TestAQueryIsBoundedByWhatItAsksOfAStore(t *testing.T) {
	opt := search.Options{Strict: true}
	for _, c := range []struct {
		typ, name, value        string
		alternatives, times, of int // of: so many times it is too much
	}{
		{"Patient", "name", "a", 100, 20, 26},
		{"Observation", "date", "ge2020", 100, 10, 13},
		{"Observation", "value-quantity", "ne2|http://u|mg", 100, 10, 13},
		{"Observation", "code-value-quantity", "http://l|c$2|http://u|mg", 100, 4, 6},
		{"Location", "near", "47|8|1|km", 50, 1, 3},
		{"Provenance", "target._tag:missing", "true", 1, 2, 3},
		{"Patient", "_profile:above", "http://e/" + strings.Repeat("a/", 1000), 1, 1, 3},
		{"Patient", "_profile:above", "http://e/" + strings.Repeat("a/", 5000), 1, 0, 1},
	} {
		one := c.name + "=" + strings.TrimSuffix(strings.Repeat(c.value+",", c.alternatives), ",") + "&"
		if _, err := search.Parse([]string{c.typ}, pairs(t, strings.Repeat(one, c.times)), opt); err != nil {
			t.Errorf("%s, %d times: %v", c.name, c.times, err)
		}
		_, err := search.Parse([]string{c.typ}, pairs(t, strings.Repeat(one, c.of)), opt)
		if e, ok := err.(*search.Error); !ok || e.Code != search.TooCostly {
			t.Errorf("%s, %d times: %v, want too costly", c.name, c.of, err)
		}
	}
}
