package scope

import (
	"cmp"
	"slices"
	"strings"

	"firebreak/authz"
	"firebreak/fhir/search"
)

// unit is what a person can grant or not: a scope on resources, of version 2,
// either to see or to change, and what it can be granted in parts as.
type unit struct {
	scope authz.Scope
	// rest is the part of the unit above that has no name: granted when all other
	// parts are.
	rest  bool
	parts []unit
}

func (u unit) id() string {
	if u.rest {
		return u.scope.String() + "#rest" // # is in no scope
	}
	return u.scope.String()
}

// units are what a request's scopes on resources come to: what one covers of
// another is told once, and to see is told apart from to change.
func units(list []Resource) []unit {
	var out []unit
	for _, a := range leastAtoms(list) {
		at := slices.IndexFunc(out, func(u unit) bool {
			return u.scope.Context == a.context && u.scope.Type == a.typ && slices.Equal(u.scope.Arguments, a.args) && seeing(u.scope.Letters[0]) == seeing(a.letter)
		})
		if at < 0 {
			at = len(out)
			out = append(out, unit{scope: authz.Scope{Context: a.context, Type: a.typ, Arguments: a.args}})
		}
		out[at].scope.Letters = inOrder(out[at].scope.Letters + string(a.letter))
	}
	slices.SortFunc(out, compareUnits)
	for i := range out {
		out[i].parts = partsOf(out[i].scope)
	}
	return out
}

// leastAtoms are a request's atoms without those that another covers, sorted.
func leastAtoms(list []Resource) []atom {
	all := allAtoms(list)
	slices.SortFunc(all, compareAtoms)
	all = slices.CompactFunc(all, func(a, b atom) bool { return compareAtoms(a, b) == 0 })
	var out []atom
	for i, a := range all {
		if !covered(all[:i], a) && !covered(all[i+1:], a) {
			out = append(out, a)
		}
	}
	return out
}

func compareAtoms(a, b atom) int {
	return cmp.Or(cmp.Compare(a.context, b.context), cmp.Compare(a.typ, b.typ), cmp.Compare(a.letter, b.letter),
		slices.CompareFunc(a.args, b.args, comparePairs))
}

func seeing(letter byte) bool { return letter == 'r' || letter == 's' }

func inOrder(letters string) string {
	var b strings.Builder
	for _, l := range "cruds" {
		if strings.ContainsRune(letters, l) {
			b.WriteRune(l)
		}
	}
	return b.String()
}

func compareUnits(a, b unit) int {
	first := func(u unit) int {
		if u.scope.Type == "*" {
			return -1
		}
		return place(u.scope.Type)
	}
	see := func(u unit) int {
		if seeing(u.scope.Letters[0]) {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(a.scope.Context, b.scope.Context), cmp.Compare(see(a), see(b)),
		slices.CompareFunc(a.scope.Arguments, b.scope.Arguments, comparePairs))
}

// partsOf are the parts of a scope that a person can grant instead of the whole:
// the types of US Core of a whole record, and the categories of conditions and
// observations that are to be seen (45 CFR 170.315(g)(10) has them offered when
// the type is asked for; who asks for a whole record asks for the type too).
func partsOf(s authz.Scope) []unit {
	if len(s.Arguments) > 0 {
		return nil
	}
	var out []unit
	see := seeing(s.Letters[0])
	if s.Type == "*" {
		for _, n := range names {
			// A patient's token changes no directory (authz.Scopes).
			if !usCore(n.typ) || s.Context == "patient" && !see && authz.Directory(n.typ) {
				continue
			}
			part := s
			part.Type = n.typ
			out = append(out, unit{scope: part, parts: partsOf(part)})
		}
		return append(out, unit{scope: s, rest: true})
	}
	if !see {
		return nil
	}
	for _, k := range kinds {
		if k.offered && k.typ == s.Type {
			part := s
			part.Arguments = []search.Pair{{Name: "category", Value: k.system + "|" + k.code}}
			out = append(out, unit{scope: part})
		}
	}
	if out == nil {
		return nil
	}
	return append(out, unit{scope: s, rest: true})
}

// chosen are the atoms that a person granted of a unit by the ids that were
// ticked. A part counts only under a ticked whole. The whole is granted when all
// of its parts are; a scope can't say "all but".
func (u unit) chosen(ticked map[string]bool) (granted []atom, whole bool) {
	if !ticked[u.id()] {
		return nil, false
	}
	whole = true
	for _, p := range u.parts {
		atoms, all := p.chosen(ticked)
		whole = whole && all
		if !p.rest {
			granted = append(granted, atoms...)
		}
	}
	if whole {
		return atomsOf(u.scope), true
	}
	return granted, false
}
