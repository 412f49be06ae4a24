package main

import (
	"slices"
	"sort"
)

// maxCodes bounds the lists of codes in the tables; longer ones are checked
// by terminology.
const maxCodes = 100

// enumerate lists the codes of a value set, sorted; nil when the published
// definitions don't say them all, or say more than maxCodes.
func (d *definitions) enumerate(url string) []string {
	codes, ok := d.valueSetCodes(url, 0)
	if !ok || len(codes) == 0 {
		return nil
	}
	sort.Strings(codes)
	codes = slices.Compact(codes)
	if len(codes) > maxCodes {
		return nil
	}
	return codes
}

func (d *definitions) valueSetCodes(url string, depth int) ([]string, bool) {
	vs := d.valueSets[url]
	if vs == nil || depth > 5 || len(vs.Compose.Include) == 0 || len(vs.Compose.Exclude) > 0 {
		return nil, false
	}
	var out []string
	for _, part := range vs.Compose.Include {
		codes, ok := d.partCodes(part, depth)
		if !ok {
			return nil, false
		}
		out = append(out, codes...)
	}
	return out, true
}

func (d *definitions) partCodes(part valueSetPart, depth int) ([]string, bool) {
	switch {
	case len(part.ValueSet) > 1, len(part.ValueSet) == 1 && part.System != "":
		return nil, false // an intersection
	case len(part.ValueSet) == 1:
		return d.valueSetCodes(part.ValueSet[0], depth+1)
	case len(part.Concept) > 0:
		return flatten(part.Concept), true
	}
	cs := d.systems[part.System]
	if cs == nil || cs.Content != "complete" {
		return nil, false
	}
	roots := cs.Concept
	for _, f := range part.Filter {
		below := find(roots, f.Value)
		if f.Op != "is-a" || f.Property != "concept" || below == nil {
			return nil, false
		}
		roots = []concept{*below} // is-a includes the concept itself
	}
	return flatten(roots), true
}

func flatten(cs []concept) []string {
	var out []string
	for _, c := range cs {
		out = append(append(out, c.Code), flatten(c.Concept)...)
	}
	return out
}

func find(cs []concept, code string) *concept {
	for i := range cs {
		if cs[i].Code == code {
			return &cs[i]
		}
		if c := find(cs[i].Concept, code); c != nil {
			return c
		}
	}
	return nil
}
