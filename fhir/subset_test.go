package fhir_test

import (
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

const tagged = `"meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}`

func TestSummaryIsOfBackboneElementsToo(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"elements of a backbone that are no summary go",
			`{"resourceType":"Observation","status":"final","component":[{"id":"c","code":{"text":"x"},"valueQuantity":{"value":1.50,"extension":[{"url":"u"}]},"interpretation":[{"text":"high"}],"referenceRange":[{"text":"0-1"}]},{"code":{"text":"y"}}],"referenceRange":[{"text":"r"}]}`,
			`{"resourceType":"Observation",` + tagged + `,"status":"final","component":[{"code":{"text":"x"},"valueQuantity":{"value":1.50,"extension":[{"url":"u"}]}},{"code":{"text":"y"}}]}`},
		{"a backbone that is no summary goes whole", `{"resourceType":"Patient","link":[{"other":{"reference":"Patient/1"},"type":"refer"}],"contact":[{"gender":"male"}],"communication":[{"language":{"text":"en"}}]}`,
			`{"resourceType":"Patient",` + tagged + `,"link":[{"other":{"reference":"Patient/1"},"type":"refer"}]}`},
		{"mandatory elements of what is kept stay", `{"resourceType":"CapabilityStatement","rest":[{"mode":"server","documentation":"d","interaction":[{"code":"batch"}],"resource":[{"type":"Patient","interaction":[{"code":"read","documentation":"d"}],"versioning":"versioned"}]}]}`,
			`{"resourceType":"CapabilityStatement",` + tagged + `,"rest":[{"mode":"server","resource":[{"type":"Patient"}]}]}`},
		{"a data type is whole but for an attachment's data", `{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"text/plain","data":"QQ==","_data":{"id":"d"},"title":"t","_title":{"id":"x"}},"format":{"code":"f"}}]}`,
			`{"resourceType":"DocumentReference",` + tagged + `,"content":[{"attachment":{"contentType":"text/plain","title":"t","_title":{"id":"x"}},"format":{"code":"f"}}]}`},
		{"an attachment within a data type", `{"resourceType":"Library","useContext":[{"code":{"extension":[{"url":"u","valueAttachment":{"title":"t","data":"QQ=="}}],"code":"c"}}]}`,
			`{"resourceType":"Library",` + tagged + `,"useContext":[{"code":{"extension":[{"url":"u","valueAttachment":{"title":"t"}}],"code":"c"}}]}`},
		{"parts of a data type that look like a backbone", `{"resourceType":"ServiceRequest","occurrenceTiming":{"id":"o","repeat":{"id":"r","boundsPeriod":{"start":"2020"},"frequency":2}}}`,
			`{"resourceType":"ServiceRequest",` + tagged + `,"occurrenceTiming":{"id":"o","repeat":{"id":"r","boundsPeriod":{"start":"2020"},"frequency":2}}}`},
		{"what modifies stays, other extensions do not", `{"resourceType":"Patient","extension":[{"url":"u"}],"modifierExtension":[{"url":"m"}],"link":[{"extension":[{"url":"u"}],"modifierExtension":[{"url":"m"}],"other":{"display":"d"},"type":"refer"}]}`,
			`{"resourceType":"Patient",` + tagged + `,"modifierExtension":[{"url":"m"}],"link":[{"modifierExtension":[{"url":"m"}],"other":{"display":"d"},"type":"refer"}]}`},
		{"what would be empty stays", `{"resourceType":"Observation","component":[{"extension":[{"url":"u"}]},{"interpretation":[{"text":"x"}]}],"valueAttachment":{"data":"QQ=="}}`,
			`{"resourceType":"Observation",` + tagged + `,"component":[{"extension":[{"url":"u"}]},{"interpretation":[{"text":"x"}]}]}`},
		{"companions of primitives", `{"resourceType":"Patient","_birthDate":{"extension":[{"url":"u","valueCode":"unknown"}]},"link":[{"other":{"display":"d"},"_type":{"id":"x"}}]}`,
			`{"resourceType":"Patient",` + tagged + `,"_birthDate":{"extension":[{"url":"u","valueCode":"unknown"}]},"link":[{"other":{"display":"d"},"_type":{"id":"x"}}]}`},
		{"a photo without an address", `{"resourceType":"Person","photo":{"data":"QQ=="},"name":[{"text":"n"}]}`, `{"resourceType":"Person",` + tagged + `,"name":[{"text":"n"}]}`},
	} {
		got, err := fhir.Subset([]byte(c.in), search.SummaryTrue, nil)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.name, err, got, c.want)
		}
	}
}

func TestElementsMayNameAChoiceByItsType(t *testing.T) {
	const in = `{"resourceType":"Observation","status":"final","code":{"text":"c"},"valueQuantity":{"value":1},"_valueQuantity":{"id":"q"},"effectiveDateTime":"2020","_effectiveDateTime":{"id":"e"}}`
	const must = `{"resourceType":"Observation",` + tagged + `,"status":"final","code":{"text":"c"}`
	for elements, want := range map[string]string{
		"value":                           `,"valueQuantity":{"value":1},"_valueQuantity":{"id":"q"}}`,
		"valueQuantity":                   `,"valueQuantity":{"value":1},"_valueQuantity":{"id":"q"}}`,
		"valueString":                     `}`,
		"effectiveDateTime,valueQuantity": `,"valueQuantity":{"value":1},"_valueQuantity":{"id":"q"},"effectiveDateTime":"2020","_effectiveDateTime":{"id":"e"}}`,
		"note":                            `}`,
	} {
		q, err := search.Parse([]string{"Observation"}, []search.Pair{{Name: "_elements", Value: elements}}, search.Options{Strict: true})
		if err != nil {
			t.Fatalf("_elements=%s: %v", elements, err)
		}
		if got, err := fhir.Subset([]byte(in), q.Summary, q.Elements); err != nil || string(got) != must+want {
			t.Errorf("_elements=%s: %v\ngot  %s\nwant %s", elements, err, got, must+want)
		}
	}
	for _, names := range []string{"valueNope", "code.text", "Observation.code", "value[x]", "valuequantity"} { // "elements defined at the root level"
		if _, err := search.Parse([]string{"Observation"}, []search.Pair{{Name: "_elements", Value: names}}, search.Options{Strict: true}); err == nil {
			t.Errorf("_elements=%s was taken", names)
		}
		q, err := search.Parse([]string{"Observation"}, []search.Pair{{Name: "_elements", Value: names + ",code"}}, search.Options{})
		if err != nil || strings.Join(q.Elements, ",") != "code" {
			t.Errorf("_elements=%s, leniently: %v, %v", names, q, err)
		}
	}
}

// A summary of a summary, and of what other forms leave, is the same again.
func TestSummaryOfASummaryIsTheSame(t *testing.T) {
	const in = `{"resourceType":"DocumentReference","id":"1","text":{"status":"empty","div":"<div/>"},"status":"current","content":[{"attachment":{"data":"QQ==","url":"u"}}],"context":{"period":{"start":"2020"},"facilityType":{"text":"x"}},"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/2"},"id":"r"}]}`
	once, err := fhir.Subset([]byte(in), search.SummaryTrue, nil)
	if err != nil {
		t.Fatal(err)
	}
	untag := func(b []byte) string { return strings.Replace(string(b), tagged+",", "", 1) }
	twice, err := fhir.Subset([]byte(untag(once)), search.SummaryTrue, nil)
	if err != nil || string(twice) != string(once) {
		t.Errorf("%v\nonce  %s\ntwice %s", err, once, twice)
	}
	if _, err := fhirjson.Parse(once); err != nil {
		t.Error(err)
	}
}
