package person

import (
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Weak is why a password cannot be taken, in a literal that a page may show or
// translate.
type Weak string

func (w Weak) Error() string { return string(w) }

// What is wrong with a password (NIST SP 800-63B-4 §3.1.1.2: length and a list of
// usual ones, no rules about kinds of characters).
const (
	TooShort  Weak = "the password is too short"
	TooLong   Weak = "the password has more than 256 characters"
	NotText   Weak = "the password holds something that is no text"
	HasName   Weak = "the password contains the login name or the e-mail address"
	TooUsual  Weak = "the password is one of those that are tried first"
	Repeating Weak = "the password repeats itself or only counts up"
)

const longestPassword = 256 // runes

// commonText holds passwords and words that everybody thinks of, one a line, in
// small letters: the base under a site's own breach list.
//
//go:embed common.txt
var commonText string

func commonWords() map[string]bool {
	words := map[string]bool{}
	for w := range strings.FieldsSeq(commonText) {
		words[w] = true
	}
	return words
}

// normal is a password as it is hashed: the same keys on another keyboard or
// system give the same one (SP 800-63B-4 §3.1.1.2: NFKC). ok is false for what
// cannot be a password; it is then cut to what is cheap to hash.
func normal(password string) (s string, ok bool) {
	const mostBytes = 4 * longestPassword
	if len(password) > mostBytes {
		return password[:mostBytes], false
	}
	s = norm.NFKC.String(password)
	return s, utf8.ValidString(s) && utf8.RuneCountInString(s) <= longestPassword
}

// rules say which new passwords are taken.
type rules struct {
	least  int // runes
	common map[string]bool
	breach *breachList // or nil
}

// judge is a new password as it is to be hashed, or a Weak.
func (r *rules) judge(password string, a Account) (string, error) {
	s, ok := normal(password)
	switch {
	case !utf8.ValidString(password) || strings.ContainsFunc(s, unicode.IsControl):
		return "", NotText
	case !ok:
		return "", TooLong
	case utf8.RuneCountInString(s) < r.least:
		return "", TooShort
	}
	folded := cases.Fold().String(s)
	local, _, _ := strings.Cut(fold(a.Email), "@")
	for _, name := range []string{a.Login, local} {
		if utf8.RuneCountInString(name) >= 4 && strings.Contains(folded, name) {
			return "", HasName
		}
	}
	if repeats(folded) {
		return "", Repeating
	}
	if r.usual(folded) {
		return "", TooUsual
	}
	for _, form := range []string{s, folded} {
		found, err := r.breach.has(form)
		if err != nil {
			return "", err
		}
		if found {
			return "", TooUsual
		}
	}
	return s, nil
}

// usual reports whether a password is a usual one, also several times over or
// with digits and marks around it, as people do to make it long enough.
func (r *rules) usual(folded string) bool {
	if r.common[folded] || r.common[unit(folded)] {
		return true
	}
	core := strings.TrimFunc(folded, func(c rune) bool { return !unicode.IsLetter(c) })
	return r.common[core] || r.common[unit(core)]
}

// unit is the shortest text of which s is so many times in a row.
func unit(s string) string {
	if s == "" {
		return ""
	}
	// Its second copy in s+s begins where s first repeats itself.
	return s[:strings.Index((s + s)[1:], s)+1]
}

// repeats reports whether a text is a short one over and over, or steps of the
// same width ("abcdefghijkl", "987654321098").
func repeats(s string) bool {
	if s == "" {
		return false
	}
	if utf8.RuneCountInString(unit(s)) <= 4 && unit(s) != s {
		return true
	}
	runes, odd := []rune(s), 0
	for i := 2; i < len(runes); i++ {
		if runes[i]-runes[i-1] != runes[i-1]-runes[i-2] {
			odd++
		}
	}
	return odd <= 2 // a run from 9 to 0 breaks the step twice
}
