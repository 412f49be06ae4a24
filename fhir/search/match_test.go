package search_test

import (
	"errors"
	"testing"
	"time"

	"firebreak/fhir/search"
)

const observation = `{"resourceType":"Observation","id":"o1","status":"final",
 "category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
 "code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}],"text":"Blood pressure"},
 "subject":{"reference":"Patient/p1"},"performer":[{"identifier":{"system":"http://npi","value":"X1"}}],
 "effectivePeriod":{"start":"2020-02-01","end":"2020-02-10"},
 "component":[{"code":{"coding":[{"code":"sys"}]},"valueQuantity":{"value":140,"unit":"mmHg"}},
              {"code":{"coding":[{"code":"dia"}]},"valueQuantity":{"value":80,"unit":"mmHg"}}]}`

func TestResourcesMatchTheirQueries(t *testing.T) {
	x := search.NewExtractor()
	patient := `{"resourceType":"Patient","id":"p1","name":[{"family":"Müller-Lüdenscheidt","given":["Anna"]}],"birthDate":"1980-05",
	 "identifier":[{"type":{"coding":[{"system":"http://t","code":"MR"}]},"system":"http://x","value":"77"}],"active":true}`
	valueset := `{"resourceType":"ValueSet","url":"http://acme.org/fhir/ValueSet/123"}`
	risk := `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":100}]}`
	for _, c := range []struct {
		body, query string
		want        bool
	}{
		{patient, "", true},
		{patient, "name=muller", true}, {patient, "name=MÜLLER", true}, {patient, "name=ludenscheidt", false},
		{patient, "name:contains=ludens", true}, {patient, "name:exact=Anna", true}, {patient, "name:exact=anna", false},
		{patient, "name=bob,ann", true}, {patient, "name=bob", false}, {patient, "name=muller&name=anna", true}, {patient, "name=muller&name=bob", false},
		{patient, "identifier=77", true}, {patient, "identifier=|77", false}, {patient, "identifier=http://x|77", true}, {patient, "identifier=http://x|", true}, {patient, "identifier=http://y|", false},
		{patient, "identifier:of-type=http://t|mr|77", true}, {patient, "identifier:of-type=http://t|mr|78", false},
		{patient, "active=true", true}, {patient, "active:not=true", false}, {patient, "gender:not=male", true},
		{patient, "gender:missing=true", true}, {patient, "gender:missing=false", false}, {patient, "name:missing=true", false},
		{patient, "birthdate=1980", true}, {patient, "birthdate=1980-05", true}, {patient, "birthdate=1980-05-01", false}, {patient, "birthdate=ne1980-05-01", true}, {patient, "birthdate=ne1980", false},
		{patient, "_id=p1", true}, {patient, "_id=P1", false}, {patient, "_id:not=p1", false}, {patient, "_lastUpdated=2021-06-01", true}, {patient, "_lastUpdated=lt2021-06-01", false},
		{patient, "_tag:missing=true", true},
		// the period is [02-01, 02-11)
		{observation, "date=2020-02", true}, {observation, "date=2020-02-05", false}, {observation, "date=ge2020-02-05", true}, {observation, "date=le2020-02-05", true},
		{observation, "date=gt2020-02-10", false}, {observation, "date=gt2020-02-09", true}, {observation, "date=lt2020-02-01", false}, {observation, "date=lt2020-02-02", true},
		{observation, "date=sa2020-01", true}, {observation, "date=sa2020-01-31", true}, {observation, "date=sa2020-02-01", false}, {observation, "date=eb2020-02-11", true}, {observation, "date=eb2020-02-10", false},
		{observation, "date=ge2020-02", true}, {observation, "date=gt2020-02", false}, {observation, "date=ap2020-02-20", true}, {observation, "date=ap2023-02-20", false},
		{observation, "code=85354-9", true}, {observation, "code=http://loinc.org|85354-9", true}, {observation, "code:text=blood P", true}, {observation, "code:text=pressure", false},
		{observation, "category=vital-signs&status=final", true}, {observation, "subject=Patient/p1", true}, {observation, "subject=p1", true}, {observation, "subject=Group/p1", false}, {observation, "patient=p1", true},
		{observation, "performer:identifier=http://npi|x1", true}, {observation, "performer:identifier=http://npi|x2", false}, {observation, "performer=x1", false}, {observation, "performer:missing=false", true},
		{observation, "component-code-value-quantity=sys$140", true}, {observation, "component-code-value-quantity=sys$80", false}, {observation, "component-code-value-quantity=dia$lt90||mmHg", true}, {observation, "component-code-value-quantity=sys$gt140", false},
		{observation, "component-code-value-quantity=dia$lt90||mm", false},
		{risk, "probability=100.4", false}, {risk, "probability=1e2", true}, {risk, "probability=100.00", true}, {risk, "probability=gt99.99", true}, {risk, "probability=gt100", false}, {risk, "probability=ge100", true},
		{risk, "probability=lt100", false}, {risk, "probability=le100", true}, {risk, "probability=sa99", true}, {risk, "probability=eb101", true}, {risk, "probability=ne100", false}, {risk, "probability=ap109", true}, {risk, "probability=ap120", false},
		{valueset, "url=http://acme.org/fhir/ValueSet/123", true}, {valueset, "url=http://acme.org/fhir", false}, {valueset, "url:below=http://acme.org/fhir", true}, {valueset, "url:below=http://acme.org/f/", false},
		{valueset, "url:above=http://acme.org/fhir/ValueSet/123/_history/5", true}, {valueset, "url:above=http://acme.org/fhir/ValueSet/1234", false},
	} {
		matches(t, x, c.body, c.query, c.want)
	}
}

// matches holds a resource against a query, at a time of 2021.
func matches(t *testing.T, x *search.Extractor, body, query string, want bool) {
	t.Helper()
	doc := parse(t, body)
	now := time.Date(2021, 2, 20, 0, 0, 0, 0, time.UTC)
	q, err := search.Parse([]string{doc.Field("resourceType").Text()}, pairs(t, query), search.Options{Strict: true, Now: now})
	if err != nil {
		t.Errorf("Parse(%s): %v", query, err)
		return
	}
	meta := search.Meta{ID: doc.Field("id").Text(), LastUpdated: time.Date(2021, 6, 1, 12, 0, 0, 0, time.UTC).UnixMicro()}
	got, err := x.Match(q.Branches[0].Where, doc, meta)
	if err != nil || got != want {
		t.Errorf("Match(%s, %.60s) = %t, %v, want %t", doc.Field("resourceType").Text(), query, got, err, want)
	}
}

func TestMatchRefusesWhatOneBodyCannotAnswer(t *testing.T) {
	x := search.NewExtractor()
	doc := parse(t, observation)
	for _, query := range []string{"patient.name=x", "_has:AuditEvent:entity:agent=Practitioner/1"} {
		q, err := search.Parse([]string{"Observation"}, pairs(t, query), search.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []search.Expr{q.Branches[0].Where, search.Not{Expr: q.Branches[0].Where}, search.Or{q.Branches[0].Where}} {
			if ok, err := x.Match(e, doc, search.Meta{}); ok || !errors.Is(err, search.ErrOtherResources) {
				t.Errorf("Match(%s) = %t, %v, want ErrOtherResources", query, ok, err)
			}
		}
	}
	q, err := search.Parse([]string{"Patient"}, pairs(t, "gender:missing=true"), search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := x.Match(q.Branches[0].Where, doc, search.Meta{}); ok || err == nil {
		t.Errorf("a condition on Patient matched an Observation: %t, %v", ok, err)
	}
	if ok, err := x.Match(search.Test{}, doc, search.Meta{}); ok || err == nil {
		t.Errorf("a condition without parameter: %t, %v", ok, err)
	}
}

func TestEmptyAndHoldsEmptyOrDoesNot(t *testing.T) {
	x, doc := search.NewExtractor(), parse(t, observation)
	for _, c := range []struct {
		e    search.Expr
		want bool
	}{{nil, true}, {search.And{}, true}, {search.Or{}, false}, {search.Not{Expr: search.Or{}}, true}} {
		if got, err := x.Match(c.e, doc, search.Meta{}); got != c.want || err != nil {
			t.Errorf("Match(%#v) = %t, %v, want %t", c.e, got, err, c.want)
		}
	}
}
