package gate

import (
	"errors"
	"net/http"
	"strconv"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// Shape is how an answer to one resource's interaction looks.
type Shape struct {
	Base     string // the service's base URL
	Status   int
	Return   fhir.Return // of a change
	Location bool        // 201, and other changes that name the version
	Stored   bool        // the version is what this request stored, when it was first sent
	Summary  search.Summary
	Elements []string
	Pretty   bool
	Header   [][2]string
}

// Page is how a searchset or history looks around its entries.
type Page struct {
	Shape
	Type     string // "searchset" or "history"
	Total    int    // negative: not given
	Links    []Link
	Includes []Judged // entries with search.mode=include
	Outcome  []byte   // an OperationOutcome for an entry with mode=outcome, or nil
}

// Link is one link of a Bundle.
type Link struct{ Relation, URL string }

// errNotJudged is ours: the pipeline released what was not judged for this
// permit's principal, or not for being seen.
var errNotJudged = errors.New("release: the version was not judged for this principal to see")

// Release shapes one judged version into an answer. A change answers with its
// representation only when the caller may read it.
func (g *Gate) Release(m *Permit, j Judged, s Shape) (Cleared, error) {
	if !j.of(m.Principal()) || !j.change && !j.seen() {
		return Cleared{}, errNotJudged
	}
	h := j.s.at().h
	c := &cleared{status: s.Status, header: versionHeader(h), modified: h.LastUpdated}
	c.header = append(c.header, s.Header...)
	if s.Location {
		c.header = append(c.header, [2]string{"Location", s.Base + "/" + h.Reference() + "/_history/" + h.Version})
	}
	bodied := !h.Deleted && s.Status != http.StatusNotModified && s.Status != http.StatusNoContent
	show := bodied && s.Return != fhir.ReturnMinimal && s.Return != fhir.ReturnOutcome
	if j.change && show {
		see, err := g.may(m.Principal(), fhir.ActRead, j.s)
		if err != nil {
			return Cleared{}, err
		}
		show = see.Effect == Permits
	}
	switch {
	case show:
		body, err := view(j, s)
		if err != nil {
			return Cleared{}, err
		}
		c.body = body
		c.released = []Released{released(h)}
	case bodied && s.Return == fhir.ReturnOutcome:
		text := fhir.Literal("the resource was there already; nothing is changed")
		if j.change || s.Stored {
			text = "the change is stored"
		}
		c.body, c.outcome = fhir.Information("informational", text), true
	}
	return c.finish(s.Pretty), nil
}

// view is the part of the content that the caller asked for.
func view(j Judged, s Shape) ([]byte, error) {
	if s.Summary == search.SummaryFalse && s.Elements == nil {
		return j.s.at().body, nil
	}
	return fhir.Subset(j.s.at().body, s.Summary, s.Elements)
}

func released(h Header) Released {
	return Released{Reference: h.Type + "/" + h.ID + "/_history/" + h.Version, Subjects: h.Keys.Subjects}
}

func versionHeader(h Header) [][2]string {
	return append(make([][2]string, 0, 4), // with room for Content-Type and one more
		[2]string{"ETag", `W/"` + h.Version + `"`},
		[2]string{"Last-Modified", h.LastUpdated.UTC().Format(http.TimeFormat)})
}

// ReleasePage shapes judged versions into a Bundle. It has no
// id and no time of its own: one query over the same records is the same bytes.
func (g *Gate) ReleasePage(m *Permit, rows []Judged, p Page) (Cleared, error) {
	c := &cleared{status: http.StatusOK, header: p.Header}
	b := append([]byte(nil), `{"resourceType":"Bundle","type":"`...)
	b = append(append(b, p.Type...), '"')
	if p.Total >= 0 {
		b = append(b, `,"total":`...)
		b = strconv.AppendInt(b, int64(p.Total), 10)
	}
	b = appendLinks(b, p.Links)
	n := 0
	open := func() {
		if n == 0 {
			b = append(b, `,"entry":[`...)
		} else {
			b = append(b, ',')
		}
		n++
	}
	for i, j := range append(rows[:len(rows):len(rows)], p.Includes...) {
		if !j.of(m.Principal()) || j.change || !j.seen() {
			return Cleared{}, errNotJudged
		}
		open()
		mode, shape := "match", p
		if i >= len(rows) {
			// search.html#elements: the list does not apply to included resources.
			mode, shape.Elements = "include", nil
		}
		var err error
		if b, err = appendEntry(b, j, shape, mode); err != nil {
			return Cleared{}, err
		}
		if !j.s.at().h.Deleted {
			c.released = append(c.released, released(j.s.at().h))
		}
	}
	if p.Outcome != nil {
		open()
		b = append(append(append(b, `{"resource":`...), p.Outcome...), `,"search":{"mode":"outcome"}}`...)
	}
	if n > 0 {
		b = append(b, ']')
	}
	c.body = append(b, '}')
	return c.finish(p.Pretty), nil
}

func appendLinks(b []byte, links []Link) []byte {
	for i, l := range links {
		if i == 0 {
			b = append(b, `,"link":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(append(b, `{"relation":"`...), l.Relation...)
		b = append(b, `","url":`...)
		b = fhirjson.AppendQuote(b, l.URL)
		b = append(b, '}')
	}
	if len(links) > 0 {
		b = append(b, ']')
	}
	return b
}

func appendEntry(b []byte, j Judged, p Page, mode string) ([]byte, error) {
	h := j.s.at().h
	b = append(b, `{"fullUrl":`...)
	b = fhirjson.AppendQuote(b, p.Base+"/"+h.Reference())
	if !h.Deleted {
		body, err := view(j, p.Shape)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"resource":`...), body...)
	}
	if p.Type == "searchset" {
		b = append(append(b, `,"search":{"mode":"`...), mode...)
		return append(b, `"}}`...), nil
	}
	b = append(append(b, `,"request":{"method":"`...), h.Method...)
	url := h.Reference()
	if h.Method == http.MethodPost {
		url = h.Type
	}
	b = append(append(b, `","url":`...), fhirjson.Quote(url)...)
	b = append(b, `},"response":{"status":"`...)
	status := "200"
	switch {
	case h.Deleted:
		status = "204"
	case h.Method == http.MethodPost:
		status = "201"
	}
	b = append(b, status...)
	b = append(b, `","etag":`...)
	b = append(b, fhirjson.Quote(`W/"`+h.Version+`"`)...)
	b = append(b, `,"lastModified":"`...)
	b = append(b, fhir.FormatInstant(h.LastUpdated)...)
	return append(b, `"}}`...), nil
}

// retryAfter is when to come back, in seconds, after what took too long or could
// not reach its store.
const retryAfter = "5"

// ReleaseProblem is the answer that says why not. A 503 for a journal that
// cannot be written is not one of these: Close makes it, and it says nothing.
func (g *Gate) ReleaseProblem(p *fhir.Problem, visit string, pretty bool) Cleared {
	c := &cleared{status: p.Code.Status()}
	if p.Allow != "" {
		c.header = append(c.header, [2]string{"Allow", p.Allow})
	}
	if p.Challenge != "" {
		c.header = append(c.header, [2]string{"WWW-Authenticate", p.Challenge})
	}
	switch {
	case p.RetryAfter > 0:
		c.header = append(c.header, [2]string{"Retry-After", strconv.Itoa(p.RetryAfter)})
	case c.status == http.StatusServiceUnavailable:
		c.header = append(c.header, [2]string{"Retry-After", retryAfter})
	}
	c.body = p.Outcome(visit)
	return c.finish(pretty)
}

// ReleaseOwn is an answer that holds nothing stored: the CapabilityStatement,
// an OperationOutcome of $validate.
func (g *Gate) ReleaseOwn(body []byte, header [][2]string, status int, pretty bool) Cleared {
	c := &cleared{status: status, body: body, header: header}
	return c.finish(pretty)
}

// ReleaseEntries joins the answers to a Bundle's entries, in request order.
func (g *Gate) ReleaseEntries(kind fhir.Kind, entries []Cleared, pretty bool) Cleared {
	c := &cleared{status: http.StatusOK}
	b := append(append([]byte(nil), `{"resourceType":"Bundle","type":"`...), string(kind)...)
	b = append(b, `-response"`...)
	for i, e := range entries {
		if i == 0 {
			b = append(b, `,"entry":[`...)
		} else {
			b = append(b, ',')
		}
		b = e.appendResponse(b)
		c.released = append(c.released, e.Released()...)
	}
	if len(entries) > 0 {
		b = append(b, ']')
	}
	c.body = append(b, '}')
	return c.finish(pretty)
}

// Head is the answer as HEAD has it, without what was asked for; an entry's
// OperationOutcome stays.
func (c Cleared) Head() Cleared {
	if c.Status() >= 400 { // the zero Cleared too
		return c
	}
	in := *c.in.lift()
	in.body = nil
	return Cleared{cover(in)}
}

// appendResponse writes the answer as an entry of a batch or transaction
// response: content as resource, an OperationOutcome as response.outcome.
func (c Cleared) appendResponse(b []byte) []byte {
	b = append(b, '{')
	in, status := c.in.lift(), c.Status()
	outcome := in.outcome || status >= 400
	if len(in.body) > 0 && !outcome {
		b = append(append(append(b, `"resource":`...), in.body...), ',')
	}
	b = append(b, `"response":{"status":"`...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(b, ' '), http.StatusText(status)...)
	b = append(b, '"')
	for _, kv := range in.header {
		switch kv[0] {
		case "Location":
			b = append(append(b, `,"location":`...), fhirjson.Quote(kv[1])...)
		case "ETag":
			b = append(append(b, `,"etag":`...), fhirjson.Quote(kv[1])...)
		}
	}
	if !in.modified.IsZero() {
		// To the millisecond, as meta.lastUpdated has it; the header has seconds.
		b = append(append(append(b, `,"lastModified":"`...), fhir.FormatInstant(in.modified)...), '"')
	}
	if len(in.body) > 0 && outcome {
		b = append(append(b, `,"outcome":`...), in.body...)
	}
	return append(b, "}}"...)
}

func (c *cleared) finish(pretty bool) Cleared {
	if len(c.body) > 0 {
		if pretty {
			c.body = fhir.Indent(c.body)
		}
		c.header = append(c.header, [2]string{"Content-Type", "application/fhir+json; charset=utf-8"})
	}
	return Cleared{cover(*c)}
}
