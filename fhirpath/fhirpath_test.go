package fhirpath_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

const patient = `{"resourceType":"Patient","id":"p","active":true,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x&nbsp;y</p></div>"},
"contained":[{"resourceType":"Organization","id":"o","name":"Contained Ltd"}],
"extension":[{"url":"http://x/race","valueCode":"a"},{"url":"http://x/n","valueDecimal":1.50}],
"name":[{"use":"official","family":"Levin","given":["Henry","The 7th"]},{"use":"usual","given":["Hal",null],"_given":[null,{"extension":[{"url":"http://x/absent","valueCode":"unknown"}]}]}],
"telecom":[{"system":"phone","value":"1"},{"system":"email","value":"a@b"}],
"birthDate":"1932-09-24","_birthDate":{"id":"bd","extension":[{"url":"http://x/time","valueDateTime":"1932-09-24T10:00:00Z"}]},
"_gender":{"extension":[{"url":"http://x/absent","valueCode":"masked"}]},
"contact":[{"name":{"text":"A"}},{"gender":"male"}],
"managingOrganization":{"reference":"#o"},
"generalPractitioner":[{"reference":"Practitioner/1"},{"reference":"http://s/fhir/Organization/2/_history/3"},{"type":"PractitionerRole","identifier":{"value":"x"}},{"reference":"urn:uuid:1"},{"reference":"urn:uuid:2","type":"Practitioner"},{"reference":"Practitioner?identifier=a%2Fb|c"}],
"deceasedDateTime":"2020-01"}`

func eval(t testing.TB, expr string, env fhirpath.Env, focus fhirpath.Item) []fhirpath.Item {
	t.Helper()
	e, err := fhirpath.Compile(expr, r4.Model{})
	if err != nil {
		t.Fatalf("Compile(%s): %v", expr, err)
	}
	out, err := e.Eval(env, focus)
	if err != nil {
		t.Fatalf("Eval(%s): %v", expr, err)
	}
	return out
}

// yields is a case: an expression and the texts of what it yields on patient.
type yields struct{ name, expr, want string }

func check(t *testing.T, cases []yields) {
	t.Helper()
	focus := fhirpath.Resource(parse(t, patient))
	for _, c := range cases {
		got := strings.Join(texts(eval(t, c.expr, fhirpath.Env{Now: noon}, focus)), " ")
		if got != c.want {
			t.Errorf("%s: %s = %q, want %q", c.name, c.expr, got, c.want)
		}
	}
}

func TestElementsAreFound(t *testing.T) {
	check(t, []yields{
		{"value with sibling", "birthDate", "1932-09-24"},
		{"extension of a primitive", "birthDate.extension('http://x/time').value", "1932-09-24T10:00:00Z"},
		{"id of a primitive", "birthDate.id", "bd"},
		{"primitive without value exists", "gender.exists()", "true"},
		{"primitive without value has none", "gender.hasValue()", "false"},
		{"its extension", "gender.extension('http://x/absent').value", "masked"},
		{"null in an array", "name.given.count()", "4"},
		{"extension beside null", "name.given.extension('http://x/absent').value", "unknown"},
		{"extension of the resource keeps digits", "extension('http://x/n').value", "1.50"},
		{"choice", "deceased", "2020-01"},
		{"choice by its JSON name", "deceasedDateTime", ""},
		{"unknown element", "nothing.at.all", ""},
		{"type of another resource", "Observation.code", ""},
		{"supertype as context", "DomainResource.extension.count() | Resource.id", "2 p"},
		{"System type of a FHIR primitive", "deceased.as(DateTime)", "2020-01"},
		{"as is exact for primitives", "name.use.as(string)", ""},
		{"is is not", "name.use.first() is string", "true"},
		{"contained resource has its type", "contained.ofType(Organization).name", "Contained Ltd"},
		{"contained resource is navigated", "contained.name", "Contained Ltd"},
		{"backbone", "contact.gender", "male"},
		{"backbone's type", "contact.first().type().name", "Patient.contact"},
		{"backbone is a BackboneElement", "contact.all($this is BackboneElement)", "true"},
		{"children", "contact.children().text", "A"},
		{"descendants find values of choices", "descendants().where($this is decimal)", "1.50"},
		{"resourceType is no element", "children().where($this = 'Patient').exists()", "false"},
		{"context", "name.first().select(%context.id)", "p"},
		{"rootResource of a contained one", "contained.name.select(%resource.id)", "p"},
		{"keyword as name", "name.where(use = 'usual').given.where($this.contains('a'))", "Hal"},
		{"index", "name[1].given[0]", "Hal"},
		{"index out of range", "name[7].given", ""},
		{"select keeps order", "name.select(family | given.first())", "Levin Henry Hal"},
		{"escaped names", "Patient.`name`[0].`family`", "Levin"},
		{"hasExtension", "birthDate.hasExtension('http://x/time')", "true"},
		{"narrative", "text.div.htmlChecks()", "true"},
		{"no narrative", "name.family.htmlChecks()", "false"},
	})
}

func TestValuesAreComputed(t *testing.T) {
	check(t, []yields{
		{"surrogates are one character", `'a\u00e9\uD83D\uDE00'.length()`, "3"},
		{"characters, not bytes", "'cafés'.substring(3, 1) & 'x'", "éx"},
		{"comparison of exact decimals", "0.1 + 0.2 = 0.3", "true"},
		{"digits stay", "1.50 + 0.500", "2.000"},
		{"division", "1 / 3", "0.333333333333333333"},
		{"overflow is empty", "2147483647 + 1", ""},
		{"mod keeps the sign", "-5 mod 3", "-2"},
		{"leap day", "@2024-02-29 + 1 year", "2025-02-28"},
		{"month end", "@2024-01-31 + 1 month", "2024-02-29"},
		{"months onto a year", "@2024 + 25 months", "2026"},
		{"hours onto a date", "@2024-01-01 + 25 hours", "2024-01-02"},
		{"time wraps", "@T23:30 + 1 hour", "00:30"},
		{"before year 1", "@0001-01-01 - 1 day", ""},
		{"zones", "@2024-01-01T00:30:00+01:00 = @2023-12-31T23:30:00Z", "true"},
		{"missing zone, far apart", "@2024-01-01T00:00:00 < @2024-01-03T00:00:00Z", "true"},
		{"missing zone, near", "@2024-01-01T00:00:00 < @2024-01-01T01:00:00Z", ""},
		{"precision", "@2024 = @2024-01", ""},
		{"precision that decides", "@2024 < @2025-01", "true"},
		{"units", "1 'kg' + 500 'g'", "1.5 'kg'"},
		{"unit products", "10 'mg' / 2 'mL' = 5 'g/L'", "true"},
		{"pressure", "120 'mm[Hg]' > 15 'kPa'", "true"},
		{"units that do not compare", "1 'mg' = 1 'mL'", ""},
		{"unknown unit", "1 'foo' = 1.0 'foo'", "true"},
		{"calendar", "1 year = 12 months", "true"},
		{"calendar and UCUM", "1 year = 1 'a'", ""},
		{"calendar is about UCUM", "1 year ~ 1 'a'", "true"},
		{"plural", "2 days + 1 day", "3 days"},
		{"conversion", `'5.5 \'mg\''.toQuantity('g')`, "0.0055 'g'"},
		{"groups", `'2024-05'.replaceMatches('(\\d+)-(\\d+)', '$2x$1')`, "05x2024"},
		{"named groups", "'ab'.replaceMatches('(?P<x>a)', '${x}${x}')", "aab"},
		{"three-valued and", "{} and false", "false"},
		{"implies", "{} implies true", "true"},
	})
}

func TestConditionsMayBeUnknown(t *testing.T) {
	focus := fhirpath.Resource(parse(t, patient))
	for _, c := range []struct {
		expr         string
		value, known bool
	}{
		{"active", true, true}, {"active.not()", false, true}, {"{}", false, false},
		{"name[0].family", true, true}, // a single item that is no Boolean is true
		{"deceased = @2020", false, false},
		{"managingOrganization.all(reference.startsWith('#').not() or (reference.substring(1) in %rootResource.contained.id))", true, true},
	} {
		e, err := fhirpath.Compile(c.expr, r4.Model{})
		if err != nil {
			t.Fatal(err)
		}
		if value, known, err := e.Bool(fhirpath.Env{}, focus); value != c.value || known != c.known || err != nil {
			t.Errorf("%s = %v, %v, %v, want %v, %v", c.expr, value, known, err, c.value, c.known)
		}
	}
}

func TestResolveReadsTheTypeFromTheReference(t *testing.T) {
	focus := fhirpath.Resource(parse(t, patient))
	for _, c := range []struct{ expr, want string }{
		{"generalPractitioner.where(resolve() is Practitioner).reference", "Practitioner/1 urn:uuid:2 Practitioner?identifier=a%2Fb|c"},
		{"generalPractitioner.where(resolve() is Organization).reference", "http://s/fhir/Organization/2/_history/3"},
		{"generalPractitioner.where(resolve() is PractitionerRole).identifier.value", "x"},
		{"generalPractitioner.where(resolve() is DomainResource).count()", "5"},
		{"managingOrganization.resolve().name", "Contained Ltd"},
		{"managingOrganization.where(resolve() is Organization).count()", "1"},
		{"generalPractitioner.resolve().name", ""},
		{"'Patient/1'.resolve() is Patient", "true"},
		{"'Nonsense/1'.resolve() is Patient", ""},
		{"'http://hl7.org/fhir/ValueSet/x|1'.resolve() is ValueSet", "true"},
		{"('/' | '#' | '##' | '/1' | '?' | '|').resolve()", ""},
	} {
		if got := strings.Join(texts(eval(t, c.expr, fhirpath.Env{}, focus)), " "); got != c.want {
			t.Errorf("%s = %q, want %q", c.expr, got, c.want)
		}
	}
	env := fhirpath.Env{Resolve: func(ref string) (fhirpath.Item, bool) {
		return fhirpath.Resource(parse(t, `{"resourceType":"Practitioner","id":"one"}`)), ref == "Practitioner/1"
	}}
	if got := texts(eval(t, "generalPractitioner.resolve().id", env, focus)); !slices.Equal(got, []string{"one"}) {
		t.Errorf("resolve by Env = %q, want one", got)
	}
}

func TestItemsKnowTheirPlaceAndType(t *testing.T) {
	bundle := parse(t, `{"resourceType":"Bundle","entry":[{"resource":`+patient+`}]}`)
	focus := fhirpath.Resource(bundle)
	for _, c := range []struct{ expr, typ, path string }{
		{"Bundle.entry", "Bundle.entry", "Bundle.entry[0]"},
		{"Bundle.entry.resource", "Patient", "Bundle.entry[0].resource"},
		{"Bundle.entry.resource.name[1].given[0]", "string", "Bundle.entry[0].resource.name[1].given[0]"},
		{"Bundle.entry.resource.name[1].given[1]", "string", "Bundle.entry[0].resource.name[1].given[1]"},
		{"Bundle.entry.resource.gender", "code", "Bundle.entry[0].resource.gender"},
		{"Bundle.entry.resource.deceased", "dateTime", "Bundle.entry[0].resource.deceasedDateTime"},
		{"Bundle.entry.resource.contact.name", "HumanName", "Bundle.entry[0].resource.contact[0].name"},
		{"1 + 1", "Integer", ""},
		{"'x'", "String", ""},
		{"true", "Boolean", ""},
		{"@2024", "Date", ""},
		{"4 days", "Quantity", ""},
	} {
		got := eval(t, c.expr, fhirpath.Env{}, focus)
		if len(got) != 1 || got[0].Type() != c.typ || got[0].Path() != c.path || got[0].IsSystem() == got[0].Node().Exists() && got[0].Text() != "" {
			t.Errorf("%s = %v, want a %s at %q", c.expr, got, c.typ, c.path)
		}
	}
	given := eval(t, "Bundle.entry.resource.name[1].given", fhirpath.Env{}, focus)
	if len(given) != 2 || given[0].Sibling().Exists() || !given[1].Sibling().Field("extension").Exists() || given[1].Node().Exists() {
		t.Error("the siblings of given are wrong")
	}
	born := eval(t, "Bundle.entry.resource.birthDate", fhirpath.Env{}, focus)[0]
	if got := born.Sibling().Field("id").Text(); got != "bd" {
		t.Errorf("sibling id = %q, want bd", got)
	}
}

func TestValuesAreReadFromItems(t *testing.T) {
	focus := fhirpath.Resource(parse(t, patient))
	if b, ok := eval(t, "active", fhirpath.Env{}, focus)[0].Bool(); !b || !ok {
		t.Errorf("active = %v, %v", b, ok)
	}
	if _, ok := eval(t, "id", fhirpath.Env{}, focus)[0].Bool(); ok {
		t.Error("an id is a boolean")
	}
	if d, ok := eval(t, "extension.value.ofType(decimal)", fhirpath.Env{}, focus)[0].Decimal(); !ok || d.String() != "1.50" || d.Scale() != 2 {
		t.Errorf("decimal = %v, %v", d, ok)
	}
	if d, u, ok := eval(t, "2.0 'mg'", fhirpath.Env{}, focus)[0].Quantity(); !ok || d.String() != "2.0" || u != "mg" {
		t.Errorf("quantity = %v %q %v", d, u, ok)
	}
	var none fhirpath.Item
	if none.Exists() || none.Type() != "" || none.Text() != "" || none.Path() != "" || none.Sibling().Exists() || none.Node() != (fhirjson.Node{}) {
		t.Error("the zero Item is something")
	}
}

func TestMistakesAreTold(t *testing.T) {
	focus := fhirpath.Resource(parse(t, patient))
	for name, expr := range map[string]string{
		"empty":              "",
		"only a comment":     "// x",
		"operand missing":    "1 +",
		"unbalanced":         "(1",
		"unknown function":   "name.frobnicate()",
		"too many arguments": "name.first(1)",
		"too few arguments":  "name.where()",
		"unknown type":       "name is Nonsense",
		"bad escape":         `'\q'`,
		"open string":        "'abc",
		"bad date":           "@2024-13",
		"no such day":        "@2023-02-29",
		"bad pattern":        "'a'.matches('(')",
		"bare sign":          "#",
		"two expressions":    "a b",
		"unknown variable":   "$that",
	} {
		_, err := fhirpath.Compile(expr, r4.Model{})
		var syn *fhirpath.SyntaxError
		if !errors.As(err, &syn) {
			t.Errorf("%s: Compile(%s) = %v, want a SyntaxError", name, expr, err)
		}
	}
	for name, expr := range map[string]string{
		"undefined variable":  "%nothing",
		"sum of types":        "1 + 'a'",
		"order of types":      "1 < 'a'",
		"order of elements":   "name[0] < name[1]",
		"many as one":         "name.given + 'x'",
		"many as condition":   "name.given and true",
		"single":              "name.single()",
		"string of a complex": "name.first().upper()",
		"memberOf":            "name.use.memberOf('http://x')",
		"conformsTo":          "conformsTo('http://x')",
		"no clock":            "now()",
		"index outside":       "$index",
	} {
		e, err := fhirpath.Compile(expr, r4.Model{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, err = e.Eval(fhirpath.Env{}, focus)
		var ee *fhirpath.EvalError
		if !errors.As(err, &ee) {
			t.Errorf("%s: Eval(%s) = %v, want an EvalError", name, expr, err)
		} else if strings.Contains(err.Error(), "Levin") {
			t.Errorf("%s: the error quotes data: %v", name, err)
		}
	}
}

func TestOneExpressionServesManyAtOnce(t *testing.T) {
	e, err := fhirpath.Compile("descendants().where($this is string).count() | name.select(given | family).count() | telecom.where(system = 'email').value", r4.Model{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"29", "5", "a@b"}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			focus := fhirpath.Resource(parse(t, patient))
			for range 200 {
				out, err := e.Eval(fhirpath.Env{}, focus)
				if err != nil || !slices.Equal(texts(out), want) {
					t.Errorf("Eval = %q, %v, want %q", texts(out), err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestVariablesAndTimeComeFromTheEnvironment(t *testing.T) {
	focus := fhirpath.Resource(parse(t, patient))
	env := fhirpath.Env{
		Now:  time.Date(2026, 11, 22, 8, 9, 10, 0, time.FixedZone("", -90*60)),
		Vars: map[string][]fhirpath.Item{"x": {fhirpath.Integer(2), fhirpath.String("a"), fhirpath.Boolean(true)}},
	}
	for _, c := range []struct{ expr, want string }{
		{"%x", "2 a true"},
		{"now()", "2026-11-22T08:09:10.000-01:30"},
		{"today()", "2026-11-22"},
		{"timeOfDay()", "08:09:10.000"},
		{"now() = now()", "true"},
		{"%`vs-x`", "http://hl7.org/fhir/ValueSet/x"},
	} {
		if got := strings.Join(texts(eval(t, c.expr, env, focus)), " "); got != c.want {
			t.Errorf("%s = %q, want %q", c.expr, got, c.want)
		}
	}
}
