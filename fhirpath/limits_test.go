package fhirpath_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"firebreak/fhir/r4"
	"firebreak/fhirpath"
)

func TestHostileExpressionsAreNotCompiled(t *testing.T) {
	for name, expr := range map[string]string{
		"too long":          "'" + strings.Repeat("x", fhirpath.MaxExpression) + "'",
		"deep parentheses":  strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		"deep arguments":    strings.Repeat("where(", 2000) + "true" + strings.Repeat(")", 2000),
		"deep indexers":     strings.Repeat("a[", 2000) + "0" + strings.Repeat("]", 2000),
		"long chain":        "a" + strings.Repeat(".a", 5000),
		"many signs":        strings.Repeat("-", 5000) + "1",
		"long sum":          "1" + strings.Repeat("+1", 5000),
		"huge pattern":      "'a'.matches('" + strings.Repeat("(a|b)", 400) + "')",
		"exploding pattern": "'a'.matches('((((a{30}){30}){30}){30})')",
		"back reference":    `'a'.matches('(a)\\1')`,
		"long number":       strings.Repeat("9", 1000),
		"not UTF-8":         "'\xff'",
	} {
		_, err := fhirpath.Compile(expr, r4.Model{})
		var syn *fhirpath.SyntaxError
		if !errors.As(err, &syn) {
			t.Errorf("%s: Compile = %v, want a SyntaxError", name, err)
		}
	}
}

func TestHostileEvaluationsEnd(t *testing.T) {
	many := "(" + strings.Repeat("1|2|3|4|5|6|7|8|9|", 20) + "0)"
	ten := "'aaaaaaaaaa'.toChars()"
	hundreds := ten + ".select(" + ten + ").select(" + ten + ")"
	for name, expr := range map[string]string{
		"product of collections": hundreds + ".select(" + hundreds + ").select(" + hundreds + ").count()",
		"doubling text":          ten + ".select(" + ten + ").aggregate($total & $total & 'x', 'xxxxxxxx').length()",
		"doubling replacement":   ten + ".select(" + ten + ").aggregate($total.replace('', 'xxxxxxxxxx'), 'x').length()",
		"doubling groups":        ten + ".select(" + ten + `).aggregate($total.replaceMatches('.+', '$0$0$0$0'), 'x').length()`,
		"growing number":         ten + ".select(" + ten + ").aggregate($total * $total, 10.1)",
		"growing collection":     ten + ".select(" + ten + ").aggregate($total.combine($total), 1).count()",
		"endless repeat":         "1.repeat($this + 1).count()",
		"growing repeat":         "'x'.repeat($this & 'x').count()",
		"slow pattern":           ten + ".select(" + hundreds + ").join('').matches('(a?){200}b')",
		"quadratic union":        "(" + hundreds + ".select($index.toString() & $this) | " + hundreds + ".select($this & $index.toString())).count()",
		"large power":            "10.power(400)",
		"growing unit":           ten + ".select(" + ten + ").aggregate($total * 1 'kg', 1 'kg')",
		"walks of walks":         many + ".select(%resource.descendants().select(%resource.descendants())).count()",
	} {
		e, err := fhirpath.Compile(expr, r4.Model{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		start := time.Now()
		_, err = e.Eval(fhirpath.Env{}, fhirpath.Resource(parse(t, patient)))
		took := time.Since(start)
		t.Logf("%s: %v in %v", name, err, took)
		if took > 5*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestTooCostlyIsTold(t *testing.T) {
	e, err := fhirpath.Compile("1.repeat($this + 1).count()", r4.Model{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Eval(fhirpath.Env{}, fhirpath.Item{}); !errors.Is(err, fhirpath.ErrTooCostly) {
		t.Errorf("Eval = %v, want ErrTooCostly", err)
	}
}
