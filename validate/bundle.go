package validate

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"firebreak/fhir"
	"firebreak/fhirjson"
)

var insideEntry = regexp.MustCompile(`^Bundle\.entry\[\d+\]\.resource\b`)

// bundle reads a batch or transaction (http.html#transaction). Each entry goes
// through the same parser as a request of its own, so nothing is checked less.
func (p *Parser) bundle(i *fhir.Interaction, req *fhir.Request) error {
	doc, err := body(req)
	if err != nil {
		return err
	}
	root := doc.Root()
	issues := Resource(root, "Bundle")
	inner := *p
	switch root.Field("type").Text() {
	case "batch":
		i.Kind = fhir.Batch
		// What is wrong inside an entry is that entry's answer.
		issues = slices.DeleteFunc(issues, func(is Issue) bool { return insideEntry.MatchString(is.Expression) })
	case "transaction":
		i.Kind = fhir.Transaction
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
		e := inner.entry(req, entry, fmt.Sprintf("Bundle.entry[%d]", n))
		if e.Problem != nil && i.Kind == fhir.Transaction {
			return e.Problem
		}
		i.Entries = append(i.Entries, e)
		n++
	}
	return nil
}

// entry parses one entry as the request it stands for.
func (p *Parser) entry(outer *fhir.Request, entry fhirjson.Node, place string) fhir.Entry {
	r := entry.Field("request")
	e := fhir.Entry{FullURL: entry.Field("fullUrl").Text(), Place: place}
	if !r.Exists() {
		e.Problem = fhir.NewProblem(fhir.Required, "an entry needs a request").At(place + ".request")
		return e
	}
	sub := fhir.Request{Method: r.Field("method").Text(), IfMatch: r.Field("ifMatch").Text(), IfNoneMatch: r.Field("ifNoneMatch").Text(),
		IfNoneExist: r.Field("ifNoneExist").Text(), IfModifiedSince: httpDate(r.Field("ifModifiedSince").Text()),
		Prefer: outer.Prefer, Visit: outer.Visit, Base: outer.Base}
	sub.Path, sub.Query = p.requestURL(r.Field("url").Text())
	e.Method, e.Path, e.Query = sub.Method, sub.Path, sub.Query
	if res := entry.Field("resource"); res.Exists() {
		sub.Body, sub.ContentType = res.Raw(), "application/fhir+json"
		if sub.Method == "PATCH" {
			var problem *fhir.Problem
			if sub.Body, problem = binaryPatch(res, place); problem != nil {
				e.Problem = problem
				return e
			}
			sub.ContentType = "application/json-patch+json"
		}
	}
	inner, err := p.Interaction(&sub)
	if err != nil {
		problem := fhir.AsProblem(err)
		e.Problem = Within(problem, place)
		return e
	}
	switch inner.Kind {
	case fhir.Batch, fhir.Transaction:
		e.Problem = fhir.NewProblem(fhir.Invalid, "a Bundle may not contain a batch or transaction").At(place)
		return e
	}
	e.Interaction = inner
	return e
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

// httpDate turns an instant, which Bundle.entry.request.ifModifiedSince is,
// into the form that the header of that name has.
func httpDate(instant string) string {
	t, err := time.Parse(time.RFC3339Nano, instant)
	if err != nil {
		return ""
	}
	return t.UTC().Format(http.TimeFormat)
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
