package scope

import (
	"slices"
	"strings"

	"firebreak/authz"
	"firebreak/fhir/search"
)

// atom is the least that a scope can grant: one letter on one type, or on "*",
// under search arguments that must all hold.
type atom struct {
	context, typ string
	letter       byte
	args         []search.Pair // sorted, none twice
}

// covers reports whether all that b grants, a grants too. More arguments grant
// less, for all must hold. It may say no where the arguments mean the same in
// other words, never yes where they don't.
func (a atom) covers(b atom) bool {
	if a.context != b.context || a.letter != b.letter || a.typ != "*" && a.typ != b.typ {
		return false
	}
	return !slices.ContainsFunc(a.args, func(p search.Pair) bool { return !slices.Contains(b.args, p) })
}

func covered(by []atom, a atom) bool {
	return slices.ContainsFunc(by, func(x atom) bool { return x.covers(a) })
}

func atomsOf(s authz.Scope) []atom {
	var out []atom
	args := sorted(s.Arguments)
	for i := range len(s.Letters) {
		out = append(out, atom{context: s.Context, typ: s.Type, letter: s.Letters[i], args: args})
	}
	return out
}

func allAtoms(list []Resource) []atom {
	var out []atom
	for _, s := range list {
		out = append(out, atomsOf(s.Scope)...)
	}
	return out
}

func sorted(args []search.Pair) []search.Pair {
	out := slices.Clone(args)
	slices.SortFunc(out, comparePairs)
	return slices.Compact(out)
}

func comparePairs(a, b search.Pair) int {
	if n := strings.Compare(a.Name, b.Name); n != 0 {
		return n
	}
	return strings.Compare(a.Value, b.Value)
}

// within are the letters of a scope that are wholly covered.
func within(s authz.Scope, by []atom) string {
	var out []byte
	for _, a := range atomsOf(s) {
		if covered(by, a) {
			out = append(out, a.letter)
		}
	}
	return string(out)
}

// Allowed is what the request and a client's registration have in common: never
// more than either. A scope that is allowed whole stays as it was written, of
// another stays the part that is allowed. Scopes on resources are compared by
// what they mean, others by name; patient/, user/ and system/ never stand in for
// each other.
func (r Request) Allowed(allowed []string) Request {
	registered, err := parse(strings.Join(allowed, " "), 1<<20, 1<<14)
	if err != nil {
		return Request{Unknown: r.Unknown}
	}
	named := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !registered.Has(s) })
	}
	out := Request{Launch: named(r.Launch), Identity: named(r.Identity), Access: named(r.Access), Unknown: r.Unknown}
	all := allAtoms(registered.Resources)
	for _, s := range r.Resources {
		for _, part := range common(s, registered.Resources, all) {
			if len(out.Resources) == maxTokens {
				return out
			}
			if !slices.ContainsFunc(out.Resources, func(x Resource) bool { return x.Text == part.Text }) {
				out.Resources = append(out.Resources, part)
			}
		}
	}
	return out
}

// common is what one scope has in common with a registration.
func common(s Resource, registered []Resource, all []atom) []Resource {
	whole := within(s.Scope, all)
	if whole == s.Letters {
		return []Resource{s}
	}
	var out []Resource
	if whole != "" {
		out = append(out, s.withLetters(whole))
	}
	for _, reg := range registered {
		if part, ok := meet(s.Scope, reg.Scope, whole); ok && within(part.Scope, allAtoms(out)) != part.Letters {
			out = append(out, part)
		}
	}
	return out
}

// meet is what two scopes both grant, of letters that are not dealt with yet.
func meet(asked, reg authz.Scope, done string) (Resource, bool) {
	out := asked
	switch {
	case asked.Context != reg.Context:
		return Resource{}, false
	case asked.Type == "*":
		out.Type = reg.Type
	case reg.Type != "*" && reg.Type != asked.Type:
		return Resource{}, false
	}
	out.Letters = ""
	for _, l := range asked.Letters {
		if strings.ContainsRune(reg.Letters, l) && !strings.ContainsRune(done, l) {
			out.Letters += string(l)
		}
	}
	out.Arguments = slices.Clone(asked.Arguments)
	for _, p := range reg.Arguments {
		if !slices.Contains(out.Arguments, p) {
			out.Arguments = append(out.Arguments, p)
		}
	}
	text := out.String()
	read, ok := authz.ParseScope(text)
	return Resource{Scope: read, Text: text}, ok && fit(text) // without letters it is none
}

func (s Resource) withLetters(letters string) Resource {
	s.Letters = letters
	s.Text = s.Scope.String()
	return s
}

// Narrow is what of a scope text that was granted is still within a client's
// registration; "" when nothing is, or the text is none.
func Narrow(granted string, allowed []string) string {
	r, err := parse(granted, maxGranted, maxGranted)
	if err != nil {
		return ""
	}
	return r.Allowed(allowed).String()
}

// Subset reports whether scope text a grants no more than b, token by token: what
// a refresh asks for must be within what was granted (RFC 6749 §6). A token of a
// that is unknown must be in b as it stands. "" is a subset of all; a caller to
// whom a missing scope means "the same as before" must see to that first.
func Subset(a, b string) bool {
	ask, err := parse(a, maxGranted, maxGranted)
	if err != nil {
		return false
	}
	given, err := parse(b, maxGranted, maxGranted)
	if err != nil {
		return false
	}
	for _, s := range slices.Concat(ask.Launch, ask.Identity, ask.Access) {
		if !given.Has(s) {
			return false
		}
	}
	for _, s := range ask.Unknown {
		if !slices.Contains(given.Unknown, s) {
			return false
		}
	}
	all := allAtoms(given.Resources)
	return !slices.ContainsFunc(ask.Resources, func(s Resource) bool { return within(s.Scope, all) != s.Letters })
}
