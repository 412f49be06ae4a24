package search

// Code says what is wrong with a query, in FHIR's words for issue types
// (http://hl7.org/fhir/R4/valueset-issue-type.html).
type Code string

// The codes of an Error.
const (
	Invalid      Code = "invalid"       // not well-formed, or not allowed here
	BadValue     Code = "value"         // a known parameter's value cannot be read
	NotSupported Code = "not-supported" // a parameter or modifier this server does not offer
	TooCostly    Code = "too-costly"    // past one of the limits of Options
)

// Literal is text that is a constant of this program: untyped constants convert
// to it by themselves, strings do not, so no content of a query gets into it.
type Literal string

// Error is what a client may know about a query that was refused.
type Error struct {
	Code      Code
	Parameter string // the parameter's name as given, or "" when it could carry content
	Text      Literal
}

func (e *Error) Error() string {
	if e.Parameter == "" {
		return string(e.Text)
	}
	return e.Parameter + ": " + string(e.Text)
}

func refuse(code Code, text Literal) *Error { return &Error{Code: code, Text: text} }

// errUnknown is the one error that lenient handling forgives: a first parameter
// name that the type does not have. It is compared by identity.
var errUnknown = &Error{Code: Invalid, Text: "unknown search parameter"}

// errUnreferred: the parameter of a _has does not refer to the type searched. A
// search over several types forgives it for some of them. It is compared by
// identity.
var errUnreferred = &Error{Code: Invalid, Text: textHasRef}

// safeName is name when it can be shown to the client and written to a log: it
// then has only the letters that parameter names, types and modifiers have.
func safeName(name string) string {
	if len(name) == 0 || len(name) > 128 {
		return ""
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && c != '_' && c != ':' && c != '.' && c != '-' {
			return ""
		}
	}
	return name
}
