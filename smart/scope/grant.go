package scope

import (
	"slices"
	"strings"

	"firebreak/authz"
)

// Grant is the scope text to issue for the ids of Choices that a person ticked.
// It covers no more than the request; ids that are no choice of the request mean
// nothing. Scopes that are granted whole are returned as they were asked for, and
// others in the version they were asked for where that can say it. It is "" when
// nothing is granted, which is to be answered access_denied; a person who denies
// is the caller's to see to, for Required choices are granted to any.
func Grant(r Request, chosen []string) string {
	ticked := map[string]bool{}
	for _, id := range chosen {
		ticked[id] = true
	}
	out := Request{Launch: r.Launch}
	for _, s := range r.Identity {
		if s == "openid" || ticked[s] {
			out.Identity = append(out.Identity, s)
		}
	}
	for _, s := range r.Access {
		if ticked[s] {
			out.Access = append(out.Access, s)
		}
	}
	var granted []atom
	for _, u := range units(r.Resources) {
		atoms, _ := u.chosen(ticked)
		granted = append(granted, atoms...)
	}
	out.Resources = issue(r.Resources, granted)
	return out.String()
}

// All are the ids of all choices, parts included: a request granted whole.
func All(groups []Group) []string { return ids(groups, func(Choice) bool { return true }) }

// Defaults are the ids that are ticked at first.
func Defaults(groups []Group) []string { return ids(groups, func(c Choice) bool { return c.Default }) }

func ids(groups []Group, which func(Choice) bool) []string {
	var out []string
	var walk func([]Choice)
	walk = func(list []Choice) {
		for _, c := range list {
			if which(c) {
				out = append(out, c.ID)
			}
			walk(c.Parts)
		}
	}
	for _, g := range groups {
		walk(g.Choices)
	}
	return out
}

// issue writes what was granted in the terms of what was asked for: for each
// scope asked for, its letters that are granted whole, then its parts.
func issue(asked []Resource, granted []atom) []Resource {
	var out []Resource
	var done []atom
	add := func(s Resource) {
		if !slices.ContainsFunc(out, func(x Resource) bool { return x.Text == s.Text }) {
			out = append(out, s)
			done = append(done, atomsOf(s.Scope)...)
		}
	}
	for _, s := range asked {
		switch whole := within(s.Scope, granted); whole {
		case s.Letters:
			add(s)
			continue
		case "":
		default:
			add(s.withLetters(whole))
		}
		for _, part := range partsGranted(s, granted) {
			if within(part.Scope, done) != part.Letters {
				add(part)
			}
		}
	}
	return out
}

// partsGranted are what was granted of a scope, but not of the whole of it, with
// letters joined, in the order they were granted.
func partsGranted(s Resource, granted []atom) []Resource {
	var out []Resource
	of := atomsOf(s.Scope)
	for _, a := range granted {
		if !covered(of, a) || a.typ == s.Type && len(a.args) == len(of[0].args) {
			continue
		}
		at := slices.IndexFunc(out, func(x Resource) bool { return x.Type == a.typ && slices.Equal(x.Arguments, a.args) })
		if at < 0 {
			at = len(out)
			out = append(out, Resource{Scope: authz.Scope{Context: a.context, Type: a.typ, Version1: s.Version1, Arguments: a.args}})
		}
		if !strings.ContainsRune(out[at].Letters, rune(a.letter)) {
			out[at] = out[at].withLetters(inOrder(out[at].Letters + string(a.letter)))
		}
	}
	return out
}
