package validate

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// bundle reads a batch or transaction (http.html#transaction). Each entry goes
// through the same parser as a request of its own, so nothing is checked less.
func (p *Parser) bundle(i *fhir.Interaction, req *fhir.Request) error {
	doc, err := body(req)
	if err != nil {
		return err
	}
	root := doc.Root()
	var issues []Issue
	var apart [][]Issue // by entry
	inner := *p
	switch root.Field("type").Text() {
	case "batch":
		i.Kind = fhir.Batch
		issues, apart = batch(root)
	case "transaction":
		i.Kind = fhir.Transaction
		issues = Resource(root, "Bundle")
		inner.checked = true
	default:
		return fhir.NewProblem(fhir.Invalid, "only Bundles of type batch or transaction can be posted here").At("Bundle.type")
	}
	if len(issues) > 0 {
		return problem(issues)
	}
	i.Resource = doc
	limit := p.MaxEntries
	if limit == 0 {
		limit = 1000
	}
	if root.Field("entry").Len() > limit {
		return fhir.NewProblem(fhir.TooMuch, "too many entries").At("Bundle.entry")
	}
	n := 0
	for entry := range root.Field("entry").Each() {
		place := fmt.Sprintf("Bundle.entry[%d]", n)
		e := fhir.Entry{Place: place, Raw: entry.Raw()}
		if n < len(apart) && len(apart[n]) > 0 {
			e.Problem = problem(apart[n])
			e.Problem.Text = "the entry is not valid"
		} else {
			inner.entry(&e, req, entry)
		}
		if e.Problem != nil && i.Kind == fhir.Transaction {
			return e.Problem
		}
		i.Entries = append(i.Entries, e)
		n++
	}
	return nil
}

// batch checks the structure of a Bundle whose entries answer for themselves:
// what is wrong in one is among entries, by ordinal, and the Bundle's own issues
// are issues. The entries' resources are left to their interactions.
func batch(root fhirjson.Node) (issues []Issue, entries [][]Issue) {
	entries = make([][]Issue, 0, root.Field("entry").Len())
	c := newChecker(root, "Bundle")
	c.entries = &entries
	c.resource(root, "Bundle", topLevel)
	return c.issues, entries
}

// apart checks each entry of a batch by itself, so that no number of issues in
// one keeps those of another from being seen.
func (c *checker) apart(o *object, e *r4.Element, t *r4.Type, items fhirjson.Node) {
	i := 0
	for item := range items.Children() {
		one := *c
		one.issues, one.entries, one.outline = nil, nil, true
		one.at(i)
		one.value(o, e, t, item)
		*c.entries = append(*c.entries, one.issues)
		i++
	}
}

// entry parses one entry as the request it stands for.
func (p *Parser) entry(e *fhir.Entry, outer *fhir.Request, entry fhirjson.Node) {
	r := entry.Field("request")
	e.FullURL = entry.Field("fullUrl").Text()
	if !r.Exists() {
		e.Problem = fhir.NewProblem(fhir.Required, "an entry needs a request").At(e.Place + ".request")
		return
	}
	sub := fhir.Request{Method: r.Field("method").Text(), IfMatch: r.Field("ifMatch").Text(), IfNoneMatch: r.Field("ifNoneMatch").Text(),
		IfNoneExist: r.Field("ifNoneExist").Text(), Prefer: outer.Prefer, Visit: outer.Visit, Base: outer.Base}
	sub.Path, sub.Query = p.requestURL(r.Field("url").Text())
	e.Method, e.Path, e.Query = sub.Method, sub.Path, sub.Query
	for _, name := range [...]string{"url", "ifNoneExist"} { // as the transport does with those of a request
		if len(r.Field(name).Text()) > cmp.Or(p.MaxURL, 8<<10) {
			e.Problem = fhir.NewProblem(fhir.TooLong, "the URL is longer than the limit").At(e.Place + ".request." + name)
			return
		}
	}
	if res := entry.Field("resource"); res.Exists() {
		sub.Body, sub.ContentType = res.Raw(), "application/fhir+json"
		if sub.Method == "PATCH" {
			var problem *fhir.Problem
			if sub.Body, problem = binaryPatch(res, e.Place); problem != nil {
				e.Problem = problem
				return
			}
			sub.ContentType = "application/json-patch+json"
		}
	}
	inner, err := p.Interaction(&sub)
	if err != nil {
		e.Problem = Within(fhir.AsProblem(err), e.Place)
		return
	}
	switch inner.Kind {
	case fhir.Batch, fhir.Transaction:
		e.Problem = fhir.NewProblem(fhir.Invalid, "a Bundle may not contain a batch or transaction").At(e.Place)
		return
	}
	// An instant, to the millisecond, where the header has whole seconds.
	inner.IfModifiedSince, _ = time.Parse(time.RFC3339Nano, r.Field("ifModifiedSince").Text())
	e.Interaction = inner
}

// requestURL is Bundle.entry.request.url as path below the base and query; it
// is relative to the base, or absolute below it (bundle.html#requests).
func (p *Parser) requestURL(url string) (path, query string) {
	path, query, _ = strings.Cut(url, "?")
	if path == p.Base {
		return "", query
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, p.Base+"/"), "/"), query
}

// Within moves a problem's places into the entry of a Bundle.
func Within(p *fhir.Problem, place string) *fhir.Problem {
	q := *p
	q.Allow = "" // of the entry's URL, not of the Bundle's
	q.Expression = join(place, p.Expression)
	q.Issues = nil
	for _, is := range p.Issues {
		is.Expression = join(place, is.Expression)
		q.Issues = append(q.Issues, is)
	}
	return &q
}

func join(place, expression string) string {
	if expression == "" {
		return place
	}
	if header, ok := strings.CutPrefix(expression, "http."); ok {
		return place + requestPlace(header)
	}
	// Patient.name[0] is at Bundle.entry[1].resource.name[0].
	if _, rest, ok := strings.Cut(expression, "."); ok {
		return place + ".resource." + rest
	}
	return place + ".resource"
}

// requestPlace is where an entry has what a request has in its header or body;
// all else, the parameters too, is in its url.
func requestPlace(header string) string {
	switch header {
	case "If-Match":
		return ".request.ifMatch"
	case "If-None-Match":
		return ".request.ifNoneMatch"
	case "If-None-Exist":
		return ".request.ifNoneExist"
	case "method":
		return ".request.method"
	}
	if header == "Content-Type" || strings.HasPrefix(header, "body") {
		return ".resource"
	}
	return ".request.url"
}

// binaryPatch is the JSON Patch that a Binary carries, the convention for
// patches in Bundles (http.html#patch).
func binaryPatch(res fhirjson.Node, place string) ([]byte, *fhir.Problem) {
	if !res.Field("resourceType").Is("Binary") || !res.Field("contentType").Is("application/json-patch+json") {
		return nil, fhir.NewProblem(fhir.NotSupported, "a patch in a Bundle is a Binary with a JSON Patch; FHIRPath Patch is not supported yet").At(place + ".resource")
	}
	b, err := decodeBase64(res.Field("data").Text())
	if err != nil {
		return nil, fhir.NewProblem(fhir.Value, "the patch is not base64").At(place + ".resource.data")
	}
	return b, nil
}

func decodeBase64(s string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\r", "", "\t", "").Replace(s))
}
