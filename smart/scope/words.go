package scope

import (
	"fmt"
	"strings"
	"unicode"

	"firebreak/authz"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// Reader is who reads the words.
type Reader struct {
	// Language is a BCP 47 tag. There is English, and English is what everybody gets.
	Language string
	// Own holds when the record that patient/ scopes are about is the reader's own.
	Own bool
}

// sentence is what a scope means, in plain words, and what narrows it down.
// Version 1 is told as what it means in version 2.
func (to Reader) sentence(s authz.Scope) (text, detail string) {
	noun, rest := nounOf(s)
	var details []string
	switch s.Letters {
	case "r":
		details = append(details, "One by one, where it knows what to ask for; not by searching.")
	case "s":
		details = append(details, "By searching.")
	}
	for _, p := range rest {
		details = append(details, "Only those where "+argumentWords(s.Type, p)+".")
	}
	return verbs(s.Letters) + " " + to.object(s, noun), strings.Join(details, " ")
}

// verbs are the letters as an instruction. To read and to search is to see.
func verbs(letters string) string {
	var list []string
	for _, v := range []struct{ letters, word string }{{"rs", "see"}, {"c", "add"}, {"u", "change"}, {"d", "delete"}} {
		if strings.ContainsAny(letters, v.letters) {
			list = append(list, v.word)
		}
	}
	return capital(and(list))
}

// capital begins with a capital letter. What it is given is ours and begins with
// a letter of ASCII.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func and(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}

// nounOf names what a scope is about; rest are the arguments that the noun does
// not tell.
func nounOf(s authz.Scope) (noun string, rest []search.Pair) {
	noun = nameOf(s.Type).noun
	for i, p := range s.Arguments {
		if nouns := kindNouns(s.Type, p); nouns != nil {
			rest = append(rest, s.Arguments[i+1:]...)
			return and(nouns), rest
		}
		rest = append(rest, p)
	}
	return noun, rest
}

func kindNouns(typ string, p search.Pair) []string {
	if p.Name != "category" {
		return nil
	}
	var nouns []string
	for _, v := range strings.Split(p.Value, ",") {
		k, ok := kindOf(typ, v)
		if !ok {
			return nil
		}
		nouns = append(nouns, k.noun)
	}
	return nouns
}

// object is the noun and whose it is.
func (to Reader) object(s authz.Scope, noun string) string {
	every := s.Type == "*"
	if every {
		noun = "everything"
	}
	switch {
	case !every && nameOf(s.Type).shared && strings.ContainsAny(s.Letters, "cud"):
		return "entries on " + noun
	case !every && nameOf(s.Type).shared:
		return noun
	case s.Context == "user":
		return noun + " in all records that you may see"
	case s.Context == "system":
		return noun + " in all records that the application may see by itself"
	}
	whose := "this patient's "
	if to.Own {
		whose = "your "
	}
	if every {
		return noun + " in " + whose + "record"
	}
	return whose + noun
}

// argumentWords tell a search argument. The value is the application's: it is
// quoted, cut short, and cleaned of what could change how the page reads.
func argumentWords(typ string, p search.Pair) string {
	name := strings.ReplaceAll(strings.TrimPrefix(p.Name, "_"), "-", " ")
	if p.Name == "_lastUpdated" {
		name = "the last change"
	}
	kind := parameterType(typ, p.Name)
	if strings.Contains(p.Value, `\`) {
		return name + " is " + quote(p.Value)
	}
	var list []string
	for _, v := range strings.Split(p.Value, ",") {
		is, v := comparison(kind, v)
		if kind == r4.ParamToken {
			v = v[strings.LastIndexByte(v, '|')+1:]
		}
		list = append(list, is+" "+quote(v))
	}
	return name + " " + strings.Join(list, " or ")
}

func parameterType(typ, name string) r4.ParamType {
	if typ == "*" {
		typ = "Basic" // has what every type has
	}
	if p, ok := r4.LookupSearchParam(typ, name); ok {
		return p.Type
	}
	return 0
}

// comparison reads the prefix of a date or an amount
// (http://hl7.org/fhir/R4/search.html#prefix).
func comparison(kind r4.ParamType, value string) (is, rest string) {
	if kind != r4.ParamDate && kind != r4.ParamNumber && kind != r4.ParamQuantity || len(value) < 3 {
		return "is", value
	}
	for _, c := range [...]struct{ prefix, date, amount string }{
		{"eq", "is", "is"}, {"ne", "is not", "is not"}, {"ge", "is on or after", "is at least"}, {"gt", "is after", "is more than"},
		{"le", "is on or before", "is at most"}, {"lt", "is before", "is less than"}, {"sa", "is after", "is more than"}, {"eb", "is before", "is less than"},
	} {
		if v, ok := strings.CutPrefix(value, c.prefix); ok && kind == r4.ParamDate {
			return c.date, v
		} else if ok {
			return c.amount, v
		}
	}
	return "is", value
}

// quote is a text between quotation marks that it can't leave: marks within are
// plain ones, and what is not to be seen, or turns the direction of reading
// (Unicode TR 36 §2), is shown as a box.
func quote(s string) string {
	const most = 60
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteRune('…')
			break
		}
		switch {
		case r == '“' || r == '”' || r == '"':
			r = '\''
		case !unicode.IsGraphic(r) || unicode.IsSpace(r) && r != ' ':
			r = '\uFFFD'
		}
		b.WriteRune(r)
	}
	return fmt.Sprintf("“%s”", b.String())
}
