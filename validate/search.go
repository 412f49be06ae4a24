package validate

import (
	"errors"
	"slices"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

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
		if _, err := format(i, form); err != nil {
			return err
		}
		pairs = append(pairs, form...)
	}
	if slices.ContainsFunc(pairs, func(one search.Pair) bool { return one.Name == "_page" }) {
		return errPage
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
	// search.html#summary: the two cannot be mixed.
	if q.Summary == search.SummaryText && len(q.Includes) > 0 {
		return fhir.NewProblem(fhir.Invalid, "_summary=text cannot be combined with includes").At("http._summary")
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

// maxForm is how many bytes a form may have. It is criteria as a URL has them,
// so its bound is near that of a URL and not that of a resource.
const maxForm = 64 << 10

func formBody(req *fhir.Request) ([]search.Pair, error) {
	if len(req.Body) == 0 {
		return nil, nil
	}
	media, err := mediaOf(req.ContentType)
	if err != nil {
		return nil, err
	}
	if media != "application/x-www-form-urlencoded" {
		return nil, fhir.NewProblem(fhir.UnsupportedMedia, "a search by POST takes application/x-www-form-urlencoded").At(placeMedia)
	}
	if len(req.Body) > maxForm {
		return nil, errLongForm
	}
	pairs, ok := query(string(req.Body))
	if !ok {
		return nil, errForm
	}
	return pairs, nil
}

// compartment reads GET [base]/Patient/123/Observation and …/*.
func (p *Parser) compartment(i *fhir.Interaction, req *fhir.Request, t target, pairs []search.Pair) error {
	switch t.typ {
	case "Patient", "Encounter", "Practitioner", "RelatedPerson", "Device":
	default:
		return errPath
	}
	if _, ok := r4.TypeID(t.rest); !ok && t.rest != "*" {
		return errType
	}
	byPost := strings.HasSuffix(req.Path, "/_search")
	switch {
	case byPost && req.Method != "POST":
		return errMethod.Allowing("POST")
	case !byPost && req.Method != "GET" && req.Method != "HEAD":
		return errMethod.Allowing(reading)
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

// at is a refused query whose criteria stand elsewhere than in the URL.
func at(err error, place string) error {
	p := fhir.AsProblem(err).At(place)
	p.Issues = slices.Clone(p.Issues)
	for n := range p.Issues {
		p.Issues[n].Expression = place
	}
	return p
}

// Condition parses the criteria of a conditional reference, "Patient?identifier=x".
func (p *Parser) Condition(typ, raw string) (*search.Query, error) {
	if _, ok := r4.TypeID(typ); !ok {
		return nil, errType
	}
	pairs, ok := query(raw)
	if !ok {
		return nil, errQuery
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
	expression := placeURL
	if e.Parameter != "" {
		text = e.Parameter + ": " + text
		expression = "http." + e.Parameter
	}
	p.Issues = []fhir.Issue{{Type: kind, Text: text, Expression: expression}}
	return p
}
