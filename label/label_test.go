package label_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/label"
)

const base = "https://here.test/fhir"

var labeler = label.Labeler{Base: base}

var writer = gate.NewPrincipal(gate.Identity{Tenant: "main", Subject: "w", FHIRUser: "Practitioner/w", Organization: "Organization/north"})

func classify(t *testing.T, body string, asserted bool) (gate.Class, gate.Keys, []gate.Tie) {
	t.Helper()
	c, k, ties, err := labeler.Classify(writer, gate.NewContent([]byte(body)), asserted)
	if err != nil {
		t.Fatalf("Classify(%s): %v", body, err)
	}
	return c, k, ties
}

func TestWhoseRecordItIs(t *testing.T) {
	for _, c := range []struct {
		name, body         string
		subjects, mentions string
	}{
		{"a Patient is its own", `{"resourceType":"Patient","id":"a"}`, "a", ""},
		{"a Patient without id", `{"resourceType":"Patient"}`, "", ""},
		{"a linked Patient is mentioned", `{"resourceType":"Patient","id":"a","link":[{"other":{"reference":"Patient/b"},"type":"seealso"}]}`, "a", "b"},
		{"subject", `{"resourceType":"Observation","subject":{"reference":"Patient/a"}}`, "a", ""},
		{"patient", `{"resourceType":"Immunization","patient":{"reference":"Patient/a"}}`, "a", ""},
		{"absolute, of this server", `{"resourceType":"Observation","subject":{"reference":"` + base + `/Patient/a"}}`, "a", ""},
		{"absolute, of another server", `{"resourceType":"Observation","subject":{"reference":"https://there.test/fhir/Patient/a"}}`, "", ""},
		{"absolute, of a server that begins alike", `{"resourceType":"Observation","subject":{"reference":"` + base + `2/Patient/a"}}`, "", ""},
		{"absolute, with two ids for one", `{"resourceType":"Observation","subject":{"reference":"` + base + `/Patient/a,b"},"focus":[{"reference":"` + base + `/Patient/c,d"}]}`, "", ""},
		{"absolute, with what is no id", `{"resourceType":"Observation","subject":{"reference":"` + base + `/Patient/a%2Cb?c#d"}}`, "", ""},
		{"with a version", `{"resourceType":"Observation","subject":{"reference":"Patient/a/_history/3"}}`, "a", ""},
		{"absolute, with a version", `{"resourceType":"Observation","subject":{"reference":"` + base + `/Patient/a/_history/3"}}`, "a", ""},
		{"more than a version", `{"resourceType":"Observation","subject":{"reference":"Patient/a/Observation"}}`, "", ""},
		{"no id", `{"resourceType":"Observation","subject":{"reference":"Patient/"}}`, "", ""},
		{"another type", `{"resourceType":"Observation","subject":{"reference":"Group/a"}}`, "", ""},
		{"a type that begins alike", `{"resourceType":"Observation","subject":{"reference":"PatientX/a"}}`, "", ""},
		{"an identifier only", `{"resourceType":"Observation","subject":{"identifier":{"value":"a"}}}`, "", ""},
		{"a contained one", `{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"a"}],"subject":{"reference":"#a"}}`, "", ""},
		{"performers are mentions", `{"resourceType":"Observation","subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/b"},{"reference":"Patient/c"}]}`, "a", "b,c"},
		{"named twice, mentioned once", `{"resourceType":"Observation","performer":[{"reference":"Patient/b"},{"reference":"Patient/b/_history/1"}]}`, "", "b"},
		{"a subject is no mention", `{"resourceType":"Observation","subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/a"}]}`, "a", ""},
		{"mentions of what is contained", `{"resourceType":"Observation","contained":[{"resourceType":"Observation","id":"x","subject":{"reference":"Patient/c"}}]}`, "", "c"},
		{"mentions in extensions", `{"resourceType":"Basic","extension":[{"url":"urn:x","valueReference":{"reference":"Patient/d"}}]}`, "", "d"},
		{"actors of an Appointment", `{"resourceType":"Appointment","participant":[{"actor":{"reference":"Patient/b"}},{"actor":{"reference":"Practitioner/x"}},{"actor":{"reference":"Patient/a"}}]}`, "a,b", ""},
		{"a beneficiary", `{"resourceType":"Coverage","beneficiary":{"reference":"Patient/a"},"subscriber":{"reference":"Patient/b"}}`, "a", "b"},
		{"members of a Group", `{"resourceType":"Group","member":[{"entity":{"reference":"Patient/a"}}]}`, "", "a"},
		{"entries of a List", `{"resourceType":"List","subject":{"reference":"Patient/a"},"entry":[{"item":{"reference":"Patient/b"}}]}`, "a", "b"},
		{"the context of a Binary", `{"resourceType":"Binary","securityContext":{"reference":"Patient/a"}}`, "", "a"},
	} {
		_, k, _ := classify(t, c.body, false)
		if got := strings.Join(k.Subjects, ","); got != c.subjects {
			t.Errorf("%s: subjects %q, want %q", c.name, got, c.subjects)
		}
		if got := strings.Join(k.Mentions, ","); got != c.mentions {
			t.Errorf("%s: mentions %q, want %q", c.name, got, c.mentions)
		}
	}
}

func securityOf(codings ...string) string {
	var list []string
	for _, c := range codings {
		system, code, _ := strings.Cut(c, "|")
		if system == "C" || system == "A" {
			system = "http://terminology.hl7.org/CodeSystem/v3-" + map[string]string{"C": "Confidentiality", "A": "ActCode"}[system]
		}
		list = append(list, `{"system":"`+system+`","code":"`+code+`"}`)
	}
	return `{"resourceType":"Observation","meta":{"security":[` + strings.Join(list, ",") + `]}}`
}

func TestLabelsAreReadStrictly(t *testing.T) {
	for _, c := range []struct {
		name   string
		labels []string
		want   string // level, sensitivities, caveats
	}{
		{"none", nil, "N  "},
		{"one level", []string{"C|R"}, "R  "},
		{"each level", []string{"C|U"}, "U  "},
		{"the higher of two", []string{"C|L", "C|V", "C|N"}, "V  "},
		{"the higher, first", []string{"C|R", "C|U"}, "R  "},
		{"a sensitivity alone is normal", []string{"A|PSY"}, "N PSY "},
		{"sensitivities are sorted and once", []string{"A|SUD", "A|HIV", "A|SUD"}, "N HIV,SUD "},
		{"a handling code", []string{"C|R", "A|NORDSCLCD"}, "R  NORDSCLCD"},
		{"an unknown act code", []string{"A|XYZ"}, "N  unknown"},
		{"two unknown act codes are one", []string{"A|XYZ", "A|ABC", "A|"}, "N  unknown"},
		{"a level by the system's OID", []string{"urn:oid:2.16.840.1.113883.5.25|V"}, "V  "},
		{"a level by STU3's URI", []string{"C|L", "http://hl7.org/fhir/v3/Confidentiality|R"}, "R  "},
		{"act codes by other names", []string{"urn:oid:2.16.840.1.113883.5.4|HIV", "http://hl7.org/fhir/v3/ActCode|NORDSCLCD"}, "N HIV NORDSCLCD"},
		{"another system says nothing here", []string{"urn:x|R", "|V"}, "N  "},
		{"levels are case-sensitive codes of their system", []string{"A|R"}, "N  unknown"},
	} {
		class, _, _ := classify(t, securityOf(c.labels...), false)
		got := class.Confidentiality.String() + " " + strings.Join(class.Sensitivities, ",") + " " + strings.Join(class.Caveats, ",")
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	inside := securityOf("C|R", "A|HIV")
	for _, body := range []string{
		`{"resourceType":"Bundle","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"L"}]},"type":"collection","entry":[{"resource":{"resourceType":"Basic"}},{"resource":` + inside + `}]}`,
		`{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","resource":` + inside + `}]}]}`,
	} {
		class, _, _ := classify(t, body, false)
		if class.Confidentiality != gate.Restricted || !slices.Equal(class.Sensitivities, []string{"HIV"}) {
			t.Errorf("%v %v, want as sensitive as what is in it: %s", class.Confidentiality, class.Sensitivities, body)
		}
	}
	inner := `{"resourceType":"Bundle","entry":[{"resource":` + securityOf("C|N", "C|X") + `}]}`
	if _, _, _, err := labeler.Classify(writer, gate.NewContent([]byte(inner)), false); fhir.AsProblem(err).Expression != "Bundle.entry[0].resource.meta.security[1].code" {
		t.Errorf("an unknown level in a Bundle is at %q", fhir.AsProblem(err).Expression)
	}
	for _, bad := range []string{"C|X", "C|r", "C|", "C|NR"} {
		_, _, _, err := labeler.Classify(writer, gate.NewContent([]byte(securityOf(bad))), false)
		var p *fhir.Problem
		if !errors.As(err, &p) || p.Code != fhir.CodeInvalid || p.Expression != "Observation.meta.security[0].code" {
			t.Errorf("the level %q: %v", bad, err)
		}
	}
	if _, _, _, err := labeler.Classify(writer, gate.NewContent([]byte(`{"resourceType":`)), false); fhir.AsProblem(err).Code != fhir.Structure {
		t.Errorf("content that is no JSON: %v", err)
	}
}

func TestTheClassSaysWhoWroteAndWhetherItCounts(t *testing.T) {
	for _, c := range []struct {
		name, body string
		asserted   bool
		want       gate.Class
	}{
		{"a chart", `{"resourceType":"Observation","subject":{"reference":"Patient/a"}}`, true, gate.Class{Type: "Observation"}},
		{"an asserted team", `{"resourceType":"CareTeam","subject":{"reference":"Patient/a"}}`, true, gate.Class{Type: "CareTeam", Asserted: true}},
		{"a team that is not", `{"resourceType":"CareTeam","subject":{"reference":"Patient/a"}}`, false, gate.Class{Type: "CareTeam"}},
		{"an asserted keeper", `{"resourceType":"Patient","id":"a","managingOrganization":{"reference":"Organization/o"}}`, true, gate.Class{Type: "Patient", Asserted: true, Custodian: "Organization/o"}},
		{"a keeper that is not", `{"resourceType":"Patient","id":"a","managingOrganization":{"reference":"Organization/o"}}`, false, gate.Class{Type: "Patient"}},
		{"a directory type", `{"resourceType":"Practitioner"}`, false, gate.Class{Type: "Practitioner"}},
		{"one that names a patient", `{"resourceType":"Location","extension":[{"url":"urn:x","valueReference":{"reference":"Patient/a"}}]}`, false, gate.Class{Type: "Location", Linked: true}},
		{"one that names another server's", `{"resourceType":"Location","extension":[{"url":"urn:x","valueReference":{"reference":"https://there.test/Patient/a"}}]}`, false, gate.Class{Type: "Location", Linked: true}},
		{"one that names a patient by an identifier", `{"resourceType":"Location","extension":[{"url":"urn:x","valueReference":{"type":"Patient","identifier":{"value":"7"}}}]}`, false, gate.Class{Type: "Location", Linked: true}},
		{"one that contains a patient", `{"resourceType":"Medication","contained":[{"resourceType":"Patient","id":"p"}]}`, false, gate.Class{Type: "Medication", Linked: true}},
		{"one about patients at large", `{"resourceType":"StructureDefinition","type":"Patient","identifier":[{"value":"7"}],"name":"Patient"}`, false, gate.Class{Type: "StructureDefinition"}},
		{"one that names an organisation", `{"resourceType":"Location","managingOrganization":{"type":"Organization","identifier":{"value":"7"}},"name":"Patient"}`, false, gate.Class{Type: "Location"}},
	} {
		c.want.Tenant, c.want.Organization, c.want.Confidentiality = "main", "Organization/north", gate.Normal
		got, k, _ := classify(t, c.body, c.asserted)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if k.Author != "Practitioner/w" {
			t.Errorf("%s: author %q", c.name, k.Author)
		}
	}
	_, k, _ := classify(t, `{"resourceType":"Observation","encounter":{"reference":"`+base+`/Encounter/e/_history/2"}}`, false)
	if k.Encounter != "e" {
		t.Errorf("encounter %q", k.Encounter)
	}
	for typ, want := range map[string]bool{"CareTeam": true, "Binary": true, "Observation": false, "": false} {
		if label.AuthorityBearing(typ) != want {
			t.Errorf("AuthorityBearing(%s) = %v", typ, !want)
		}
	}
}

func at(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestCareTeamsTieForTheirPeriod(t *testing.T) {
	for _, c := range []struct {
		name, team, participant string // their periods
		from, until             string // half open
	}{
		{"open", ``, ``, "", ""},
		{"years", `{"start":"2025","end":"2026"}`, ``, "2025-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"months", `{"start":"2025-11","end":"2026-02"}`, ``, "2025-11-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"December", `{"end":"2025-12"}`, ``, "", "2026-01-01T00:00:00Z"},
		{"days", `{"start":"2026-01-31","end":"2026-02-28"}`, ``, "2026-01-31T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"instants", `{"start":"2026-01-31T10:00:00Z","end":"2026-01-31T11:00:00+01:00"}`, ``, "2026-01-31T10:00:00Z", "2026-01-31T10:00:01Z"},
		{"open start", `{"end":"2026"}`, ``, "", "2027-01-01T00:00:00Z"},
		{"open end", `{"start":"2026"}`, ``, "2026-01-01T00:00:00Z", ""},
		{"a member's within the team's", `{"start":"2025","end":"2027"}`, `{"start":"2026-03","end":"2026-04"}`, "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"},
		{"a member's beyond the team's", `{"start":"2026-03","end":"2026-04"}`, `{"start":"2025","end":"2027"}`, "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"},
		{"a member's alone", ``, `{"start":"2026-03","end":"2026-04"}`, "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"},
	} {
		body := `{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/a"}`
		if c.team != "" {
			body += `,"period":` + c.team
		}
		body += `,"participant":[{"member":{"reference":"Practitioner/p"}`
		if c.participant != "" {
			body += `,"period":` + c.participant
		}
		_, _, ties := classify(t, body+`}]}`, true)
		want := []gate.Tie{{Relation: gate.InCareTeam, Patient: "a", Holder: "Practitioner/p", From: at(c.from), Until: at(c.until)}}
		if len(ties) != 1 || !ties[0].From.Equal(want[0].From) || !ties[0].Until.Equal(want[0].Until) || ties[0].Holder != "Practitioner/p" || ties[0].Patient != "a" || ties[0].Relation != gate.InCareTeam {
			t.Errorf("%s: %v, want %v", c.name, ties, want)
		}
	}
}

func TestWhatTiesNobody(t *testing.T) {
	team := func(more string) string {
		return `{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/a"},"participant":[{"member":{"reference":"Practitioner/p"}}]` + more + `}`
	}
	if _, _, ties := classify(t, team(""), true); len(ties) != 1 {
		t.Fatalf("a team that ties: %v", ties)
	}
	if _, _, ties := classify(t, strings.NewReplacer("Patient/a", base+"/Patient/a/_history/1", "Practitioner/p", base+"/Practitioner/p").Replace(team("")), true); len(ties) != 1 || ties[0].Patient != "a" || ties[0].Holder != "Practitioner/p" {
		t.Errorf("absolute references: %v", ties)
	}
	if _, _, ties := classify(t, team(""), false); len(ties) != 0 {
		t.Errorf("a team without authority ties: %v", ties)
	}
	for name, body := range map[string]string{
		"proposed":                  strings.Replace(team(""), "active", "proposed", 1),
		"entered in error":          strings.Replace(team(""), "active", "entered-in-error", 1),
		"no status":                 strings.Replace(team(""), `"status":"active",`, "", 1),
		"a group's":                 strings.Replace(team(""), "Patient/a", "Group/a", 1),
		"no subject":                strings.Replace(team(""), `"subject":{"reference":"Patient/a"},`, "", 1),
		"another server's":          strings.Replace(team(""), "Patient/a", "https://there.test/Patient/a", 1),
		"a role as member":          strings.Replace(team(""), "Practitioner/p", "PractitionerRole/p", 1),
		"a patient as member":       strings.Replace(team(""), "Practitioner/p", "Patient/p", 1),
		"an unreadable start":       team(`,"period":{"start":"soon"}`),
		"an unreadable end":         team(`,"period":{"end":"2026-13"}`),
		"an end without zone":       team(`,"period":{"end":"2026-11-22T10:00:00"}`),
		"a member's unreadable end": strings.Replace(team(""), `"Practitioner/p"}`, `"Practitioner/p"},"period":{"end":"x"}`, 1),
		"rules of its own":          team(`,"implicitRules":"urn:x"`),
		"a modified team":           team(`,"modifierExtension":[{"url":"urn:negated","valueBoolean":true}]`),
		"a modified member":         strings.Replace(team(""), `"Practitioner/p"}`, `"Practitioner/p"},"modifierExtension":[{"url":"urn:negated","valueBoolean":true}]`, 1),
		"an Encounter":              `{"resourceType":"Encounter","status":"in-progress","subject":{"reference":"Patient/a"},"participant":[{"individual":{"reference":"Practitioner/p"}}]}`,
		"a Group":                   `{"resourceType":"Group","member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Practitioner/p"}}]}`,
	} {
		if _, _, ties := classify(t, body, true); len(ties) != 0 {
			t.Errorf("%s ties: %v", name, ties)
		}
	}
}
