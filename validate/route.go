package validate

import (
	"errors"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// route decides the interaction from method and path
// (http://hl7.org/fhir/R4/http.html#summary) and reads what it needs.
func (p *Parser) route(i *fhir.Interaction, req *fhir.Request, t target, pairs []search.Pair) error {
	i.Type, i.ID = t.typ, t.id
	get := req.Method == "GET" || req.Method == "HEAD"
	switch {
	case strings.HasPrefix(t.rest, "$"):
		return p.operation(i, req, t, pairs)
	case t.rest == "metadata" && t.typ == "":
		i.Kind = fhir.Capabilities
		if !get {
			return errMethod.Allowing(reading)
		}
		return statementMode(pairs)
	case t.rest == "_history" || t.version != "":
		if !get {
			return errMethod.Allowing(reading)
		}
		return p.history(i, t, pairs)
	case t.id != "" && t.rest != "":
		return p.compartment(i, req, t, pairs)
	case t.rest == "_search":
		if req.Method != "POST" {
			return errMethod.Allowing("POST")
		}
		return p.search(i, req, nil, pairs)
	case t.rest != "":
		return errPath
	case t.typ == "":
		switch {
		case get:
			return p.search(i, req, nil, pairs)
		case req.Method == "POST":
			return p.bundle(i, req)
		}
		return errMethod.Allowing(reading + ", POST")
	case t.id == "":
		return p.ofType(i, req, pairs)
	default:
		return p.ofInstance(i, req, pairs)
	}
}

// reading are the methods that read.
const reading = "GET, HEAD"

// statementMode reads the mode of http.html#capabilities. This server's whole
// statement is its normative part as well; terminology has one of its own.
func statementMode(pairs []search.Pair) error {
	for _, pair := range pairs {
		if pair.Name != "mode" {
			continue
		}
		switch pair.Value {
		case "full", "normative":
		case "terminology":
			return fhir.NewProblem(fhir.NotSupported, "this server has no terminology service").At("http.mode")
		default:
			return fhir.NewProblem(fhir.Value, "mode must be full, normative or terminology").At("http.mode")
		}
	}
	return nil
}

func (p *Parser) ofType(i *fhir.Interaction, req *fhir.Request, pairs []search.Pair) (err error) {
	switch req.Method {
	case "GET", "HEAD":
		return p.search(i, req, nil, pairs)
	case "POST":
		i.Kind = fhir.Create
		if err := p.unused(i, pairs); err != nil {
			return err
		}
		if req.IfNoneExist != "" {
			cond, ok := query(strings.TrimPrefix(req.IfNoneExist, "?"))
			if !ok {
				return fhir.NewProblem(fhir.Invalid, "the criteria are malformed").At("http.If-None-Exist")
			}
			if i.Query, err = p.condition(i.Type, cond); err != nil {
				return at(err, "http.If-None-Exist")
			}
		}
		return p.content(i, req)
	case "PUT":
		i.Kind = fhir.Update
		if i.Query, err = p.condition(i.Type, bare(pairs)); err != nil {
			return err
		}
		return p.content(i, req)
	case "PATCH":
		i.Kind = fhir.Patch
		if i.Query, err = p.condition(i.Type, bare(pairs)); err != nil {
			return err
		}
		return patchBody(i, req)
	case "DELETE":
		i.Kind = fhir.Delete
		i.Query, err = p.condition(i.Type, bare(pairs))
		return err
	}
	return errMethod.Allowing(reading + ", POST, PUT, PATCH, DELETE")
}

func (p *Parser) ofInstance(i *fhir.Interaction, req *fhir.Request, pairs []search.Pair) error {
	switch req.Method {
	case "GET", "HEAD":
		i.Kind = fhir.Read
		return p.shape(i, pairs)
	case "PUT":
		i.Kind = fhir.Update
		if err := p.unused(i, pairs); err != nil {
			return err
		}
		if err := p.content(i, req); err != nil {
			return err
		}
		// http.html#update: the id SHALL be there and equal.
		if !i.Resource.Root().Field("id").Is(i.ID) {
			return fhir.NewProblem(fhir.Invalid, "the resource's id must equal the id in the URL").At(i.Type + ".id")
		}
		return nil
	case "PATCH":
		i.Kind = fhir.Patch
		if err := p.unused(i, pairs); err != nil {
			return err
		}
		return patchBody(i, req)
	case "DELETE":
		i.Kind = fhir.Delete
		return p.unused(i, pairs)
	}
	return errMethod.Allowing(reading + ", PUT, PATCH, DELETE")
}

// unused passes over the parameters of a change that names its target, or
// refuses them when handling is strict.
func (p *Parser) unused(i *fhir.Interaction, pairs []search.Pair) error {
	if i.Strict && len(bare(pairs)) > 0 {
		return fhir.NewProblem(fhir.Invalid, "only _format and _pretty are known here").At(placeURL)
	}
	return nil
}

// content reads and checks the resource of a create or update.
func (p *Parser) content(i *fhir.Interaction, req *fhir.Request) error {
	doc, err := body(req)
	if err != nil {
		return err
	}
	i.Resource = doc
	if p.checked && doc.Root().Field("resourceType").Is(i.Type) {
		return nil
	}
	return Content(doc.Root(), i.Type)
}

// Content checks a resource's structure for a write.
func Content(root fhirjson.Node, typ string) error {
	if issues := Resource(root, typ); len(issues) > 0 {
		return problem(issues)
	}
	return nil
}

func problem(issues []Issue) *fhir.Problem {
	p := &fhir.Problem{Code: fhir.Invalid, Text: "the content is not a valid resource"}
	for _, is := range issues {
		p.Issues = append(p.Issues, fhir.Issue{Type: is.Code, Expression: is.Expression, Text: is.Text})
	}
	return p
}

func syntaxProblem(err error) *fhir.Problem {
	var syn *fhirjson.SyntaxError
	p := &fhir.Problem{Code: fhir.Structure, Text: "the body is not well-formed JSON", Expression: placeBody}
	if errors.As(err, &syn) {
		p.Issues = []fhir.Issue{{Type: "structure", Text: syn.Error(), Expression: pointed(syn.Path)}}
	}
	return p
}

// pointed is a JSON Pointer as a path of FHIRPath, as far as its names look
// like names and not like content.
func pointed(pointer string) string {
	var b strings.Builder
	b.WriteString(placeBody)
	for _, token := range strings.Split(pointer, "/")[1:] {
		index := strings.Trim(token, "0123456789") == "" && token != ""
		switch {
		case index && len(token) < 9:
			b.WriteString("[" + token + "]")
		case safeName([]byte(token)):
			b.WriteString("." + token)
		default:
			return b.String()
		}
	}
	return b.String()
}

func patchBody(i *fhir.Interaction, req *fhir.Request) error {
	media, err := mediaOf(req.ContentType)
	if err != nil {
		return err
	}
	switch media {
	case "application/json-patch+json":
	case "application/fhir+json", "application/json":
		return errFHIRPatch
	default:
		return errPatch
	}
	if len(req.Body) == 0 {
		return errBody
	}
	doc, err := parse(req.Body)
	if err != nil {
		return err
	}
	i.JSONPatch = doc
	return nil
}

// history reads the parameters of http.html#history.
func (p *Parser) history(i *fhir.Interaction, t target, pairs []search.Pair) error {
	if t.version != "" {
		i.Kind, i.Version = fhir.VRead, t.version
		return p.shape(i, pairs)
	}
	i.Kind = fhir.HistorySystem
	if t.typ != "" {
		i.Kind = fhir.HistoryType
	}
	if t.id != "" {
		i.Kind = fhir.HistoryInstance
	}
	h, err := historyParameters(pairs, i.Strict, p.maxCount())
	i.History = h
	return err
}

func (p *Parser) maxCount() int {
	if p.MaxCount > 0 {
		return p.MaxCount
	}
	return 500
}

// shape reads _summary and _elements of a read.
func (p *Parser) shape(i *fhir.Interaction, pairs []search.Pair) error {
	var keep []search.Pair
	for _, pair := range pairs {
		switch pair.Name {
		case "_summary", "_elements":
			keep = append(keep, pair)
		case "_format", "_pretty":
		default:
			if i.Strict {
				return fhir.NewProblem(fhir.Invalid, "a read takes only _summary, _elements, _format and _pretty").At(placeURL)
			}
		}
	}
	if len(keep) == 0 {
		return nil
	}
	q, err := search.Parse([]string{i.Type}, keep, p.searchOptions(i.Strict, nil))
	if err != nil {
		return searchProblem(err)
	}
	if q.Summary == search.SummaryCount {
		return fhir.NewProblem(fhir.Invalid, "_summary=count is for searches").At("http._summary")
	}
	i.Summary, i.Elements = q.Summary, q.Elements
	return nil
}
