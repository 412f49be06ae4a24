package person

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"firebreak/fhir/r4"
)

// What can be wrong with what names a person.
var (
	ErrLogin = errors.New("a login name has 2 to 64 letters, digits, or marks such as . - _ @, of one script, without spaces")
	ErrEmail = errors.New("this is not an e-mail address")
)

// fold makes two spellings of one name the same: compatibility forms and case
// do not count (Unicode 3.13, toNFKC_Casefold; RFC 8264 §7 on comparing names).
func fold(s string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(s))))
}

// typed is a login name as somebody gives it to sign in: whatever it is, it can
// be looked for, and looking takes little.
func typed(s string) string {
	const most = 512
	return fold(s[:min(len(s), most)])
}

// loginName is a new login name, folded.
func loginName(s string) (string, error) {
	if !utf8.ValidString(s) || len(s) > 512 {
		return "", ErrLogin
	}
	name := fold(s)
	if n := utf8.RuneCountInString(name); n < 2 || n > 64 {
		return "", ErrLogin
	}
	scripts := map[*unicode.RangeTable]bool{}
	for _, r := range name {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) {
			return "", ErrLogin
		}
		// Letters that look alike in these scripts are told apart by no reader.
		for _, script := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee} {
			if unicode.Is(script, r) {
				scripts[script] = true
			}
		}
	}
	if len(scripts) > 1 {
		return "", ErrLogin
	}
	return name, nil
}

// address is an e-mail address, bare: no display name, no comment, no quotes.
func address(s string) (string, error) {
	s = strings.TrimSpace(s)
	if len(s) > 254 || !utf8.ValidString(s) || strings.ContainsAny(s, " \t\r\n\"<>(),;:\\[]") || strings.ContainsFunc(s, unicode.IsControl) {
		return "", ErrEmail
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return "", ErrEmail
	}
	return s, nil
}

// fhirUser reports whether s may be a fhirUser (SMART App Launch 2.2,
// scopes-and-launch-context): empty, or a relative reference to a person.
func fhirUser(s string) bool {
	if s == "" {
		return true
	}
	kind, id, ok := strings.Cut(s, "/")
	return ok && (kind == "Practitioner" || kind == "PractitionerRole" || kind == "Patient" || kind == "RelatedPerson" || kind == "Person") && r4.IsID(id)
}
