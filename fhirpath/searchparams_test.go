package fhirpath_test

import (
	"strings"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

func TestEveryPublishedSearchParameterCompiles(t *testing.T) {
	files := archive(t, "hl7.fhir.r4.core-4.0.1.ndjson.tar.xz", definitions)
	n := 0
	for _, p := range lines(t, files["search-parameters.ndjson"]) {
		exprs := []fhirjson.Node{p.Field("expression")}
		for c := range p.Field("component").Children() {
			exprs = append(exprs, c.Field("expression"))
		}
		for _, e := range exprs {
			if !e.Exists() {
				continue
			}
			n++
			if _, err := fhirpath.Compile(e.Text(), r4.Model{}); err != nil {
				t.Errorf("%s: %s: %v", p.Field("id").Text(), e.Text(), err)
			}
		}
	}
	if n < 1300 {
		t.Errorf("%d expressions, want all 1400", n)
	}
}

func TestEveryPublishedInvariantCompiles(t *testing.T) {
	files := archive(t, "hl7.fhir.r4.core-4.0.1.ndjson.tar.xz", definitions)
	n := 0
	seen := map[string]bool{}
	for _, sd := range lines(t, files["structure-definitions.ndjson"]) {
		for el := range sd.Field("snapshot").Field("element").Children() {
			for c := range el.Field("constraint").Children() {
				e := c.Field("expression").Text()
				if e == "" || seen[e] {
					continue
				}
				seen[e] = true
				n++
				if _, err := fhirpath.Compile(e, r4.Model{}); err != nil {
					t.Errorf("%s: %s: %v", c.Field("key").Text(), e, err)
				}
			}
		}
	}
	t.Logf("%d invariants", n)
}

// TestInvariantsHoldForSamples evaluates the invariants of severity error, of
// resources and of all elements in them, on resources that are known to be valid.
func TestInvariantsHoldForSamples(t *testing.T) {
	rules := invariants(t)
	walk, err := fhirpath.Compile("$this | descendants()", r4.Model{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, res := range samples(t, 3) {
		if len(res.Raw()) > 4000 {
			continue // to be done in a second
		}
		items, err := walk.Eval(fhirpath.Env{}, fhirpath.Resource(parse(t, string(res.Raw()))))
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			for _, x := range rules[it.Type()] {
				n++
				if ok, known, err := x.Bool(fhirpath.Env{}, it); known && !ok || err != nil {
					t.Errorf("%s: %s = %v, %v", it.Path(), x, ok, err)
				}
			}
		}
	}
	t.Logf("%d invariants evaluated", n)
	if n < 10000 {
		t.Errorf("only %d invariants evaluated", n)
	}
}

// invariants are the expressions by the type or backbone path they apply to.
func invariants(t *testing.T) map[string][]*fhirpath.Expr {
	t.Helper()
	files := archive(t, "hl7.fhir.r4.core-4.0.1.ndjson.tar.xz", definitions)
	rules, seen := map[string][]*fhirpath.Expr{}, map[string]bool{}
	for _, sd := range lines(t, files["structure-definitions.ndjson"]) {
		if sd.Field("derivation").Is("constraint") {
			continue
		}
		for el := range sd.Field("snapshot").Field("element").Children() {
			path := el.Field("path").Text()
			for c := range el.Field("constraint").Children() {
				e := c.Field("expression").Text()
				if e == "" || !c.Field("severity").Is("error") || seen[path+" "+e] {
					continue
				}
				seen[path+" "+e] = true
				x, err := fhirpath.Compile(e, r4.Model{})
				if err != nil {
					t.Fatalf("%s: %s: %v", path, e, err)
				}
				rules[path] = append(rules[path], x)
			}
		}
	}
	return rules
}

type indexed struct {
	code string
	expr *fhirpath.Expr
}

// index compiles the search parameters of a resource type, as the index does.
func index(t testing.TB, typ string) []indexed {
	t.Helper()
	var out []indexed
	for _, p := range r4.SearchParams(typ) {
		if p.Expression == "" {
			continue
		}
		e, err := fhirpath.Compile(p.Expression, r4.Model{})
		if err != nil {
			t.Fatalf("%s %s: %v", typ, p.Code, err)
		}
		out = append(out, indexed{p.Code, e})
	}
	return out
}

// samples are the resources of the Synthea bundles.
func samples(t testing.TB, bundles int) []fhirjson.Node {
	t.Helper()
	files := archive(t, "synthea-r4-120p.tar.xz", func(base string) bool { return strings.HasSuffix(base, ".json") })
	var out []fhirjson.Node
	for _, raw := range files {
		if bundles--; bundles < 0 {
			break
		}
		for e := range parse(t, string(raw)).Field("entry").Children() {
			out = append(out, e.Field("resource"))
		}
	}
	return out
}

func TestSearchParametersFindValuesInSamples(t *testing.T) {
	params := map[string][]indexed{}
	found := map[string]int{}
	n := 0
	for _, res := range samples(t, 20) {
		focus := fhirpath.Resource(res)
		if params[focus.Type()] == nil {
			params[focus.Type()] = index(t, focus.Type())
		}
		for _, p := range params[focus.Type()] {
			out, err := p.expr.Eval(fhirpath.Env{}, focus)
			if err != nil {
				t.Fatalf("%s %s: %v", focus.Type(), p.code, err)
			}
			n++
			found[focus.Type()+" "+p.code] += len(out)
		}
	}
	t.Logf("%d evaluations", n)
	for _, want := range []string{"Patient family", "Patient given", "Patient birthdate", "Patient deceased",
		"Observation code", "Observation subject", "Observation value-quantity", "Observation date", "Observation combo-code",
		"Encounter subject", "Encounter class", "Condition onset-date", "Procedure date"} {
		if found[want] == 0 {
			t.Errorf("%s finds nothing in the samples", want)
		}
	}
}

func BenchmarkIndexExtraction(b *testing.B) {
	byType := map[string]fhirjson.Node{}
	for _, res := range samples(b, 3) {
		if typ := res.Field("resourceType").Text(); !byType[typ].Exists() {
			byType[typ] = parse(b, string(res.Raw()))
		}
	}
	for _, typ := range []string{"Patient", "Observation", "Encounter", "Claim"} {
		params := index(b, typ)
		focus := fhirpath.Resource(byType[typ])
		b.Run(typ, func(b *testing.B) {
			b.ReportAllocs()
			var out []fhirpath.Item
			for b.Loop() {
				for _, p := range params {
					var err error
					if out, err = p.expr.AppendEval(out[:0], fhirpath.Env{}, focus); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(len(params)), "expressions")
			b.ReportMetric(float64(len(byType[typ].Raw())), "bytes")
		})
	}
}

func BenchmarkEval(b *testing.B) {
	patient := fhirpath.Resource(parse(b, `{"resourceType":"Patient","id":"p","active":true,
		"name":[{"use":"official","family":"Levin","given":["Henry","The 7th"]},{"use":"usual","given":["Hal"]}],
		"telecom":[{"system":"phone","value":"1"},{"system":"email","value":"a@b"}],
		"managingOrganization":{"reference":"Organization/1"},"deceasedDateTime":"2020-01-01"}`))
	for _, text := range []string{
		"Patient.name.given",
		"Patient.telecom.where(system='email')",
		"Patient.deceased.exists() and Patient.deceased != false",
		"(Patient.deceased as dateTime)",
		"Patient.managingOrganization.where(resolve() is Organization)",
		"Patient.name.select(given | family).count() = 4",
		"Patient.photo",
	} {
		e, err := fhirpath.Compile(text, r4.Model{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			var out []fhirpath.Item
			for b.Loop() {
				if out, err = e.AppendEval(out[:0], fhirpath.Env{}, patient); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fhirpath.Compile("AuditEvent.entity.what.where(resolve() is Patient)", r4.Model{}); err != nil {
			b.Fatal(err)
		}
	}
}
