package search_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// showRow is a row in a form that a test's table can hold: code part#group
// value, and @path.
func showRow(r search.Row) string {
	typ := r.Param.Type
	name := r.Param.Code
	switch {
	case r.Part >= search.Component:
		name += fmt.Sprintf("$%d#%d", r.Part-search.Component, r.Group)
		typ = r.Param.Components[r.Part-search.Component].Param.Type
	case r.Part != search.Whole:
		name += []string{"", ":text", ":identifier", ":of-type", ":rest"}[r.Part]
	}
	var v string
	switch search.RowKind(typ, r.Part) {
	case search.KindDate:
		v = instant(r.Low) + ".." + instant(r.High)
	case search.KindNumber:
		v = fmt.Sprintf("%v..%v %s|%s", r.NumLow, r.NumHigh, r.Aux, r.Value)
	default:
		v = r.Aux + "|" + r.Value
	}
	return name + " " + v + " @" + r.Path
}

func instant(us int64) string {
	switch us {
	case search.MinDate, search.MaxDate:
		return "*"
	}
	return strings.TrimSuffix(time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999"), "T00:00:00")
}

func rowsOf(t testing.TB, x *search.Extractor, body, code string) []string {
	t.Helper()
	rows, err := x.Extract(parse(t, body))
	if err != nil {
		t.Fatalf("Extract(%s): %v", body, err)
	}
	var out []string
	for _, r := range rows {
		if r.Param.Code == code {
			out = append(out, showRow(r))
		}
	}
	return out
}

func TestValuesGiveTheRowsOfR4sTables(t *testing.T) {
	x := search.NewExtractor("https://fire.example/fhir/")
	for _, c := range []struct {
		name, body, code string
		want             []string
	}{
		{"Coding in CodeableConcept", `{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"A-b","display":"Körper  Mass"},{"code":"x"}],"text":"BMI"}}`, "code",
			[]string{"code http://loinc.org|a-b @Observation.code.coding[0]", "code:text Körper  Mass|korper mass @Observation.code.coding[0].display",
				"code |x @Observation.code.coding[1]", "code:text BMI|bmi @Observation.code.text"}},
		{"Identifier", `{"resourceType":"Patient","identifier":[{"system":"http://x","value":"7A","type":{"coding":[{"system":"http://t","code":"MR"}],"text":"Record no"}}]}`, "identifier",
			[]string{"identifier http://x|7a @Patient.identifier[0]", "identifier:of-type http://t|mr|7a @Patient.identifier[0]", "identifier:text Record no|record no @Patient.identifier[0].type.text"}},
		{"ContactPoint", `{"resourceType":"Patient","telecom":[{"system":"phone","value":"555-1"},{"system":"email","value":"A@b.c"}]}`, "email",
			[]string{"email |a@b.c @Patient.telecom[1].value"}},
		{"boolean", `{"resourceType":"Patient","active":true}`, "active", []string{"active |true @Patient.active"}},
		{"computed boolean", `{"resourceType":"Patient","deceasedDateTime":"2020"}`, "deceased", []string{"deceased |true @Patient.deceased"}},
		{"computed from nothing", `{"resourceType":"Patient"}`, "deceased", []string{"deceased |false @Patient.deceased"}},
		{"code", `{"resourceType":"Patient","gender":"female"}`, "gender", []string{"gender |female @Patient.gender"}},
		{"code of one of several systems", `{"resourceType":"Task","intent":"order"}`, "intent", []string{"intent http://hl7.org/fhir/request-intent|order @Task.intent"}},
		{"code without value", `{"resourceType":"Patient","_gender":{"extension":[{"url":"http://x","valueCode":"y"}]}}`, "gender", nil},
		{"tag", `{"resourceType":"Patient","meta":{"tag":[{"system":"http://x","code":"y"}]}}`, "_tag", []string{"_tag http://x|y @Patient.meta.tag[0]"}},
		{"HumanName", `{"resourceType":"Patient","name":[{"family":"Öz","given":["A","B"],"prefix":["Dr"],"text":"Dr A B Öz","use":"official"}]}`, "name",
			[]string{"name Öz|oz @Patient.name[0].family", "name A|a @Patient.name[0].given[0]", "name B|b @Patient.name[0].given[1]", "name Dr|dr @Patient.name[0].prefix[0]", "name Dr A B Öz|dr a b oz @Patient.name[0].text"}},
		{"Address", `{"resourceType":"Patient","address":[{"line":["1 Way"],"city":"Rome","country":"IT","use":"home"}]}`, "address",
			[]string{"address 1 Way|1 way @Patient.address[0].line[0]", "address Rome|rome @Patient.address[0].city", "address IT|it @Patient.address[0].country"}},
		{"date", `{"resourceType":"Patient","birthDate":"1974-12"}`, "birthdate", []string{"birthdate 1974-12-01..1975-01-01 @Patient.birthDate"}},
		{"impossible date", `{"resourceType":"Patient","birthDate":"1974-13"}`, "birthdate", nil},
		{"string in a date's place", `{"resourceType":"Procedure","performedString":"2019"}`, "date", nil},
		{"instant", `{"resourceType":"AuditEvent","recorded":"2020-01-01T00:00:00.5+01:00"}`, "date", []string{"date 2019-12-31T23:00:00.5..2019-12-31T23:00:00.6 @AuditEvent.recorded"}},
		{"Period, open", `{"resourceType":"Encounter","period":{"start":"2020-01-01"}}`, "date", []string{"date 2020-01-01..* @Encounter.period"}},
		{"Period", `{"resourceType":"Encounter","period":{"start":"2020-01-01","end":"2020-01"}}`, "date", []string{"date 2020-01-01..2020-02-01 @Encounter.period"}},
		{"Period, empty", `{"resourceType":"Encounter","period":{"id":"x"}}`, "date", nil},
		{"Period, ends before it starts", `{"resourceType":"Encounter","period":{"start":"2020-02-01","end":"2020-01"}}`, "date", nil},
		{"Timing", `{"resourceType":"ServiceRequest","occurrenceTiming":{"event":["2020-03-01","2020-02-01"],"repeat":{"boundsPeriod":{"start":"2020-02-15","end":"2020-04-01"}}}}`, "occurrence",
			[]string{"occurrence 2020-02-01..2020-04-02 @ServiceRequest.occurrenceTiming"}},
		{"decimal", `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":0.80}]}`, "probability", []string{"probability 0.8..0.8 | @RiskAssessment.prediction[0].probabilityDecimal"}},
		{"Range as number", `{"resourceType":"RiskAssessment","prediction":[{"probabilityRange":{"low":{"value":1}}}]}`, "probability", []string{"probability 1..+Inf | @RiskAssessment.prediction[0].probabilityRange"}},
		{"Quantity", `{"resourceType":"Observation","valueQuantity":{"value":5.4,"unit":"mg/dL","code":"mg/dL","system":"http://unitsofmeasure.org"}}`, "value-quantity",
			[]string{"value-quantity 5.4..5.4 http://unitsofmeasure.org|mg/dL @Observation.valueQuantity"}},
		{"Quantity, unit reads otherwise", `{"resourceType":"Observation","valueQuantity":{"value":5.4,"unit":"K/uL","code":"10*3/uL","system":"http://unitsofmeasure.org"}}`, "value-quantity",
			[]string{"value-quantity 5.4..5.4 http://unitsofmeasure.org|10*3/uL @Observation.valueQuantity", "value-quantity 5.4..5.4 |K/uL @Observation.valueQuantity"}},
		{"Quantity, comparator", `{"resourceType":"Observation","valueQuantity":{"value":5,"comparator":"<=","unit":"mg"}}`, "value-quantity",
			[]string{"value-quantity -Inf..5 |mg @Observation.valueQuantity"}},
		{"SampledData", `{"resourceType":"Observation","valueSampledData":{"origin":{"value":0},"period":10,"dimensions":1}}`, "value-quantity", nil},
		{"Age", `{"resourceType":"Condition","onsetAge":{"value":52,"code":"a","system":"http://unitsofmeasure.org"}}`, "onset-age",
			[]string{"onset-age 52..52 http://unitsofmeasure.org|a @Condition.onsetAge"}},
		{"Range", `{"resourceType":"Condition","onsetRange":{"low":{"value":1,"unit":"a"},"high":{"value":2,"unit":"a"}}}`, "onset-age", []string{"onset-age 1..2 |a @Condition.onsetRange"}},
		{"Money", `{"resourceType":"Invoice","totalNet":{"value":10.5,"currency":"EUR"}}`, "totalnet", []string{"totalnet 10.5..10.5 urn:iso:std:iso:4217|EUR @Invoice.totalNet"}},
		{"Reference, relative", `{"resourceType":"Observation","subject":{"reference":"Patient/1","display":"x"}}`, "subject", []string{"subject Patient|1 @Observation.subject"}},
		{"Reference, version", `{"resourceType":"Observation","subject":{"reference":"Patient/1/_history/3"}}`, "patient", []string{"patient Patient|1 @Observation.subject"}},
		{"Reference, another type", `{"resourceType":"Observation","subject":{"reference":"Group/1"}}`, "patient", nil},
		{"Reference, our base", `{"resourceType":"Observation","subject":{"reference":"https://fire.example/fhir/Patient/1"}}`, "subject", []string{"subject Patient|1 @Observation.subject"}},
		{"Reference, elsewhere", `{"resourceType":"Observation","subject":{"reference":"https://other.example/fhir/Patient/1"}}`, "subject", []string{"subject |https://other.example/fhir/Patient/1 @Observation.subject"}},
		{"Reference, urn", `{"resourceType":"Observation","subject":{"reference":"urn:uuid:1b"}}`, "subject", []string{"subject |urn:uuid:1b @Observation.subject"}},
		{"Reference, contained", `{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}}`, "subject", nil},
		{"Reference, logical", `{"resourceType":"Observation","subject":{"identifier":{"system":"http://x","value":"Y"}}}`, "subject", []string{"subject:identifier http://x|y @Observation.subject.identifier"}},
		{"canonical reference", `{"resourceType":"CarePlan","instantiatesCanonical":["https://fire.example/fhir/PlanDefinition/1","http://x|2"]}`, "instantiates-canonical",
			[]string{"instantiates-canonical |https://fire.example/fhir/PlanDefinition/1 @CarePlan.instantiatesCanonical[0]", "instantiates-canonical PlanDefinition|1 @CarePlan.instantiatesCanonical[0]",
				"instantiates-canonical |http://x|2 @CarePlan.instantiatesCanonical[1]", "instantiates-canonical |http://x @CarePlan.instantiatesCanonical[1]"}},
		{"profile", `{"resourceType":"Patient","meta":{"profile":["http://x|1"],"source":"urn:a#b"}}`, "_profile", []string{"_profile |http://x|1 @Patient.meta.profile[0]", "_profile |http://x @Patient.meta.profile[0]"}},
		{"source", `{"resourceType":"Patient","meta":{"source":"urn:a#b"}}`, "_source", []string{"_source |urn:a#b @Patient.meta.source"}},
		{"composite", `{"resourceType":"Observation","code":{"coding":[{"code":"bp"}]},"component":[{"code":{"coding":[{"code":"sys"}],"text":"t"},"valueQuantity":{"value":140}},{"code":{"coding":[{"code":"nothing"}]}},{"code":{"coding":[{"code":"dia"}]},"valueQuantity":{"value":80}}]}`, "component-code-value-quantity",
			[]string{"component-code-value-quantity$0#1 |sys @Observation.component[0].code.coding[0]", "component-code-value-quantity$1#1 140..140 | @Observation.component[0].valueQuantity",
				"component-code-value-quantity$0#2 |dia @Observation.component[2].code.coding[0]", "component-code-value-quantity$1#2 80..80 | @Observation.component[2].valueQuantity"}},
		{"equal values once", `{"resourceType":"Observation","code":{"coding":[{"code":"a","display":"x"}]},"category":[{"coding":[{"code":"c"}]},{"coding":[{"code":"c"}]}]}`, "category",
			[]string{"category |c @Observation.category[0].coding[0]", "category |c @Observation.category[1].coding[0]"}},
		{"extension", `{"resourceType":"Patient","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName","valueString":"Smith"}]}`, "mothersMaidenName", []string{"mothersMaidenName Smith|smith @Patient.extension[0].valueString"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := rowsOf(t, x, c.body, c.code); !slices.Equal(got, c.want) {
				t.Errorf("rows = %q\nwant   %q", got, c.want)
			}
		})
	}
}

func TestComparatorsExcludeTheirBound(t *testing.T) {
	rows, err := search.NewExtractor().Extract(parse(t, `{"resourceType":"Observation","valueQuantity":{"value":5,"comparator":">","unit":"mg"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Param.Code == "value-quantity" && (r.NumLow <= 5 || r.NumLow > 5.0000001 || !math.IsInf(r.NumHigh, 1)) {
			t.Errorf("> 5 = [%v, %v]", r.NumLow, r.NumHigh)
		}
	}
}

func TestNoResourceIsAnError(t *testing.T) {
	for _, body := range []string{`{}`, `{"resourceType":"Nope"}`, `{"resourceType":"DomainResource"}`, `[]`} {
		if rows, err := search.NewExtractor().Extract(parse(t, body)); err == nil {
			t.Errorf("Extract(%s) = %d rows, want an error", body, len(rows))
		}
	}
}

func TestEveryParameterCompilesAndSkippingChangesNothing(t *testing.T) {
	x := search.NewExtractor()
	for _, typ := range r4.Resources() {
		if _, err := x.Extract(parse(t, `{"resourceType":"`+typ+`","id":"1"}`)); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

func TestExtractorServesManyAtOnce(t *testing.T) {
	x := search.NewExtractor()
	body := `{"resourceType":"Patient","name":[{"family":"A"}]}`
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if rows, err := x.Extract(parse(t, body)); err != nil || len(rows) == 0 {
				t.Errorf("Extract = %d rows, %v", len(rows), err)
			}
		})
	}
	wg.Wait()
}

func TestElementPathIsTheDefinitions(t *testing.T) {
	for in, want := range map[string]string{
		"Patient.name[0].given[1]":                      "Patient.name.given",
		"Observation.valueQuantity":                     "Observation.value",
		"Observation.component[3].valueCodeableConcept": "Observation.component.value",
		"Patient.deceased":                              "Patient.deceased",
		"Patient.contact[0].name.family":                "Patient.contact.name.family",
		"Patient.meta.tag[0]":                           "Patient.meta.tag",
		"Patient.nope[1].x":                             "Patient.nope.x",
		"Patient":                                       "Patient",
	} {
		if got := search.ElementPath(in); got != want {
			t.Errorf("ElementPath(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestLongArraysTakeLinearTime(t *testing.T) {
	x := search.NewExtractor()
	var components, entries []string
	for i := range 3000 {
		components = append(components, fmt.Sprintf(`{"code":{"coding":[{"code":"c%d"}]},"valueQuantity":{"value":%d}}`, i, i))
		entries = append(entries, fmt.Sprintf(`{"item":{"reference":"Patient/%d"}}`, i))
	}
	// Unions of n items by FHIRPath's rules would pass its limit of work.
	got := rowsOf(t, x, `{"resourceType":"Observation","component":[`+strings.Join(components, ",")+`]}`, "combo-code")
	if len(got) != 3000 || got[2999] != "combo-code |c2999 @Observation.component[2999].code.coding[0]" {
		t.Errorf("%d rows, the last %s", len(got), got[len(got)-1])
	}
	got = rowsOf(t, x, `{"resourceType":"List","entry":[`+strings.Join(entries, ",")+`]}`, "item")
	if len(got) != 3000 || got[2999] != "item Patient|2999 @List.entry[2999].item" {
		t.Errorf("%d rows, the last %s", len(got), got[len(got)-1])
	}
}

func TestEqualElementsKeepTheirPlaces(t *testing.T) {
	got := rowsOf(t, search.NewExtractor(), `{"resourceType":"Observation","code":{"coding":[{"code":"a"}]},"component":[{"code":{"coding":[{"code":"a"}]}},{"code":{"coding":[{"code":"a"}]}}]}`, "combo-code")
	want := []string{"combo-code |a @Observation.code.coding[0]", "combo-code |a @Observation.component[0].code.coding[0]", "combo-code |a @Observation.component[1].code.coding[0]"}
	if !slices.Equal(got, want) {
		t.Errorf("rows = %q, want %q: a mask on one must leave the others", got, want)
	}
}

func TestUnionsAreCutOutsideOfParentheses(t *testing.T) {
	for in, want := range map[string][]string{
		"a": {"a"}, "a | b": {"a ", " b"}, "(a | b).c": {"(a | b).c"}, "a.where(x='|') | b": {"a.where(x='|') ", " b"},
	} {
		if got := search.SplitUnion(in); !slices.Equal(got, want) {
			t.Errorf("splitUnion(%q) = %q, want %q", in, got, want)
		}
	}
}
