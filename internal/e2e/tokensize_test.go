package e2e

import (
	"net/url"
	"strings"
	"testing"

	"firebreak/smart/client"
)

// uscoreTypes and uscoreParts are what US Core's scopes are about: the types of the
// (g)(10) test procedure, and the categories of its granular scopes.
var (
	uscoreTypes = []string{"AllergyIntolerance", "CarePlan", "CareTeam", "Condition", "Coverage", "Device", "DiagnosticReport", "DocumentReference", "Encounter",
		"Endpoint", "Goal", "Immunization", "Location", "Medication", "MedicationDispense", "MedicationRequest", "Observation", "Organization", "Patient",
		"Practitioner", "PractitionerRole", "Procedure", "Provenance", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Specimen"}
	uscoreParts = []string{
		"Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|encounter-diagnosis",
		"Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item",
		"Condition.rs?category=http://hl7.org/fhir/us/core/CodeSystem/condition-category|health-concern",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|social-history",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|survey",
		"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
		"Observation.rs?category=http://hl7.org/fhir/us/core/CodeSystem/us-core-category|sdoh",
	}
)

// TestATokenWithAllOfUSCoreFitsAHeader: whoever asks for each type and each part by
// name gets a token that still fits where many proxies end a header line, at 8 kB,
// and that opens records.
func TestATokenWithAllOfUSCoreFitsAHeader(t *testing.T) {
	h := open(t, nil)
	h.ward()
	k := newKey(t, "all")
	var scopes []string
	for _, typ := range uscoreTypes {
		scopes = append(scopes, "system/"+typ+".rs")
	}
	for _, part := range uscoreParts {
		scopes = append(scopes, "system/"+part)
	}
	h.register(system("all", func(c *client.Client) { c.Method, c.Keys, c.Scopes = client.PrivateKeyJWT, k.set(t), scopes }))
	form := url.Values{"grant_type": {"client_credentials"}, "client_assertion": {k.assertion(t, "all", h.issuer+"/token")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "scope": {strings.Join(scopes, " ")}}
	got := h.post("/token", form).must(t)
	if n := len("Authorization: Bearer " + got.text("access_token")); n > 8000 || n < 2000 {
		t.Errorf("the header line has %d bytes, want all scopes in at most 8000: %s", n, got.text("scope"))
	}
	h.sees(got.text("access_token"), map[string]int{"Patient/sam": 200, "Observation/pulse-1": 200})
}
