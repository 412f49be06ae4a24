package validate

import (
	"slices"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// otherDates are dates of parts of a patient's record that say nothing of when
// the care was.
var otherDates = map[string][]string{
	"ClaimResponse": {"payment-date"}, "Encounter": {"location-period"}, "Immunization": {"reaction-date"}, "Observation": {"value-date"},
	"Patient": {"birthdate", "death-date"}, "Person": {"birthdate"}, "RelatedPerson": {"birthdate"},
}

func TestEveryDateOfARecordIsACareDateOrKnownNotToBe(t *testing.T) {
	types := map[string]bool{}
	for _, typ := range r4.Resources() {
		if !OfARecord(typ) {
			continue
		}
		types[typ] = true
		for _, p := range r4.SearchParams(typ) {
			if p.Type != r4.ParamDate || p.Code == "_lastUpdated" {
				continue
			}
			if slices.Contains(careDates[typ], p.Code) == slices.Contains(otherDates[typ], p.Code) {
				t.Errorf("%s.%s is neither or both", typ, p.Code)
			}
		}
	}
	for typ, codes := range careDates {
		for _, code := range codes {
			if p, ok := r4.LookupSearchParam(typ, code); !types[typ] || !ok || p.Type != r4.ParamDate || !search.Indexed(p) {
				t.Errorf("%s.%s is no date of a patient's record that can be searched", typ, code)
			}
		}
	}
}
