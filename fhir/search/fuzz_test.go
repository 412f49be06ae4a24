package search_test

import (
	"errors"
	"net/url"
	"sort"
	"strings"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// FuzzParse: whatever is asked, Parse neither panics nor repeats content, and
// what it accepts can be matched and can be asked again from its self link.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"name=eve", "subject:Patient.name=x", "_has:Observation:patient:code=1", "_sort=-date&_count=5", "date=ap2020-02", "code-value-quantity=a$gt5|b|c",
		`name=a\,b\\`, "_include:iterate=*", "subject=urn:uuid:1", "_type=Patient", "value-quantity=1e2||mg", "date=2020-01-01T10:00:00 02:00", "location.near=1|2|3|km", "near=90|-180,0|0|1e9|m"} {
		for typ := range uint8(3) {
			f.Add(typ, s)
		}
	}
	types := []string{"Patient", "Observation", "Provenance", "Encounter", "ValueSet", "Location"}
	x := search.NewExtractor()
	doc := parse(f, observation)
	f.Fuzz(func(t *testing.T, typ uint8, query string) {
		vals, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		var ps []search.Pair
		for k, vs := range vals {
			for _, v := range vs {
				ps = append(ps, search.Pair{Name: k, Value: v})
			}
		}
		sort.Slice(ps, func(i, j int) bool { return ps[i].Name+"="+ps[i].Value < ps[j].Name+"="+ps[j].Value })
		on := []string{types[int(typ)%len(types)]}
		if typ > 250 {
			on = r4.Resources()
		}
		q, err := search.Parse(on, ps, search.Options{})
		if err != nil {
			var e *search.Error
			if !errors.As(err, &e) || e.Parameter != search.SafeName(e.Parameter) || e.Text == "" {
				t.Errorf("Parse = %#v", err)
			}
			return
		}
		for _, b := range q.Branches {
			if b.Type == "Observation" {
				if _, err := x.Match(b.Where, doc, search.Meta{}); err != nil && !errors.Is(err, search.ErrOtherResources) {
					t.Errorf("Match: %v", err)
				}
			}
		}
		again, err := search.Parse(on, q.Used, search.Options{Strict: true})
		if err != nil {
			t.Fatalf("the self link %v cannot be asked again: %v", q.Used, err)
		}
		if len(again.Branches) != len(q.Branches) {
			t.Fatalf("%d branches, again %d", len(q.Branches), len(again.Branches))
		}
		for i := range again.Branches {
			if a, b := show(q.Branches[i].Where), show(again.Branches[i].Where); a != b && !strings.Contains(a, "ap[") {
				t.Errorf("the self link asks %s, the query %s", b, a)
			}
		}
	})
}

// FuzzExtract: a resource that nobody has validated neither stops Extract nor
// gives rows that say nothing.
func FuzzExtract(f *testing.F) {
	for _, s := range []string{observation, `{"resourceType":"Patient","name":"x","telecom":{"system":["phone"]},"birthDate":[1],"deceasedBoolean":"x"}`,
		`{"resourceType":"Observation","subject":"x","component":[[{"code":{"coding":{"code":{}}}}]],"valueQuantity":{"value":"1"}}`,
		`{"resourceType":"List","entry":[null,{"item":null}],"meta":{"profile":"http://x|","tag":[1]}}`,
		`{"resourceType":"Location","position":{"latitude":-90,"longitude":1e3}}`} {
		f.Add([]byte(s))
	}
	x := search.NewExtractor("http://x")
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := fhirjson.Parse(body)
		if err != nil {
			return
		}
		rows, err := x.Extract(doc.Root())
		if err != nil {
			return
		}
		for _, r := range rows {
			typ := r.Param.Type
			if r.Part >= search.Component {
				typ = r.Param.Components[r.Part-search.Component].Param.Type
			}
			empty := false
			switch search.RowKind(typ, r.Part) {
			case search.KindText:
				empty = r.Value == "" && r.Aux == ""
			case search.KindDate:
				empty = r.Low >= r.High
			case search.KindNumber:
				empty = typ != r4.ParamSpecial && !(r.NumLow <= r.NumHigh)
			}
			if empty || r.Path == "" {
				t.Errorf("an empty row: %s", showRow(r))
			}
		}
	})
}

func BenchmarkExtractObservation(b *testing.B) {
	body := `{"resourceType":"Observation","id":"o1","meta":{"versionId":"1","lastUpdated":"2020-02-01T10:00:00Z","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-blood-pressure"]},` +
		`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + strings.Repeat("blood pressure ", 40) + `</div>"},` + observation[len(`{"resourceType":"Observation","id":"o1",`):]
	doc := parse(b, body)
	x := search.NewExtractor()
	rows, err := x.Extract(doc)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(rows)), "rows")
	b.ReportMetric(float64(len(body)), "bytes")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Extract(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	ps := pairs(b, "subject:Patient.name=eve&code=http://loinc.org|8480-6,8462-4&date=ge2020-01&_sort=-date&_count=50&_include=Observation:subject")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := search.Parse([]string{"Observation"}, ps, search.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
