package validate

import (
	"strings"

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
		return p.validateOperation(i, req, t, pairs)
	}
	return fhir.NewProblem(fhir.NotSupported, "the operation is not supported").At(placeURL)
}

// everything reads Patient/[id]/$everything
// (http://hl7.org/fhir/R4/patient-operation-everything.html) as a search of the
// patient's compartment, with what it refers to.
func (p *Parser) everything(i *fhir.Interaction, req *fhir.Request, t target, pairs []search.Pair) error {
	if t.typ != "Patient" || t.id == "" {
		return fhir.NewProblem(fhir.NotSupported, "$everything is supported on a Patient instance").At(placeURL)
	}
	if req.Method == "POST" {
		more, err := parameters(req)
		if err != nil {
			return err
		}
		pairs = append(pairs, more...)
	} else if req.Method != "GET" && req.Method != "HEAD" {
		return errMethod.Allowing(reading + ", POST")
	}
	ask := everythingAsk{seen: map[string]bool{}}
	for _, pair := range pairs {
		if err := ask.read(pair, i.Strict); err != nil {
			return err
		}
	}
	if len(ask.outside) == 0 && len(ask.inside) > 0 {
		ask.kept = append(ask.kept, search.Pair{Name: "_type", Value: strings.Join(ask.inside, ",")})
	}
	q, err := search.Parse(nil, ask.kept, p.searchOptions(i.Strict, &search.Compartment{Type: "Patient", ID: t.id}))
	if err != nil {
		return searchProblem(err)
	}
	if err := p.span(q, ask.span); err != nil {
		return err
	}
	// The patient's record refers to what is outside of it: practitioners,
	// places, products. Of these _type may ask for some, or none.
	q.Used, q.Includes = ask.used, nil
	if ask.types == nil {
		q.Includes = []search.Include{{All: true}}
	}
	for _, typ := range ask.types {
		q.Includes = append(q.Includes, search.Include{All: true, Target: typ})
	}
	if len(ask.outside) > 0 {
		q.Total = search.TotalNone // what is referred to is not counted
	}
	i.Query, i.Types = q, ask.types
	return nil
}

// everythingAsk collects the parameters of $everything.
type everythingAsk struct {
	seen            map[string]bool
	kept, used      []search.Pair
	span            [2]string
	types           []string // of _type: all of them, those in the
	inside, outside []string // patient compartment, and the others
}

func (a *everythingAsk) read(pair search.Pair, strict bool) error {
	switch pair.Name {
	case "start", "end", "_since", "_type", "_count":
		if a.seen[pair.Name] {
			return fhir.NewProblem(fhir.Invalid, "a parameter of $everything may be given once").At("http." + pair.Name)
		}
		a.seen[pair.Name] = true
		a.used = append(a.used, pair)
	case "_format", "_pretty":
		return nil
	default:
		if strict {
			return fhir.NewProblem(fhir.Invalid, "$everything takes start, end, _since, _type and _count").At(placeURL)
		}
		return nil
	}
	switch pair.Name {
	case "start":
		a.span[0] = pair.Value
	case "end":
		a.span[1] = pair.Value
	case "_since":
		a.kept = append(a.kept, search.Pair{Name: "_lastUpdated", Value: "ge" + pair.Value})
	case "_count":
		a.kept = append(a.kept, pair)
	case "_type":
		for typ := range strings.SplitSeq(pair.Value, ",") {
			if _, ok := r4.TypeID(typ); !ok {
				return fhir.NewProblem(fhir.Value, "_type must name resource types").At("http._type")
			}
			a.types = append(a.types, typ)
			if _, ok := r4.CompartmentParams("Patient", typ); ok {
				a.inside = append(a.inside, typ)
				continue
			}
			a.outside = append(a.outside, typ)
		}
	}
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
			return fhir.NewProblem(fhir.Value, "start and end must be dates").At("http." + [2]string{"start", "end"}[n])
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

// validateOperation reads the resource to be validated, bare or in Parameters,
// and what it is to be validated for
// (http://hl7.org/fhir/R4/resource-operation-validate.html).
func (p *Parser) validateOperation(i *fhir.Interaction, req *fhir.Request, t target, pairs []search.Pair) error {
	if req.Method != "POST" || t.typ == "" {
		return errMethod.Allowing("POST")
	}
	mode := ""
	for _, pair := range pairs {
		if pair.Name == "mode" {
			mode = pair.Value
		}
	}
	if len(req.Body) > 0 {
		doc, err := body(req)
		if err != nil {
			return err
		}
		i.Resource = doc
		for part := range validateParameters(doc.Root(), t.typ).Each() {
			if part.Field("name").Is("mode") {
				mode = part.Field("valueCode").Text()
			}
		}
	}
	switch mode {
	case "", "create", "update", "profile":
		if i.Resource == nil {
			return errBody
		}
	case "delete": // nothing but the deletion itself would be validated
	default:
		return fhir.NewProblem(fhir.Value, "mode must be create, update, delete or profile").At("http.mode")
	}
	i.Mode = mode
	return nil
}

// validateParameters are the parameters around the resource to be validated; a
// Parameters resource is itself validated where that is the type.
func validateParameters(root fhirjson.Node, typ string) fhirjson.Node {
	if typ == "Parameters" || !root.Field("resourceType").Is("Parameters") {
		return fhirjson.Node{}
	}
	return root.Field("parameter")
}

// ToValidate is the resource that $validate is about, absent when there is none.
func ToValidate(i *fhir.Interaction) fhirjson.Node {
	if i.Resource == nil {
		return fhirjson.Node{}
	}
	root := i.Resource.Root()
	if !root.Field("resourceType").Is("Parameters") || i.Type == "Parameters" {
		return root
	}
	for part := range root.Field("parameter").Each() {
		if part.Field("name").Is("resource") {
			return part.Field("resource")
		}
	}
	return fhirjson.Node{}
}
