package firebreak_test

import (
	"slices"
	"strings"
	"testing"
)

// http-core 26: $everything.
func TestEverythingIsTheRecordAndWhatItRefersTo(t *testing.T) {
	r := newRig(t)
	seedSearch(r)
	r.put("importerS", `{"resourceType":"Observation","id":"hidden","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"}}`)
	for _, c := range []struct{ query, match, include string }{
		{"", "b1 e1 p1 r1", "gp north"},
		{"?start=2026-01-01&end=2026-01-31", "b1 e1 p1 r1", "gp north"},
		{"?start=2026-01-06", "e1 p1 r1", "gp north"},
		{"?end=2025", "e1 p1 r1", "gp north"},
		{"?_type=Observation", "b1", ""},
		{"?_type=Observation,Encounter", "b1 e1", ""},
		{"?_type=Patient,Practitioner", "p1", "gp"},
		{"?_type=Practitioner", "", "gp"},
		{"?_since=2030-01-01", "", ""},
	} {
		a := r.do("adams", "GET", "Patient/p1/$everything"+c.query, "")
		match, include := a.found(t, "match"), a.found(t, "include")
		slices.Sort(match)
		slices.Sort(include)
		include = slices.DeleteFunc(include, func(id string) bool { return slices.Contains(match, id) })
		if strings.Join(match, " ") != c.match || strings.Join(include, " ") != c.include {
			t.Errorf("%s: %v and %v, want %s and %s", c.query, match, include, c.match, c.include)
		}
		if got, want := a.link(t, "self"), base+"/Patient/p1/$everything"+c.query; got != want {
			t.Errorf("self = %q, want %q", got, want)
		}
	}
	byGet, pages := r.pages("adams", "Patient/p1/$everything?_count=1&_type=Observation,Encounter")
	slices.Sort(byGet)
	if pages != 2 || !slices.Equal(byGet, []string{"b1", "e1"}) {
		t.Errorf("by GET: %v in %d pages", byGet, pages)
	}
	first := r.do("adams", "POST", "Patient/p1/$everything", `{"resourceType":"Parameters","parameter":[{"name":"_count","valueInteger":1},{"name":"_type","valueCode":"Observation,Encounter"}]}`)
	second := r.do("adams", "GET", first.link(t, "next"), "")
	byPost := append(first.found(t, "match"), second.found(t, "match")...)
	slices.Sort(byPost)
	if !slices.Equal(byPost, byGet) || second.link(t, "next") != "" {
		t.Errorf("by POST: %v, want %v", byPost, byGet)
	}
	if n := r.server.Mismatches(); n != 0 {
		t.Errorf("the nets differed %d times", n)
	}
}

func TestEverythingOfNobody(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	same(t, "$everything of hidden and absent", r.do("adams", "GET", "Patient/sam/$everything", ""), r.do("adams", "GET", "Patient/no/$everything", "").is(t, 404))
	r.do("adams", "GET", "Patient/amy/$everything?start=soon", "").refused(t, 400, "http.start")
	r.do("adams", "GET", "Patient/amy/$everything?_type=Fish", "").refused(t, 400, "http._type")
	r.do("adams", "GET", "Patient/amy/$everything?_count=few", "").refused(t, 400, "http._count")
	r.do("adams", "GET", "Patient/amy/$everything?start=2020&start=2021", "").refused(t, 400, "http.start")
	r.do("adams", "GET", "Patient/amy/$everything?colour=red", "", "Prefer: handling=strict").refused(t, 400, "http.url")
	r.do("adams", "PUT", "Patient/amy/$everything", "{}").is(t, 405)
	r.do("adams", "POST", "Patient/amy/$everything", `{"resourceType":"Patient"}`).is(t, 400)
	r.do("adams", "DELETE", "Patient/amy", "").is(t, 204)
	r.do("adams", "GET", "Patient/amy/$everything", "").is(t, 410)
	if a := r.do("amy", "GET", "Patient/amy/$everything", ""); a.status != 410 {
		t.Errorf("by the patient: %d, want 410", a.status)
	}
}

// http-core 26: $validate answers 200 also for what is not valid.
func TestValidateSaysWhatIsWrongAndStoresNothing(t *testing.T) {
	r := newRig(t)
	wrap := func(mode, resource string) string {
		return `{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"` + mode + `"},{"name":"resource","resource":` + resource + `}]}`
	}
	for _, c := range []struct{ name, path, body, severity, at string }{
		{"valid", "Observation/$validate", heartRate, "information", ""},
		{"invalid", "Observation/$validate", strings.Replace(heartRate, "final", "done", 1), "error", "Observation.status"},
		{"another type", "Patient/$validate", heartRate, "error", "Patient"},
		{"in Parameters", "Observation/$validate", wrap("create", heartRate), "information", ""},
		{"invalid in Parameters", "Observation/$validate", wrap("create", `{"resourceType":"Observation"}`), "error", "Observation"},
		{"for update", "Observation/o9/$validate", wrap("update", heartRate), "error", "Observation.id"},
		{"for update, with its id", "Observation/o9/$validate", wrap("update", withID(heartRate, "o9")), "information", ""},
		{"for deletion", "Observation/o9/$validate?mode=delete", "", "information", ""},
		{"no resource", "Observation/$validate", `{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"create"}]}`, "error", "Parameters.parameter"},
		{"Parameters itself", "Parameters/$validate", `{"resourceType":"Parameters"}`, "information", ""},
	} {
		a := r.do("adams", "POST", c.path, c.body).is(t, 200)
		issue := a.issues(t)[0]
		if got, _ := dig(issue, "expression", 0).(string); issue["severity"] != c.severity || got != c.at {
			t.Errorf("%s: %v, want %s at %q", c.name, issue, c.severity, c.at)
		}
	}
	r.do("adams", "POST", "Observation/$validate?mode=guess", heartRate).refused(t, 400, "http.mode")
	r.do("adams", "POST", "Observation/$validate", "").refused(t, 400, "http.body")
	r.do("adams", "POST", "Observation/$validate", "{").is(t, 400)
	r.do("adams", "GET", "Observation/$validate", "").is(t, 405)
	if got := r.do("adams", "GET", "Observation?_summary=count", "").json(t)["total"]; got != 0.0 {
		t.Errorf("%v stored, want 0", got)
	}
}

// http-core 25: what is not offered says so.
func TestOtherOperationsAreNotSupported(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"$export", "$meta", "Patient/$match", "Patient/1/$meta", "Patient/1/$meta-add", "Patient/$everything", "Group/1/$everything", "ValueSet/$expand", "$", "Patient/$lastn"} {
		for _, method := range []string{"GET", "POST"} {
			r.do("adams", method, path, "").refused(t, 501, "http.url")
		}
	}
	r.do("adams", "GET", "Patient/1/$everything/more", "").is(t, 404)
}

// http-core 4: a repeated request is answered again and not done again.
func TestARepeatedRequestIsDoneOnce(t *testing.T) {
	r := newRig(t)
	const id = "X-Request-Id: abc"
	one := r.do("adams", "POST", "Patient", patient("1", "One"), id).is(t, 201)
	same(t, "first and repeated create", r.do("adams", "POST", "Patient", patient("1", "One"), id), one)
	url := strings.TrimPrefix(one.first("Location"), base+"/")
	url, _, _ = strings.Cut(url, "/_history")
	if got := r.count("adams", "Patient?identifier=1"); got != 1.0 {
		t.Fatalf("%v patients, want 1", got)
	}
	put := withID(patient("1", "Two"), strings.TrimPrefix(url, "Patient/"))
	two := r.do("adams", "PUT", url, put, id).is(t, 200)
	three := r.do("adams", "PUT", url, put, id).is(t, 200)
	if two.version() == one.version() || three.version() != two.version() {
		t.Errorf("versions %s, %s, %s", one.version(), two.version(), three.version())
	}
	other := r.do("adams", "POST", "Patient", patient("1", "Other"), id).is(t, 201)
	if other.first("Location") == one.first("Location") {
		t.Error("another body under the same id was not a request of its own")
	}
	r.do("baker", "POST", "Patient", patient("1", "Other"), id).is(t, 201)
	if got := r.count("adams", "Patient?identifier=1"); got != 3.0 {
		t.Errorf("%v patients, want 3", got)
	}
	bundle := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + patient("t", "T") + `,"request":{"method":"POST","url":"Patient"}},{"request":{"method":"GET","url":"Patient?identifier=t"}}]}`
	first := r.do("adams", "POST", "", bundle, "X-Request-Id: t").is(t, 200).json(t)
	again := r.do("adams", "POST", "", bundle, "X-Request-Id: t").is(t, 200).json(t)
	if a, b := dig(first, "entry", 0, "response", "location"), dig(again, "entry", 0, "response", "location"); a == nil || a != b {
		t.Errorf("transaction: %v, then %v", a, b)
	}
	if got := r.count("adams", "Patient?identifier=t"); got != 1.0 {
		t.Errorf("%v patients of the transaction, want 1", got)
	}
	del := r.do("adams", "DELETE", url, "", id).is(t, 204)
	same(t, "first and repeated delete", r.do("adams", "DELETE", url, "", id), del)
}

// What a change answers with is part of its first result, and so is whether it
// stored something.
func TestARepeatedRequestAnswersAsItWasAskedTo(t *testing.T) {
	r := newRig(t)
	r.put("importer", withID(patient("1", "Amy"), "amy"))
	bundle := func(kind string) string {
		return bundleOf(kind, []string{"POST", "Observation", heartRate}, []string{"PATCH", "Patient/amy",
			`{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + base64Text(`[{"op":"add","path":"/language","value":"de"}]`) + `"}`})
	}
	for _, prefer := range []string{"return=minimal", "return=representation", "return=OperationOutcome"} {
		for name, q := range map[string][]string{"create": {"POST", "Observation", heartRate}, "found": {"POST", "Patient", patient("1", "Amy"), "If-None-Exist: _id=amy"},
			"batch": {"POST", "", bundle("batch")}, "transaction": {"POST", "", bundle("transaction")}} {
			header := append(q[3:], "Prefer: "+prefer, "X-Request-Id: "+name+prefer)
			first, again := r.do("adams", q[0], q[1], q[2], header...), r.do("adams", q[0], q[1], q[2], header...)
			if first.status > 201 || again.String() != first.String() {
				t.Errorf("%s, %s:\n%s\nand again\n%s", name, prefer, first, again)
			}
		}
	}
}
