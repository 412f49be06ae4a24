package firebreak_test

import (
	"slices"
	"strings"
	"testing"
)

// seedCare is a record whose parts have a date of their own, on other elements
// than date, each in 2020, 2021 or 2022; amy's own resource has none.
func seedCare(r *rig) {
	for _, in := range []string{
		`{"resourceType":"Organization","id":"north","name":"North"}`,
		`{"resourceType":"Practitioner","id":"adams","name":[{"family":"Adams"}]}`,
		`{"resourceType":"Medication","id":"pill","code":{"text":"pill"}}`,
		`{"resourceType":"Location","id":"ward","name":"ward"}`,
		`{"resourceType":"Patient","id":"other","name":[{"family":"Other"}]}`,
		`{"resourceType":"Patient","id":"amy","birthDate":"1970-01-01","managingOrganization":{"reference":"Organization/north"},"link":[{"other":{"reference":"Patient/other"},"type":"seealso"}]}`,
		`{"resourceType":"Encounter","id":"e20","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/amy"},"period":{"start":"2020-03-01","end":"2020-03-02"},"location":[{"location":{"reference":"Location/ward"}}]}`,
		`{"resourceType":"Condition","id":"c20","subject":{"reference":"Patient/amy"},"onsetDateTime":"2020-03-01","encounter":{"reference":"Encounter/e20"}}`,
		`{"resourceType":"Condition","id":"c22","subject":{"reference":"Patient/amy"},"recordedDate":"2022-03-01","encounter":{"reference":"Encounter/e20"},"asserter":{"reference":"Practitioner/adams"}}`,
		`{"resourceType":"Condition","id":"cnone","subject":{"reference":"Patient/amy"},"code":{"text":"x"}}`,
		`{"resourceType":"MedicationRequest","id":"m20","status":"active","intent":"order","subject":{"reference":"Patient/amy"},"authoredOn":"2020-03-01","medicationReference":{"reference":"Medication/pill"}}`,
		`{"resourceType":"MedicationRequest","id":"m22","status":"active","intent":"order","subject":{"reference":"Patient/amy"},"authoredOn":"2022-03-01","medicationReference":{"reference":"Medication/pill"},"priorPrescription":{"reference":"MedicationRequest/m20"}}`,
		`{"resourceType":"ServiceRequest","id":"s21","status":"active","intent":"order","subject":{"reference":"Patient/amy"},"authoredOn":"2021-03-01"}`,
		`{"resourceType":"Communication","id":"k20","status":"completed","subject":{"reference":"Patient/amy"},"sent":"2020-03-01T00:00:00Z","received":"2021-03-01T00:00:00Z"}`,
		`{"resourceType":"Claim","id":"b20","status":"active","use":"claim","type":{"text":"x"},"priority":{"text":"x"},"created":"2020-03-01","patient":{"reference":"Patient/amy"},"provider":{"reference":"Organization/north"},"insurance":[{"sequence":1,"focal":true,"coverage":{"display":"x"}}]}`,
		`{"resourceType":"Observation","id":"o22","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/amy"},"effectivePeriod":{"start":"2021-12-01","end":"2022-02-01"},"hasMember":[{"reference":"Observation/o20"}]}`,
		`{"resourceType":"Observation","id":"o20","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/amy"},"effectiveDateTime":"2020-03-01"}`,
	} {
		r.put("importer", in)
	}
}

// patient-operation-everything.html: start and end are about care dates. What
// they leave out does not come back because something refers to it.
func TestEverythingIsOfTheDatesAskedFor(t *testing.T) {
	r := newRig(t)
	seedCare(r)
	for _, c := range []struct{ query, match, include string }{
		{"", "amy b20 c20 c22 cnone e20 k20 m20 m22 o20 o22 s21", "adams north pill ward"},
		{"start=2022", "amy c22 cnone m22 o22", "adams north pill"},
		{"end=2020-12-31", "amy b20 c20 cnone e20 k20 m20 o20", "north pill ward"},
		{"start=2021&end=2021", "amy cnone k20 o22 s21", "north"},
		{"start=2021&end=2021&_type=Communication,ServiceRequest,Condition", "cnone k20 s21", ""},
		{"start=2022&_type=MedicationRequest,Medication", "m22", "pill"},
		{"start=2022&_type=Observation", "o22", ""},
		{"start=2022&_type=Observation&_type=Condition,Observation", "c22 cnone o22", ""},
		{"start=2022&_type=Practitioner&_type=Condition&_type=Practitioner", "c22 cnone", "adams"},
		{"start=2023", "amy cnone", "north"},
	} {
		a := r.do("adams", "GET", "Patient/amy/$everything?_count=100&"+c.query, "")
		match, include := a.found(t, "match"), a.found(t, "include")
		slices.Sort(match)
		slices.Sort(include)
		if strings.Join(match, " ") != c.match || strings.Join(include, " ") != c.include {
			t.Errorf("%s: %v and %v, want %s and %s", c.query, match, include, c.match, c.include)
		}
	}
}

// parameters.html: each part has a value of a type, an id and extensions; _type
// may be given several times (patient-operation-everything.html).
func TestEverythingReadsItsParametersAsTheyAreDefined(t *testing.T) {
	r := newRig(t)
	seedCare(r)
	ask := func(parts string) answer {
		return r.do("adams", "POST", "Patient/amy/$everything", `{"resourceType":"Parameters","parameter":[`+parts+`]}`)
	}
	got := ask(`{"id":"a","name":"_type","valueCode":"Condition"},{"name":"_type","valueCode":"Observation"},{"id":"b","name":"start","valueDate":"2022"},{"name":"other","valueBoolean":true}`).found(t, "match")
	if slices.Sort(got); strings.Join(got, " ") != "c22 cnone o22" {
		t.Errorf("%v, want c22 cnone o22", got)
	}
	ask(`{"name":"start","valuePeriod":{"start":"2022"}}`).refused(t, 400, "http.start")
	ask(`{"name":"_since","part":[{"name":"x","valueString":"2022"}]}`).refused(t, 400, "http._since")
	ask(`{"name":"_type"}`).refused(t, 400, "http._type")
	ask(`{"name":"_count","valueBoolean":true}`).refused(t, 400, "http._count")
}

func TestEverythingSinceIsWhatChangedSince(t *testing.T) {
	r := newRig(t)
	seedCare(r)
	r.clock.Advance(3600e9)
	since := r.clock.Now().UTC().Format("2006-01-02T15:04:05Z")
	r.clock.Advance(3600e9)
	r.put("importer", `{"resourceType":"Observation","id":"late","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/amy"},"performer":[{"reference":"Practitioner/adams"}],"hasMember":[{"reference":"Observation/o20"}]}`)
	a := r.do("adams", "GET", "Patient/amy/$everything?_since="+since, "")
	if match, include := a.found(t, "match"), a.found(t, "include"); !slices.Equal(match, []string{"late"}) || !slices.Equal(include, []string{"adams"}) {
		t.Errorf("%v and %v, want late and adams", match, include)
	}
	// The pages of a record hold it once.
	all, pages := r.pages("adams", "Patient/amy/$everything?_count=3")
	sorted := slices.Sorted(slices.Values(all))
	if n := len(all); n != 13 || pages != 5 || len(slices.Compact(sorted)) != n {
		t.Errorf("%d in %d pages: %v", n, pages, all)
	}
	for _, bad := range []string{"soon", "2020,2021", "ge2020", ""} {
		r.do("adams", "GET", "Patient/amy/$everything?_since="+bad, "").refused(t, 400, "http._since")
		r.do("adams", "POST", "Patient/amy/$everything", `{"resourceType":"Parameters","parameter":[{"name":"_since","valueString":"x`+bad+`"}]}`).refused(t, 400, "http._since")
	}
}
