package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCheckedInTablesAreWhatTheDefinitionsSay(t *testing.T) {
	defs := definitionsPath()
	if _, err := os.Stat(defs); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("FIREBREAK_TESTDATA: %v", err)
		}
		t.Skipf("needs %s in FIREBREAK_TESTDATA", archiveName)
	}
	dir := t.TempDir()
	if err := run(defs, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"types_gen.go", "search_gen.go", "compartments_gen.go"} {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from the definitions: run go generate", name)
		}
	}
}

func TestExpressionIsSplitByBase(t *testing.T) {
	for _, c := range []struct{ name, expression, base, want string }{
		{"plain", "Patient.name | Practitioner.name", "Practitioner", "Practitioner.name"},
		{"prefix of another name", "PractitionerRole.telecom | Practitioner.telecom", "Practitioner", "Practitioner.telecom"},
		{"two parts", "A.x | B.y | A.z", "A", "A.x | A.z"},
		{"parentheses", "(A.m as Reference) | (B.m as Reference)", "B", "(B.m as Reference)"},
		{"bar inside", "(A.x | A.y).z | B.x", "A", "(A.x | A.y).z"},
		{"bar in quotes", "A.x.where(s='a | B.c)') | B.x", "A", "A.x.where(s='a | B.c)')"},
		{"function", "A.subject.where(resolve() is Patient) | B.patient", "A", "A.subject.where(resolve() is Patient)"},
	} {
		s := &searchParameter{Expression: c.expression, Base: []string{"A", "B", "Patient", "Practitioner"}}
		if got := expressionFor(s, c.base); got != c.want {
			t.Errorf("%s: expressionFor(%s) = %q, want %q", c.name, c.base, got, c.want)
		}
	}
}

func TestExtensionIsSearchedByItsValue(t *testing.T) {
	s := &searchParameter{Expression: "Device.extension('http://x/din')", Base: []string{"Device"}}
	if got, want := expressionFor(s, "Device"), "Device.extension('http://x/din').value"; got != want {
		t.Errorf("expressionFor = %q, want %q", got, want)
	}
}

func TestResolveNarrowsTargets(t *testing.T) {
	for x, want := range map[string]string{
		"A.subject.where(resolve() is Patient)":                             "Patient",
		"A.a.where(resolve() is Patient) | A.b.where(resolve() is Patient)": "Patient",
		"A.a.where(resolve() is Patient) | A.b":                             "",
		"A.a.where(resolve() is Patient) | A.b.where(resolve() is Group)":   "",
		"A.subject": "",
	} {
		if got := resolvesTo(x); got != want {
			t.Errorf("resolvesTo(%s) = %q, want %q", x, got, want)
		}
	}
}

func TestOnlyClosedValueSetsAreEnumerated(t *testing.T) {
	d := &definitions{
		systems: map[string]*codeSystem{
			"s":    {URL: "s", Content: "complete", Concept: []concept{{Code: "b", Concept: []concept{{Code: "c"}}}, {Code: "a"}}},
			"open": {URL: "open", Content: "fragment", Concept: []concept{{Code: "a"}}},
		},
		valueSets: map[string]*valueSet{},
	}
	set := func(url string, parts ...valueSetPart) {
		v := &valueSet{URL: url}
		v.Compose.Include = parts
		d.valueSets[url] = v
	}
	set("all", valueSetPart{System: "s"})
	set("some", valueSetPart{System: "unknown", Concept: []concept{{Code: "x"}}})
	set("fragment", valueSetPart{System: "open"})
	set("nested", valueSetPart{ValueSet: []string{"all"}}, valueSetPart{ValueSet: []string{"some"}})
	set("both", valueSetPart{System: "s", ValueSet: []string{"some"}})
	set("below", valueSetPart{System: "s", Filter: []struct{ Property, Op, Value string }{{"concept", "is-a", "b"}}})
	set("regex", valueSetPart{System: "s", Filter: []struct{ Property, Op, Value string }{{"code", "regex", "b"}}})
	for url, want := range map[string][]string{
		"all": {"a", "b", "c"}, "some": {"x"}, "fragment": nil, "nested": {"a", "b", "c", "x"},
		"both": nil, "below": {"b", "c"}, "regex": nil, "missing": nil,
	} {
		if got := d.enumerate(url); !slices.Equal(got, want) {
			t.Errorf("enumerate(%s) = %v, want %v", url, got, want)
		}
	}
}
