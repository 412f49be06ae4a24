package firebreak_test

import (
	"strings"
	"testing"
)

// TestPatientLinksMoveNothing: Patient.link says that two records are of one
// person. It opens neither to an application or a person that may see the other,
// as docs/smart.md tells (SMART App Launch 2.2, "Scopes for requesting FHIR
// Resources").
func TestPatientLinksMoveNothing(t *testing.T) {
	who := standard()
	launched := who["adams"]
	launched.Subject, launched.Scope, launched.Patient = "launched", "patient/*.cruds", "amy"
	who["launched"] = launched
	for _, kind := range []string{"seealso", "refer", "replaces", "replaced-by"} {
		r := newRigWith(t, who, openSQLite)
		other := `{"resourceType":"Patient","id":"twin","name":[{"family":"Twin"}],"link":[{"other":{"reference":"Patient/amy"},"type":"` + kind + `"}]}`
		r.put("importer", other)
		r.put("importer", `{"resourceType":"Patient","id":"amy","name":[{"family":"Ames"}],"link":[{"other":{"reference":"Patient/twin"},"type":"`+kind+`"}]}`)
		r.put("importer", `{"resourceType":"Observation","id":"twins","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/twin"}}`)
		r.do("adams", "GET", "Patient/twin", "").is(t, 200)
		for _, person := range []string{"amy", "launched"} {
			r.do(person, "GET", "Patient/amy", "").is(t, 200)
			for _, url := range []string{"Patient/twin", "Observation/twins"} {
				r.do(person, "GET", url, "").is(t, 404)
			}
			for _, url := range []string{"Patient?_id=amy&_include=Patient:link", "Patient?_revinclude=Patient:link", "Observation", "Patient/amy/$everything"} {
				if body := r.do(person, "GET", url, "").is(t, 200).body; strings.Contains(body, `"family":"Twin"`) || strings.Contains(body, `"id":"twins"`) {
					t.Errorf("%s, %s as %s: %s", kind, url, person, body)
				}
			}
		}
	}
}
