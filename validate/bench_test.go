package validate_test

import (
	"testing"

	"firebreak/fhirjson"
	"firebreak/validate"
)

// observation is some 2 KB, as clients send them.
const observation = `{
  "resourceType": "Observation",
  "id": "blood-pressure",
  "meta": {"lastUpdated": "2024-01-30T22:34:38.123+01:00", "profile": ["http://hl7.org/fhir/StructureDefinition/vitalsigns"],
    "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]},
  "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Blood pressure 107/60 mmHg</p></div>"},
  "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:187e0c12-8dd2-67e2-99b2-bf273c878281"}],
  "basedOn": [{"reference": "ServiceRequest/5f0f2ef3", "identifier": {"system": "https://acme.org/identifiers", "value": "1234"}}],
  "status": "final",
  "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs", "display": "Vital Signs"}]}],
  "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure panel with all children optional"}],
    "text": "Blood pressure systolic & diastolic"},
  "subject": {"reference": "Patient/8da884f0-080a-4417-ba44-24fb6bde0851"},
  "encounter": {"reference": "Encounter/0a1b2c3d"},
  "effectiveDateTime": "2012-09-17T09:30:10+01:00",
  "issued": "2012-09-17T09:31:10.000+01:00",
  "performer": [{"reference": "Practitioner/example"}],
  "interpretation": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "L", "display": "low"}], "text": "Below low normal"}],
  "component": [
    {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic blood pressure"}]},
     "valueQuantity": {"value": 107, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
    {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4", "display": "Diastolic blood pressure"}]},
     "valueQuantity": {"value": 60.5, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}
  ]
}`

func BenchmarkObservation(b *testing.B) {
	doc, err := fhirjson.Parse([]byte(observation))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(observation)))
	for b.Loop() {
		if issues := validate.Resource(doc.Root(), "Observation"); len(issues) > 0 {
			b.Fatal(issues)
		}
	}
}
