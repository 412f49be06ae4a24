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
	issue  string // IssueType, where it isn't the code's
	status int    // where it isn't the code's
}{
	malformed:   {code: fhir.Structure, text: "malformed HTTP request"},
	badVersion:  {code: fhir.NotSupported, text: "the HTTP version is not supported", status: 505},
	badField:    {code: fhir.Structure, text: "malformed header field"},
	twice:       {code: fhir.Structure, text: "a header field that may come once came twice"},
	framing:     {code: fhir.Structure, text: "the length of the request is ambiguous"},
	coding:      {code: fhir.NotSupported, text: "the transfer coding is not supported"},
	override:    {code: fhir.Invalid, text: "the method cannot be overridden by a header"},
	expectation: {code: fhir.NotSupported, text: "the expectation cannot be met", status: 417},
	badTarget:   {code: fhir.Invalid, text: "malformed request target"},
	badPath:     {code: fhir.Invalid, text: "the path is not in its canonical form"},
	misdirected: {code: fhir.Invalid, text: "this host is not served here", status: 421},
	outside:     {code: fhir.NotFound, text: "outside the FHIR base"},
	badMethod:   {code: fhir.NotAllowed, text: "the method is not allowed"},
	noBody:      {code: fhir.Invalid, text: "the method takes no body"},
	badBody:     {code: fhir.Structure, text: "the body does not match its length or encoding"},
	slowBody:    {code: fhir.Invalid, text: "the body came too slowly", issue: "timeout", status: 408},
	slowHeader:  {code: fhir.Invalid, text: "the header came too slowly", issue: "timeout", status: 408},
	tooLarge:    {code: fhir.TooMuch, text: "the body is larger than the limit"},
	bomb:        {code: fhir.TooMuch, text: "the body is compressed beyond the limit"},
	longURL:     {code: fhir.TooLong, text: "the URL is longer than the limit"},
	longHeader:  {code: fhir.TooLong, text: "the header is longer than the limit", status: 431},
	badEncoding: {code: fhir.UnsupportedMedia, text: "the content encoding is not supported"},
	busy:        {code: fhir.Unavailable, text: "too many requests are running"},
	crashed:     {code: fhir.Exception},
}

func (r refusal) status() int {
	if s := refusals[r].status; s != 0 {
		return s
	}
	return refusals[r].code.Status()
}

// outcome is the OperationOutcome of the refusal.
func (r refusal) outcome(visit string) []byte {
	t := refusals[r]
	p := fhir.NewProblem(t.code, t.text)
	if t.issue != "" {
		p.Issues = []fhir.Issue{{Code: t.code, Type: t.issue, Text: string(t.text)}}
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
