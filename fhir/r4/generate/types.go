package main

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

type typ struct {
	name, base, kind, pattern string
	abstract                  bool
	elements                  []element
}

type element struct {
	name                      string
	types, targets, codes     []string
	min, max                  int
	choice, summary, modifier bool
	binding                   string
}

type typeSet struct {
	all       []*typ // concrete resource types sorted, then the others sorted
	resources int    // how many concrete resource types
	byName    map[string]*typ
}

const structurePrefix = "http://hl7.org/fhir/StructureDefinition/"

func buildTypes(d *definitions) (*typeSet, error) {
	set := &typeSet{byName: map[string]*typ{}}
	for i := range d.structures {
		if err := set.addStructure(d, &d.structures[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", d.structures[i].Type, err)
		}
	}
	concrete := func(t *typ) bool { return t.kind == "KindResource" && !t.abstract }
	sort.Slice(set.all, func(i, j int) bool {
		a, b := set.all[i], set.all[j]
		if concrete(a) != concrete(b) {
			return concrete(a)
		}
		return a.name < b.name
	})
	for _, t := range set.all {
		if concrete(t) {
			set.resources++
		}
	}
	return set, set.check()
}

func (set *typeSet) add(t *typ) { set.all = append(set.all, t); set.byName[t.name] = t }

func (set *typeSet) addStructure(d *definitions, s *structureDefinition) error {
	t := &typ{name: s.Type, base: strings.TrimPrefix(s.BaseDefinition, structurePrefix), abstract: s.Abstract}
	switch s.Kind {
	case "resource":
		t.kind = "KindResource"
	case "complex-type":
		t.kind = "KindComplex"
	case "primitive-type":
		t.kind = "KindPrimitive"
	default:
		return fmt.Errorf("kind %q", s.Kind)
	}
	set.add(t)
	owners := map[string]*typ{s.Type: t}
	for i := range s.Snapshot.Element {
		e := &s.Snapshot.Element[i]
		dot := strings.LastIndexByte(e.Path, '.')
		if dot < 0 || e.Max == "0" {
			continue
		}
		if t.kind == "KindPrimitive" && e.Path == t.name+".value" {
			if err := t.setPattern(e); err != nil {
				return err
			}
			continue
		}
		owner := owners[e.Path[:dot]]
		if owner == nil {
			return fmt.Errorf("%s has no parent", e.Path)
		}
		if hasChildren(s, e.Path) { // a backbone element
			b := &typ{name: e.Path, base: e.Type[0].Code, kind: "KindBackbone"}
			set.add(b)
			owners[e.Path] = b
		}
		el, err := newElement(d, t, e, owners[e.Path] != nil)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
		owner.elements = append(owner.elements, el)
	}
	return nil
}

func hasChildren(s *structureDefinition, path string) bool {
	return slices.ContainsFunc(s.Snapshot.Element, func(e elementDefinition) bool {
		return strings.HasPrefix(e.Path, path+".")
	})
}

func (t *typ) setPattern(e *elementDefinition) error {
	published := ""
	for _, x := range e.Type[0].Extension {
		if strings.HasSuffix(x.URL, "/regex") {
			published = x.ValueString
		}
	}
	if corrected, ok := patterns[t.name]; ok {
		published = corrected
	}
	if published == "" {
		if t.name != "xhtml" {
			return fmt.Errorf("no regex")
		}
		return nil
	}
	t.pattern = "^(?:" + published + ")$"
	_, err := regexp.Compile(t.pattern)
	return err
}

func newElement(d *definitions, root *typ, e *elementDefinition, backbone bool) (element, error) {
	name := e.Path[strings.LastIndexByte(e.Path, '.')+1:]
	el := element{min: e.Min, summary: e.IsSummary, modifier: e.IsModifier}
	el.name, el.choice = strings.CutSuffix(name, "[x]")
	el.max = -1
	if e.Max != "*" {
		n, err := strconv.Atoi(e.Max)
		if err != nil {
			return el, err
		}
		el.max = n
	}
	switch {
	case backbone:
		el.types = []string{e.Path}
	case e.ContentReference != "":
		el.types = []string{strings.TrimPrefix(e.ContentReference, "#")}
	default:
		for _, t := range e.Type {
			el.types = append(el.types, typeName(root, e.Path, t.Code, t.Extension))
			el.addTargets(t.TargetProfile)
		}
	}
	if len(el.types) == 0 || (len(el.types) > 1 && !el.choice) {
		return el, fmt.Errorf("%d types", len(el.types))
	}
	sort.Strings(el.targets)
	if slices.Contains(el.targets, "Resource") {
		el.targets = nil
	}
	if e.Binding.Strength == "required" {
		el.binding, _, _ = strings.Cut(e.Binding.ValueSet, "|")
		if slices.Equal(el.types, []string{"code"}) {
			el.codes = d.enumerate(el.binding)
		}
	}
	return el, nil
}

func (el *element) addTargets(profiles []string) {
	for _, p := range profiles {
		target := strings.TrimPrefix(p, structurePrefix)
		if !slices.Contains(el.targets, target) {
			el.targets = append(el.targets, target)
		}
	}
}

// typeName maps FHIRPath's system types, which stand at id and url, to FHIR's
// primitives. A resource's id is published as a string but is of type id
// (http://hl7.org/fhir/R4/resource.html#id).
func typeName(root *typ, path, code string, ext []struct{ URL, ValueURL, ValueURI, ValueString string }) string {
	if !strings.HasPrefix(code, "http://hl7.org/fhirpath/System.") {
		return code
	}
	if root.kind == "KindResource" && path == root.name+".id" {
		return "id"
	}
	for _, x := range ext {
		if strings.HasSuffix(x.URL, "/structuredefinition-fhir-type") {
			return x.ValueURL + x.ValueURI
		}
	}
	return "string" // xhtml.id does not say
}

// check makes sure that every name leads somewhere.
func (set *typeSet) check() error {
	for _, t := range set.all {
		if t.base != "" && set.byName[t.base] == nil {
			return fmt.Errorf("%s: unknown base %q", t.name, t.base)
		}
		for _, e := range t.elements {
			for _, name := range append(slices.Clone(e.types), e.targets...) {
				if set.byName[name] == nil {
					return fmt.Errorf("%s.%s: unknown type %q", t.name, e.name, name)
				}
			}
		}
	}
	return nil
}
