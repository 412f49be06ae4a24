package firebreak_test

import (
	"strings"
	"testing"
)

// http-core 9: JSON Patch.
func TestPatchChangesWhatItNamesAndNothingElse(t *testing.T) {
	r := newRig(t)
	url := "Observation/" + r.create("adams", heartRate)
	before := r.do("adams", "GET", url, "")
	a := r.do("adams", "PATCH", url, `[{"op":"test","path":"/status","value":"final"},{"op":"replace","path":"/status","value":"amended"},{"op":"add","path":"/note","value":[{"text":"seen"}]}]`,
		"If-Match: "+before.first("Etag")).is(t, 200)
	body := a.json(t)
	if body["status"] != "amended" || dig(body, "note", 0, "text") != "seen" || !strings.Contains(a.body, "72.50") || a.version() == before.version() || body["id"] != before.json(t)["id"] {
		t.Errorf("patched: %v", a)
	}
	if got := r.do("adams", "PATCH", url, `[{"op":"remove","path":"/note"}]`, "Prefer: return=minimal").is(t, 200); got.body != "" || got.first("Etag") == "" {
		t.Errorf("return=minimal: %v", got)
	}
	if got := r.do("adams", "GET", url, "").json(t); got["note"] != nil {
		t.Errorf("removed: %v", got)
	}
}

// http-core 9, 20: what a patch may not do, and where it says the fault is.
func TestPatchIsRefusedAsAWhole(t *testing.T) {
	r := newRig(t)
	url := "Observation/" + r.create("adams", heartRate)
	version := r.do("adams", "GET", url, "").version()
	for _, c := range []struct {
		name, body string
		status     int
		at         string
	}{
		{"test fails", `[{"op":"add","path":"/note","value":[{"text":"x"}]},{"op":"test","path":"/status","value":"amended"}]`, 422, "http.body[1]"},
		{"no such path", `[{"op":"remove","path":"/nothing"}]`, 422, "http.body[0]"},
		{"the id", `[{"op":"replace","path":"/id","value":"other"}]`, 422, "http.body[0]"},
		{"the type", `[{"op":"replace","path":"/resourceType","value":"Patient"}]`, 422, "http.body[0]"},
		{"the version", `[{"op":"replace","path":"/meta/versionId","value":"1"}]`, 422, "http.body[0]"},
		{"an invalid result", `[{"op":"remove","path":"/status"}]`, 422, "Observation"},
		{"an unknown element", `[{"op":"add","path":"/colour","value":"red"}]`, 422, "Observation"},
		{"an object", `{"op":"remove","path":"/note"}`, 400, "http.body"},
		{"an unknown operation", `[{"op":"increase","path":"/valueQuantity/value"}]`, 400, "http.body[0]"},
		{"no value", `[{"op":"add","path":"/note"}]`, 400, "http.body[0]"},
		{"not JSON", `[{`, 400, "http.body[0]"},
		{"nothing", ``, 400, "http.body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rr := *r
			rr.t = t
			rr.do("adams", "PATCH", url, c.body, "Content-Type: application/json-patch+json").refused(t, c.status, c.at)
		})
	}
	if got := r.do("adams", "GET", url, "").version(); got != version {
		t.Errorf("version = %q after refusals, want %q", got, version)
	}
}

// The formats that come later say so.
func TestOtherPatchFormatsAreNotSupported(t *testing.T) {
	r := newRig(t)
	url := "Observation/" + r.create("adams", heartRate)
	fhirPath := `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Observation.status"}]}]}`
	r.do("adams", "PATCH", url, fhirPath, "Content-Type: application/fhir+json").refused(t, 501, "http.Content-Type")
	r.do("adams", "PATCH", url, "<diff/>", "Content-Type: application/xml-patch+xml").refused(t, 415, "http.Content-Type")
	r.do("adams", "PATCH", url, "[]", "Content-Type: application/merge-patch+json").refused(t, 415, "http.Content-Type")
	r.do("adams", "PATCH", "Observation/none", `[{"op":"remove","path":"/status"}]`).is(t, 404)
}

// http-core 9, http.html#patch: no narrative stays that tells of what was.
func TestANarrativeDoesNotOutliveWhatItTells(t *testing.T) {
	r := newRig(t)
	const narrative = `{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">72.50</div>"}`
	for _, c := range []struct {
		name, patch string
		stays       bool
	}{
		{"a change of content", `[{"op":"replace","path":"/status","value":"amended"}]`, false},
		{"content that is added", `[{"op":"add","path":"/note","value":[{"text":"seen"}]}]`, false},
		{"content that is taken away", `[{"op":"remove","path":"/effectiveDateTime"}]`, false},
		{"a number written otherwise", `[{"op":"replace","path":"/valueQuantity/value","value":72.500}]`, false},
		{"a change of tags", `[{"op":"add","path":"/meta/tag","value":[{"code":"x"}]}]`, true},
		{"a new narrative", `[{"op":"replace","path":"/status","value":"amended"},{"op":"add","path":"/text/div","value":"<div xmlns=\"http://www.w3.org/1999/xhtml\">amended</div>"}]`, true},
		{"nothing", `[{"op":"test","path":"/status","value":"final"}]`, true},
	} {
		sent := strings.Replace(heartRate, `"code":`, `"text":`+narrative+`,"code":`, 1)
		url := "Observation/" + r.create("adams", sent)
		got := r.do("adams", "PATCH", url, c.patch).is(t, 200).json(t)
		if (got["text"] != nil) != c.stays || got["resourceType"] != "Observation" || got["code"] == nil {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
