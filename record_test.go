package firebreak_test

import "testing"

// A record says what was asked for and under which policies it was decided,
// however the request came and however it ended.
func TestRecordsSayWhatWasAskedAndUnderWhichPolicies(t *testing.T) {
	r := newWard(t).with
	for _, c := range []struct {
		who, method, url, body string
		interaction, typ, op   string
	}{
		{"adams", "GET", "Patient/amy", "", "read", "Patient", ""},
		{"chen", "GET", "Patient/amy", "", "read", "Patient", ""},
		{"admin", "GET", "Observation/o1", "", "read", "Observation", ""},
		{"adams", "GET", "Observation?_count=1", "", "search-type", "Observation", ""},
		{"adams", "GET", "Observation/_history", "", "history-type", "Observation", ""},
		{"adams", "GET", "", "", "search-system", "", ""},
		{"adams", "GET", "Patient/amy/$everything", "", "operation", "Patient", "$everything"},
		{"adams", "POST", "Patient/$validate", `{"resourceType":"Patient"}`, "operation", "Patient", "$validate"},
		{"adams", "POST", "Basic", `{"resourceType":"Basic","code":{"text":"x"}}`, "create", "Basic", ""},
		{"adams", "DELETE", "Basic/absent", "", "delete", "Basic", ""},
		{"adams", "POST", "", batchOf("batch", `{"request":{"method":"GET","url":"Patient/amy/$everything"}}`), "operation", "Patient", "$everything"},
		{"adams", "POST", "", batchOf("batch", `{"request":{"method":"GET","url":"Patient/absent"}}`), "read", "Patient", ""},
		{"adams", "POST", "", batchOf("transaction", `{"request":{"method":"GET","url":"Patient/amy"}}`), "transaction", "", ""},
	} {
		since := len(r.journal.Payloads())
		r.do(c.who, c.method, c.url, c.body)
		rec, _ := recordOf(t, r, since)
		if rec.Interaction != c.interaction || rec.ResourceType != c.typ || rec.Operation != c.op {
			t.Errorf("%s %s is on record as %q of %q, operation %q", c.method, c.url, rec.Interaction, rec.ResourceType, rec.Operation)
		}
		if rec.Epoch == "" {
			t.Errorf("%s %s: the record names no policies", c.method, c.url)
		}
	}
	page := nextLink(r.do("adams", "GET", "Observation?_count=1", "").body)
	since := len(r.journal.Payloads())
	r.do("adams", "GET", page, "")
	if rec, _ := recordOf(t, r, since); rec.ResourceType != "Observation" || rec.Epoch == "" {
		t.Errorf("a further page is on record as of %q under %q", rec.ResourceType, rec.Epoch)
	}
}
