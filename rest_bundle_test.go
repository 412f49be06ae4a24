package firebreak_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// bundleOf writes a batch or transaction; each entry is method, url, resource,
// and further members of the entry or, after "request.", of its request.
func bundleOf(kind string, entries ...[]string) string {
	var b strings.Builder
	for n, e := range entries {
		if n > 0 {
			b.WriteByte(',')
		}
		request, more := fmt.Sprintf(`"method":%q,"url":%q`, e[0], e[1]), ""
		for _, member := range e[3:] {
			if rest, ok := strings.CutPrefix(member, "request."); ok {
				request += "," + rest
				continue
			}
			more += "," + member
		}
		if e[2] != "" {
			more += `,"resource":` + e[2]
		}
		b.WriteString(`{"request":{` + request + `}` + more + `}`)
	}
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + b.String() + `]}`
}

func (r *rig) statuses(who, bundle string) (answer, []string) {
	r.t.Helper()
	a := r.do(who, "POST", "", bundle)
	var out []string
	for _, e := range a.entries(r.t) {
		s, _ := dig(e, "response", "status").(string)
		out = append(out, s)
	}
	return a, out
}

// http-core 16: batch.
func TestABatchAnswersEachEntryInItsPlace(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	version := r.do("adams", "GET", "Observation/o1", "").version()
	r.clock.Advance(123 * time.Millisecond)
	modified := r.clock.Now().UTC().Format("2006-01-02T15:04:05Z")
	a, got := r.statuses("adams", bundleOf("batch",
		[]string{"GET", "Patient/amy", ""}, []string{"GET", "/Patient/sam", ""}, []string{"POST", "Patient", patient("1", "One")},
		[]string{"POST", "Patient", heartRate}, []string{"GET", base + "/Observation?code=8867-4", ""}, []string{"GET", "Observation/o1", "", `request."ifNoneMatch":"W/\"` + version + `\""`},
		[]string{"GET", "Observation/o1", "", `request."ifModifiedSince":"` + modified + `"`},
		[]string{"DELETE", "Observation/o2", ""}, []string{"PUT", "Observation/o1", heartRate}, []string{"HEAD", "metadata", ""}, []string{"GET", "Fish/1", ""},
		[]string{"POST", "Patient/$validate", patient("1", "One")}, []string{"GET", "Patient/amy/$everything", ""}, []string{"GET", "https://other.invalid/fhir/Patient/amy", ""}, []string{"POST", "/", `{"resourceType":"Bundle","type":"batch"}`},
	))
	if body := a.json(t); body["type"] != "batch-response" {
		t.Errorf("type = %v", body["type"])
	}
	want := []string{"200 OK", "404 Not Found", "201 Created", "400 Bad Request", "200 OK", "304 Not Modified", "304 Not Modified", "204 No Content", "400 Bad Request", "200 OK", "404 Not Found", "200 OK", "200 OK", "404 Not Found", "400 Bad Request"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("statuses\n%v, want\n%v", got, want)
	}
	for n, e := range a.entries(t) {
		failed := want[n] >= "4"
		if outcome := dig(e, "response", "outcome", "resourceType"); (outcome == "OperationOutcome") != failed || (e["resource"] != nil && failed) {
			t.Errorf("entry %d: %v", n, e)
		}
	}
	made := a.entries(t)[2]
	if dig(made, "response", "location") == nil || dig(made, "response", "etag") == nil || dig(made, "response", "lastModified") == nil || dig(made, "resource", "id") == nil {
		t.Errorf("created: %v", made)
	}
	if got, want := dig(made, "response", "lastModified"), dig(made, "resource", "meta", "lastUpdated"); got != want {
		t.Errorf("lastModified = %v, lastUpdated = %v", got, want)
	}
	if got := dig(a.entries(t)[3], "response", "outcome", "issue", 0, "expression", 0); got != "Bundle.entry[3].resource" {
		t.Errorf("place of the fault = %v", got)
	}
	minimal := r.do("adams", "POST", "", bundleOf("batch", []string{"POST", "Patient", patient("2", "x")}, []string{"POST", "Patient", patient("3", "x")}), "Prefer: return=OperationOutcome")
	if e := minimal.entries(t)[0]; e["resource"] != nil || dig(e, "response", "outcome", "issue", 0, "severity") != "information" {
		t.Errorf("return=OperationOutcome: %v", e)
	}
}

// http-core 17, 18: order, ids, references.
func TestATransactionResolvesItsReferences(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	const a, b, c = "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001", "urn:uuid:0a1b2c3d-0000-4000-8000-000000000002", "http://elsewhere.invalid/fhir/Encounter/e"
	observation := `{"resourceType":"Observation","status":"final","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"` + a + `\">p</a></div>"},"code":{"text":"` + a + `"},` +
		`"extension":[{"url":"http://example.org/uri","valueUri":"` + a + `"},{"url":"http://example.org/canonical","valueCanonical":"` + a + `"},{"url":"http://example.org/relative","valueUri":"Patient?not=a-condition"}],` +
		`"subject":{"reference":"` + a + `"},"encounter":{"reference":"Encounter/e"},"performer":[{"reference":"Practitioner?family=adams"},{"reference":"Organization/north/_history/1"}],"valueQuantity":{"value":1.10}}`
	encounter := `{"resourceType":"Encounter","status":"planned","class":{"code":"AMB"},"subject":{"reference":"` + a + `"}}`
	binary := `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + base64.StdEncoding.EncodeToString([]byte(`[{"op":"replace","path":"/status","value":"amended"}]`)) + `"}`
	got, statuses := r.statuses("adams", bundleOf("transaction",
		[]string{"GET", "Observation?subject:Patient.family=Newby", ""},
		[]string{"PATCH", "Observation/o1", binary},
		[]string{"POST", "Observation", observation, `"fullUrl":"http://elsewhere.invalid/fhir/Observation/o"`},
		[]string{"POST", "Encounter", encounter, `"fullUrl":"` + c + `"`},
		[]string{"POST", "Patient", patient("n", "Newby"), `"fullUrl":"` + a + `"`},
		[]string{"PUT", "Patient?identifier=urn:mrn|m", patient("m", "Other"), `"fullUrl":"` + b + `"`},
		[]string{"DELETE", "Observation/none", ""},
		[]string{"GET", "Observation/o1", ""},
	))
	if want := "[200 OK 200 OK 201 Created 201 Created 201 Created 201 Created 204 No Content 200 OK]"; fmt.Sprint(statuses) != want {
		t.Fatalf("statuses %v, want %s:\n%s", statuses, want, got.body)
	}
	entries := got.entries(t)
	if got.json(t)["type"] != "transaction-response" {
		t.Errorf("type = %v", got.json(t)["type"])
	}
	patient, _ := dig(entries[4], "resource", "id").(string)
	o := entries[2]["resource"]
	for what, pair := range map[string][2]any{
		"reference":            {dig(o, "subject", "reference"), "Patient/" + patient},
		"uri":                  {dig(o, "extension", 0, "valueUri"), "Patient/" + patient},
		"canonical":            {dig(o, "extension", 1, "valueCanonical"), a},
		"relative uri":         {dig(o, "extension", 2, "valueUri"), "Patient?not=a-condition"},
		"string":               {dig(o, "code", "text"), a},
		"relative to its base": {dig(o, "encounter", "reference"), "Encounter/" + fmt.Sprint(dig(entries[3], "resource", "id"))},
		"conditional":          {dig(o, "performer", 0, "reference"), "Practitioner/adams"},
		"versioned":            {dig(o, "performer", 1, "reference"), "Organization/north/_history/1"},
		"narrative":            {dig(o, "text", "div"), `<div xmlns="http://www.w3.org/1999/xhtml"><a href="Patient/` + patient + `">p</a></div>`},
		"GET sees the writes":  {dig(entries[0], "resource", "total"), 1.0},
		"GET sees the patch":   {dig(entries[7], "resource", "status"), "amended"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	if !strings.Contains(got.body, `"value":1.10}`) {
		t.Errorf("the decimal changed: %s", got.body)
	}
}

// http-core 16, 17, 18: all or nothing.
func TestAFailedTransactionStoresNothing(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	r.create("adams", patient("twin", "A"))
	r.create("adams", patient("twin", "B"))
	first := []string{"POST", "Patient", patient("new", "New"), `"fullUrl":"urn:uuid:0a1b2c3d-0000-4000-8000-000000000001"`}
	refer := func(to string) []string {
		return []string{"POST", "Observation", strings.Replace(heartRate, "Patient/amy", to, 1)}
	}
	o1 := withID(heartRate, "o1")
	for _, c := range []struct {
		name    string
		entries [][]string
		status  int
		at      string
	}{
		{"invalid resource", [][]string{{"POST", "Patient", `{"resourceType":"Patient","gender":"x"}`}}, 400, "Bundle.entry[1].resource.gender"},
		{"resource of another type", [][]string{{"POST", "Patient", heartRate}}, 400, "Bundle.entry[1].resource"},
		{"no resource", [][]string{{"POST", "Patient", ""}}, 400, "Bundle.entry[1].resource"},
		{"unknown type", [][]string{{"GET", "Fish/1", ""}}, 404, "Bundle.entry[1].request.url"},
		{"absent target", [][]string{{"PUT", "Observation/none", withID(heartRate, "none")}}, 405, "Bundle.entry[1]"},
		{"stale target", [][]string{{"PUT", "Observation/o1", o1, `request."ifMatch":"W/\"old\""`}}, 412, "Bundle.entry[1].request.ifMatch"},
		{"unreadable tag", [][]string{{"PUT", "Observation/o1", o1, `request."ifMatch":"old"`}}, 400, "Bundle.entry[1].request.ifMatch"},
		{"id differs", [][]string{{"PUT", "Observation/o1", withID(heartRate, "o5")}}, 400, "Bundle.entry[1].resource.id"},
		{"absent read", [][]string{{"GET", "Observation/none", ""}}, 404, "Bundle.entry[1]"},
		{"reference to none", [][]string{refer("Patient?identifier=none")}, 412, "Bundle.entry[1].resource"},
		{"reference to many", [][]string{refer("Patient?identifier=twin")}, 412, "Bundle.entry[1].resource"},
		{"reference by nothing", [][]string{refer("Patient?")}, 400, "Bundle.entry[1].resource.subject.reference"},
		{"reference by an unknown parameter", [][]string{refer("Patient?colour=red")}, 400, "Bundle.entry[1].resource"},
		{"twice by id", [][]string{{"PUT", "Observation/o1", o1}, {"DELETE", "Observation/o1", ""}}, 400, "Bundle.entry[2]"},
		{"twice by id and condition", [][]string{{"DELETE", "Observation?_id=o1", ""}, {"PUT", "Observation/o1", o1}}, 400, "Bundle.entry[2]"},
		{"twice by conditions", [][]string{{"PUT", "Observation?_id=o1", o1}, {"PUT", "Observation?_id=o1", o1}}, 400, "Bundle.entry[2]"},
		{"twice the fullUrl", [][]string{first}, 400, "Bundle.entry[1].fullUrl"},
		{"many for a condition", [][]string{{"DELETE", "Patient?identifier=twin", ""}}, 412, "Bundle.entry[1]"},
		{"an empty condition", [][]string{{"DELETE", "Patient", ""}}, 400, "Bundle.entry[1].request.url"},
		{"bad ifNoneExist", [][]string{{"POST", "Patient", patient("9", "x"), `request."ifNoneExist":"colour=red"`}}, 400, "Bundle.entry[1].request.ifNoneExist"},
		{"a patch that fails", [][]string{{"PATCH", "Observation/o1", `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + base64.StdEncoding.EncodeToString([]byte(`[{"op":"remove","path":"/no"}]`)) + `"}`}}, 422, "Bundle.entry[1].resource"},
		{"a patch that is no patch", [][]string{{"PATCH", "Observation/o1", `{"resourceType":"Parameters"}`}}, 501, "Bundle.entry[1].resource"},
		{"an operation", [][]string{{"POST", "Patient/$validate", patient("9", "x")}}, 501, "Bundle.entry[1]"},
		{"no request", nil, 400, "Bundle.entry[1].request"},
		{"forbidden", [][]string{{"POST", "Organization", `{"resourceType":"Organization","name":"x"}`}}, 403, "Bundle.entry[1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rr := *r
			rr.t = t
			body := bundleOf("transaction", append([][]string{first}, c.entries...)...)
			if c.entries == nil {
				body = strings.TrimSuffix(body, "]}") + `,{"resource":{"resourceType":"Patient","active":true}}]}`
			}
			a := rr.do("adams", "POST", "", body)
			a.refused(t, c.status, c.at)
		})
	}
	if got := r.count("adams", "Patient?identifier=new"); got != 0.0 {
		t.Errorf("%v resources of failed transactions are stored", got)
	}
}

// A hidden target fails a transaction exactly as an absent one does.
func TestATransactionTellsNothingOfWhatIsHidden(t *testing.T) {
	for name, entry := range map[string]func(id string) []string{
		"update":             func(id string) []string { return []string{"PUT", "Observation/" + id, withID(heartRate, id)} },
		"read":               func(id string) []string { return []string{"GET", "Observation/" + id, ""} },
		"history":            func(id string) []string { return []string{"GET", "Observation/" + id + "/_history", ""} },
		"delete":             func(id string) []string { return []string{"DELETE", "Observation/" + id, ""} },
		"conditional delete": func(id string) []string { return []string{"DELETE", "Observation?_id=" + id, ""} },
		"conditional reference": func(id string) []string {
			return []string{"POST", "Observation", strings.Replace(heartRate, "Patient/amy", "Patient?_has:Observation:patient:_id="+id, 1)}
		},
		"conditional create": func(id string) []string {
			return []string{"POST", "Observation", heartRate, `request."ifNoneExist":"_id=` + id + `"`}
		},
	} {
		var answers [2]answer
		for n, world := range []func(*rig){seedTwoHospitals, func(r *rig) {
			r.put("importer", `{"resourceType":"Patient","id":"amy","name":[{"family":"Amyson"}]}`)
		}} {
			r := newRig(t)
			world(r)
			r.n = 1000
			r.clock.Set(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
			answers[n] = r.do("adams", "POST", "", bundleOf("transaction", entry("o2")))
		}
		same(t, name+" of hidden and absent", answers[0], answers[1])
	}
}

// Bundle.entry.request.ifModifiedSince is an instant: what changed later within
// the same second has changed since. The header of that name has whole seconds.
func TestModifiedSinceIsAsExactAsItIsAsked(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", patient("1", "One"))
	at := r.clock.Now().UTC() // the rig's clock goes on a second with each request
	r.clock.Advance(at.Truncate(time.Second).Add(time.Second + 100*time.Millisecond).Sub(at))
	r.do("adams", "PUT", "Patient/"+id, withID(patient("1", "Two"), id)).is(t, 200)
	made := r.do("adams", "GET", "Patient/"+id, "").is(t, 200)
	updated, _ := dig(made.json(t), "meta", "lastUpdated").(string)
	last, err := time.Parse(time.RFC3339Nano, updated)
	if err != nil || last.Nanosecond() == 0 {
		t.Fatalf("lastUpdated = %s, want one within a second", updated)
	}
	for offset, want := range map[time.Duration]string{-time.Millisecond: "200 OK", 0: "304 Not Modified", time.Millisecond: "304 Not Modified"} {
		since := last.Add(offset).Format("2006-01-02T15:04:05.000Z")
		if _, got := r.statuses("adams", bundleOf("batch", []string{"GET", "Patient/" + id, "", `request."ifModifiedSince":"` + since + `"`})); got[0] != want {
			t.Errorf("%v after the version: %s, want %s", offset, got[0], want)
		}
	}
	r.do("adams", "GET", "Patient/"+id, "", "If-Modified-Since: "+made.first("Last-Modified")).is(t, 304)
}
