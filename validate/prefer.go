package validate

import (
	"iter"
	"strings"

	"firebreak/fhir"
)

// prefer reads return and handling from a Prefer header (http.html#ops,
// http.html#2.21.0.5.2). A preference is never a fault: one that is not known,
// or has a value that is not, is passed over, and of one given twice the first
// counts (RFC 7240 section 2).
func prefer(i *fhir.Interaction, header string) {
	returned, handled := false, false
	for name, value := range named(header) {
		switch strings.ToLower(name) {
		case "return":
			if r := fhir.Return(value); !returned && (r == fhir.ReturnMinimal || r == fhir.ReturnRepresentation || r == fhir.ReturnOutcome) {
				i.Return = r
			}
			returned = true
		case "handling":
			i.Strict = i.Strict || !handled && value == "strict"
			handled = true
		}
	}
}

// named yields the names and values of RFC 7240's grammar, quotes
// taken off. What follows a semicolon would be a parameter of the preference
// before it; clients mean another preference, and so it is read.
func named(header string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for header != "" {
			n := unquoted(header)
			name, value, _ := strings.Cut(header[:n], "=")
			value = strings.TrimSpace(value)
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if !yield(strings.TrimSpace(name), value) {
				return
			}
			header = strings.TrimLeft(header[n:], ",;")
		}
	}
}

// unquoted is where the first comma or semicolon outside of quotes stands, or
// the end.
func unquoted(s string) int {
	quoted := false
	for n := 0; n < len(s); n++ {
		switch c := s[n]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			n++ // the next character stands for itself
		case (c == ',' || c == ';') && !quoted:
			return n
		}
	}
	return len(s)
}
