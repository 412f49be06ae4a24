package fhir

import (
	"errors"
	"fmt"
)

// Code says what went wrong, in terms of which status and IssueType follow
// (outcome.go maps them). The zero Code is Exception.
type Code uint8

// The codes. See outcome.go for the HTTP status and the IssueType of each.
const (
	Exception Code = iota
	Invalid
	Structure
	Value
	Required
	CodeInvalid
	Unprocessable
	Login
	Forbidden
	NotFound
	Gone
	NotAllowed
	Conflict
	Stale
	MultipleMatches
	TooMuch
	TooLong
	Throttled
	NotSupported
	UnsupportedMedia
	NotAcceptable
	Unavailable
)

// Literal is text that is a constant of this program. The type has no exported
// conversion that hides its use: bypass_test checks that every Literal is made
// from a constant, so no record's content can reach a client through an error.
type Literal string

// Problem is what a client may know about a failure. Every other error is ours:
// it is logged with the visit's id and reaches the client as an internal error.
type Problem struct {
	Code   Code
	Text   Literal
	Issues []Issue // details, when there is more than the one
	// Expression is where in the request it is, in FHIRPath, or "".
	Expression string
	// Challenge is the WWW-Authenticate value of a 401 or 403 (RFC 6750), or "".
	Challenge string
	// Allow is the Allow value of a 405 (RFC 9110 section 15.5.6), or "".
	Allow string
	// RetryAfter is in how many seconds a 429 may be tried again (RFC 6585
	// section 4), or 0.
	RetryAfter int
	// Cause is for the log only.
	Cause error
}

// Issue is one finding about the request. Texts name element names of the
// definitions and places in the request, never content.
type Issue struct {
	Code       Code
	Type       string // FHIR IssueType, "" for the Code's own
	Expression string
	Text       string
}

// NewProblem is a Problem without details.
func NewProblem(code Code, text Literal) *Problem {
	return &Problem{Code: code, Text: text}
}

// At returns a copy that names the place in the request.
func (p *Problem) At(expression string) *Problem {
	q := *p
	q.Expression = expression
	return &q
}

// Allowing returns a copy that names the methods that are allowed instead.
func (p *Problem) Allowing(methods string) *Problem {
	q := *p
	q.Allow = methods
	return &q
}

// Because returns a copy that carries a cause for the log.
func (p *Problem) Because(err error) *Problem {
	q := *p
	q.Cause = err
	return &q
}

func (p *Problem) Error() string {
	if p.Cause != nil {
		return fmt.Sprintf("%s: %v", p.Text, p.Cause)
	}
	return string(p.Text)
}

func (p *Problem) Unwrap() error { return p.Cause }

// AsProblem is the Problem in err, or an Exception that carries it.
func AsProblem(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return &Problem{Code: Exception, Text: "internal error", Cause: err}
}

// Absent is the one answer for what does not exist and for what may not be
// seen. It is made here and nowhere else, so that both are the same bytes.
func Absent() *Problem { return NewProblem(NotFound, "no such resource") }
