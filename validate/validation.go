package validate

import (
	"fmt"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// validateOperation reads the resource to be validated, bare or in Parameters,
// and what it is to be validated for
// (http://hl7.org/fhir/R4/resource-operation-validate.html). What is wrong here
// is an error of the request: "A 4xx or 5xx error means that the validation
// itself could not be performed".
func (p *Parser) validateOperation(i *fhir.Interaction, req *fhir.Request, t target, pairs []search.Pair) error {
	if t.typ == "" {
		return fhir.NewProblem(fhir.NotSupported, "$validate is supported on a type and on an instance").At(placeURL)
	}
	if req.Method != "POST" {
		return errMethod.Allowing("POST")
	}
	ask := validateAsk{typ: t.typ, seen: map[string]bool{}}
	for _, pair := range bare(pairs) {
		switch pair.Name {
		case "mode", "profile":
			if err := ask.set(pair.Name, pair.Value, "http."+pair.Name, "http."+pair.Name); err != nil {
				return err
			}
		default:
			if i.Strict {
				return fhir.NewProblem(fhir.Invalid, "$validate takes resource, mode and profile").At(placeURL)
			}
		}
	}
	if len(req.Body) > 0 {
		doc, err := body(req)
		if err != nil {
			return err
		}
		i.Resource = doc
		if err := ask.parameters(doc.Root()); err != nil {
			return err
		}
	}
	if i.Resource == nil && ask.mode != "delete" { // of which nothing but the deletion itself would be validated
		return errBody
	}
	i.Mode = ask.mode
	return nil
}

// validateAsk collects the parameters of $validate.
type validateAsk struct {
	typ  string
	seen map[string]bool
	mode string
}

// parameters reads those around the resource. What is in the resource is not
// looked at: it is what the answer is about. Where the type is Parameters, the
// body is the resource itself.
func (a *validateAsk) parameters(root fhirjson.Node) error {
	if a.typ == "Parameters" || !root.Field("resourceType").Is("Parameters") {
		return nil
	}
	c := newChecker(root, "Parameters")
	c.outline = true
	c.resource(root, "Parameters", topLevel)
	if len(c.issues) > 0 {
		return problem(c.issues)
	}
	n := 0
	for part := range root.Field("parameter").Each() {
		if err := a.part(part, fmt.Sprintf("Parameters.parameter[%d]", n)); err != nil {
			return err
		}
		n++
	}
	return nil
}

func (a *validateAsk) part(part fhirjson.Node, place string) error {
	name := part.Field("name").Text()
	var types []string
	switch name {
	case "resource":
		types = []string{"resource"}
	case "mode":
		types = []string{"valueCode"}
	case "profile": // a uri in R4, a canonical for later clients
		types = []string{"valueUri", "valueCanonical"}
	default:
		return fhir.NewProblem(fhir.Invalid, "$validate takes resource, mode and profile").At(place + ".name")
	}
	for _, typ := range types {
		if v := part.Field(typ); v.Exists() {
			return a.set(name, v.Text(), place, place+".value")
		}
	}
	return fhir.NewProblem(fhir.Value, "the parameter's value is not of its type").At(place)
}

// set takes a parameter, which stands at place, and its value, which stands at
// valuePlace.
func (a *validateAsk) set(name, value, place, valuePlace string) error {
	if a.seen[name] {
		return fhir.NewProblem(fhir.Invalid, "a parameter of $validate may be given once").At(place)
	}
	a.seen[name] = true
	switch name {
	case "mode":
		switch value {
		case "create", "update", "delete", "profile":
			a.mode = value
		default:
			return fhir.NewProblem(fhir.Value, "mode must be create, update, delete or profile").At(valuePlace)
		}
	case "profile":
		return a.profile(value, valuePlace)
	}
	return nil
}

// profile accepts the definitions that Content checks: that of the type itself
// and those it is derived from. "If a profile is nominated, and the server
// cannot validate against the nominated profile, it SHALL return an error".
func (a *validateAsk) profile(url, place string) error {
	if url == "" {
		return fhir.NewProblem(fhir.Value, "profile must be the URL of a StructureDefinition").At(place)
	}
	url, version, _ := strings.Cut(url, "|")
	name, ok := strings.CutPrefix(url, "http://hl7.org/fhir/StructureDefinition/")
	if t, known := r4.LookupType(name); ok && known && t.Kind == r4.KindResource && (version == "" || version == "4.0.1" || version == "4.0") {
		for typ := a.typ; typ != ""; typ = baseOf(typ) {
			if typ == name {
				return nil
			}
		}
		return fhir.NewProblem(fhir.Invalid, "the profile is of another type than the one to be validated").At(place)
	}
	p := fhir.NewProblem(fhir.Invalid, "profiles other than the type's own definition are not supported yet").At(place)
	p.Issues = []fhir.Issue{{Type: "not-supported", Text: string(p.Text), Expression: place}}
	return p
}

func baseOf(typ string) string {
	if t, ok := r4.LookupType(typ); ok {
		return t.Base
	}
	return ""
}
