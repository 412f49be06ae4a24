package validate_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"firebreak/fhirjson"
	"firebreak/validate"
)

func ExampleResource() {
	doc, err := fhirjson.Parse([]byte(`{
		"resourceType": "Patient",
		"gender": "woman",
		"birthDate": "1974-02-30",
		"name": {"family": "Chalmers"},
		"contact": [{"telecom": []}]
	}`))
	if err != nil {
		panic(err)
	}
	for _, issue := range validate.Resource(doc.Root(), "Patient") {
		fmt.Printf("%s %s: %s\n", issue.Code, issue.Expression, issue.Text)
	}
	// Output:
	// code-invalid Patient.gender: the code is not in the required value set
	// value Patient.birthDate: the calendar has no such day
	// structure Patient.name: must be a JSON array, because the element may repeat
	// structure Patient.contact[0].telecom: an array must not be empty
}

// patient puts members into an otherwise sound Patient.
func patient(members string) string { return `{"resourceType":"Patient",` + members + `}` }

// observationWith puts members into an otherwise sound Observation.
func observationWith(members string) string {
	return `{"resourceType":"Observation","status":"final","code":{"text":"x"},` + members + `}`
}

// sound are resources without an issue.
var sound = map[string]string{
	"nothing but a type":               `{"resourceType":"Patient"}`,
	"empty Parameters":                 `{"resourceType":"Parameters"}`,
	"value and companion":              patient(`"birthDate":"1970-03-30","_birthDate":{"id":"a","extension":[{"url":"http://x","valueString":"y"}]}`),
	"companion with an id only":        patient(`"birthDate":"1970-03-30","_birthDate":{"id":"a"}`),
	"companion before its value":       patient(`"_birthDate":{"id":"a"},"birthDate":"1970-03-30"`),
	"extension in place of a value":    patient(`"_birthDate":{"extension":[{"url":"http://x","valueCode":"unknown"}]}`),
	"required, extension only":         `{"resourceType":"Observation","code":{"text":"x"},"_status":{"extension":[{"url":"http://x","valueCode":"unknown"}]}}`,
	"aligned arrays":                   patient(`"name":[{"given":["Au",null],"_given":[null,{"extension":[{"url":"http://x","valueCode":"a"}]}]}]`),
	"companion array alone":            patient(`"name":[{"_given":[{"extension":[{"url":"http://x","valueCode":"a"}]}]}]`),
	"choice and its companion":         observationWith(`"valueString":"x","_valueString":{"id":"a"}`),
	"choice by companion only":         observationWith(`"_valueString":{"extension":[{"url":"http://x","valueCode":"a"}]}`),
	"leap day":                         patient(`"birthDate":"2024-02-29"`),
	"leap day of a century":            patient(`"birthDate":"2000-02-29"`),
	"partial date":                     patient(`"birthDate":"1970-03"`),
	"leap second":                      observationWith(`"issued":"2016-12-31T23:59:60Z"`),
	"escaped member name":              `{"resourceType":"Patient","\u0061ctive":true}`,
	"escaped value":                    patient(`"gender":"\u006dale"`),
	"escaped div":                      patient(`"text":{"status":"empty","div":"\u003cdiv xmlns=\"http://www.w3.org/1999/xhtml\"/>"}`),
	"nested extensions":                patient(`"extension":[{"url":"http://x","extension":[{"url":"a","valueBoolean":false}]}]`),
	"modifier extension":               patient(`"modifierExtension":[{"url":"http://x","valueBoolean":true}]`),
	"contained with tags":              patient(`"contained":[{"resourceType":"Organization","id":"o","meta":{"tag":[{"code":"x"}],"profile":["http://x"]},"name":"x"}]`),
	"contained":                        patient(`"contained":[{"resourceType":"Organization","id":"o","name":"x"}],"managingOrganization":{"reference":"#o"}`),
	"reference: relative":              patient(`"managingOrganization":{"reference":"Organization/1"}`),
	"reference: versioned":             patient(`"managingOrganization":{"reference":"Organization/1/_history/2"}`),
	"reference: absolute":              patient(`"managingOrganization":{"reference":"https://a.example/fhir/Organization/1"}`),
	"reference: absolute, any type":    patient(`"managingOrganization":{"reference":"https://a.example/fhir/Patient/1"}`),
	"reference: urn":                   patient(`"managingOrganization":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}`),
	"reference: container":             patient(`"managingOrganization":{"reference":"#"}`),
	"reference: by identifier":         patient(`"managingOrganization":{"identifier":{"value":"1"}}`),
	"reference: any target":            observationWith(`"focus":[{"reference":"Basic/1"}]`),
	"integer: bounds":                  observationWith(`"valueInteger":-2147483648`),
	"decimal: digits kept":             observationWith(`"valueQuantity":{"value":1.00E-5}`),
	"recursion by content reference":   `{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":[{"linkId":"1.1","type":"group","item":[{"linkId":"1.1.1","type":"string"}]}]}]}`,
	"resources in Parameters":          `{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Patient"}},{"name":"b","part":[{"name":"c","valueAge":{"value":1}}]}]}`,
	"conditional reference in Bundle":  `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + patient(`"managingOrganization":{"reference":"Organization?identifier=1|2"}`) + `,"request":{"method":"POST","url":"Patient"}}]}`,
	"profiled type keeps its own name": `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"onsetAge":{"value":3,"unit":"a"}}`,
}

func TestSoundStructuresPass(t *testing.T) {
	for name, src := range sound {
		if issues := validate.Resource(parse(t, []byte(src)), ""); len(issues) > 0 {
			t.Errorf("%s: %+v", name, issues)
		}
	}
}

// flawed are resources with the issues they have, as "code expression".
// SECRET stands for content.
var flawed = []struct{ name, src, want string }{
	{"no object", `["SECRET"]`, "structure Resource"},
	{"no type", `{"id":"SECRET"}`, "required Resource"},
	{"type is no string", `{"resourceType":1}`, "required Resource"},
	{"unknown type", `{"resourceType":"SECRET"}`, "structure Resource"},
	{"abstract type", `{"resourceType":"DomainResource"}`, "structure Resource"},
	{"data type", `{"resourceType":"HumanName"}`, "structure Resource"},
	{"unknown element", patient(`"SECRET!":1`), "structure Patient"},
	{"unknown element alone", patient(`"name":[{"SECRET!":1}]`), "structure Patient.name[0]"},
	{"unknown companion", patient(`"_SECRET!":1`), "structure Patient"},
	{"empty name", patient(`"":1`), "structure Patient"},
	{"underscore", patient(`"_":1`), "structure Patient"},
	{"name of another case", patient(`"Active":true`), "structure Patient"},
	{"comments of old", patient(`"fhir_comments":["SECRET"]`), "structure Patient"},
	{"resourceType in a data type", patient(`"name":[{"resourceType":"HumanName","text":"x"}]`), "structure Patient.name[0]"},
	{"choice without type", observationWith(`"value":"SECRET"`), "structure Observation"},
	{"choice of another type", patient(`"deceasedString":"SECRET"`), "structure Patient"},
	{"two choices", observationWith(`"valueString":"SECRET","valueInteger":1`), "structure Observation.value"},
	{"two choices, one a companion", observationWith(`"valueString":"SECRET","_valueInteger":{"id":"a"}`), "structure Observation.value"},
	{"array for one", patient(`"birthDate":["SECRET"]`), "structure Patient.birthDate"},
	{"one for array", patient(`"name":{"text":"SECRET"}`), "structure Patient.name"},
	{"array in array", patient(`"name":[["SECRET"]]`), "structure Patient.name[0]"},
	{"empty array", patient(`"name":[]`), "structure Patient.name"},
	{"empty object", patient(`"name":[{}]`), "structure Patient.name[0]"},
	{"empty string", patient(`"name":[{"text":""}]`), "value Patient.name[0].text"},
	{"string for object", patient(`"name":["SECRET"]`), "structure Patient.name[0]"},
	{"object for string", patient(`"gender":{"SECRET":1}`), "structure Patient.gender"},
	{"null", patient(`"birthDate":null`), "structure Patient.birthDate"},
	{"null object", patient(`"name":[null]`), "structure Patient.name[0]"},
	{"null companion", patient(`"birthDate":"2000","_birthDate":null`), "structure Patient.birthDate"},
	{"null without companion", patient(`"name":[{"given":["SECRET",null]}]`), "structure Patient.name[0].given[1]"},
	{"null on both sides", patient(`"name":[{"given":["SECRET",null],"_given":[{"id":"a"},null]}]`), "structure Patient.name[0].given[1]"},
	{"companions of other length", patient(`"name":[{"given":["SECRET"],"_given":[null,{"id":"a"}]}]`), "structure Patient.name[0].given"},
	{"companions all null", patient(`"name":[{"given":["SECRET"],"_given":[null]}]`), "structure Patient.name[0].given"},
	{"companions null, no values", patient(`"name":[{"_given":[null]}]`), "structure Patient.name[0].given[0]"},
	{"companion is no object", patient(`"birthDate":"2000","_birthDate":"SECRET"`), "structure Patient.birthDate"},
	{"companion is empty", patient(`"birthDate":"2000","_birthDate":{}`), "structure Patient.birthDate"},
	{"companion with a value", patient(`"birthDate":"2000","_birthDate":{"value":"SECRET"}`), "structure Patient.birthDate"},
	{"companion array expected", patient(`"name":[{"given":["SECRET"],"_given":{"id":"a"}}]`), "structure Patient.name[0].given"},
	{"companion of an object", patient(`"_name":[{"id":"SECRET"}]`), "structure Patient.name"},
	{"companion of an id", patient(`"id":"a","_id":{"id":"SECRET"}`), "structure Patient.id"},
	{"companion of an extension's url", patient(`"extension":[{"url":"x","_url":{"id":"a"},"valueCode":"a"}]`), "structure Patient.extension[0].url"},
	{"no value, no extension", patient(`"_birthDate":{"id":"SECRET"}`), "invariant Patient.birthDate"},
	{"only an id", patient(`"name":[{"id":"SECRET"}]`), "invariant Patient.name[0]"},
	{"required element", `{"resourceType":"Observation","status":"final"}`, "required Observation"},
	{"required in a backbone", patient(`"link":[{"type":"refer"}]`), "required Patient.link[0]"},
	{"required choice", `{"resourceType":"MedicationRequest","status":"draft","intent":"order","subject":{"display":"SECRET"}}`, "required MedicationRequest"},
	{"boolean as string", patient(`"active":"true"`), "structure Patient.active"},
	{"number as string", observationWith(`"valueInteger":"1"`), "structure Observation.value"},
	{"string as number", patient(`"gender":1`), "structure Patient.gender"},
	{"code not bound", patient(`"gender":"SECRET"`), "code-invalid Patient.gender"},
	{"code in capitals", patient(`"gender":"Male"`), "code-invalid Patient.gender"},
	{"code with spaces", patient(`"language":" SECRET"`), "value Patient.language"},
	{"no such day", patient(`"birthDate":"2023-02-30"`), "value Patient.birthDate"},
	{"no leap day", patient(`"birthDate":"1900-02-29"`), "value Patient.birthDate"},
	{"thirty days", patient(`"birthDate":"2023-04-31"`), "value Patient.birthDate"},
	{"no such day in an instant", observationWith(`"issued":"2023-02-29T00:00:00Z"`), "value Observation.issued"},
	{"no zone", observationWith(`"issued":"2023-02-28T00:00:00"`), "value Observation.issued"},
	{"no seconds", observationWith(`"effectiveDateTime":"2023-02-28T00:00Z"`), "value Observation.effective"},
	{"integer too large", observationWith(`"valueInteger":2147483648`), "value Observation.value"},
	{"integer with fraction", observationWith(`"valueInteger":1.0`), "value Observation.value"},
	{"integer with exponent", observationWith(`"valueInteger":1e2`), "value Observation.value"},
	{"positive means above 0", patient(`"telecom":[{"rank":0}]`), "value Patient.telecom[0].rank"},
	{"unsigned means not below 0", patient(`"photo":[{"size":-1}]`), "value Patient.photo[0].size"},
	{"unsigned has 32 bits", patient(`"photo":[{"size":99999999999}]`), "value Patient.photo[0].size"},
	{"decimal without end", observationWith(`"valueQuantity":{"value":1e999999999}`), "value Observation.value.value"},
	{"id too long", patient(`"id":"` + strings.Repeat("a", 65) + `"`), "value Patient.id"},
	{"id with other letters", patient(`"id":"SECRET_1"`), "value Patient.id"},
	{"control character", patient(`"name":[{"text":"SECRET\u0000"}]`), "value Patient.name[0].text"},
	{"string too long", patient(`"name":[{"text":"` + strings.Repeat("a", 1<<20+1) + `"}]`), "value Patient.name[0].text"},
	{"white space in a URI", patient(`"implicitRules":"http://SECRET a"`), "value Patient.implicitRules"},
	{"base64", patient(`"photo":[{"data":"SECRET!!"}]`), "value Patient.photo[0].data"},
	{"div", patient(`"text":{"status":"empty","div":"SECRET"}`), "value Patient.text.div"},
	{"extension without url", patient(`"extension":[{"valueString":"SECRET"}]`), "required Patient.extension[0]"},
	{"extension without content", patient(`"extension":[{"url":"http://SECRET"}]`), "invariant Patient.extension[0]"},
	{"extension with both", patient(`"extension":[{"url":"x","valueString":"SECRET","extension":[{"url":"a","valueCode":"a"}]}]`), "invariant Patient.extension[0]"},
	{"extension of a primitive", patient(`"_birthDate":{"extension":[{"url":"http://SECRET"}]}`), "invariant Patient.birthDate.extension[0]"},
	{"contained without id", patient(`"contained":[{"resourceType":"Organization","name":"SECRET"}]`), "required Patient.contained[0]"},
	{"contained in contained", patient(`"contained":[{"resourceType":"Organization","id":"a","contained":[{"resourceType":"Basic","id":"b","code":{"text":"SECRET"}}]}]`), "invariant Patient.contained[0]"},
	{"contained with a version", patient(`"contained":[{"resourceType":"Organization","id":"o","meta":{"versionId":"SECRET"},"name":"x"}]`), "invariant Patient.contained[0]"},
	{"contained with a time", patient(`"contained":[{"resourceType":"Organization","id":"o","meta":{"lastUpdated":"2026-11-22T12:00:00Z"},"name":"x"}]`), "invariant Patient.contained[0]"},
	{"contained with a security label", patient(`"contained":[{"resourceType":"Organization","id":"o","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},"name":"x"}]`), "invariant Patient.contained[0]"},
	{"contained without type", patient(`"contained":[{"id":"SECRET"}]`), "required Patient.contained[0]"},
	{"flaw in a Bundle", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + patient(`"active":1`) + `}]}`, "structure Bundle.entry[0].resource.active"},
	{"flaw in Parameters", `{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","resource":` + patient(`"active":1`) + `}]}]}`, "structure Parameters.parameter[0].part[0].resource.active"},
	{"reference: bare id", patient(`"managingOrganization":{"reference":"SECRET"}`), "value Patient.managingOrganization.reference"},
	{"reference: unknown type", patient(`"managingOrganization":{"reference":"SECRET/1"}`), "value Patient.managingOrganization.reference"},
	{"reference: no id", patient(`"managingOrganization":{"reference":"Organization/"}`), "value Patient.managingOrganization.reference"},
	{"reference: path", patient(`"managingOrganization":{"reference":"Organization/1/../SECRET"}`), "value Patient.managingOrganization.reference"},
	{"reference: other target", patient(`"managingOrganization":{"reference":"Patient/SECRET"}`), "value Patient.managingOrganization.reference"},
	{"reference: conditional, after a Bundle", `{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Bundle","type":"batch"}},` +
		`{"name":"b","valueReference":{"reference":"Organization?identifier=SECRET"}}]}`, "value Parameters.parameter[1].value.reference"},
	{"reference: conditional", patient(`"managingOrganization":{"reference":"Organization?identifier=SECRET"}`), "value Patient.managingOrganization.reference"},
}

func TestFlawsAreFoundAtTheirPlace(t *testing.T) {
	for _, c := range flawed {
		issues := validate.Resource(parse(t, []byte(c.src)), "")
		if len(issues) != 1 {
			t.Errorf("%s: %d issues, want 1: %+v", c.name, len(issues), issues)
			continue
		}
		if got := issues[0].Code + " " + issues[0].Expression; got != c.want {
			t.Errorf("%s: %q (%s), want %q", c.name, got, issues[0].Text, c.want)
		}
	}
}

func TestIssuesNeverEchoContent(t *testing.T) {
	for _, c := range flawed {
		for _, issue := range validate.Resource(parse(t, []byte(c.src)), "") {
			if strings.Contains(fmt.Sprint(issue), "SECRET") {
				t.Errorf("%s: %+v", c.name, issue)
			}
		}
	}
}

func TestOnlyHarmlessMemberNamesAreNamed(t *testing.T) {
	for name, want := range map[string]bool{
		"favouriteColour": true, "a_1": true, strings.Repeat("a", 64): true,
		strings.Repeat("a", 65): false, "Amy V. Shaw": false, "1974": false, "é": false, "a-b": false,
	} {
		issues := validate.Resource(parse(t, []byte(patient(`"`+name+`":1`))), "")
		if len(issues) != 1 || strings.Contains(issues[0].Text, name) != want {
			t.Errorf("%q: %+v, named should be %v", name, issues, want)
		}
	}
}

func TestTypeMustBeTheOneExpected(t *testing.T) {
	doc := parse(t, []byte(`{"resourceType":"Patient"}`))
	if issues := validate.Resource(doc, "Observation"); len(issues) != 1 || issues[0].Code != "invalid" || issues[0].Expression != "Observation" {
		t.Errorf("Resource(Patient, Observation) = %+v", issues)
	}
	if issues := validate.Resource(doc, "Patient"); len(issues) > 0 {
		t.Errorf("Resource(Patient, Patient) = %+v", issues)
	}
	if issues := validate.Resource(fhirjson.Node{}, "Patient"); len(issues) != 1 {
		t.Errorf("an absent resource: %+v", issues)
	}
}

func TestIssuesStopAtTheLimitInDocumentOrder(t *testing.T) {
	src := patient(`"name":[` + strings.Repeat(`{"text":""},`, 50) + `{"text":""}]`)
	issues := validate.Resource(parse(t, []byte(src)), "")
	if len(issues) != validate.MaxIssues {
		t.Fatalf("%d issues, want %d", len(issues), validate.MaxIssues)
	}
	for i, issue := range issues {
		if want := fmt.Sprintf("Patient.name[%d].text", i); issue.Expression != want {
			t.Errorf("issue %d is at %s, want %s", i, issue.Expression, want)
		}
	}
}

func FuzzResource(f *testing.F) {
	for _, src := range sound {
		f.Add([]byte(src))
	}
	for _, c := range flawed {
		if len(c.src) < 1000 {
			f.Add([]byte(c.src))
		}
	}
	f.Add([]byte(observation))
	expression := regexp.MustCompile(`^[A-Z][A-Za-z]*(\.[a-z][A-Za-z0-9]*(\[[0-9]+\])?)*$`)
	text := regexp.MustCompile(`^[^']*(: '[A-Za-z_][A-Za-z0-9_]{0,63}')?$`)
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, err := fhirjson.Parse(src)
		if err != nil {
			return
		}
		issues := validate.Resource(doc.Root(), "")
		if len(issues) > validate.MaxIssues {
			t.Fatalf("%d issues", len(issues))
		}
		for _, issue := range issues {
			if !expression.MatchString(issue.Expression) || !text.MatchString(issue.Text) || issue.Code == "" {
				t.Fatalf("%+v", issue)
			}
		}
	})
}
