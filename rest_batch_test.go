package firebreak_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func jsonPatch(operations string) string {
	return `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + base64.StdEncoding.EncodeToString([]byte(operations)) + `"}`
}

// badEntries are wrong in the Bundle's own structure, and where.
var badEntries = []struct{ name, entry, at string }{
	{"a method that is none", `{"request":{"method":"FOO","url":"Patient"}}`, ".request.method"},
	{"an empty url", `{"request":{"method":"GET","url":""}}`, ".request.url"},
	{"no url", `{"request":{"method":"GET"}}`, ".request"},
	{"a bad ifModifiedSince", `{"request":{"method":"GET","url":"Patient/1","ifModifiedSince":"yesterday"}}`, ".request.ifModifiedSince"},
	{"an unknown member of request", `{"request":{"method":"GET","url":"Patient/1","colour":"red"}}`, ".request"},
	{"an unknown member of entry", `{"request":{"method":"GET","url":"Patient/1"},"colour":"red"}`, ""},
	{"a bad fullUrl", `{"fullUrl":"not a URL","request":{"method":"GET","url":"Patient/1"}}`, ".fullUrl"},
	{"an empty ifNoneExist", `{"request":{"method":"POST","url":"Patient","ifNoneExist":""},"resource":{"resourceType":"Patient","active":true}}`, ".request.ifNoneExist"},
	{"an empty entry", `{}`, ""},
	{"no entry", `null`, ""},
	{"a text", `"entry"`, ""},
}

func TestABadEntryOfABatchFailsAlone(t *testing.T) {
	r := newRig(t)
	good := `{"request":{"method":"POST","url":"Patient"},"resource":` + patient("good", "Good") + `}`
	for n, c := range badEntries {
		body := `{"resourceType":"Bundle","type":"%s","entry":[` + good + "," + c.entry + `]}`
		a := r.do("adams", "POST", "", fmt.Sprintf(body, "batch")).is(t, 200)
		e := a.entries(t)
		if len(e) != 2 || dig(e[0], "response", "status") != "201 Created" || dig(e[1], "response", "status") != "400 Bad Request" {
			t.Errorf("%s: %s", c.name, a.body)
			continue
		}
		if got, want := dig(e[1], "response", "outcome", "issue", 0, "expression", 0), "Bundle.entry[1]"+c.at; got != want {
			t.Errorf("%s: at %v, want %s", c.name, got, want)
		}
		r.do("adams", "POST", "", fmt.Sprintf(body, "transaction")).refused(t, 400, "Bundle.entry[1]"+c.at)
		if got := r.count("adams", "Patient?identifier=good"); got != float64(n+1) {
			t.Fatalf("%s: %v stored, want %d", c.name, got, n+1)
		}
	}
	// However many are bad before it, a bad one does not pass.
	var entries []string
	for range 30 {
		entries = append(entries, badEntries[4].entry)
	}
	e := r.do("adams", "POST", "", `{"resourceType":"Bundle","type":"batch","entry":[`+strings.Join(entries, ",")+`]}`).entries(t)
	for n := range e {
		if dig(e[n], "response", "status") != "400 Bad Request" {
			t.Errorf("entry %d: %v", n, e[n])
		}
	}
	r.do("adams", "POST", "", `{"resourceType":"Bundle","type":"batch","entry":[`+strings.Join(entries, ",")+`],"colour":"red"}`).refused(t, 400, "Bundle")
	r.do("adams", "POST", "", `{"resourceType":"Bundle","type":"batch","entry":{}}`).refused(t, 400, "Bundle.entry")
}

func TestAHeadEntryShowsNoResource(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	for _, kind := range []string{"batch", "transaction"} {
		e := r.do("adams", "POST", "", bundleOf(kind, []string{"HEAD", "Patient/amy", ""}, []string{"HEAD", "Observation?code=8867-4", ""}, []string{"GET", "Patient/amy", ""})).entries(t)
		for n := range 2 {
			if e[n]["resource"] != nil || dig(e[n], "response", "status") != "200 OK" {
				t.Errorf("%s: HEAD %v", kind, e[n])
			}
		}
		if dig(e[0], "response", "etag") == nil || dig(e[0], "response", "etag") != dig(e[2], "response", "etag") || e[2]["resource"] == nil {
			t.Errorf("%s: %v, want the ETag of %v", kind, e[0], e[2])
		}
	}
	e := r.do("adams", "POST", "", bundleOf("batch", []string{"HEAD", "Patient/none", ""}, []string{"HEAD", "metadata", ""})).entries(t)
	if dig(e[0], "response", "status") != "404 Not Found" || e[1]["resource"] != nil {
		t.Errorf("HEAD of what is not there, and of metadata: %v", e)
	}
}

// What is wrong is named where the client wrote it.
func TestAFaultOfAnEntryIsNamedInItsEntry(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	o1 := withID(heartRate, "o1")
	for _, c := range []struct {
		name  string
		entry []string
		at    string
	}{
		{"ifNoneExist", []string{"POST", "Patient", patient("1", "x"), `request."ifNoneExist":"colour=red"`}, ".request.ifNoneExist"},
		{"ifNoneExist, malformed", []string{"POST", "Patient", patient("1", "x"), `request."ifNoneExist":"a=%zz"`}, ".request.ifNoneExist"},
		{"ifMatch", []string{"PUT", "Observation/o1", o1, `request."ifMatch":"W/\"old\""`}, ".request.ifMatch"},
		{"ifNoneMatch", []string{"PUT", "Observation/o1", o1, `request."ifNoneMatch":"*"`}, ".request.ifNoneMatch"},
		{"a read of nothing", []string{"GET", "Patient/none", ""}, ""},
		{"an update of nothing", []string{"PUT", "Patient/none", withID(patient("1", "x"), "none")}, ""},
		{"a patch that fails", []string{"PATCH", "Observation/o1", jsonPatch(`[{"op":"remove","path":"/no"}]`)}, ".resource"},
		{"what may not be done", []string{"POST", "Organization", `{"resourceType":"Organization","name":"x"}`}, ""},
		{"an operation", []string{"GET", "Patient/amy/$everything?start=soon", ""}, ".request.url"},
		{"a query", []string{"PUT", "Patient?colour=red", patient("1", "x")}, ".request.url"},
	} {
		e := r.do("adams", "POST", "", bundleOf("batch", []string{"GET", "Patient/amy", ""}, c.entry)).entries(t)
		if got, want := dig(e[1], "response", "outcome", "issue", 0, "expression", 0), "Bundle.entry[1]"+c.at; got != want {
			t.Errorf("%s: at %v, want %s: %v", c.name, got, want, e[1])
		}
	}
	r.do("adams", "POST", "Patient", patient("1", "x"), "If-None-Exist: colour=red").refused(t, 400, "http.If-None-Exist")
	// A condition that is there and empty is not one that is absent.
	r.do("adams", "POST", "Patient", patient("1", "x"), "If-None-Exist: ?").refused(t, 400, "http.If-None-Exist")
}

// docs/threats.md, "First results", is without exception.
func TestARepeatedBatchIsDoneOnce(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	batch := func(family string) string {
		return bundleOf("batch", []string{"POST", "Patient", patient("b", family)}, []string{"POST", "Patient", patient("b", family)},
			[]string{"GET", "Observation/o1", ""}, []string{"PATCH", "Observation/o1", jsonPatch(`[{"op":"add","path":"/language","value":"de"}]`)}, []string{"DELETE", "Observation/o2", ""})
	}
	places := func(body, id string) string {
		var out []string
		for _, e := range r.do("adams", "POST", "", body, "X-Request-Id: "+id).entries(t) {
			out = append(out, fmt.Sprint(dig(e, "response", "status"), dig(e, "response", "location"), dig(e, "response", "etag")))
		}
		return strings.Join(append(out[:2], out[3:]...), "\n")
	}
	first := places(batch("One"), "b1")
	if again := places(batch("One"), "b1"); again != first {
		t.Errorf("repeated:\n%s\nwant\n%s", again, first)
	}
	if got := r.count("adams", "Patient?identifier=b"); got != 2.0 {
		t.Errorf("%v stored, want 2", got)
	}
	if got := len(r.do("adams", "GET", "Observation/o1/_history", "").entries(t)); got != 2 {
		t.Errorf("%d versions, want 2", got)
	}
	places(batch("Other"), "b1") // another batch under the same id
	places(batch("Other"), "b2") // and under another
	if got := r.count("adams", "Patient?identifier=b"); got != 6.0 {
		t.Errorf("%v stored, want 6", got)
	}
	// Entries that differ in their request only are not the same.
	version := r.do("adams", "GET", "Observation/o1", "").version()
	for _, tag := range []string{"old", version} {
		body := bundleOf("batch", []string{"PUT", "Observation/o1", withID(heartRate, "o1"), `request."ifMatch":"W/\"` + tag + `\""`})
		want := map[string]string{"old": "412 Precondition Failed", version: "200 OK"}[tag]
		if e := r.do("adams", "POST", "", body, "X-Request-Id: b3").entries(t); dig(e[0], "response", "status") != want {
			t.Errorf("%s: %v, want %s", tag, e[0], want)
		}
	}
	// The id of an entry is none that a request of its own can have.
	long := strings.Repeat("x", 128)
	if a, b := places(batch("Long"), long), places(batch("Long"), long); a != b {
		t.Errorf("the longest id: %s, then %s", a, b)
	}
}
