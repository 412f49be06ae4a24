package transport

import (
	"strings"
	"testing"

	"firebreak/fhirjson"
)

// OperationOutcome.issue.expression names the place of what a request lacks
// (http://hl7.org/fhir/R4/operationoutcome-definitions.html), for all refusals
// but those that have none: a request that is no HTTP, and what is our own.
func TestEveryRefusalNamesItsPlace(t *testing.T) {
	for r := none + 1; r <= crashed; r++ {
		doc, err := fhirjson.Parse(r.outcome("visit", ""))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for at := range doc.Root().Field("issue").Item(0).Field("expression").Each() {
			got = at.Text()
		}
		own := r == malformed || r == busy || r == crashed
		if own != (got == "") || !own && !strings.HasPrefix(got, "http.") {
			t.Errorf("refusal %d (%s) is at %q", r, refusals[r].text, got)
		}
	}
}
