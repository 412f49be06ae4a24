package search_test

import (
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
