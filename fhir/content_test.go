package fhir_test

import (
	"strings"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

func parse(t testing.TB, s string) fhirjson.Node {
	t.Helper()
	doc, err := fhirjson.Parse([]byte(s))
	if err != nil {
		t.Fatalf("%v: %s", err, s)
	}
	return doc.Root()
}

func TestStampReplacesWhatTheServerOwnsAndNothingElse(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	const meta = `"meta":{"versionId":"v","lastUpdated":"2026-01-02T03:04:05.006Z"`
	for _, c := range []struct{ name, in, want string }{
		{"nothing sent", `{"resourceType":"Patient"}`, `{"resourceType":"Patient","id":"i",` + meta + `}}`},
		{"own id and version sent", `{"id":"x","resourceType":"Patient","meta":{"versionId":"1","_versionId":{"id":"a"},"lastUpdated":"2000-01-01T00:00:00Z","tag":[{"code":"k"}]}}`, `{"resourceType":"Patient","id":"i",` + meta + `,"tag":[{"code":"k"}]}}`},
		{"decimals, order and space", `{"resourceType":"Observation","z":{ "value" : 1.50 },"a":[1e2]}`, `{"resourceType":"Observation","id":"i",` + meta + `},"z":{ "value" : 1.50 },"a":[1e2]}`},
		{"escaped names", `{"resourceType":"Patient","\u0069d":"x","a":1}`, `{"resourceType":"Patient","id":"i",` + meta + `},"a":1}`},
	} {
		got, err := fhir.Stamp(parse(t, c.in), "i", "v", when)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v, want %s", c.name, got, err, c.want)
		}
	}
	if _, err := fhir.Stamp(parse(t, `[]`), "i", "v", when); err == nil {
		t.Error("an array was stamped")
	}
}

func TestRewriteFindsWhatMayRefer(t *testing.T) {
	const from, to = "urn:uuid:1", "Patient/1"
	in := `{"resourceType":"Observation","contained":[{"resourceType":"Encounter","id":"c","subject":{"reference":"urn:uuid:1"}}],` +
		`"text":{"div":"<div><img src='urn:uuid:1'/><a href=\"urn:uuid:1\">urn:uuid:1</a></div>"},` +
		`"extension":[{"url":"urn:uuid:1","valueUrl":"urn:uuid:1"},{"url":"x","valueCanonical":"urn:uuid:1"},{"url":"x","valueString":"urn:uuid:1"}],` +
		`"subject":{"reference":"urn:uuid:1","type":"Patient","display":"urn:uuid:1"},"performer":[{"reference":"urn:uuid:2"},{"reference":"urn:uuid:1","_reference":{"extension":[{"url":"x","valueReference":{"reference":"urn:uuid:1"}}]}}],"_status":{"extension":[{"url":"x","valueReference":{"reference":"urn:uuid:1"}}]}}`
	want := `{"resourceType":"Observation","contained":[{"resourceType":"Encounter","id":"c","subject":{"reference":"Patient/1"}}],` +
		`"text":{"div":"<div><img src='Patient/1'/><a href=\"Patient/1\">urn:uuid:1</a></div>"},` +
		`"extension":[{"url":"Patient/1","valueUrl":"Patient/1"},{"url":"x","valueCanonical":"urn:uuid:1"},{"url":"x","valueString":"urn:uuid:1"}],` +
		`"subject":{"reference":"Patient/1","type":"Patient","display":"urn:uuid:1"},"performer":[{"reference":"urn:uuid:2"},{"reference":"Patient/1","_reference":{"extension":[{"url":"x","valueReference":{"reference":"Patient/1"}}]}}],"_status":{"extension":[{"url":"x","valueReference":{"reference":"Patient/1"}}]}}`
	got := fhir.Rewrite(parse(t, in), func(text string, _ bool) (string, bool) { return to, text == from })
	if string(got) != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if got := strings.Join(fhir.References(parse(t, in)), " "); got != "urn:uuid:1 urn:uuid:1 urn:uuid:2 urn:uuid:1 urn:uuid:1 urn:uuid:1" {
		t.Errorf("references: %s", got)
	}
	if got := fhir.Rewrite(parse(t, in), func(string, bool) (string, bool) { return "", false }); string(got) != in {
		t.Errorf("nothing to rewrite, and yet: %s", got)
	}
}

func TestSubsetKeepsWhatIsAskedForAndWhatMustStay(t *testing.T) {
	const in = `{"resourceType":"Observation","id":"o","meta":{"versionId":"1","tag":[{"code":"k"}]},"implicitRules":"http://r","text":{"div":"<div/>"},"status":"final","_status":{"id":"s"},"code":{"text":"c"},"valueQuantity":{"value":1.50},"note":[{"text":"n"}]}`
	const head = `{"resourceType":"Observation","id":"o","meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"},{"code":"k"}],"versionId":"1"},"implicitRules":"http://r",`
	const must = `"status":"final","_status":{"id":"s"},"code":{"text":"c"}`
	for _, c := range []struct {
		name     string
		summary  search.Summary
		elements []string
		want     string
	}{
		{"true", search.SummaryTrue, nil, head + must + `,"valueQuantity":{"value":1.50}}`},
		{"text", search.SummaryText, nil, head + `"text":{"div":"<div/>"},` + must + `}`},
		{"data", search.SummaryData, nil, head + must + `,"valueQuantity":{"value":1.50},"note":[{"text":"n"}]}`},
		{"elements", search.SummaryFalse, []string{"note"}, head + must + `,"note":[{"text":"n"}]}`},
		{"a choice", search.SummaryFalse, []string{"value"}, head + must + `,"valueQuantity":{"value":1.50}}`},
		{"false", search.SummaryFalse, nil, in},
	} {
		got, err := fhir.Subset([]byte(in), c.summary, c.elements)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s, want\n%s", c.name, err, got, c.want)
		}
	}
	got, err := fhir.Subset([]byte(`{"resourceType":"Patient"}`), search.SummaryTrue, nil)
	if want := `{"resourceType":"Patient","meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}}`; err != nil || string(got) != want {
		t.Errorf("without meta: %s, %v", got, err)
	}
}

// What Stamp, Rewrite and Subset make of JSON is JSON again.
func FuzzContentStaysJSON(f *testing.F) {
	for _, s := range []string{`{"resourceType":"Patient","meta":{"tag":[]}}`, `{"resourceType":"Observation","subject":{"reference":"a"},"text":{"div":"<a href=\"a\">"}}`, `{"resourceType":"Bundle","meta":[],"entry":[{"fullUrl":"a","resource":{"resourceType":"Patient","meta":{"tag":[{}]}}}]}`,
		`{"resourceType":"Observation","component":[{},[{"id":1}],null,{"code":[[]],"valueAttachment":{"data":1}}],"valueAttachment":[{"data":{}}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := fhirjson.Parse(body)
		if err != nil || doc.Root().Kind() != fhirjson.Object || doc.Root().Field("resourceType").Kind() != fhirjson.String {
			return
		}
		made := [][]byte{fhir.Rewrite(doc.Root(), func(s string, _ bool) (string, bool) { return s + `"\`, true })}
		for _, s := range []search.Summary{search.SummaryTrue, search.SummaryText, search.SummaryData} {
			part, err := fhir.Subset(body, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			made = append(made, part)
		}
		stamped, err := fhir.Stamp(doc.Root(), "i", "v", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range append(made, stamped) {
			if _, err := fhirjson.Parse(b); err != nil {
				t.Errorf("%v:\n%s\nof\n%s", err, b, body)
			}
		}
	})
}
