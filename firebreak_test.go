package firebreak_test

import (
	"strings"
	"testing"
)

func seedTwoHospitals(r *rig) {
	r.put("importer", `{"resourceType":"Organization","id":"north","name":"North"}`)
	r.put("importer", `{"resourceType":"Organization","id":"south","name":"South"}`)
	r.put("importer", `{"resourceType":"Practitioner","id":"adams","name":[{"family":"Adams"}]}`)
	r.put("importer", `{"resourceType":"Patient","id":"amy","gender":"female","birthDate":"1980-02-03","name":[{"family":"Amyson","given":["Amy"]}],"managingOrganization":{"reference":"Organization/north"}}`)
	r.put("importerS", `{"resourceType":"Patient","id":"sam","gender":"male","birthDate":"1970-01-01","name":[{"family":"Samson"}],"managingOrganization":{"reference":"Organization/south"}}`)
	r.put("importer", `{"resourceType":"Observation","id":"o1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/amy"},"effectiveDateTime":"2026-01-05","valueQuantity":{"value":72.50,"unit":"/min"}}`)
	r.put("importerS", `{"resourceType":"Observation","id":"o2","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/sam"},"effectiveDateTime":"2026-01-06"}`)
	r.put("importerS", `{"resourceType":"Observation","id":"o3","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/amy"},"effectiveDateTime":"2026-01-07"}`)
}

func TestOwnHospitalIsSeenAndTheOtherLooksAbsent(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	a := r.do("adams", "GET", "Observation/o1", "")
	if a.status != 200 || !strings.Contains(a.body, "72.50") {
		t.Fatalf("own record: %v", a)
	}
	hidden := r.do("adams", "GET", "Observation/o2", "")
	absent := r.do("adams", "GET", "Observation/nope", "")
	if hidden.status != 404 || hidden.String() != absent.String() {
		t.Errorf("hidden %v\nabsent %v", hidden, absent)
	}
	a = r.do("adams", "GET", "Observation?code=8867-4", "")
	if got := a.json(t)["total"]; got != 1.0 {
		t.Errorf("total = %v, want 1: %v", got, a)
	}
	a = r.do("adams", "GET", "Observation?subject:Patient.name=sam", "")
	if got := a.json(t)["total"]; got != 0.0 {
		t.Errorf("chain through a hidden patient: total = %v, want 0", got)
	}
	a = r.do("chen", "GET", "Observation?subject:Patient.name=sam", "")
	if got := a.json(t)["total"]; got != 1.0 {
		t.Errorf("chain: total = %v, want 1: %v", got, a)
	}
	a = r.do("adams", "GET", "Patient?_has:Observation:patient:code=8867-4&_revinclude=Observation:patient", "")
	if got := a.json(t)["total"]; got != 1.0 || strings.Contains(a.body, "o3") {
		t.Errorf("_has: %v", a)
	}
	a = r.do("amy", "GET", "Observation?_sort=-date", "")
	if got := a.json(t)["total"]; got != 2.0 || strings.Index(a.body, `"o3"`) > strings.Index(a.body, `"o1"`) {
		t.Errorf("patient's own compartment: %v", a)
	}
	if n := r.server.Mismatches(); n != 0 {
		t.Errorf("nets differed %d times", n)
	}
}
