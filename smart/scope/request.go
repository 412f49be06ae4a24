package scope

import (
	"errors"
	"slices"
	"strings"

	"firebreak/authz"
)

// Limits of a request. A token of each R4 type in long form is within them.
const (
	maxText   = 16 << 10
	maxTokens = 256
	maxToken  = 1 << 10
	// maxGranted bounds what was granted already, which may be longer than what
	// was asked for: authz grants nothing by a longer text.
	maxGranted = 64 << 10
)

// ErrTooMuch is a request beyond the limits of length and number: invalid_scope
// (RFC 6749 §4.1.2.1).
var ErrTooMuch = errors.New("the scope is too long")

// Resource is one scope on resources, and how it is written.
//
// Version1 says that version 1 was asked for, also when only a part that version
// 1 can't say was left of it.
type Resource struct {
	authz.Scope
	Text string
}

// Request is a scope text taken apart. Each list is in the order of the text,
// with nothing twice. The zero Request asks for nothing.
type Request struct {
	Resources []Resource
	Launch    []string // of launch, launch/patient, launch/encounter
	Identity  []string // of openid, fhirUser, profile
	Access    []string // of online_access, offline_access
	// Unknown are tokens that nothing is granted for: others' scopes, malformed
	// ones, search arguments that can't be enforced. They are an application's
	// bytes; whoever shows or logs them must expect anything.
	Unknown []string
}

// Parse takes a scope parameter apart. Tokens are set apart by spaces and
// nothing else (RFC 6749 §3.3). The only error is ErrTooMuch.
func Parse(request string) (Request, error) { return parse(request, maxText, maxTokens) }

func parse(text string, most, mostTokens int) (Request, error) {
	if len(text) > most {
		return Request{}, ErrTooMuch
	}
	tokens := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })
	if len(tokens) > mostTokens {
		return Request{}, ErrTooMuch
	}
	var out Request
	seen := map[string]bool{}
	for _, s := range tokens {
		if !seen[s] {
			seen[s] = true
			out.add(s)
		}
	}
	return out, nil
}

func (r *Request) add(token string) {
	if !fit(token) {
		r.Unknown = append(r.Unknown, token)
		return
	}
	switch token {
	case "launch", "launch/patient", "launch/encounter":
		r.Launch = append(r.Launch, token)
	case "openid", "fhirUser", "profile":
		r.Identity = append(r.Identity, token)
	case "online_access", "offline_access":
		r.Access = append(r.Access, token)
	default:
		s, ok := authz.ParseScope(token)
		if !ok {
			r.Unknown = append(r.Unknown, token)
			return
		}
		r.Resources = append(r.Resources, Resource{Scope: s, Text: token})
	}
}

// fit reports whether the text is a scope token (RFC 6749 §3.3), so that no text
// that we issue can be split otherwise by whoever reads it.
func fit(token string) bool {
	for i := range len(token) {
		if c := token[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return len(token) <= maxToken
}

// String is the scope text that grants what is asked for and known, in one
// order: launch, identity, access, resources. "" grants nothing; a caller that
// was left with it refuses the request.
func (r Request) String() string {
	tokens := slices.Concat(r.Launch, r.Identity, r.Access)
	for _, s := range r.Resources {
		tokens = append(tokens, s.Text)
	}
	return strings.Join(tokens, " ")
}

// Has reports whether a scope that is not on resources is asked for.
func (r Request) Has(token string) bool {
	return slices.Contains(r.Launch, token) || slices.Contains(r.Identity, token) || slices.Contains(r.Access, token)
}

// NeedsPatient reports whether a patient must be in context before a token is
// issued (SMART App Launch 2.2, scopes-and-launch-context: patient scopes).
func (r Request) NeedsPatient() bool {
	return r.Has("launch/patient") || slices.ContainsFunc(r.Resources, func(s Resource) bool { return s.Context == "patient" })
}

// Only is the request with no other contexts of resource scopes than these, of
// "patient", "user" and "system": a person can't grant system/ scopes, and a
// client without one has no others.
func (r Request) Only(contexts ...string) Request {
	out := r
	out.Resources = nil
	for _, s := range r.Resources {
		if slices.Contains(contexts, s.Context) {
			out.Resources = append(out.Resources, s)
		}
	}
	return out
}
