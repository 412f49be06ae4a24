package transport

import (
	"firebreak/fhir"
)

// refusal is why the transport itself answers. Everything about it is a
// constant: nothing stored has been looked at, and nothing of the request is
// repeated.
type refusal uint8

const (
	none refusal = iota
	malformed
	badVersion
	badField
	twice
	framing
	transfer
	coding
	override
	expectation
	badTarget
	badPath
	misdirected
	outside
	badMethod
	noBody
	badBody
	slowBody
	slowHeader
	tooLarge
	bomb
	longURL
	longHeader
	badEncoding
	busy
	crashed
)

// refusals say what the client sees. A status stands here, against the rule
// that statuses follow from codes, only where HTTP has one for framing that
// FHIR has no code for.
var refusals = [...]struct {
	code   fhir.Code
	text   fhir.Literal
	at     string // where in the request, unless a field is named
	issue  string // IssueType, where it isn't the code's
	status int    // where it isn't the code's
}{
	malformed:   {code: fhir.Structure, text: "malformed HTTP request"},
	badVersion:  {code: fhir.NotSupported, text: "the HTTP version is not supported", at: "http.version", status: 505},
	badField:    {code: fhir.Structure, text: "malformed header field", at: "http.header"},
	twice:       {code: fhir.Structure, text: "a header field that may come once came twice", at: "http.Host"},
	framing:     {code: fhir.Structure, text: "the length of the request is ambiguous", at: "http.Content-Length"},
	transfer:    {code: fhir.Structure, text: "the length of the request is ambiguous", at: "http.Transfer-Encoding"},
	coding:      {code: fhir.NotSupported, text: "the transfer coding is not supported", at: "http.Transfer-Encoding"},
	override:    {code: fhir.Invalid, text: "the method cannot be overridden by a header", at: "http.method"},
	expectation: {code: fhir.NotSupported, text: "the expectation cannot be met", at: "http.Expect", status: 417},
	badTarget:   {code: fhir.Invalid, text: "malformed request target", at: "http.url"},
	badPath:     {code: fhir.Invalid, text: "the path is not in its canonical form", at: "http.path"},
	misdirected: {code: fhir.Invalid, text: "this host is not served here", at: "http.Host", status: 421},
	outside:     {code: fhir.NotFound, text: "outside the FHIR base", at: "http.path"},
	badMethod:   {code: fhir.NotAllowed, text: "the method is not allowed", at: "http.method"},
	noBody:      {code: fhir.Invalid, text: "the method takes no body", at: "http.body"},
	badBody:     {code: fhir.Structure, text: "the body does not match its length or encoding", at: "http.body"},
	slowBody:    {code: fhir.Invalid, text: "the body came too slowly", at: "http.body", issue: "timeout", status: 408},
	slowHeader:  {code: fhir.Invalid, text: "the header came too slowly", at: "http.header", issue: "timeout", status: 408},
	tooLarge:    {code: fhir.TooMuch, text: "the body is larger than the limit", at: "http.body"},
	bomb:        {code: fhir.TooMuch, text: "the body is compressed beyond the limit", at: "http.body"},
	longURL:     {code: fhir.TooLong, text: "the URL is longer than the limit", at: "http.url"},
	longHeader:  {code: fhir.TooLong, text: "the header is longer than the limit", at: "http.header", status: 431},
	badEncoding: {code: fhir.UnsupportedMedia, text: "the content encoding is not supported", at: "http.Content-Encoding"},
	busy:        {code: fhir.Unavailable, text: "too many requests are running"},
	crashed:     {code: fhir.Exception},
}

func (r refusal) status() int {
	if s := refusals[r].status; s != 0 {
		return s
	}
	return refusals[r].code.Status()
}

// outcome is the OperationOutcome of the refusal. field is the header field it is
// about, one that this server knows, or "".
func (r refusal) outcome(visit, field string) []byte {
	t := refusals[r]
	if field != "" {
		t.at = "http." + field
	}
	p := fhir.NewProblem(t.code, t.text).At(t.at)
	if t.issue != "" {
		p.Issues = []fhir.Issue{{Code: t.code, Type: t.issue, Text: string(t.text), Expression: t.at}}
	}
	return p.Outcome(visit)
}

// ends reports whether the connection cannot be trusted, or is not worth
// reading to the end, after the refusal.
func (r refusal) ends() bool {
	switch r {
	case outside, badMethod, badEncoding, crashed, badPath, misdirected, busy, override:
		return false
	}
	return true
}
