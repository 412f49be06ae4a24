package firebreak_test

import (
	"strings"
	"testing"
)

func patient(value, family string) string {
	return `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"` + value + `"}],"name":[{"family":"` + family + `"}]}`
}

func withID(resource, id string) string {
	return strings.Replace(resource, `,`, `,"id":"`+id+`",`, 1)
}

func (r *rig) count(who, query string) any {
	r.t.Helper()
	return r.do(who, "GET", query+"&_summary=count", "").is(r.t, 200).json(r.t)["total"]
}

// http-core 12: If-None-Exist.
func TestConditionalCreateByTheNumberOfMatches(t *testing.T) {
	r := newRig(t)
	const exists = "If-None-Exist: identifier=urn:mrn|1"
	id := r.create("adams", patient("1", "One"), exists)
	again := r.do("adams", "POST", "Patient", patient("1", "Other"), exists).is(t, 200)
	if again.json(t)["id"] != id || !strings.Contains(again.first("Location"), "Patient/"+id+"/_history/"+again.version()) || strings.Contains(again.body, "Other") {
		t.Errorf("one match: %v", again)
	}
	if minimal := r.do("adams", "POST", "Patient", patient("1", "Other"), exists, "Prefer: return=minimal").is(t, 200); minimal.body != "" {
		t.Errorf("return=minimal: %v", minimal)
	}
	r.create("adams", patient("1", "Twin"))
	r.do("adams", "POST", "Patient", patient("1", "Other"), exists).is(t, 412)
	if got := r.count("adams", "Patient?identifier=1"); got != 2.0 {
		t.Errorf("%v patients, want 2", got)
	}
	r.do("adams", "POST", "Patient", patient("1", "x"), "If-None-Exist: ?identifier=urn:mrn|2&_lastUpdated=gt2000").is(t, 201)
	for _, condition := range []string{"colour=red", "identifier=", "_count=1", "identifier=1&_sort=_id", "_format=json",
		"Patient?identifier=1", "identifier:in=x", "a=%zz", "&", "?"} {
		r.do("adams", "POST", "Patient", patient("1", "x"), "If-None-Exist: "+condition).refused(t, 400, "http.If-None-Exist")
	}
}

// A condition that only something hidden satisfies is satisfied by nothing.
func TestConditionsMatchOnlyWhatIsVisible(t *testing.T) {
	r := newRig(t)
	r.create("chen", patient("7", "Hidden"))
	made := r.do("adams", "POST", "Patient", patient("7", "Mine"), "If-None-Exist: identifier=urn:mrn|7").is(t, 201)
	r.do("adams", "PUT", "Patient?identifier=urn:mrn|7", patient("7", "Again")).is(t, 200)
	own := strings.Split(made.first("Location"), "/")
	r.do("adams", "PATCH", "Patient?identifier=urn:mrn|7", `[{"op":"add","path":"/active","value":true}]`).is(t, 200)
	r.do("adams", "DELETE", "Patient?identifier=urn:mrn|7", "").is(t, 204)
	r.do("adams", "GET", "Patient/"+own[len(own)-3], "").is(t, 410)
	if got := r.count("chen", "Patient?identifier=7"); got != 1.0 {
		t.Errorf("the hidden one: %v, want 1", got)
	}
	r.create("chen", patient("8", "Hidden"))
	for _, c := range []struct{ method, body string }{{"DELETE", ""}, {"PATCH", `[{"op":"add","path":"/active","value":true}]`}, {"PUT", withID(patient("8", "x"), "some")}} {
		hidden := r.do("adams", c.method, "Patient?identifier=urn:mrn|8", c.body)
		absent := r.do("adams", c.method, "Patient?identifier=urn:mrn|9", c.body)
		same(t, c.method+" by a condition on hidden and absent", hidden, absent)
	}
	r.do("adams", "PUT", "Patient?identifier=urn:mrn|8", patient("8", "Mine")).is(t, 201)
	through := r.do("adams", "POST", "Patient", patient("5", "x"), "If-None-Exist: organization:Organization.name=south").is(t, 201)
	if through.first("Location") == "" {
		t.Errorf("chained condition: %v", through)
	}
}

// http-core 12: conditional update.
func TestConditionalUpdateByTheNumberOfMatches(t *testing.T) {
	r := newRig(t)
	const url = "Patient?identifier=urn:mrn|1"
	made := r.do("adams", "PUT", url+"&_format=json", patient("1", "One")).is(t, 201)
	id, _ := made.json(t)["id"].(string)
	if !strings.Contains(made.first("Location"), "Patient/"+id) {
		t.Errorf("no match, no id: %v", made)
	}
	two := r.do("adams", "PUT", url, patient("1", "Two")).is(t, 200)
	if two.json(t)["id"] != id || two.version() == made.version() {
		t.Errorf("one match, no id: %v", two)
	}
	r.do("adams", "PUT", url, withID(patient("1", "Three"), id)).is(t, 200)
	r.do("adams", "PUT", url, withID(patient("1", "Four"), "other")).refused(t, 400, "Patient.id")
	r.do("adams", "PUT", url, patient("1", "Five"), `If-Match: W/"`+made.version()+`"`).refused(t, 412, "http.If-Match")
	r.do("adams", "PUT", "Patient?identifier=urn:mrn|none", patient("1", "x"), `If-Match: W/"1"`).is(t, 412)
	// No match and an id: an update that creates, which only an importer may.
	r.do("adams", "PUT", "Patient?identifier=urn:mrn|none", withID(patient("1", "x"), "mine")).is(t, 405)
	r.do("importer", "PUT", "Organization?identifier=none", `{"resourceType":"Organization","id":"mine","name":"Mine"}`).is(t, 201)
	r.do("adams", "GET", "Organization/mine", "").is(t, 200)
	// http.html#cond-update: a conflict when the id is in use. To others a taken
	// id is as any that they may not choose.
	r.do("importer", "PUT", "Organization?identifier=none", `{"resourceType":"Organization","id":"mine","name":"Again"}`).refused(t, 409, "Organization.id")
	r.do("importer", "PUT", "Organization?identifier=urn:x|none", `{"resourceType":"Organization","id":"mine","name":"Again"}`, "Prefer: return=minimal").refused(t, 409, "Organization.id")
	r.do("adams", "PUT", "Patient?identifier=urn:mrn|none", withID(patient("1", "x"), id)).is(t, 405)
	r.create("adams", patient("1", "Twin"))
	r.do("adams", "PUT", url, patient("1", "Six")).is(t, 412)
	for _, c := range []string{"", "?", "?colour=red", "?identifier=", "?_format=json", "?_count=1", "?identifier=1&colour=red", "?identifier=1&_include=Patient:organization"} {
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			body := map[string]string{"PUT": patient("1", "x"), "PATCH": `[{"op":"remove","path":"/name"}]`}[method]
			r.do("adams", method, "Patient"+c, body).is(t, 400)
		}
	}
	r.do("adams", "DELETE", "Patient?identifier=1&colour=red", "", "Prefer: handling=lenient").refused(t, 400, "http.colour")
}

// http-core 12: conditional patch and delete.
func TestConditionalPatchAndDeleteByTheNumberOfMatches(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", patient("1", "One"))
	const url, activate = "Patient?identifier=urn:mrn|1", `[{"op":"add","path":"/active","value":true}]`
	a := r.do("adams", "PATCH", url, activate).is(t, 200)
	if body := a.json(t); body["active"] != true || body["id"] != id {
		t.Errorf("patched: %v", a)
	}
	r.do("adams", "PATCH", "Patient?identifier=urn:mrn|none", activate).is(t, 404)
	r.do("adams", "DELETE", "Patient?identifier=urn:mrn|none", "").is(t, 204)
	twin := r.create("adams", patient("1", "Twin"))
	r.do("adams", "PATCH", url, activate).is(t, 412)
	r.do("adams", "DELETE", url, "").is(t, 412)
	r.do("adams", "GET", "Patient/"+twin, "").is(t, 200)
	r.do("adams", "DELETE", "Patient/"+twin, "").is(t, 204)
	r.do("adams", "DELETE", url, "", `If-Match: W/"old"`).is(t, 412)
	r.do("adams", "DELETE", url, "").is(t, 204)
	r.do("adams", "GET", "Patient/"+id, "").is(t, 410)
	r.do("adams", "PATCH", url, activate).is(t, 404)
}

// http-core 8: preconditions of an update.
func TestUpdatePreconditions(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", patient("1", "One"))
	url, body := "Patient/"+id, withID(patient("1", "Two"), id)
	version := r.do("adams", "GET", url, "").version()
	r.do("adams", "PUT", url, body, `If-Match: W/"wrong"`).refused(t, 412, "http.If-Match")
	r.do("adams", "PUT", url, body, "If-Match: wrong").refused(t, 400, "http.If-Match")
	r.do("adams", "PUT", url, body, "If-None-Match: *").refused(t, 412, "http.If-None-Match")
	r.do("adams", "DELETE", url, "", `If-Match: W/"wrong"`).is(t, 412)
	r.do("adams", "PATCH", url, `[{"op":"remove","path":"/name"}]`, `If-Match: W/"wrong"`).is(t, 412)
	if got := r.do("adams", "GET", url, "").version(); got != version {
		t.Errorf("version = %q after refusals, want %q", got, version)
	}
	two := r.do("adams", "PUT", url, body, `If-Match: W/"wrong", W/"`+version+`"`).is(t, 200)
	r.do("adams", "PUT", url, body, `If-Match: "`+two.version()+`"`).is(t, 200)
	r.do("adams", "DELETE", url, "", "If-Match: *").is(t, 204)
	r.do("adams", "PUT", url, body, "If-Match: *").is(t, 412)
	r.do("adams", "PUT", url, body, "If-None-Match: *").is(t, 201)
}
