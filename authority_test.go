package firebreak_test

import (
	"strings"
	"testing"
	"time"
)

// Authority is not data: what a clinician writes about himself is stored, and
// gives him nothing. dr chen of south writes every kind of record that elsewhere
// opens charts, naming himself for amy, whose chart north keeps.
var selfWritten = map[string]string{
	"CareTeam":          `{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/amy"},"participant":[{"member":{"reference":"Practitioner/chen"}}]}`,
	"CareTeam of south": `{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/amy"},"managingOrganization":[{"reference":"Organization/north"}],"participant":[{"member":{"reference":"Practitioner/chen"},"onBehalfOf":{"reference":"Organization/north"}}]}`,
	"Encounter":         `{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/amy"},"participant":[{"individual":{"reference":"Practitioner/chen"}}],"serviceProvider":{"reference":"Organization/south"}}`,
	"Appointment":       `{"resourceType":"Appointment","status":"booked","participant":[{"actor":{"reference":"Patient/amy"},"status":"accepted"},{"actor":{"reference":"Practitioner/chen"},"status":"accepted"}]}`,
	"Group":             `{"resourceType":"Group","type":"person","actual":true,"managingEntity":{"reference":"Practitioner/chen"},"member":[{"entity":{"reference":"Patient/amy"}},{"entity":{"reference":"Practitioner/chen"}}]}`,
	"List":              `{"resourceType":"List","status":"current","mode":"working","subject":{"reference":"Patient/amy"},"source":{"reference":"Practitioner/chen"},"entry":[{"item":{"reference":"Observation/o1"}}]}`,
	"Binary":            `{"resourceType":"Binary","contentType":"text/plain","securityContext":{"reference":"Patient/amy"},"data":"eA=="}`,
	"EpisodeOfCare":     `{"resourceType":"EpisodeOfCare","status":"active","patient":{"reference":"Patient/amy"},"careManager":{"reference":"Practitioner/chen"},"managingOrganization":{"reference":"Organization/south"}}`,
	"CarePlan":          `{"resourceType":"CarePlan","status":"active","intent":"plan","subject":{"reference":"Patient/amy"},"author":{"reference":"Practitioner/chen"}}`,
	"RelatedPerson":     `{"resourceType":"RelatedPerson","patient":{"reference":"Patient/amy"},"identifier":[{"system":"urn:x","value":"chen"}]}`,
	"Consent":           `{"resourceType":"Consent","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"patient":{"reference":"Patient/amy"},"policyRule":{"text":"x"},"provision":{"type":"permit","actor":[{"role":{"text":"x"},"reference":{"reference":"Practitioner/chen"}}]}}`,
	"Patient":           `{"resourceType":"Patient","link":[{"other":{"reference":"Patient/amy"},"type":"seealso"}],"generalPractitioner":[{"reference":"Practitioner/chen"}],"managingOrganization":{"reference":"Organization/south"}}`,
	"Provenance":        `{"resourceType":"Provenance","target":[{"reference":"Observation/o1"}],"recorded":"2026-11-22T12:00:00Z","agent":[{"who":{"reference":"Practitioner/chen"}}]}`,
	"Task":              `{"resourceType":"Task","status":"accepted","intent":"order","for":{"reference":"Patient/amy"},"owner":{"reference":"Practitioner/chen"}}`,
	"ServiceRequest":    `{"resourceType":"ServiceRequest","status":"active","intent":"order","subject":{"reference":"Patient/amy"},"performer":[{"reference":"Practitioner/chen"}]}`,
}

// refusedToClinicians are directory types: a clinician cannot even write them.
var refusedToClinicians = map[string]string{
	"PractitionerRole":        `{"resourceType":"PractitionerRole","practitioner":{"reference":"Practitioner/chen"},"organization":{"reference":"Organization/north"}}`,
	"Organization":            `{"resourceType":"Organization","name":"North too","partOf":{"reference":"Organization/north"}}`,
	"Practitioner":            `{"resourceType":"Practitioner","name":[{"family":"Chen"}]}`,
	"OrganizationAffiliation": `{"resourceType":"OrganizationAffiliation","organization":{"reference":"Organization/north"},"participatingOrganization":{"reference":"Organization/south"}}`,
}

// chart is what north keeps of amy.
func chart() []string {
	return []string{
		`{"resourceType":"Patient","id":"amy","name":[{"family":"Amyson"}],"managingOrganization":{"reference":"Organization/north"}}`,
		observation("o1", "amy", "05", ""), observation("o2", "amy", "06", ""),
		`{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/amy"},"code":{"text":"secret"}}`,
	}
}

// chartQuestions are those by which chen would see any of it.
var chartQuestions = []string{"Patient/amy", "Observation/o1", "Observation/o1/_history", "Observation?patient=Patient/amy", "Condition?patient=Patient/amy", "Patient?name=amyson",
	"Patient/amy/Observation", "Patient/amy/$everything", "Observation?subject:Patient.name=amyson", "Condition?_include=Condition:subject", "Observation/_history", "Patient?_has:Observation:patient:date=2026-01-05"}

// ward has two servers: on one, chen's own record is written, and on the other a
// blank in its place.
type ward struct{ with, without *rig }

func newWard(t *testing.T) ward {
	w := ward{newRig(t), newRig(t)}
	for _, r := range []*rig{w.with, w.without} {
		r.put("importer", `{"resourceType":"Practitioner","id":"chen","name":[{"family":"Chen"}]}`)
		for _, resource := range chart() {
			r.put("importer", resource)
		}
	}
	return w
}

func (w ward) blank() {
	w.without.n++
	w.without.clock.Advance(time.Second)
}

// unmoved holds the answers to what they would be without the record.
func (w ward) unmoved(t *testing.T, what string) {
	t.Helper()
	for _, q := range chartQuestions {
		with, without := w.with.do("chen", "GET", q, ""), w.without.do("chen", "GET", q, "")
		if with.String() != without.String() {
			t.Errorf("%s moves GET %s:\n%v\nwithout it\n%v", what, q, with, without)
		}
		if strings.Contains(with.body, "Amyson") || strings.Contains(with.body, "secret") || strings.Contains(with.body, "8867-4") {
			t.Errorf("%s opens %s", what, q)
		}
	}
	if n := w.with.server.Mismatches(); n != 0 {
		t.Errorf("the nets differed %d times", n)
	}
}

func TestSelfWrittenRecordsGrantNothing(t *testing.T) {
	for name, resource := range selfWritten {
		t.Run(name, func(t *testing.T) {
			w := newWard(t)
			typ := strings.Fields(name)[0]
			a := w.with.do("chen", "POST", typ, resource).is(t, 201)
			w.blank()
			w.unmoved(t, "POST "+name)
			// Written again by an update and a patch it grants nothing either.
			url := strings.TrimPrefix(a.first("Location"), base+"/")
			url, _, _ = strings.Cut(url, "/_history")
			_, id, _ := strings.Cut(url, "/")
			body := strings.Replace(resource, `"resourceType":"`+typ+`"`, `"resourceType":"`+typ+`","id":"`+id+`"`, 1)
			if put := w.with.do("chen", "PUT", url, body); put.status != 200 && typ != "Provenance" {
				t.Errorf("PUT: %v", put)
			}
			w.blank()
			w.unmoved(t, "PUT "+name)
		})
	}
}

func TestDirectoryCannotBeSelfWritten(t *testing.T) {
	for typ, resource := range refusedToClinicians {
		w := newWard(t)
		w.with.do("chen", "POST", typ, resource).is(t, 403)
		w.with.do("chen", "PUT", typ+"/chen", strings.Replace(resource, `{"resourceType":"`+typ+`"`, `{"resourceType":"`+typ+`","id":"chen"`, 1))
		w.blank()
		w.blank()
		w.unmoved(t, typ)
	}
}

// team is a CareTeam of amy's that names chen.
func team(more string) string {
	return `{"resourceType":"CareTeam","id":"team"` + more + `,"subject":{"reference":"Patient/amy"},"participant":[{"member":{"reference":"Practitioner/chen"}}]}`
}

func (r *rig) sees(who string) bool { return r.do(who, "GET", "Observation/o1", "").status == 200 }

func TestAnAssertedCareTeamGrantsUntilItEnds(t *testing.T) {
	active := team(`,"status":"active"`)
	for name, end := range map[string]func(*testing.T, *rig){
		"its status":   func(t *testing.T, r *rig) { r.put("importer", team(`,"status":"inactive"`)) },
		"an error":     func(t *testing.T, r *rig) { r.put("importer", team(`,"status":"entered-in-error"`)) },
		"its deletion": func(t *testing.T, r *rig) { r.do("admin", "DELETE", "CareTeam/team", "").is(t, 204) },
		"its period": func(t *testing.T, r *rig) {
			r.put("importer", team(`,"status":"active","period":{"end":"2026-11-21"}`))
		},
		"another member": func(t *testing.T, r *rig) {
			r.put("importer", strings.Replace(active, "Practitioner/chen", "Practitioner/other", 1))
		},
		"another patient": func(t *testing.T, r *rig) {
			r.put("importer", strings.Replace(active, "Patient/amy", "Patient/ann", 1))
		},
		"an administrator's update": func(t *testing.T, r *rig) {
			r.do("admin", "PUT", "CareTeam/team", team(`,"status":"suspended"`)).is(t, 200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newWard(t).with
			if r.sees("chen") {
				t.Fatal("chen sees the chart before there is a team")
			}
			r.put("importer", active)
			if !r.sees("chen") {
				t.Fatal("an asserted team grants nothing")
			}
			a := r.do("chen", "GET", "Observation?patient=Patient/amy", "")
			if a.json(t)["total"] != 2.0 {
				t.Errorf("chen's search: %v", a)
			}
			end(t, r)
			if r.sees("chen") {
				t.Errorf("the grant outlives %s", name)
			}
			if a := r.do("chen", "GET", "Observation?patient=Patient/amy", ""); a.json(t)["total"] != 0.0 {
				t.Errorf("a search after %s: %v", name, a)
			}
			if n := r.server.Mismatches(); n != 0 {
				t.Errorf("the nets differed %d times", n)
			}
		})
	}
}

func TestAnAdministratorsCareTeamGrants(t *testing.T) {
	r := newWard(t).with
	r.do("admin", "POST", "CareTeam", strings.Replace(team(`,"status":"active"`), `"id":"team",`, "", 1)).is(t, 201)
	if !r.sees("chen") {
		t.Error("an administrator's team grants nothing")
	}
}

func TestACareTeamGrantsInItsPeriodOnly(t *testing.T) {
	// The rig's clock begins at noon of 2026-11-22 and goes on a second a request.
	for _, c := range []struct {
		name, period, participant string
		want                      bool
	}{
		{"open", ``, ``, true},
		{"of this day", `{"start":"2026-11-22","end":"2026-11-22"}`, ``, true},
		{"of this month", `{"start":"2026-11","end":"2026-11"}`, ``, true},
		{"of this year", `{"start":"2026","end":"2026"}`, ``, true},
		{"of this hour", `{"start":"2026-11-22T12:00:00Z","end":"2026-11-22T13:00:00Z"}`, ``, true},
		{"elsewhere's hour", `{"start":"2026-11-22T14:00:00+02:00","end":"2026-11-22T15:00:00+02:00"}`, ``, true},
		{"yesterday", `{"end":"2026-11-21"}`, ``, false},
		{"tomorrow", `{"start":"2026-11-23"}`, ``, false},
		{"last hour", `{"end":"2026-11-22T11:59:59Z"}`, ``, false},
		{"of a member who left", ``, `{"end":"2026-11-21"}`, false},
		{"of a member who comes", ``, `{"start":"2026-12"}`, false},
		{"open, of a member of today", `{"start":"2026-01-01"}`, `{"start":"2026-11-22","end":"2026-11-22"}`, true},
		{"ended, of a member of today", `{"end":"2026-11-01"}`, `{"start":"2026-11-22","end":"2026-11-22"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newWard(t).with
			body := team(`,"status":"active"`)
			if c.period != "" {
				body = team(`,"status":"active","period":` + c.period)
			}
			if c.participant != "" {
				body = strings.Replace(body, `"Practitioner/chen"}}`, `"Practitioner/chen"},"period":`+c.participant+`}`, 1)
			}
			r.put("importer", body)
			if got := r.sees("chen"); got != c.want {
				t.Errorf("chen sees the chart: %v, want %v", got, c.want)
			}
		})
	}
}

// A grant ends by the clock alone, between two requests.
func TestACareTeamEndsWithTheClock(t *testing.T) {
	r := newWard(t).with
	r.put("importer", team(`,"status":"active","period":{"end":"2026-11-22T12:30:00Z"}`))
	if !r.sees("chen") {
		t.Fatal("the team grants nothing")
	}
	r.clock.Advance(time.Hour)
	if r.sees("chen") {
		t.Error("the grant outlives its period")
	}
}

func TestAssertedCareTeamsAreChangedByAssertersOnly(t *testing.T) {
	r := newWard(t).with
	r.put("importer", team(`,"status":"active"`))
	// adams sees the team of his own hospital, and may not touch it.
	mine := strings.Replace(team(`,"status":"active"`), "Practitioner/chen", "Practitioner/adams", 1)
	if a := r.do("adams", "GET", "CareTeam/team", ""); a.status != 200 {
		t.Fatalf("adams reads the team: %v", a)
	}
	r.do("adams", "PUT", "CareTeam/team", mine).is(t, 403)
	r.do("adams", "PATCH", "CareTeam/team", `[{"op":"replace","path":"/status","value":"inactive"}]`).is(t, 403)
	r.do("adams", "DELETE", "CareTeam/team", "").is(t, 403)
	r.do("adams", "PUT", "CareTeam?_id=team", mine).is(t, 403)
	r.do("adams", "POST", "", batchOf("transaction", entryPut("CareTeam/team", mine))).is(t, 403)
	if !r.sees("chen") {
		t.Error("a refused change ended the grant")
	}
	// chen, whom it names, may see it now and may not touch it either.
	if a := r.do("chen", "PUT", "CareTeam/team", strings.Replace(mine, "adams", "chen", 1)); a.status != 403 && a.status != 405 {
		t.Errorf("chen changes his own team: %v", a)
	}
	// What a clinician wrote is a clinician's to change, and stays without authority.
	own := r.do("chen", "POST", "CareTeam", strings.Replace(team(`,"status":"proposed"`), `"id":"team",`, "", 1)).is(t, 201)
	url, _, _ := strings.Cut(strings.TrimPrefix(own.first("Location"), base+"/"), "/_history")
	r.do("admin", "DELETE", "CareTeam/team", "").is(t, 204)
	_, id, _ := strings.Cut(url, "/")
	r.do("chen", "PUT", url, strings.Replace(team(`,"status":"active"`), `"id":"team"`, `"id":"`+id+`"`, 1)).is(t, 200)
	if r.sees("chen") {
		t.Error("chen's own update made his team count")
	}
}

// Whoever asserts a record asserts the whole of it (docs/threats.md): a team that
// a clinician wrote counts from when an administrator writes it again, and not
// before, whatever a clinician does to it.
func TestATeamCountsFromWhenAnAsserterWritesIt(t *testing.T) {
	r := newWard(t).with
	a := r.do("chen", "POST", "CareTeam", strings.Replace(team(`,"status":"active"`), `"id":"team",`, "", 1)).is(t, 201)
	url, _, _ := strings.Cut(strings.TrimPrefix(a.first("Location"), base+"/"), "/_history")
	rename := `[{"op":"add","path":"/name","value":"x"}]`
	r.do("chen", "PATCH", url, rename).is(t, 200)
	if r.sees("chen") {
		t.Fatal("chen's own team counts")
	}
	r.do("admin", "PATCH", url, rename).is(t, 200)
	if !r.sees("chen") {
		t.Error("an administrator's version of it does not count")
	}
	r.do("chen", "PATCH", url, rename).is(t, 403)
	r.do("admin", "DELETE", url, "").is(t, 204)
	if r.sees("chen") {
		t.Error("the grant outlives the team")
	}
	r.do("chen", "PUT", url, strings.Replace(team(`,"status":"active"`), `"id":"team"`, `"id":"`+strings.TrimPrefix(url, "CareTeam/")+`"`, 1))
	if r.sees("chen") {
		t.Error("chen brings an asserted team back")
	}
}
