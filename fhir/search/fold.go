package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold is the form in which strings are compared
// (http://hl7.org/fhir/R4/search.html#string: "insensitive to casing and
// accents"): accents of European scripts removed, Unicode case folding, NFC,
// white space trimmed and collapsed to single spaces. Vowel signs of other
// scripts are letters and stay. Fold(Fold(s)) == Fold(s).
func Fold(s string) string {
	if out, ok := foldASCII(s); ok {
		return out
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	// Folding can expose a new accent (U+1E9E, U+0149), and removing one can
	// expose a letter that folds further: twice reaches the fixed point.
	for range 2 {
		s = stripAccents(norm.NFD.String(s))
		s = cases.Fold().String(s)
	}
	s = norm.NFC.String(stripAccents(norm.NFD.String(s)))
	return strings.Join(strings.Fields(s), " ")
}

// FoldCode is the form in which codes of tokens are compared: systems that
// matter mostly ignore case, and R4 leaves the choice to the server when it
// does not know (search.html#token). The system itself is compared exactly.
func FoldCode(s string) string { return strings.ToLower(s) }

// FoldContact is the form in which values of ContactPoints are compared, without
// case as FoldCode; of what is written like a telephone number only the digits
// count, and a plus before them: +1 (555) 123-4567 is +15551234567
// (search.html#token: "such as ignoring punctuation"). Like one is written what
// has nothing but digits, blanks and ()-./ and three digits at least.
func FoldContact(s string) string {
	digits := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '+' && len(digits) == 0:
			digits = append(digits, c)
		case strings.IndexByte(" ()-./", c) < 0:
			return FoldCode(s)
		}
	}
	if len(digits) < 3 || len(digits) == 3 && digits[0] == '+' {
		return FoldCode(s)
	}
	return string(digits)
}

// foldASCII folds what is ASCII only, without allocating when nothing changes.
func foldASCII(s string) (string, bool) {
	changes, space := false, true // space: the previous byte was one, or the start
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			return "", false
		case c >= 'A' && c <= 'Z':
			changes, space = true, false
		case c == ' ':
			changes = changes || space
			space = true
		case c >= '\t' && c <= '\r':
			changes, space = true, true
		default:
			space = false
		}
	}
	if !changes && (!space || s == "") {
		return s, true
	}
	return strings.Join(strings.Fields(strings.ToLower(s)), " "), true
}

func stripAccents(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) && isEuropeanMark(r) {
			return -1
		}
		return r
	}, s)
}

// isEuropeanMark holds for the combining marks of Latin, Greek and Cyrillic.
func isEuropeanMark(r rune) bool {
	return r >= 0x0300 && r <= 0x036F || r >= 0x0483 && r <= 0x0487 ||
		r >= 0x1AB0 && r <= 0x1AFF || r >= 0x1DC0 && r <= 0x1DFF
}
