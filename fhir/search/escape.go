package search

import "strings"

// splitUnescaped cuts s at each sep that no backslash precedes
// (http://hl7.org/fhir/R4/search.html#escaping). The parts keep their escapes.
// n bounds the parts as in strings.SplitN; n < 0 does not.
func splitUnescaped(s string, sep byte, n int) []string {
	if strings.IndexByte(s, sep) < 0 {
		return []string{s}
	}
	var parts []string
	start := 0
	for i := 0; i < len(s) && (n < 0 || len(parts) < n-1); i++ {
		switch s[i] {
		case '\\':
			i++ // whatever follows is no separator
		case sep:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// unescape removes the backslash of \, \$ \| and \\. Before anything else a
// backslash stands for itself.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`,$|\`, s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Escape is text as one alternative of a parameter's value: the inverse of what
// Parse does to it.
func Escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`, `|`, `\|`).Replace(text)
}
