package firebreak_test

import "testing"

func TestAbsoluteReferencesToThisServerAreLocal(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	r.put("importer", `{"resourceType":"Observation","id":"abs","status":"final","code":{"text":"x"},"subject":{"reference":"`+base+`/Patient/amy"}}`)
	for _, url := range []string{
		"Observation?subject=Patient/amy&_id=abs", "Observation?subject:Patient.name=amyson&_id=abs", "Patient/amy/Observation?_id=abs",
	} {
		if got := r.do("adams", "GET", url, "").json(t)["total"]; got != 1.0 {
			t.Errorf("%s: total = %v, want 1", url, got)
		}
	}
	if a := r.do("amy", "GET", "Observation/abs", ""); a.status != 200 {
		t.Errorf("the patient whose record it is: %v", a)
	}
}
