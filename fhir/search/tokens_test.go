package search_test

import (
	"testing"

	"firebreak/fhir/search"
)

// search.html#token: for a code "the system is defined in the value set".
func TestCodesAreFoundUnderTheirImpliedSystemOnly(t *testing.T) {
	x := search.NewExtractor()
	sexed := `{"resourceType":"Patient","gender":"male"}`
	task, strange := `{"resourceType":"Task","intent":"order"}`, `{"resourceType":"Task","intent":"order-set"}`
	related := `{"resourceType":"DocumentReference","relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/1"}}]}`
	const sex, ask = "http://hl7.org/fhir/administrative-gender", "http://hl7.org/fhir/request-intent"
	for _, c := range []struct {
		body, query string
		want        bool
	}{
		{sexed, "gender=male", true}, {sexed, "gender=" + sex + "|male", true}, {sexed, "gender=" + sex + "|female", false}, {sexed, "gender=" + sex + "|", true},
		{sexed, "gender=http://other|male", false}, {sexed, "gender=http://other|", false}, {sexed, "gender=|male", false}, {sexed, "gender:not=" + sex + "|male", false}, {sexed, "gender:not=http://other|male", true}, {sexed, "gender:not=|male", true},
		{task, "intent=" + ask + "|order", true}, {task, "intent=order", true}, {task, "intent=" + ask + "|", true}, {task, "intent=http://hl7.org/fhir/task-intent|order", false}, {task, "intent=http://hl7.org/fhir/task-intent|", false}, {task, "intent=|order", false},
		{strange, "intent=order-set", true}, {strange, "intent=|order-set", true}, {strange, "intent=" + ask + "|order-set", false},
		{related, "relationship=DocumentReference/1$replaces", true}, {related, "relationship=1$http://hl7.org/fhir/document-relationship-type|replaces", true}, {related, "relationship=1$http://other|replaces", false}, {related, "relationship=1$|replaces", false},
	} {
		matches(t, x, c.body, c.query, c.want)
	}
}

// search.html#token: of a ContactPoint the value counts, no | SHALL be used, and
// a server may ignore punctuation.
func TestContactsAreFoundByTheirValue(t *testing.T) {
	x := search.NewExtractor()
	patient := `{"resourceType":"Patient","telecom":[{"system":"phone","value":"+1 (555) 123-4567"},{"system":"email","value":"Ann.Lee@example.org"},{"system":"phone","value":"555 ext. 7"},{"system":"sms","value":"110"},{"system":"url","value":"12"},{"system":"other"}]}`
	for query, want := range map[string]bool{
		"phone=%2B1 (555) 123-4567": true, "phone=%2B15551234567": true, "phone=%2B1.555.123.4567": true, "telecom=%2B1-555-123-4567": true,
		"phone=15551234567": false, "phone=5551234567": false, "phone=%2B1555123456": false, "email=%2B15551234567": false,
		"email=ann.lee@example.org": true, "email=ANN.LEE@EXAMPLE.ORG": true, "email=annlee@example.org": false, "telecom=ann.lee@example.org": true, "phone=ann.lee@example.org": false,
		"phone=555 EXT. 7": true, "phone=555 ext 7": false, "phone=5557": false,
		"telecom=110": true, "telecom=1-1-0": true, "phone=110": false, "telecom=12": true, "telecom=1-2": false,
		"phone=0,%2B15551234567": true, "phone:not=%2B15551234567": false, "telecom=%2B": false, "telecom=--": false,
	} {
		matches(t, x, patient, query, want)
	}
	organization := `{"resourceType":"HealthcareService","telecom":[{"system":"phone","value":"555"}],"active":true}`
	matches(t, x, organization, "active=TRUE", true)
	for _, query := range []string{"phone=phone|555", "telecom=|555", "email=email|a@b.c", "active=|true"} {
		if _, err := search.Parse([]string{"Patient"}, pairs(t, query), search.Options{}); err == nil {
			t.Errorf("%s was taken", query)
		}
	}
}
