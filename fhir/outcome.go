package fhir

import (
	"firebreak/fhirjson"
)

// wire is the only map from a Code to what the client sees.
var wire = [...]struct {
	status int
	issue  string
}{
	Exception:        {500, "exception"},
	Invalid:          {400, "invalid"},
	Structure:        {400, "structure"},
	Value:            {400, "value"},
	Required:         {400, "required"},
	CodeInvalid:      {400, "code-invalid"},
	Unprocessable:    {422, "processing"},
	Login:            {401, "login"},
	Forbidden:        {403, "forbidden"},
	NotFound:         {404, "not-found"},
	Gone:             {410, "deleted"},
	NotAllowed:       {405, "not-supported"},
	Conflict:         {409, "conflict"},
	Stale:            {412, "conflict"},
	MultipleMatches:  {412, "multiple-matches"},
	TooMuch:          {413, "too-costly"},
	TooLong:          {414, "too-long"},
	Throttled:        {429, "throttled"},
	NotSupported:     {501, "not-supported"},
	UnsupportedMedia: {415, "not-supported"},
	NotAcceptable:    {406, "not-supported"},
	Unavailable:      {503, "transient"},
}

// Status is the HTTP status of a code.
func (c Code) Status() int {
	if int(c) >= len(wire) {
		return 500
	}
	return wire[c].status
}

// IssueType is the code of http://hl7.org/fhir/R4/valueset-issue-type.html.
func (c Code) IssueType() string {
	if int(c) >= len(wire) {
		return "exception"
	}
	return wire[c].issue
}

// Outcome is the Problem as an OperationOutcome. For a code that says nothing
// to the client but that we failed, the text is the visit's id, so that the
// operator can find the log line.
func (p *Problem) Outcome(visit string) []byte {
	b := []byte(`{"resourceType":"OperationOutcome","issue":[`)
	if len(p.Issues) == 0 {
		text := string(p.Text)
		if p.Code == Exception {
			text = "internal error; visit " + visit
		}
		b = appendIssue(b, "error", p.Code.IssueType(), text, p.Expression)
	}
	for i, is := range p.Issues {
		if i > 0 {
			b = append(b, ',')
		}
		kind := is.Type
		if kind == "" {
			kind = is.Code.IssueType()
		}
		b = appendIssue(b, "error", kind, is.Text, is.Expression)
	}
	return append(b, "]}"...)
}

// Information is an OperationOutcome that says one thing went well or was
// passed over.
func Information(issueType string, text Literal) []byte {
	b := []byte(`{"resourceType":"OperationOutcome","issue":[`)
	b = appendIssue(b, "information", issueType, string(text), "")
	return append(b, "]}"...)
}

func appendIssue(b []byte, severity, kind, text, expression string) []byte {
	b = append(b, `{"severity":"`...)
	b = append(b, severity...)
	b = append(b, `","code":"`...)
	b = append(b, kind...)
	b = append(b, `"`...)
	if text != "" {
		b = append(b, `,"diagnostics":`...)
		b = fhirjson.AppendQuote(b, text)
	}
	if expression != "" {
		b = append(b, `,"expression":[`...)
		b = fhirjson.AppendQuote(b, expression)
		b = append(b, ']')
	}
	return append(b, '}')
}
