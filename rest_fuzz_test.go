package firebreak_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/fhirjson"
)

// FuzzServe sends requests that no transport has looked at. Whatever they are,
// the pipeline answers, the fault is never its own, and an error is an
// OperationOutcome.
func FuzzServe(f *testing.F) {
	for _, seed := range []struct{ method, path, query, body, header string }{
		{"GET", "metadata", "_pretty=true", "", ""},
		{"GET", "Patient/amy", "_elements=name", "", "If-None-Match: W/\"1\""},
		{"GET", "Patient", "name:contains=a&_sort=-birthdate&_count=2&_include=*", "", "Prefer: handling=strict"},
		{"GET", "", "_type=Patient,Observation&_id=amy", "", "Accept: application/fhir+json"},
		{"GET", "", "_page=AAAA", "", ""},
		{"GET", "Patient/amy/Observation", "code=8867-4&value-quantity=gt1||/min", "", ""},
		{"POST", "Observation/_search", "_count=1", "code=8867-4&date=ap2026", "Content-Type: application/x-www-form-urlencoded"},
		{"GET", "Observation/_history", "_since=2020-01-01&_at=2026", "", ""},
		{"POST", "Observation", "", heartRate, "If-None-Exist: code=1$2\nPrefer: return=minimal"},
		{"PUT", "Observation/o1", "", withID(heartRate, "o1"), "If-Match: W/\"1\", \"2\""},
		{"PUT", "Patient", "identifier=urn:mrn|1", patient("1", "a"), ""},
		{"PATCH", "Observation/o1", "", `[{"op":"move","from":"/status","path":"/a/0/-"},{"op":"copy","from":"","path":"/x"}]`, "Content-Type: application/json-patch+json"},
		{"DELETE", "Observation", "_has:Observation:has-member:subject.name=x", "", "If-Modified-Since: x"},
		{"POST", "", "", bundleOf("batch", []string{"GET", "Patient/amy/$everything?_type=Patient", ""}, []string{"PATCH", "Observation/o1", `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W10="}`}), ""},
		{"POST", "", "", bundleOf("transaction", []string{"POST", "Observation", strings.Replace(heartRate, "Patient/amy", "Patient?name=a", 1), `"fullUrl":"urn:uuid:x"`}, []string{"GET", "Observation?_count=0", ""}), "X-Request-Id: 1"},
		{"POST", "Patient/amy/$everything", "start=2020", `{"resourceType":"Parameters","parameter":[{"name":"_count","valueInteger":1}]}`, ""},
		{"POST", "Patient/$validate", "mode=update", `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":{}}]}`, ""},
		{"HEAD", "_history", "_count=1", "", ""},
	} {
		f.Add(seed.method, seed.path, seed.query, []byte(seed.body), seed.header)
	}
	r := newRig(f)
	seedTwoHospitals(r)
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte, header string) {
		r.n++
		r.ids.seed(fmt.Sprint("fuzz ", r.n))
		req := fhir.Request{Method: method, Path: path, Query: query, Body: body, Visit: fmt.Sprint("fuzz-", r.n), Base: base, Authorization: "Bearer adams"}
		if len(body) > 0 {
			req.ContentType = "application/fhir+json"
		}
		fields := map[string]*string{"If-Match": &req.IfMatch, "If-None-Match": &req.IfNoneMatch, "If-None-Exist": &req.IfNoneExist, "If-Modified-Since": &req.IfModifiedSince,
			"Prefer": &req.Prefer, "Accept": &req.Accept, "Content-Type": &req.ContentType, "X-Request-Id": &req.RequestID}
		for line := range strings.SplitSeq(header, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			if field := fields[name]; field != nil {
				*field = value
			}
		}
		w := httptest.NewRecorder()
		if _, err := r.server.Serve(context.Background(), req).WriteTo(w, false); err != nil {
			t.Fatal(err)
		}
		a := answer{w.Code, w.Header(), w.Body.String()}
		if a.status < 200 || a.status >= 500 && a.status != 501 {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		if a.status >= 400 {
			a.issues(t)
		}
		if a.body != "" {
			if _, err := fhirjson.Parse([]byte(a.body)); err != nil {
				t.Errorf("the body is not sound JSON: %v\n%s", err, a.body)
			}
		}
		if strings.Contains(a.body, "Samson") || strings.Contains(a.body, `"o2"`) && !strings.Contains(path+query+string(body)+header, "o2") {
			t.Errorf("shows what is hidden: %s", a.body)
		}
	})
}
