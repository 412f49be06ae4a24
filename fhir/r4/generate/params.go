package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

type param struct {
	id                                 int
	resource, code, url, kind, express string
	targets                            []string
	components                         []component
	systems                            []system // of a token on codes
	bare                               bool     // a token whose values never have a system
}

type component struct {
	of      *param
	url     string // until resolved
	express string
}

// buildParams gives the parameters of "Resource" first, then those of each
// concrete resource type, each list sorted by code.
func buildParams(d *definitions, types *typeSet) ([][]*param, error) {
	out := make([][]*param, types.resources+1)
	names := []string{"Resource"}
	for _, t := range types.all[:types.resources] {
		names = append(names, t.name)
	}
	for typeID, name := range names {
		list, err := paramsOf(d, types, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(list) > 255 {
			return nil, fmt.Errorf("%s: %d parameters don't fit a byte", name, len(list))
		}
		for i, p := range list {
			p.id = typeID<<8 | (i + 1)
			if p.kind == "ParamToken" {
				if err := p.imply(d, types); err != nil {
					return nil, err
				}
			}
			if i > 0 && list[i-1].code == p.code {
				return nil, fmt.Errorf("%s.%s is defined twice", name, p.code)
			}
		}
		out[typeID] = list
	}
	return out, nil
}

func paramsOf(d *definitions, types *typeSet, resource string) ([]*param, error) {
	var list []*param
	for i := range d.params {
		s := &d.params[i]
		if examples[s.URL] {
			continue
		}
		for base := resource; base != ""; base = types.byName[base].base {
			if !slices.Contains(s.Base, base) {
				continue
			}
			p, err := newParam(s, resource, base)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.URL, err)
			}
			list = append(list, p)
			break
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].code < list[j].code })
	return list, resolveComponents(list)
}

func newParam(s *searchParameter, resource, base string) (*param, error) {
	p := &param{resource: resource, code: s.Code, url: s.URL, targets: slices.Sorted(slices.Values(s.Target))}
	kinds := map[string]string{"number": "ParamNumber", "date": "ParamDate", "string": "ParamString",
		"token": "ParamToken", "reference": "ParamReference", "composite": "ParamComposite",
		"quantity": "ParamQuantity", "uri": "ParamURI", "special": "ParamSpecial"}
	if p.kind = kinds[s.Type]; p.kind == "" {
		return nil, fmt.Errorf("type %q", s.Type)
	}
	p.express = expressionFor(s, base)
	if s.Expression == "" {
		p.kind = "ParamSpecial" // _text, _content, _query, _filter; Patient's age and birthOrderBoolean
	} else if p.express == "" {
		return nil, fmt.Errorf("no part of the expression is for %s", base)
	}
	if only := resolvesTo(p.express); only != "" && len(p.targets) > 0 {
		p.targets = []string{only}
	}
	for _, c := range s.Component {
		x := c.Expression
		if better, ok := componentExpressions[x]; ok {
			x = better
		}
		if better, ok := swappedExpressions[[2]string{s.URL, c.Definition}]; ok {
			x = better
		}
		p.components = append(p.components, component{url: c.Definition, express: x})
	}
	return p, nil
}

// expressionFor is the part of a parameter's expression that is for base. The
// published expression of a parameter with several bases is a union whose
// operands begin with the base's name, perhaps after a parenthesis.
func expressionFor(s *searchParameter, base string) string {
	if better, ok := expressions[s.URL]; ok {
		return better
	}
	x := s.Expression
	if len(s.Base) > 1 {
		var mine []string
		for _, part := range splitUnion(x) {
			if root, _, _ := strings.Cut(strings.TrimLeft(part, "( "), "."); root == base {
				mine = append(mine, part)
			}
		}
		x = strings.Join(mine, " | ")
	}
	if strings.Contains(x, ".extension('") && strings.HasSuffix(x, "')") {
		// Published without .value: what is searched is the extension's value,
		// as R5 writes it.
		x += ".value"
	}
	return x
}

// resolvesTo is the one type that an expression lets pass, or "". Targets are
// published for all bases of a parameter together, so that the patient of an
// Observation might have been a Group.
func resolvesTo(x string) string {
	only := ""
	for _, part := range splitUnion(x) {
		_, filter, _ := strings.Cut(part, ".where(resolve() is ")
		name, ok := strings.CutSuffix(filter, ")")
		if !ok || (only != "" && only != name) {
			return ""
		}
		only = name
	}
	return only
}

// splitUnion splits at the |s that are outside parentheses and quotes.
func splitUnion(x string) []string {
	var parts []string
	depth, start, quoted := 0, 0, false
	for i := 0; i < len(x); i++ {
		switch c := x[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			parts = append(parts, strings.TrimSpace(x[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(x[start:]))
}

func resolveComponents(list []*param) error {
	for _, p := range list {
		for i := range p.components {
			c := &p.components[i]
			at := slices.IndexFunc(list, func(q *param) bool { return q.url == c.url })
			if at < 0 {
				return fmt.Errorf("%s: no component %s", p.url, c.url)
			}
			c.of = list[at]
		}
	}
	return nil
}

type compartment struct {
	code    string
	members []compartmentMember
}

type compartmentMember struct {
	resource string
	params   []string
}

// buildCompartments keeps the types that are in a compartment. The compartment's
// own type always has {def} first: Encounter, Practitioner and RelatedPerson
// publish it, Patient and Device say it in prose only.
func buildCompartments(d *definitions) []compartment {
	var out []compartment
	for _, c := range d.compartments {
		members := map[string][]string{c.Code: {"{def}"}}
		for _, r := range c.Resource {
			for _, p := range r.Param {
				if !slices.Contains(members[r.Code], p) {
					members[r.Code] = append(members[r.Code], p)
				}
			}
		}
		m := compartment{code: c.Code}
		for resource, params := range members {
			m.members = append(m.members, compartmentMember{resource, params})
		}
		sort.Slice(m.members, func(i, j int) bool { return m.members[i].resource < m.members[j].resource })
		out = append(out, m)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].code < out[j].code })
	return out
}
