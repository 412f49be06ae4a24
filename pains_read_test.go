package firebreak_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func chainsTellNothing(t *testing.T) {
	w := twoHospitals(t)
	// What is hidden from adams is there for chen: o2, and not o4, which north wrote.
	if a := w.full.do("chen", "GET", "Observation?subject:Patient.name=sam", ""); a.json(t)["total"] != 1.0 {
		t.Fatalf("chen: %v", a)
	}
	w.bare.do("chen", "GET", "Observation?subject:Patient.name=sam", "")
	for _, q := range []string{
		"Observation?subject:Patient.name=sam", "Observation?subject.name=sam", "Observation?patient.identifier=urn:s|2",
		"Observation?subject:Patient.general-practitioner=Practitioner/adams", "Observation?subject:Patient.general-practitioner:Practitioner.name=Adams",
		"Patient?_has:Observation:patient:date=2026-01-07", "Patient?_has:Observation:patient:_id=o3",
		"Patient?_has:Observation:patient:_has:Observation:derived-from:_id=o6", "Practitioner?_has:Patient:general-practitioner:_id=sam",
		"Practitioner?_has:Encounter:participant:_id=e2", "Observation?derived-from:Observation.date=2026-01-07",
		"Observation?_has:Observation:derived-from:date=2026-01-10", "Observation?derived-from.code=8867-4",
		// A store may begin at either end of a condition, and at any of several.
		"Patient?_id=amy&_has:Observation:patient:date=2026-01-07", "Patient?identifier=urn:n|1&_has:Observation:patient:_id=o3", "Patient?gender=female&_has:Observation:patient:date=2026-01-10",
		"Patient?_has:Observation:patient:date=2026-01-07&_has:Observation:patient:code=8867-4", "Patient?_has:Observation:patient:date=2026-01-07,2026-01-10",
		"Observation?_id=o4&subject:Patient.name=sam", "Observation?date=2026-01-08&subject:Patient.gender=male", "Observation?_id=o5&derived-from.date=2026-01-07",
		"Practitioner?_id=adams&_has:Patient:general-practitioner:gender=male", "Patient?_has:Encounter:subject:_id=e1&_has:Observation:patient:date=2026-01-07",
	} {
		w.count("adams", q, 0)
	}
	w.count("adams", "Observation?subject:Patient.gender:not=female", 0)
	for _, q := range []string{
		"Patient?_sort=_has:Observation:patient:date", "Observation?_sort=subject:Patient.name", "Observation?_sort=date", "Observation?_sort=-subject",
		"Observation?subject:Patient.gender:missing=true", "Observation?subject:missing=false", "Observation?patient=Patient/sam",
		"Observation?patient:Patient=sam&_sort=-date", "Patient?_has:Observation:patient:code:not=8867-4", "Observation?subject:identifier=urn:s|2",
	} {
		w.ask("adams", "GET", q, "")
	}
}

func includesAreJudged(t *testing.T) {
	w := twoHospitals(t)
	for _, q := range []string{
		"Observation?_id=o4&_include=Observation:subject", "Observation?_id=o4&_include=Observation:subject:Patient", "Observation?_id=o4&_include=*",
		"Observation?_id=o5&_include=Observation:derived-from", "Observation?_id=o5&_include=Observation:derived-from&_include:iterate=Observation:subject",
		"Patient?_id=amy&_revinclude=Observation:patient", "Patient?_id=amy&_revinclude=*", "Observation?_id=o1&_revinclude=Observation:derived-from",
		"Observation?_id=o1&_revinclude:iterate=Observation:derived-from", "Practitioner?_id=adams&_revinclude=Patient:general-practitioner",
		"Practitioner?_id=adams&_revinclude=*", "Observation?_id=o4,o5&_include:iterate=*&_revinclude:iterate=*",
	} {
		a := w.ask("adams", "GET", q, "")
		for _, ref := range []string{"/Patient/sam\"", "/Observation/o2\"", "/Observation/o3\"", "/Observation/o6\"", "/Encounter/e2\""} {
			if strings.Contains(a.body, `"fullUrl":"`+base+ref) {
				t.Errorf("%s: brings in %s", q, ref)
			}
		}
	}
	if a := w.ask("adams", "GET", "Observation?_id=o1&_include=Observation:subject", ""); !strings.Contains(a.body, "/Patient/amy\"") {
		t.Errorf("an include of what may be seen: %v", a)
	}
	everything := w.ask("adams", "GET", "Patient/amy/$everything", "")
	if strings.Contains(everything.body, `"id":"o3"`) || !strings.Contains(everything.body, `"id":"o1"`) {
		t.Errorf("$everything: %v", everything)
	}
	w.ask("adams", "GET", "Patient/sam/$everything", "")
}

// allReads are a request of every reading kind.
var allReads = []string{"Observation/o1", "Patient/amy", "Observation", "Patient?name=amy", "Observation/o1/_history", "Observation/_history",
	"Patient/amy/Observation", "Patient/amy/$everything", "Observation?subject:Patient.name=amy"}

func missingContextDenies(t *testing.T) {
	who := with(people{
		"nobody":    {Tenant: "main", Subject: "x", Organization: "Organization/north", Roles: []string{"physician"}, Scope: "user/*.cruds"},
		"nopatient": {Tenant: "main", Subject: "y", FHIRUser: "Practitioner/y", Roles: []string{"patient"}, Scope: "patient/*.cruds"},
		"noscope":   {Tenant: "main", Subject: "z", FHIRUser: "Practitioner/z", Organization: "Organization/north", Roles: []string{"physician"}},
		"noorg":     {Tenant: "main", Subject: "o", FHIRUser: "Practitioner/o", Roles: []string{"physician"}, Scope: "user/*.cruds"},
		"notenant":  {Subject: "t", FHIRUser: "Practitioner/adams", Organization: "Organization/north", Roles: []string{"physician"}, Scope: "user/*.cruds"},
		"other":     {Tenant: "other", Subject: "adams", FHIRUser: "Practitioner/adams", Organization: "Organization/north", Roles: []string{"physician"}, Scope: "user/*.cruds"},
	})
	all := make([]stored, len(records))
	for i, s := range records {
		all[i] = s
		all[i].hidden = !strings.Contains(s.body, `"Organization"`) && !strings.Contains(s.body, `"Practitioner","id"`)
	}
	w := newTwins(t, who, all...)
	for _, name := range []string{"nobody", "nopatient", "noscope", "noorg", "notenant", "other", "roleless"} {
		for _, url := range allReads {
			a := w.ask(name, "GET", url, "")
			if strings.Contains(a.body, "Amyson") || strings.Contains(a.body, "8867-4") || a.status == 200 && a.json(t)["total"] != 0.0 {
				t.Errorf("%s is shown %s: %v", name, url, a)
			}
		}
	}
}

func lenientDropsNothing(t *testing.T) {
	w := twoHospitals(t)
	for _, q := range []string{"Observation?code=8867-4", "Observation?nonsense=1&code=8867-4", "Observation?code=8867-4&_security=zzz&nonsense:exact=2",
		"Observation?code=8867-4&subject:Patient.nonsense=x", "Observation?code=8867-4&_has:Observation:nonsense:x=1"} {
		a := w.ask("adams", "GET", q, "", "Prefer: handling=lenient")
		for _, id := range []string{"o2", "o3", "o6"} {
			if strings.Contains(a.body, `"id":"`+id+`"`) {
				t.Errorf("%s shows %s", q, id)
			}
		}
	}
	if a := w.ask("adams", "GET", "Observation?nonsense=1&code=8867-4", "", "Prefer: handling=lenient"); a.json(t)["total"] != 3.0 {
		t.Errorf("lenient: %v", a)
	}
	w.ask("adams", "GET", "Observation?nonsense=1", "", "Prefer: handling=strict").is(t, 400)
}

func listsAreJudgedWhole(t *testing.T) {
	w := twoHospitals(t)
	w.count("adams", "Observation?subject=Patient/amy,Practitioner/adams,Patient/sam", 3)
	w.count("adams", "Observation?_id=o1,o2,o3,o4", 2)
	w.count("adams", "Patient?_id=amy,sam", 1)
	w.count("adams", "Patient?_id=sam", 0)
	w.count("adams", "Patient?identifier=urn:s|2,urn:n|1", 1)
	w.count("adams", "Observation?patient=Patient/amy&patient=Patient/sam", 0)
	if a := w.full.do("amy", "GET", "Observation?subject=Patient/sam,Patient/amy", ""); a.json(t)["total"] != 4.0 || strings.Contains(a.body, "Patient/sam\"") {
		t.Errorf("amy's own: %v", a)
	}
	w.bare.do("amy", "GET", "Observation?subject=Patient/sam,Patient/amy", "")
	w.ask("adams", "GET", "Patient?_has:Observation:patient:_id=o2,o3", "")
	w.ask("adams", "GET", "Observation?_include:iterate=Observation:subject&_id=o4,o1", "")
}

func versionsAreJudgedTwice(t *testing.T) {
	north := stored{false, "importer", observation("h", "amy", "05", "")}
	south := stored{true, "importerS", observation("h", "amy", "06", "")}
	for name, history := range map[string][]stored{
		"the current version is hidden": {{true, "importer", north.body}, south},
		"an old version is hidden":      {south, north},
		"one in the middle is hidden":   {{false, "importer", observation("h", "amy", "04", "")}, south, north},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwins(t, standard(), history...)
			// The importer is told all versions' ids; adams tries each.
			for n := range history {
				version := versionOf(n + 1)
				a := w.ask("adams", "GET", "Observation/h/_history/"+version, "")
				want := 404
				if !history[n].hidden {
					want = 200
				}
				if a.status != want {
					t.Errorf("version %d (%s): want %d: %v", n+1, version, want, a)
				}
			}
			w.ask("adams", "GET", "Observation/h", "")
			w.ask("adams", "GET", "Observation/h/_history", "")
			w.ask("adams", "GET", "Observation/_history?_count=1", "")
			w.ask("adams", "GET", "_history?_since=2026-11-22", "")
		})
	}
}

// versionOf is the version id that the n-th request of a rig gives, as the
// first identifier drawn from that request's seed, or the one after a new id.
func versionOf(n int) string {
	ids := &seeded{}
	ids.seed("request " + string(rune('0'+n)))
	return ids.Version()
}

func participantsAreNotSubjects(t *testing.T) {
	appointment := func(id, patient string) string {
		return `{"resourceType":"Appointment","id":"` + id + `","status":"booked","participant":[{"actor":{"reference":"Patient/` + patient + `"},"status":"accepted"},{"actor":{"reference":"Practitioner/adams"},"status":"accepted"}]}`
	}
	w := newTwins(t, standard(), append([]stored{seen(appointment("a1", "amy")), hidden(appointment("a2", "sam"))}, records[:3]...)...)
	for _, who := range []string{"amy", "adams"} {
		w.count(who, "Appointment?practitioner=Practitioner/adams", 1)
		w.count(who, "Appointment?actor=Practitioner/adams,Patient/sam", 1)
		w.count(who, "Appointment?patient=Patient/sam", 0)
		w.ask(who, "GET", "Practitioner/adams/Appointment", "")
		w.ask(who, "GET", "Appointment/a2", "").is(t, 404)
	}
}

func totalsAndPagesAreOfV(t *testing.T) {
	var list []stored
	for n := range 24 {
		s := stored{n%3 == 1, []string{"importer", "importerS", "importer"}[n%3], observation("p"+string(rune('a'+n)), "amy", []string{"05", "06", "07"}[n%3], "")}
		list = append(list, s)
	}
	w := newTwins(t, standard(), append(list, records[:3]...)...)
	for _, q := range []string{"Observation?_count=5", "Observation?_count=5&_sort=-date", "Observation?_count=3&_total=accurate&code=8867-4", "Observation/_history?_count=5"} {
		next, pages, n := q, 0, 0
		for next != "" {
			a := w.ask("adams", "GET", next, "")
			if a.json(t)["total"] != 16.0 {
				t.Fatalf("%s, page %d: %v", q, pages, a)
			}
			entries := len(a.entries(t))
			n += entries
			next = a.link(t, "next")
			if next != "" && entries != 5 && entries != 3 {
				t.Errorf("%s: page %d came back short: %d", q, pages, entries)
			}
			pages++
		}
		if n != 16 {
			t.Errorf("%s: %d entries, want 16", q, n)
		}
	}
	w.count("adams", "Observation?_summary=count", 16)
	w.count("adams", "Observation?_count=0", 16)
	w.count("adams", "Observation?date=2026-01-06&_summary=count", 0)
}

func formsOfOneSearchAgree(t *testing.T) {
	w := twoHospitals(t)
	for _, q := range []string{"code=8867-4", "subject:Patient.name=sam", "_id=o1,o2&_include=Observation:subject", "patient=Patient/sam"} {
		get := w.ask("adams", "GET", "Observation?"+q, "")
		post := w.ask("adams", "POST", "Observation/_search", q, "Content-Type: application/x-www-form-urlencoded")
		both := w.ask("adams", "POST", "Observation/_search?"+q, "", "Content-Type: application/x-www-form-urlencoded")
		batch := w.ask("adams", "POST", "", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Observation?`+q+`"}}]}`)
		whole := w.ask("adams", "POST", "", `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"GET","url":"Observation?`+q+`"}}]}`)
		inner := func(a answer) string { return plainSearch(t, dig(a.json(t), "entry", 0, "resource")) }
		want := plainSearch(t, get.json(t))
		for name, got := range map[string]string{"POST": plainSearch(t, post.json(t)), "POST with a query": plainSearch(t, both.json(t)), "batch": inner(batch), "transaction": inner(whole)} {
			if got != want {
				t.Errorf("%s by %s:\n%s\nby GET:\n%s", q, name, got, want)
			}
		}
	}
}

// plainSearch is a searchset without what differs from one answer to the next.
func plainSearch(t *testing.T, v any) string {
	t.Helper()
	m, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("no searchset: %v", v)
	}
	delete(m, "id")
	delete(m, "meta")
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func scopeArgumentsHoldEverywhere(t *testing.T) {
	category := func(code string) string {
		return `,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"` + code + `"}]}]`
	}
	lab := "laboratory"
	scope := "user/Observation.cruds?category=http://terminology.hl7.org/CodeSystem/observation-category|" + lab + " user/DiagnosticReport.rs"
	who := with(people{"lab": like("adams", scope)})
	w := newTwins(t, who, seen(observation("l1", "amy", "05", category(lab))),
		stored{true, "importer", observation("s1", "amy", "06", category("social-history"))},
		seen(`{"resourceType":"DiagnosticReport","id":"d1","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/amy"},"result":[{"reference":"Observation/l1"},{"reference":"Observation/s1"}]}`))
	if a := w.ask("lab", "GET", "Observation/l1", ""); a.status != 200 {
		t.Fatalf("what the scope names: %v", a)
	}
	w.ask("lab", "GET", "Observation/s1", "").is(t, 404)
	w.ask("lab", "GET", "Observation/s1/_history", "").is(t, 404)
	w.ask("lab", "GET", "Observation/_history", "")
	w.count("lab", "Observation", 1)
	w.count("lab", "DiagnosticReport?result:Observation.category=social-history", 0)
	w.count("lab", "DiagnosticReport?result:Observation.category=laboratory", 1)
	if a := w.ask("lab", "GET", "DiagnosticReport?_include=DiagnosticReport:result", ""); strings.Contains(a.body, `"id":"s1"`) || !strings.Contains(a.body, `"id":"l1"`) {
		t.Errorf("include: %v", a)
	}
	w.ask("lab", "PUT", "Observation/s1", observation("s1", "amy", "06", category(lab))).is(t, 405)
	w.ask("lab", "DELETE", "Observation/s1", "").is(t, 204)
	w.ask("lab", "POST", "Observation", observation("x", "amy", "06", category("social-history"))).is(t, 403)
	w.ask("lab", "PUT", "Observation/l1", observation("l1", "amy", "06", category("social-history"))).is(t, 403)
	w.ask("lab", "POST", "Observation", observation("x", "amy", "06", category(lab))).is(t, 201)
	w.ask("lab", "GET", "Patient/amy", "").is(t, 403)
	if a := w.full.do("adams", "GET", "Observation/s1", ""); a.status != 200 {
		t.Errorf("the hidden record was changed: %v", a)
	}
}
