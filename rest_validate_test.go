package firebreak_test

import "testing"

// resource-operation-validate.html: "If a profile is nominated, and the server
// cannot validate against the nominated profile, it SHALL return an error";
// and an error of 400 and above is one of the validation, not of the resource.
func TestValidateSaysWhichProfilesItCannotCheck(t *testing.T) {
	r := newRig(t)
	in := func(parts string) string {
		return `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":` + heartRate + `}` + parts + `]}`
	}
	const definition = "http://hl7.org/fhir/StructureDefinition/"
	for _, c := range []struct {
		profile string
		status  int
		code    string
	}{
		{definition + "Observation", 200, "informational"},
		{definition + "Observation|4.0.1", 200, "informational"},
		{definition + "DomainResource", 200, "informational"},
		{definition + "Resource", 200, "informational"},
		{definition + "Observation|5.0.0", 400, "not-supported"},
		{definition + "vitalsigns", 400, "not-supported"},
		{"http://hl7.org/fhir/us/core/StructureDefinition/us-core-heart-rate", 400, "not-supported"},
		{definition + "Patient", 400, "invalid"},
		{"", 400, "value"},
	} {
		a := r.do("adams", "POST", "Observation/$validate?profile="+c.profile, heartRate).is(t, c.status)
		if got := a.issues(t)[0]["code"]; got != c.code {
			t.Errorf("%s: %v, want %s", c.profile, got, c.code)
		}
		if c.status != 200 {
			a.refused(t, 400, "http.profile")
		}
		if c.profile == "" {
			continue
		}
		for _, typ := range []string{"valueUri", "valueCanonical"} {
			a := r.do("adams", "POST", "Observation/$validate", in(`,{"name":"profile","`+typ+`":"`+c.profile+`"}`)).is(t, c.status)
			if c.status != 200 {
				a.refused(t, 400, "Parameters.parameter[1].value")
			}
		}
	}
	r.do("adams", "POST", "Bundle/$validate?profile="+definition+"DomainResource", `{"resourceType":"Bundle","type":"collection"}`).refused(t, 400, "http.profile")
	r.do("adams", "POST", "Observation/$validate?mode=delete&profile=http://example.org/x", "").refused(t, 400, "http.profile")
}

func TestValidateReadsItsParametersStrictly(t *testing.T) {
	r := newRig(t)
	const resource = `{"name":"resource","resource":` + heartRate + `}`
	for _, c := range []struct{ name, parameters, at string }{
		{"an unknown part", `"parameter":[` + resource + `,{"name":"colour","valueString":"red"}]`, "Parameters.parameter[1].name"},
		{"a mode that is no code", `"parameter":[` + resource + `,{"name":"mode","valueString":"create"}]`, "Parameters.parameter[1]"},
		{"a mode that is none", `"parameter":[` + resource + `,{"name":"mode","valueCode":"guess"}]`, "Parameters.parameter[1].value"},
		{"a profile that is no uri", `"parameter":[` + resource + `,{"name":"profile","valueBoolean":true}]`, "Parameters.parameter[1]"},
		{"a resource that is a value", `"parameter":[{"name":"resource","valueString":"x"}]`, "Parameters.parameter[0]"},
		{"two resources", `"parameter":[` + resource + `,` + resource + `]`, "Parameters.parameter[1]"},
		{"two modes", `"parameter":[` + resource + `,{"name":"mode","valueCode":"create"},{"name":"mode","valueCode":"update"}]`, "Parameters.parameter[2]"},
		{"an unknown member", `"parameter":[` + resource + `],"colour":"red"`, "Parameters"},
		{"an unknown member of a part", `"parameter":[{"name":"resource","colour":"red","resource":` + heartRate + `}]`, "Parameters.parameter[0]"},
		{"a part without a name", `"parameter":[` + resource + `,{"valueCode":"create"}]`, "Parameters.parameter[1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rr := *r
			rr.t = t
			rr.do("adams", "POST", "Observation/$validate", `{"resourceType":"Parameters",`+c.parameters+`}`).refused(t, 400, c.at)
		})
	}
	r.do("adams", "POST", "Observation/$validate?mode=create", `{"resourceType":"Parameters","parameter":[`+resource+`,{"name":"mode","valueCode":"update"}]}`).refused(t, 400, "Parameters.parameter[1]")
	r.do("adams", "POST", "Observation/$validate?mode=create&mode=update", heartRate).refused(t, 400, "http.mode")
	r.do("adams", "POST", "Observation/$validate?colour=red", heartRate, "Prefer: handling=strict").refused(t, 400, "http.url")
	// What is wrong in the resource itself is the answer and no error.
	bad := `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":{"resourceType":"Observation","status":"done","code":{"text":"x"}}}]}`
	if a := r.do("adams", "POST", "Observation/$validate", bad).is(t, 200); a.issues(t)[0]["severity"] != "error" {
		t.Errorf("an invalid resource: %s", a.body)
	}
}
