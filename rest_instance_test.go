package firebreak_test

import (
	"slices"
	"strings"
	"testing"
)

const heartRate = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/amy"},"effectiveDateTime":"2026-01-05","valueQuantity":{"value":72.50,"unit":"/min"}}`

// http-core 3, 11: create.
func TestCreateChoosesTheIDAndNamesTheVersion(t *testing.T) {
	r := newRig(t)
	sent := strings.Replace(heartRate, `"status"`, `"id":"mine","meta":{"versionId":"9","lastUpdated":"1999-01-01T00:00:00Z","tag":[{"code":"kept"}]},"status"`, 1)
	a := r.do("adams", "POST", "Observation", sent).is(t, 201)
	body := a.json(t)
	if body["id"] == "mine" || dig(body, "meta", "versionId") == "9" || strings.Contains(a.body, "1999") {
		t.Errorf("the client's id or version was kept: %s", a.body)
	}
	if dig(body, "meta", "tag", 0, "code") != "kept" || !strings.Contains(a.body, `"value":72.50`) {
		t.Errorf("content was changed: %s", a.body)
	}
	if a.version() != dig(body, "meta", "versionId") || a.first("Last-Modified") == "" {
		t.Errorf("ETag %q, Last-Modified %q do not go with %s", a.first("Etag"), a.first("Last-Modified"), a.body)
	}
	want := base + "/Observation/" + body["id"].(string) + "/_history/" + a.version()
	if got := a.first("Location"); got != want {
		t.Errorf("Location = %q, want %q", got, want)
	}
	if got := a.first("Content-Type"); got != "application/fhir+json; charset=utf-8" {
		t.Errorf("Content-Type = %q", got)
	}
	read := r.do("adams", "GET", want, "").is(t, 200)
	if read.body != a.body {
		t.Errorf("the version read differs from what was answered:\n%s\n%s", read.body, a.body)
	}
	r.do("adams", "GET", "Observation/mine", "").is(t, 404)
}

// http-core 2: Prefer: return.
func TestPreferDecidesWhatAChangeReturns(t *testing.T) {
	r := newRig(t)
	minimal := r.do("adams", "POST", "Observation", heartRate, "Prefer: return=minimal").is(t, 201)
	if minimal.body != "" || minimal.first("Location") == "" || minimal.first("Etag") == "" {
		t.Errorf("minimal: %v", minimal)
	}
	outcome := r.do("adams", "POST", "Observation", heartRate, `Prefer: handling=strict, return="OperationOutcome"`).is(t, 201)
	if got := outcome.issues(t)[0]["severity"]; got != "information" || outcome.first("Location") == "" {
		t.Errorf("OperationOutcome: %v", outcome)
	}
	whole := r.do("adams", "POST", "Observation", heartRate, "Prefer: respond-async; return=representation").is(t, 201)
	if whole.json(t)["resourceType"] != "Observation" {
		t.Errorf("representation: %v", whole)
	}
	// RFC 7240 section 2: what is not known is ignored, of two the first counts.
	for prefer, want := range map[string]string{
		"return=everything": "Observation", "return": "Observation", "return=": "Observation", ",;, =": "Observation", `return="minimal`: "Observation", "return=Everything, return=minimal": "Observation",
		"return=representation, return=minimal": "Observation", "return=minimal, return=representation": "", "RETURN = minimal": "", `other="\",", return=minimal`: "",
		`other="x, return=minimal"`: "Observation", "other; return=minimal": "",
	} {
		a := r.do("adams", "POST", "Observation", heartRate, "Prefer: "+prefer).is(t, 201)
		if got := a.body != ""; got != (want != "") {
			t.Errorf("Prefer: %s: body %q, want %q", prefer, a.body, want)
		}
	}
	for prefer, want := range map[string]int{"handling=some": 200, "handling=strict": 400, "handling=lenient, handling=strict": 200, "handling=strict, handling=lenient": 400} {
		r.do("adams", "GET", "Observation?unknown=x", "", "Prefer: "+prefer).is(t, want)
	}
}

// http-core 11: what a create refuses, and where it says the fault is.
func TestCreateRefusesWhatIsNotAResourceOfTheType(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name, path, body string
		status           int
		at               string
	}{
		{"another type", "Patient", heartRate, 400, "Patient"},
		{"unknown element", "Patient", `{"resourceType":"Patient","colour":"red"}`, 400, "Patient"},
		{"missing element", "Observation", `{"resourceType":"Observation","status":"final"}`, 400, "Observation"},
		{"unknown code", "Patient", `{"resourceType":"Patient","gender":"f"}`, 400, "Patient.gender"},
		{"bad date", "Patient", `{"resourceType":"Patient","birthDate":"1980-02-30"}`, 400, "Patient.birthDate"},
		{"nested fault", "Patient", `{"resourceType":"Patient","name":[{"family":"A"},{"given":["B",""]}]}`, 400, "Patient.name[1].given[1]"},
		{"no resourceType", "Patient", `{"gender":"male"}`, 400, "Patient"},
		{"conditional reference", "Observation", strings.Replace(heartRate, "Patient/amy", "Patient?name=amy", 1), 400, "Observation.subject.reference"},
		{"not JSON", "Patient", `{"resourceType":"Patient","name":[{"family":}]}`, 400, "http.body.name[0].family"},
		{"empty", "Patient", ``, 400, "http.body"},
		{"unknown type", "Fish", `{"resourceType":"Fish"}`, 404, "http.url"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rr := *r
			rr.t = t
			rr.do("adams", "POST", c.path, c.body).refused(t, c.status, c.at)
		})
	}
	if got := r.do("adams", "GET", "Patient?_summary=count", "").is(t, 200).json(t)["total"]; got != 0.0 {
		t.Errorf("total = %v after refusals, want 0", got)
	}
}

// http-core 5: read, HEAD, conditional read.
func TestReadAnswersByVersionAndTime(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", heartRate)
	url := "Observation/" + id
	a := r.do("adams", "GET", url, "").is(t, 200)
	head := r.do("adams", "HEAD", url, "").is(t, 200)
	if head.body != "" || head.first("Etag") != a.first("Etag") || head.first("Content-Type") != a.first("Content-Type") {
		t.Errorf("HEAD: %v\nGET: %v", head, a)
	}
	for name, header := range map[string]string{
		"weak tag": "If-None-Match: " + a.first("Etag"), "strong tag": `If-None-Match: "` + a.version() + `"`, "any": "If-None-Match: *",
		"list": `If-None-Match: W/"other", ` + a.first("Etag"), "time": "If-Modified-Since: " + a.first("Last-Modified"),
	} {
		same := r.do("adams", "GET", url, "", header)
		if same.status != 304 || same.body != "" || same.first("Etag") != a.first("Etag") {
			t.Errorf("%s: %v", name, same)
		}
	}
	for _, header := range []string{`If-None-Match: W/"other"`, `If-None-Match: "a_cache's/own:tag"`, `If-None-Match: ""`, "If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT", "If-Modified-Since: yesterday"} {
		r.do("adams", "GET", url, "", header).is(t, 200)
	}
	r.do("adams", "GET", url, "", "If-None-Match: what").refused(t, 400, "http.If-None-Match")
	r.do("adams", "GET", url, "", `If-None-Match: W/"a b"`).refused(t, 400, "http.If-None-Match")
	r.do("adams", "GET", url, "", `If-None-Match: "a_b", `+a.first("Etag")).is(t, 304)
	r.do("adams", "PUT", url, withID(heartRate, id), `If-Match: "a_cache's/own:tag"`).refused(t, 412, "http.If-Match")
}

// http-core 6, 7, 10: versions, update, deletion, revival.
func TestALifeOfOneResource(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", heartRate)
	url := "Observation/" + id
	one := r.do("adams", "GET", url, "").version()
	body := strings.Replace(heartRate, `{"resourceType":"Observation"`, `{"resourceType":"Observation","id":"`+id+`"`, 1)
	two := r.do("adams", "PUT", url, strings.Replace(body, "72.50", "80.0", 1), `If-Match: W/"`+one+`"`).is(t, 200)
	if two.version() == one || two.first("Location") != "" || !strings.Contains(two.body, "80.0") {
		t.Errorf("update: %v", two)
	}
	r.do("adams", "PUT", url, body, `If-Match: W/"`+one+`"`).refused(t, 412, "http.If-Match")
	if old := r.do("adams", "GET", url+"/_history/"+one, "").is(t, 200); !strings.Contains(old.body, "72.50") || old.version() != one {
		t.Errorf("vread: %v", old)
	}
	r.do("adams", "GET", url+"/_history/none", "").is(t, 404)
	gone := r.do("adams", "DELETE", url, "").is(t, 204)
	if gone.body != "" || gone.first("Content-Type") != "" {
		t.Errorf("delete: %v", gone)
	}
	r.do("adams", "GET", url, "").is(t, 410)
	r.do("adams", "HEAD", url, "")
	r.do("adams", "GET", url+"/_history/"+gone.version(), "").is(t, 410)
	r.do("adams", "GET", url+"/_history/"+two.version(), "").is(t, 200)
	r.do("adams", "DELETE", url, "").is(t, 204)
	r.do("adams", "PATCH", url, `[{"op":"remove","path":"/subject"}]`).is(t, 410)
	if got := r.do("adams", "GET", "Observation?_id="+id, "").found(t, "match"); len(got) != 0 {
		t.Errorf("a search found what was deleted: %v", got)
	}
	r.do("adams", "PUT", url, body, `If-Match: W/"`+two.version()+`"`).is(t, 412)
	back := r.do("adams", "PUT", url, body).is(t, 201)
	if !strings.HasSuffix(back.first("Location"), url+"/_history/"+back.version()) {
		t.Errorf("revived: %v", back)
	}
	r.do("adams", "GET", url, "").is(t, 200)
}

// http-core 7: an update's id.
func TestUpdateNeedsTheIDOfTheURL(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", heartRate)
	r.do("adams", "PUT", "Observation/"+id, heartRate).refused(t, 400, "Observation.id")
	other := strings.Replace(heartRate, `{"resourceType":"Observation"`, `{"resourceType":"Observation","id":"other"`, 1)
	r.do("adams", "PUT", "Observation/"+id, other).refused(t, 400, "Observation.id")
	r.do("adams", "PUT", "Observation/other", other).is(t, 405)
	r.do("adams", "POST", "Observation/"+id, other).refused(t, 405, "http.method")
	r.do("adams", "PUT", "Observation/"+id+"?x=y", other, "Prefer: handling=strict").refused(t, 400, "http.url")
}

// Hidden and absent get the same bytes, whatever is asked of them and under
// whatever precondition.
func TestChangingWhatIsHiddenIsChangingWhatIsAbsent(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	version := r.do("chen", "GET", "Observation/o2", "").version()
	content := func(id string) string {
		return strings.Replace(heartRate, `{"resourceType":"Observation"`, `{"resourceType":"Observation","id":"`+id+`"`, 1)
	}
	for _, header := range [][]string{nil, {`If-Match: W/"` + version + `"`}, {"If-Match: *"}, {"If-None-Match: *"}} {
		for _, c := range []struct {
			method string
			body   func(id string) string
			status []int
		}{
			{"GET", nil, []int{404}},
			{"DELETE", nil, []int{204}},
			{"PUT", content, []int{405, 412}},
			{"PATCH", func(string) string { return `[{"op":"test","path":"/id","value":"o2"}]` }, []int{404}},
		} {
			body := c.body
			if body == nil {
				body = func(string) string { return "" }
			}
			hidden := r.do("adams", c.method, "Observation/o2", body("o2"), header...)
			absent := r.do("adams", c.method, "Observation/nope", body("nope"), header...)
			same(t, c.method+" with "+strings.Join(header, ""), hidden, absent)
			if !slices.Contains(c.status, hidden.status) {
				t.Errorf("%s: status = %d, want one of %v", c.method, hidden.status, c.status)
			}
		}
	}
	if got := r.do("chen", "GET", "Observation/o2", "").version(); got != version {
		t.Errorf("version of the hidden resource = %q, want %q as before", got, version)
	}
}

// Whoever chooses an id learns whether it is taken: also an importer may not,
// where a record could be hidden from it.
func TestAnImporterWithNarrowScopesChoosesNoIDs(t *testing.T) {
	who := standard()
	narrow := who["importer"]
	narrow.Scope = "user/Patient.cruds user/Observation.cruds?status=final"
	who["narrow"] = narrow
	r := newRigWith(t, who, openSQLite)
	seedTwoHospitals(r)
	hidden := strings.Replace(heartRate, `"final"`, `"preliminary"`, 1)
	named := func(id string) string {
		return strings.Replace(hidden, `{"resourceType":"Observation"`, `{"resourceType":"Observation","id":"`+id+`"`, 1)
	}
	r.do("importer", "PUT", "Observation/taken", named("taken")).is(t, 201)
	same(t, "PUT of a taken and a free id", r.do("narrow", "PUT", "Observation/taken", named("taken")).is(t, 405),
		r.do("narrow", "PUT", "Observation/free", named("free")))
	r.do("narrow", "PUT", "Patient/chosen", `{"resourceType":"Patient","id":"chosen"}`).is(t, 201)
	r.do("importer", "PUT", "AuditEvent/chosen", `{"resourceType":"AuditEvent","id":"chosen","type":{"code":"rest"},"recorded":"2026-11-22T12:00:00Z","agent":[{"requestor":true}],"source":{"observer":{"display":"x"}}}`).is(t, 403)
}

// A deleted resource is gone for those who could see it, and absent for others.
func TestADeletedHiddenResourceLooksAbsent(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	r.do("chen", "DELETE", "Observation/o2", "").is(t, 204)
	r.do("chen", "GET", "Observation/o2", "").is(t, 410)
	for _, path := range []string{"", "/_history"} {
		same(t, "deleted and absent"+path, r.do("adams", "GET", "Observation/o2"+path, ""), r.do("adams", "GET", "Observation/nope"+path, ""))
	}
}

// http-core 1: formats.
func TestOnlyJSONIsProducedAndTaken(t *testing.T) {
	r := newRig(t)
	url := "Observation/" + r.create("adams", heartRate)
	for _, c := range []struct {
		name, query, accept string
		status              int
	}{
		{"nothing said", "", "", 200},
		{"anything", "", "*/*", 200},
		{"json among others", "", "text/html, application/fhir+xml;q=0.9, application/json;q=0.8", 200},
		{"fhirVersion", "", "application/fhir+json; fhirVersion=4.0", 200},
		{"another fhirVersion", "", "application/fhir+json; fhirVersion=5.0", 406},
		{"xml", "", "application/fhir+xml", 406},
		{"refused json", "", "application/fhir+json;q=0.000", 406},
		{"_format json", "?_format=json", "application/fhir+xml", 200},
		{"_format mime", "?_format=application/fhir%2Bjson", "", 200},
		{"_format mime, plus unescaped", "?_format=application/fhir+json", "", 200},
		{"_format xml", "?_format=xml", "application/json", 406},
	} {
		if a := r.do("adams", "GET", url+c.query, "", "Accept: "+c.accept); a.status != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, a.status, c.status, a.body)
		}
	}
	r.do("adams", "GET", url, "", "Accept: application/fhir+xml").refused(t, 406, "http.Accept")
	r.do("adams", "GET", url+"?_format=ttl", "").refused(t, 406, "http._format")
	pretty := r.do("adams", "GET", url+"?_pretty=true", "").is(t, 200)
	if !strings.Contains(pretty.body, "\n  \"id\"") || !strings.Contains(pretty.body, "72.50") {
		t.Errorf("_pretty: %s", pretty.body)
	}
	for media, status := range map[string]int{
		"application/fhir+json": 201, "application/json; charset=utf-8": 201, "application/fhir+json; fhirVersion=4.0": 201,
		"application/fhir+json; fhirVersion=3.0": 415, "application/fhir+xml": 415, "text/plain": 415, "nonsense//": 415,
	} {
		if a := r.do("adams", "POST", "Observation", heartRate, "Content-Type: "+media); a.status != status {
			t.Errorf("Content-Type %s: %d, want %d", media, a.status, status)
		}
	}
	r.do("adams", "POST", "Observation", "<Observation/>", "Content-Type: application/fhir+xml").refused(t, 415, "http.Content-Type")
}

// http-core 5: parts of a resource are tagged and cannot be written back.
func TestPartsOfAResourceAreTaggedSubsetted(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">A</div>"},"active":true,"name":[{"family":"A"}],"birthDate":"1980-01-01","maritalStatus":{"text":"M"}}`)
	for _, c := range []struct {
		query       string
		has, hasNot []string
	}{
		{"_summary=true", []string{"name", "birthDate", "active"}, []string{"text", "maritalStatus"}},
		{"_summary=text", []string{"text"}, []string{"name", "birthDate", "maritalStatus"}},
		{"_summary=data", []string{"name", "birthDate", "maritalStatus"}, []string{"text"}},
		{"_elements=name,maritalStatus", []string{"name", "maritalStatus"}, []string{"birthDate", "text"}},
		{"_summary=false", []string{"name", "text"}, nil},
	} {
		a := r.do("adams", "GET", "Patient/"+id+"?"+c.query, "").is(t, 200)
		body := a.json(t)
		for _, name := range append(c.has, "id", "meta") {
			if body[name] == nil {
				t.Errorf("%s: no %s: %s", c.query, name, a.body)
			}
		}
		for _, name := range c.hasNot {
			if body[name] != nil {
				t.Errorf("%s: has %s: %s", c.query, name, a.body)
			}
		}
		if got, want := strings.Contains(a.body, `"SUBSETTED"`), c.query != "_summary=false"; got != want {
			t.Errorf("%s: tagged SUBSETTED: %v, want %v", c.query, got, want)
		}
		if c.query != "_summary=false" {
			r.do("adams", "PUT", "Patient/"+id, a.body).refused(t, 409, "Patient.meta.tag")
		}
	}
	r.do("adams", "GET", "Patient/"+id+"?_summary=count", "").refused(t, 400, "http._summary")
	r.do("adams", "GET", "Patient/"+id+"?_elements=nonsense", "", "Prefer: handling=strict").refused(t, 400, "http._elements")
}
