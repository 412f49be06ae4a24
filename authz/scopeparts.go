package authz

import (
	"slices"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// Scope is one resource scope taken apart, for whoever asks a person about it or
// grants it. Scopes enforces the text; this is the same reading of it.
type Scope struct {
	Context   string        // "patient", "user" or "system"
	Type      string        // a resource type, or "*" for every one, also those to come
	Letters   string        // a non-empty part of "cruds", in that order
	Version1  bool          // written with .read, .write or .*
	Arguments []search.Pair // decoded, as written; all of them must hold
}

// ParseScope takes a resource scope apart, of version 1 or 2 (SMART App Launch
// 2.2, scopes-and-launch-context). It is false for what Scopes would not grant
// anything by: another kind of scope, a malformed one, and one with search
// arguments that can't be enforced on its type, or for "*" on any type.
func ParseScope(text string) (Scope, bool) {
	g, ok := parseScope(text)
	if !ok || len(text) > maxScope || !g.enforceable() {
		return Scope{}, false
	}
	out := Scope{Context: contextNames[g.context], Type: g.typ, Version1: g.v1, Arguments: g.args}
	for _, a := range fhir.Actions {
		if g.may&letterOf(a) != 0 {
			out.Letters += letterName(a)
		}
	}
	return out, true
}

var contextNames = [...]string{patientContext: "patient", userContext: "user", systemContext: "system"}

func (g *grant) enforceable() bool {
	if g.args == nil {
		return true
	}
	if g.typ != "*" {
		return arguments(g.typ, g.args, "") != nil
	}
	return slices.ContainsFunc(r4.Resources(), func(typ string) bool { return arguments(typ, g.args, "") != nil })
}

// String writes the scope, so that ParseScope reads the same again: as version 1
// if it is of that version and can be said so, else as version 2.
func (s Scope) String() string {
	may := s.Letters
	if s.Version1 && len(s.Arguments) == 0 {
		for v1, v2 := range version1 {
			if may == v2 {
				may = v1
			}
		}
	}
	var b strings.Builder
	b.WriteString(s.Context + "/" + s.Type + "." + may)
	for i, p := range s.Arguments {
		b.WriteByte("?&"[min(i, 1)])
		writeArgument(&b, p.Name)
		b.WriteByte('=')
		writeArgument(&b, p.Value)
	}
	return b.String()
}

// writeArgument leaves bare what SMART's own examples leave bare (: / | ,) and
// escapes what a scope may not hold (RFC 6749 §3.3) or what ends an argument.
func writeArgument(b *strings.Builder, s string) {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if c > ' ' && c < 0x7f && !strings.ContainsRune(`"\%&+;=#`, rune(c)) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
}
