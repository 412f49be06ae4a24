package fhirpath_test

import (
	"errors"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

// FuzzEval compiles and evaluates whatever it is given: no panic, no runaway,
// and only the errors that are promised.
func FuzzEval(f *testing.F) {
	for _, expr := range []string{
		"Patient.name.where(given = 'Hal').given | birthDate + 2.5 days",
		"(1 | 2).aggregate($this + $total, 0) * 1 'mg' / 2 '[in_i]' ~ 4 days",
		"descendants().where($this is string).select(replaceMatches('(.)', '$1$1'))",
		"@2015-02-04T14:34:28.123+10:00.highBoundary(17) > today()",
		"iif({} implies true, name.sort(-family), %resource.repeat(children()))",
		"'\\u00e9'.toQuantity().convertsToDateTime() & 1.5.round(2).toString().encode('hex')",
		"generalPractitioner.resolve().ofType(FHIR.`Practitioner`).type().name",
		"name.given.extension('x').hasValue() xor gender.exists() and {} contains 1",
	} {
		f.Add(expr, patient)
	}
	f.Fuzz(func(t *testing.T, expr, resource string) {
		doc, err := fhirjson.Parse([]byte(resource))
		if err != nil {
			return
		}
		e, err := fhirpath.Compile(expr, r4.Model{})
		var syn *fhirpath.SyntaxError
		if err != nil {
			if !errors.As(err, &syn) || syn.Pos < 0 || syn.Pos > len(expr) {
				t.Fatalf("Compile = %v", err)
			}
			return
		}
		for _, env := range []fhirpath.Env{{Now: noon}, {Strict: true, Resolve: func(string) (fhirpath.Item, bool) { return fhirpath.String("x"), true }}} {
			out, err := e.Eval(env, fhirpath.Resource(doc.Root()))
			var ee *fhirpath.EvalError
			if err != nil && !errors.As(err, &ee) && !errors.Is(err, fhirpath.ErrTooCostly) {
				t.Fatalf("Eval = %v", err)
			}
			for i := range out[:min(len(out), 100)] {
				if !out[i].Exists() {
					t.Fatal("a collection holds nothing as an item")
				}
				_, _, _, _ = out[i].Text(), out[i].Path(), out[i].Type(), out[i].Sibling()
			}
		}
	})
}
