package validate

import (
	"strings"

	"firebreak/fhir"
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

// parameters reads the primitive parameters of a Parameters resource. One that
// has no primitive value is given as an empty one, which no parameter takes.
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
		pair := search.Pair{Name: part.Field("name").Text()}
		for m := range part.Children() {
			if strings.HasPrefix(m.Name(), "value") && (m.Kind() == fhirjson.String || m.Kind() == fhirjson.Number) {
				pair.Value = m.Text()
			}
		}
		out = append(out, pair)
	}
	return out, nil
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
