package authz

import (
	"strings"

	"firebreak/gate"
)

// FormatRule prints a rule for people, a test a line, indented:
//
//	all of
//	    resource.organization == "Organization/north"
//	    not: the caller is in an asserted care team of its patient (Practitioner/7)
func FormatRule(r gate.Rule) string {
	var b strings.Builder
	formatRule(&b, r, 0, "")
	return b.String()
}

func formatRule(b *strings.Builder, r gate.Rule, depth int, before string) {
	line := func(text string) {
		for range depth {
			b.WriteString("    ")
		}
		b.WriteString(before + text + "\n")
	}
	list := func(head string, rules []gate.Rule) {
		line(head)
		for _, x := range rules {
			formatRule(b, x, depth+1, "")
		}
	}
	switch r := r.(type) {
	case gate.Always:
		line("always")
	case nil, gate.Never:
		line("never")
	case gate.Every:
		list("all of", r)
	case gate.Either:
		list("any of", r)
	case gate.Unless:
		formatRule(b, r.Rule, depth, before+"not: ")
	case gate.ClassTest:
		line(r.Text)
	case gate.KeyTest:
		line(keyText(r))
	case gate.Residual:
		line("matches " + r.Type + "?" + r.Text)
	default:
		line("a test of an unknown kind")
	}
}

func keyText(k gate.KeyTest) string {
	switch k.Relation {
	case gate.SubjectIs:
		return "it is the record of Patient/" + k.Holder
	case gate.InCareTeam:
		return "an asserted care team of its patient names " + k.Holder
	default:
		return "it was written by " + k.Holder
	}
}
