package validate

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// Parser turns Requests into Interactions: it is where bytes become FHIR, and
// where everything malformed ends. Its errors are *fhir.Problem.
type Parser struct {
	Base       string           // the service's base URL
	Now        func() time.Time // for date comparisons with ap
	MaxEntries int              // of a batch or transaction; 0 means 1000
	MaxCount   int              // of a page; 0 means 500
	MaxChain   int              // hops of a chain; 0 means 8
	MaxIncl    int              // _include:iterate; 0 means 5
	MaxURL     int              // bytes of an entry's URL or condition; 0 means 8 KiB

	checked bool // the content has been checked as part of its Bundle
}

// target is what a request's path names.
type target struct {
	typ, id string
	version string
	rest    string // "_history", "_search", "$op", or a compartment's type
}

// Interaction parses a request.
func (p *Parser) Interaction(req *fhir.Request) (*fhir.Interaction, error) {
	pairs, ok := query(req.Query)
	if !ok {
		return nil, errQuery
	}
	i := &fhir.Interaction{Head: req.Method == "HEAD"}
	if err := negotiate(i, req, pairs); err != nil {
		return nil, err
	}
	if err := preferences(i, req); err != nil {
		return nil, err
	}
	t, err := split(req.Path)
	if err != nil {
		return nil, err
	}
	if err := p.route(i, req, t, pairs); err != nil {
		return nil, err
	}
	return i, nil
}

// Places in a request, as OperationOutcome.issue.expression names what is not
// in the content ("http." and the header or parameter,
// http://hl7.org/fhir/R4/operationoutcome-definitions.html).
const (
	placeURL    = "http.url"
	placeMethod = "http.method"
	placeBody   = "http.body"
	placeMedia  = "http.Content-Type"
)

// Literal problems of a request's outline.
var (
	errPath       = fhir.NewProblem(fhir.NotFound, "the path is not one this server answers").At(placeURL)
	errType       = fhir.NewProblem(fhir.NotFound, "unknown resource type").At(placeURL)
	errID         = fhir.NewProblem(fhir.NotFound, "not a logical id").At(placeURL)
	errMethod     = fhir.NewProblem(fhir.NotAllowed, "the method is not allowed here").At(placeMethod)
	errQuery      = fhir.NewProblem(fhir.Invalid, "the query string is malformed").At(placeURL)
	errForm       = fhir.NewProblem(fhir.Invalid, "the form is malformed").At(placeBody)
	errLongForm   = fhir.NewProblem(fhir.TooMuch, "the form is larger than the limit").At(placeBody)
	errBody       = fhir.NewProblem(fhir.Invalid, "a body is required").At(placeBody)
	errXML        = fhir.NewProblem(fhir.UnsupportedMedia, "XML is not supported; use application/fhir+json").At(placeMedia)
	errMedia      = fhir.NewProblem(fhir.UnsupportedMedia, "the Content-Type is not supported; use application/fhir+json").At(placeMedia)
	errPatch      = fhir.NewProblem(fhir.UnsupportedMedia, "the patch format is not supported; use application/json-patch+json").At(placeMedia)
	errFHIRPatch  = fhir.NewProblem(fhir.NotSupported, "FHIRPath Patch is not supported yet; use application/json-patch+json").At(placeMedia)
	errAcceptable = fhir.NewProblem(fhir.NotAcceptable, "only application/fhir+json can be produced")
	errETag       = fhir.NewProblem(fhir.Invalid, "a version must be written W/\"id\"")
	errPage       = fhir.NewProblem(fhir.Invalid, "a page link stands alone; use it as it was given").At("http._page")
)

func split(path string) (target, error) {
	var t target
	if path == "" {
		return t, nil
	}
	var room [6]string
	seg := room[:0]
	for one := range strings.SplitSeq(path, "/") {
		if one == "" || len(seg) == 5 {
			return t, errPath
		}
		seg = append(seg, one)
	}
	if c := seg[0][0]; c == '_' || c == '$' || seg[0] == "metadata" {
		if len(seg) > 1 {
			return t, errPath
		}
		t.rest = seg[0]
		return t, nil
	}
	t.typ = seg[0]
	if _, ok := r4.TypeID(t.typ); !ok {
		return t, errType
	}
	if len(seg) == 1 {
		return t, nil
	}
	if c := seg[1][0]; c == '_' || c == '$' {
		if len(seg) > 2 {
			return t, errPath
		}
		t.rest = seg[1]
		return t, nil
	}
	if t.id = seg[1]; !ValidID(t.id) {
		return t, errID
	}
	switch {
	case len(seg) == 2:
		return t, nil
	case seg[2] == "_history" && len(seg) == 4:
		if t.version = seg[3]; !ValidID(t.version) {
			return t, errID
		}
		return t, nil
	case len(seg) == 3:
		t.rest = seg[2]
		return t, nil
	case len(seg) == 4 && seg[3] == "_search" && seg[2][0] != '_' && seg[2][0] != '$': // within a compartment
		t.rest = seg[2]
		return t, nil
	}
	return t, errPath
}

// ValidID reports whether s is a logical id (datatypes.html#id).
func ValidID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// query decodes a query string in order, with repeats; ok is false when it
// cannot be read.
func query(raw string) (out []search.Pair, ok bool) {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || n == "" || !clean(n) || !clean(v) {
			return nil, false
		}
		out = append(out, search.Pair{Name: n, Value: v})
	}
	return out, true
}

// clean refuses what no search value has: control characters and bytes that
// are not UTF-8, which a database could refuse later with less grace.
func clean(s string) bool {
	for _, r := range s {
		if r < 0x20 && r != '\t' && r != '\r' && r != '\n' || r == 0x7F || r == '\uFFFD' {
			return false
		}
	}
	return true
}

var jsonTypes = map[string]bool{
	"application/fhir+json": true, "application/json": true, "json": true, "text/json": true, "application/json+fhir": true,
}

// negotiate checks _format, _pretty and Accept (http.html#mime-type); _format
// comes first.
func negotiate(i *fhir.Interaction, req *fhir.Request, pairs []search.Pair) error {
	formatted, err := format(i, pairs)
	if formatted || err != nil {
		return err
	}
	switch req.Accept {
	case "", "application/fhir+json", "*/*": // what most clients send
		return nil
	}
	for part := range strings.SplitSeq(req.Accept, ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil || strings.Trim(params["q"], "0.") == "" && params["q"] != "" {
			continue // q=0 refuses, however many zeros (RFC 9110 section 12.4.2)
		}
		if media == "*/*" || media == "application/*" || jsonMedia(part) {
			return nil
		}
	}
	return errAcceptable.At("http.Accept")
}

// format reads _format and _pretty; formatted says that _format was there.
func format(i *fhir.Interaction, pairs []search.Pair) (formatted bool, err error) {
	for _, p := range pairs {
		switch p.Name {
		case "_format":
			if formatted = p.Value != ""; !formatted {
				continue
			}
			// A plus that was not escaped arrives as a space.
			if !jsonMedia(strings.ReplaceAll(p.Value, " ", "+")) {
				return true, errAcceptable.At("http._format")
			}
		case "_pretty":
			switch p.Value {
			case "true", "false", "":
				i.Pretty = p.Value == "true"
			default:
				return false, fhir.NewProblem(fhir.Value, "_pretty must be true or false").At("http._pretty")
			}
		}
	}
	return formatted, nil
}

// bare leaves out what shapes every answer and is no criterion.
func bare(pairs []search.Pair) []search.Pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p search.Pair) bool { return p.Name == "_format" || p.Name == "_pretty" })
}

func jsonMedia(s string) bool {
	media, params, err := mime.ParseMediaType(strings.TrimSpace(s))
	if err != nil {
		return false
	}
	v := params["fhirversion"]
	return jsonTypes[media] && (v == "" || v == "4.0")
}

// preferences reads Prefer, If-Match, If-None-Match and If-Modified-Since.
func preferences(i *fhir.Interaction, req *fhir.Request) error {
	prefer(i, req.Prefer)
	var err error
	if i.IfMatch, err = etags(req.IfMatch); err != nil {
		return errETag.At("http.If-Match")
	}
	if i.IfNoneMatch, err = etags(req.IfNoneMatch); err != nil {
		return errETag.At("http.If-None-Match")
	}
	if req.IfModifiedSince == "" {
		return nil
	}
	// A date that cannot be read is passed over (RFC 9110 section 13.1.3).
	if t, err := http.ParseTime(req.IfModifiedSince); err == nil {
		i.IfModifiedSince = t.Add(time.Second - 1) // it names a whole second
	}
	return nil
}

// etags are the version ids of a list of entity tags, joined by commas, which
// no id has.
func etags(s string) (string, error) {
	if strings.IndexByte(s, ',') < 0 {
		return etag(s)
	}
	var out []string
	for one := range strings.SplitSeq(s, ",") {
		id, err := etag(one)
		if err != nil || id == "" || id == "*" {
			return "", errETag
		}
		out = append(out, id)
	}
	return strings.Join(out, ","), nil
}

// etag is the version id in an entity tag. Strong tags are taken for weak ones,
// as clients send both.
func etag(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" || s == "*" {
		return s, nil
	}
	s = strings.TrimPrefix(s, "W/")
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", errETag
	}
	s = s[1 : len(s)-1]
	if ValidID(s) {
		return s, nil
	}
	for n := range len(s) { // RFC 9110 section 8.8.3, etagc
		if s[n] <= ' ' || s[n] == '"' || s[n] == 0x7F {
			return "", errETag
		}
	}
	return otherTag, nil
}

// otherTag stands for entity tags that are no version of this server's: a cache
// on the way may have made them, and they match nothing.
const otherTag = "?"

// body parses a JSON body and checks its media type.
func body(req *fhir.Request) (*fhirjson.Doc, error) {
	if _, err := mediaOf(req.ContentType); err != nil {
		return nil, err
	}
	if req.ContentType != "" && !jsonMedia(req.ContentType) {
		if strings.Contains(strings.ToLower(req.ContentType), "xml") {
			return nil, errXML
		}
		return nil, errMedia
	}
	if len(req.Body) == 0 {
		return nil, errBody
	}
	return parse(req.Body)
}

func parse(b []byte) (*fhirjson.Doc, error) {
	doc, err := fhirjson.Parse(b)
	if err != nil {
		return nil, syntaxProblem(err)
	}
	return doc, nil
}
