package validate

import (
	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// operation reads $everything and $validate; others are not supported.
func (p *Parser) operation(i *fhir.Interaction, req *fhir.Request, t target, pairs []search.Pair) error {
	i.Kind, i.Operation = fhir.Operation, t.rest
	switch t.rest {
	case "$everything":
		return p.everything(i, req, t, pairs)
	case "$validate":
		return p.validateOperation(i, req, t)
	}
	return fhir.NewProblem(fhir.NotSupported, "the operation is not supported")
}

// everything reads Patient/[id]/$everything
// (http://hl7.org/fhir/R4/patient-operation-everything.html) as a search of the
// patient's compartment.
func (p *Parser) everything(i *fhir.Interaction, req *fhir.Request, t target, pairs []search.Pair) error {
	if t.typ != "Patient" || t.id == "" {
		return fhir.NewProblem(fhir.NotSupported, "$everything is supported on a Patient instance")
	}
	if req.Method == "POST" {
		more, err := parameters(req)
		if err != nil {
			return err
		}
		pairs = append(pairs, more...)
	} else if req.Method != "GET" && req.Method != "HEAD" {
		return errMethod
	}
	var kept []search.Pair
	var span [2]string
	for _, pair := range pairs {
		switch pair.Name {
		case "start":
			span[0] = pair.Value
		case "end":
			span[1] = pair.Value
		case "_since":
			kept = append(kept, search.Pair{Name: "_lastUpdated", Value: "ge" + pair.Value})
		case "_type", "_count":
			kept = append(kept, pair)
		case "_format", "_pretty":
		default:
			if i.Strict {
				return fhir.NewProblem(fhir.Invalid, "$everything takes start, end, _since, _type and _count")
			}
		}
	}
	q, err := search.Parse(nil, kept, p.searchOptions(i.Strict, &search.Compartment{Type: "Patient", ID: t.id}))
	if err != nil {
		return searchProblem(err)
	}
	if err := p.span(q, span); err != nil {
		return err
	}
	i.Query = q
	return nil
}

// span restricts types with a clinical date to [start, end]; what has no date
// stays in.
func (p *Parser) span(q *search.Query, span [2]string) error {
	for n, prefix := range []string{"ge", "le"} {
		if span[n] == "" {
			continue
		}
		if _, _, ok := search.DateInterval(span[n]); !ok {
			return fhir.NewProblem(fhir.Value, "start and end must be dates")
		}
		for b := range q.Branches {
			param, ok := r4.LookupSearchParam(q.Branches[b].Type, "date")
			if !ok || param.Type != r4.ParamDate {
				continue
			}
			one, err := search.Parse([]string{q.Branches[b].Type}, []search.Pair{{Name: "date", Value: prefix + span[n]}}, p.searchOptions(true, nil))
			if err != nil {
				return searchProblem(err)
			}
			in := search.Or{one.Branches[0].Where, search.Missing{Param: param, Missing: true}}
			q.Branches[b].Where = search.And{q.Branches[b].Where, in}
		}
	}
	return nil
}

// parameters reads the primitive parameters of a Parameters resource.
func parameters(req *fhir.Request) ([]search.Pair, error) {
	if len(req.Body) == 0 {
		return nil, nil
	}
	doc, err := body(req)
	if err != nil {
		return nil, err
	}
	if err := Content(doc.Root(), "Parameters"); err != nil {
		return nil, err
	}
	var out []search.Pair
	for part := range doc.Root().Field("parameter").Each() {
		for m := range part.Children() {
			if m.Name() != "name" && (m.Kind() == fhirjson.String || m.Kind() == fhirjson.Number) {
				out = append(out, search.Pair{Name: part.Field("name").Text(), Value: m.Text()})
			}
		}
	}
	return out, nil
}

// validateOperation reads the resource to be validated, bare or in Parameters.
func (p *Parser) validateOperation(i *fhir.Interaction, req *fhir.Request, t target) error {
	if req.Method != "POST" || t.typ == "" {
		return errMethod
	}
	doc, err := body(req)
	if err != nil {
		return err
	}
	i.Resource = doc
	return nil
}
