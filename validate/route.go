package validate

import (
	"errors"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/r4"
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
	case t.rest == "metadata":
		i.Kind = fhir.Capabilities
		if !get {
			return errMethod
		}
		return nil
	case t.rest == "_history" || t.version != "":
		if !get {
			return errMethod
		}
		return p.history(i, t, pairs)
	case t.id != "" && t.rest != "":
		return p.compartment(i, req, t, pairs)
	case t.rest == "_search":
		if req.Method != "POST" {
			return errMethod
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
		return errMethod
	case t.id == "":
		return p.ofType(i, req, pairs)
	default:
		return p.ofInstance(i, req, pairs)
	}
}

func (p *Parser) ofType(i *fhir.Interaction, req *fhir.Request, pairs []search.Pair) (err error) {
	switch req.Method {
	case "GET", "HEAD":
		return p.search(i, req, nil, pairs)
	case "POST":
		i.Kind = fhir.Create
		if req.IfNoneExist != "" {
			cond, err := query(strings.TrimPrefix(req.IfNoneExist, "?"))
			if err != nil {
				return err
			}
			if i.Query, err = p.condition(i.Type, cond); err != nil {
				return err
			}
		}
		return p.content(i, req)
	case "PUT":
		i.Kind = fhir.Update
		if i.Query, err = p.condition(i.Type, pairs); err != nil {
			return err
		}
		return p.content(i, req)
	case "PATCH":
		i.Kind = fhir.Patch
		if i.Query, err = p.condition(i.Type, pairs); err != nil {
			return err
		}
		return patchBody(i, req)
	case "DELETE":
		i.Kind = fhir.Delete
		i.Query, err = p.condition(i.Type, pairs)
		return err
	}
	return errMethod
}

func (p *Parser) ofInstance(i *fhir.Interaction, req *fhir.Request, pairs []search.Pair) error {
	switch req.Method {
	case "GET", "HEAD":
		i.Kind = fhir.Read
		return p.shape(i, pairs)
	case "PUT":
		i.Kind = fhir.Update
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
		return patchBody(i, req)
	case "DELETE":
		i.Kind = fhir.Delete
		return nil
	}
	return errMethod
}

// content reads and checks the resource of a create or update.
func (p *Parser) content(i *fhir.Interaction, req *fhir.Request) error {
	doc, err := body(req)
	if err != nil {
		return err
	}
	i.Resource = doc
	if p.checked {
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
	p := &fhir.Problem{Code: fhir.Structure, Text: "the body is not well-formed JSON"}
	if errors.As(err, &syn) {
		p.Issues = []fhir.Issue{{Type: "structure", Text: syn.Error()}}
	}
	return p
}

func patchBody(i *fhir.Interaction, req *fhir.Request) error {
	media, _, _ := strings.Cut(req.ContentType, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
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

// search reads a search by GET, or by POST with a form whose parameters add to
// those of the URL (http.html#search).
func (p *Parser) search(i *fhir.Interaction, req *fhir.Request, comp *search.Compartment, pairs []search.Pair) error {
	i.Kind = fhir.SearchType
	if i.Type == "" || comp != nil {
		i.Kind = fhir.SearchSystem
	}
	if req.Method == "POST" {
		form, err := formBody(req)
		if err != nil {
			return err
		}
		pairs = append(pairs, form...)
	}
	var types []string
	switch {
	case comp != nil && i.Type == "*":
	case i.Type != "":
		types = []string{i.Type}
	default:
		types = r4.Resources()
	}
	q, err := search.Parse(types, pairs, p.searchOptions(i.Strict, comp))
	if err != nil {
		return searchProblem(err)
	}
	i.Query = q
	if comp != nil {
		i.Type = ""
	}
	return nil
}

func (p *Parser) searchOptions(strict bool, comp *search.Compartment) search.Options {
	return search.Options{Strict: strict, Base: p.Base, Now: p.Now(), MaxCount: p.maxCount(), MaxChain: p.MaxChain,
		MaxIterate: p.MaxIncl, Compartment: comp}
}

func formBody(req *fhir.Request) ([]search.Pair, error) {
	if len(req.Body) == 0 {
		return nil, nil
	}
	media, _, _ := strings.Cut(req.ContentType, ";")
	if strings.ToLower(strings.TrimSpace(media)) != "application/x-www-form-urlencoded" {
		return nil, fhir.NewProblem(fhir.UnsupportedMedia, "a search by POST takes application/x-www-form-urlencoded")
	}
	return query(string(req.Body))
}

// compartment reads GET [base]/Patient/123/Observation and …/*.
func (p *Parser) compartment(i *fhir.Interaction, req *fhir.Request, t target, pairs []search.Pair) error {
	byPost := req.Method == "POST" && strings.HasSuffix(req.Path, "/_search")
	if req.Method != "GET" && req.Method != "HEAD" && !byPost {
		return errMethod
	}
	switch t.typ {
	case "Patient", "Encounter", "Practitioner", "RelatedPerson", "Device":
	default:
		return errPath
	}
	if _, ok := r4.TypeID(t.rest); !ok && t.rest != "*" {
		return errType
	}
	i.Type, i.ID = t.rest, ""
	return p.search(i, req, &search.Compartment{Type: t.typ, ID: t.id}, pairs)
}

// condition reads the criteria of a conditional interaction. A condition that
// would be ignored in part could hit what it was meant to spare, so it is read
// strictly whatever the client prefers.
func (p *Parser) condition(typ string, pairs []search.Pair) (*search.Query, error) {
	opt := p.searchOptions(true, nil)
	opt.Condition = true
	q, err := search.Parse([]string{typ}, pairs, opt)
	if err != nil {
		return nil, searchProblem(err)
	}
	return q, nil
}

// Condition parses the criteria of a conditional reference, "Patient?identifier=x".
func (p *Parser) Condition(typ, raw string) (*search.Query, error) {
	if _, ok := r4.TypeID(typ); !ok {
		return nil, errType
	}
	pairs, err := query(raw)
	if err != nil {
		return nil, err
	}
	return p.condition(typ, pairs)
}

// searchProblem words a refused query.
func searchProblem(err error) error {
	var e *search.Error
	if !errors.As(err, &e) {
		return err
	}
	p := &fhir.Problem{Code: fhir.Invalid, Text: "the search cannot be done as asked"}
	kind := "invalid"
	switch e.Code {
	case search.BadValue:
		kind = "value"
	case search.NotSupported:
		kind = "not-supported"
	case search.TooCostly:
		kind = "too-costly"
	}
	text := string(e.Text)
	expression := ""
	if e.Parameter != "" {
		text = e.Parameter + ": " + text
		expression = "http." + e.Parameter
	}
	p.Issues = []fhir.Issue{{Type: kind, Text: text, Expression: expression}}
	return p
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
				return fhir.NewProblem(fhir.Invalid, "a read takes only _summary, _elements, _format and _pretty")
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
		return fhir.NewProblem(fhir.Invalid, "_summary=count is for searches")
	}
	i.Summary, i.Elements = q.Summary, q.Elements
	return nil
}
