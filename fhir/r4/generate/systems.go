package main

import (
	"fmt"
	"slices"
	"strings"
)

// leaf is a type of value that an expression may give, with the binding of the
// element that gives it.
type leaf struct {
	typ     string
	binding string // the required value set, or ""
}

// leaves are what an expression may give on a resource, as far as its paths
// tell: names, casts and where are followed; ok is false for all else, for it
// may give anything.
func (set *typeSet) leaves(resource, expression string) (out []leaf, ok bool) {
	for _, operand := range splitUnion(expression) {
		if strings.Contains(operand, " and ") { // Patient.deceased.exists() and …
			out = append(out, leaf{typ: "boolean"})
			continue
		}
		path, cast := operand, ""
		if inner, found := strings.CutPrefix(operand, "("); found {
			path, cast, found = strings.Cut(strings.TrimSuffix(inner, ")"), " as ")
			if !found {
				return nil, false
			}
		}
		if before, typ, found := strings.Cut(path, ".as("); found {
			path, cast = before, strings.TrimSuffix(typ, ")")
		}
		if i := strings.Index(path, ".where("); i >= 0 && strings.HasSuffix(path, ")") {
			path = path[:i]
		}
		found, known := set.follow(resource, path)
		if !known {
			return nil, false
		}
		for _, l := range found {
			if cast == "" || cast == l.typ {
				out = append(out, l)
			}
		}
	}
	return out, len(out) > 0
}

// follow walks a path of element names from the resource's type.
func (set *typeSet) follow(resource, path string) ([]leaf, bool) {
	root, rest, _ := strings.Cut(path, ".")
	if set.byName[root] == nil {
		root, rest = resource, path // a component's, relative to the resource
	}
	at := []leaf{{typ: root}}
	for _, name := range strings.Split(rest, ".") {
		var next []leaf
		for _, l := range at {
			t := set.byName[l.typ]
			i := slices.IndexFunc(t.elements, func(e element) bool { return e.name == name })
			if i < 0 {
				return nil, false
			}
			for _, typ := range t.elements[i].types {
				next = append(next, leaf{typ, t.elements[i].binding})
			}
		}
		at = next
	}
	return at, len(at) > 0
}

// system is a code system that elements of a parameter imply.
type system struct {
	url   string
	codes []string // only where there are several systems
}

// imply sets what the elements of a token parameter say about systems. A
// parameter on codes and on anything else besides would need the system in some
// of its index rows only; R4 has none, and one that came would be an error.
func (p *param) imply(d *definitions, types *typeSet) error {
	leaves, ok := types.leaves(p.resource, p.express)
	if !ok {
		return nil // extensions: values bring their system or have none
	}
	p.bare = true
	codes := 0
	for _, l := range leaves {
		p.bare = p.bare && (l.typ == "ContactPoint" || l.typ == "boolean" || l.typ == "uri")
		if l.typ != "code" {
			continue
		}
		codes++
		implied, ok := d.impliedBy(l.binding)
		if !ok || p.systems != nil && !slices.EqualFunc(p.systems, implied, sameSystem) {
			p.systems = nil
			break
		}
		p.systems = implied
	}
	if p.systems != nil && codes != len(leaves) {
		return fmt.Errorf("%s.%s: elements with an implied system and others", p.resource, p.code)
	}
	return nil
}

func sameSystem(a, b system) bool { return a.url == b.url && slices.Equal(a.codes, b.codes) }

// impliedBy is the one system of a required value set, or its several systems
// with the codes by which they are told apart.
func (d *definitions) impliedBy(valueSet string) ([]system, bool) {
	urls, ok := d.systemsOf(valueSet, 0)
	switch {
	case !ok:
		return nil, false
	case len(urls) == 1:
		return []system{{url: urls[0]}}, true
	}
	var out []system
	seen := map[string]bool{}
	for _, part := range d.valueSets[valueSet].Compose.Include {
		codes, ok := d.partCodes(part, 0)
		if !ok || part.System == "" {
			return nil, false
		}
		for _, c := range codes {
			if seen[strings.ToLower(c)] {
				return nil, false // of either system
			}
			seen[strings.ToLower(c)] = true
		}
		slices.Sort(codes)
		out = append(out, system{part.System, codes})
	}
	return out, true
}

// systemsOf are the code systems that a value set takes codes from.
func (d *definitions) systemsOf(url string, depth int) ([]string, bool) {
	vs := d.valueSets[url]
	if vs == nil || depth > 5 || len(vs.Compose.Include) == 0 {
		return nil, false
	}
	var out []string
	for _, part := range vs.Compose.Include {
		if part.System != "" {
			out = append(out, part.System)
			continue
		}
		for _, of := range part.ValueSet {
			systems, ok := d.systemsOf(of, depth+1)
			if !ok {
				return nil, false
			}
			out = append(out, systems...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), true
}
