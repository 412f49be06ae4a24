package firebreak_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firebreak"
	"firebreak/audit"
)

const asForm = "Content-Type: application/x-www-form-urlencoded"

// smallestJournal takes what the journal of the smallest configuration takes.
func smallestJournal(t *testing.T, r *rig, dir string) *audit.Log {
	t.Helper()
	l, err := audit.Open(dir, audit.Options{Clock: r.clock.Now, SegmentSize: audit.SmallestSegment})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// What a client sends is no reason for the journal to fail, and so to withhold
// answers: it is refused as too much, and that is on record.
func TestNoRequestIsTooLongForTheJournal(t *testing.T) {
	r := newWard(t).with
	small := smallestJournal(t, r, t.TempDir())
	long := "name=" + strings.Repeat("a", 3<<20)
	get := func(url string) string { return `{"request":{"method":"GET","url":"` + url + `"}}` }
	create := `{"resource":{"resourceType":"Basic","code":{"text":"x"}},"request":{"method":"POST","url":"Basic","ifNoneExist":"` + long + `"}}`
	for _, c := range []struct {
		name, who, method, url, body, media string
		status                              int
		says                                string
	}{
		{"a form, of nobody", "", "POST", "Patient/_search", long, asForm, 401, `"login"`},
		{"a form", "adams", "POST", "Patient/_search", long, asForm, 413, `"http.body"`},
		{"many parameters", "adams", "POST", "Patient/_search", strings.Repeat("x1=a&x2=a&", 90<<10), asForm, 413, `"too-costly"`},
		{"a form within the limit", "adams", "POST", "Patient/_search", "x1=" + strings.Repeat("a", 60<<10), asForm, 200, `"searchset"`},
		{"a query", "adams", "GET", "Patient?" + long, "", "Accept: application/fhir+json", 400, `"http.name"`},
		{"an entry of a batch", "adams", "POST", "", batchOf("batch", get("Patient/amy"), get("Patient?"+long)), "Accept: */*", 200, `"Bundle.entry[1].request.url"`},
		{"an entry's condition", "adams", "POST", "", batchOf("batch", create), "Accept: */*", 200, `"Bundle.entry[0].request.ifNoneExist"`},
		{"an entry of a transaction", "adams", "POST", "", batchOf("transaction", get("Patient?"+long)), "Accept: */*", 414, `"Bundle.entry[0].request.url"`},
	} {
		since := len(r.journal.Payloads())
		a := r.do(c.who, c.method, c.url, c.body, c.media)
		if a.status != c.status || !strings.Contains(a.body, c.says) {
			t.Errorf("%s: %d %.300s, want %d with %s", c.name, a.status, a.body, c.status, c.says)
		}
		made := r.journal.Payloads()[since:]
		if len(made) == 0 {
			t.Errorf("%s is not on record", c.name)
		}
		for _, p := range made {
			if _, err := small.Append(context.Background(), p); err != nil {
				t.Errorf("%s: a record of %d bytes: %v", c.name, len(p), err)
			}
		}
	}
}

// However much one answer shows or one transaction makes, all of it is on
// record, also when the outcome is put there after a crash.
func TestWhatIsLargeIsOnRecordWhole(t *testing.T) {
	r, dir := newRig(t), t.TempDir()
	small, recovered := smallestJournal(t, r, t.TempDir()), smallestJournal(t, r, dir)
	entries := make([]string, 1000)
	for n := range entries {
		entries[n] = fmt.Sprintf(`{"resource":{"resourceType":"Patient","id":"%064d"},"request":{"method":"PUT","url":"Patient/%064d"}}`, n, n)
	}
	since := len(r.journal.Payloads())
	r.do("importer", "POST", "", batchOf("transaction", entries...), "Prefer: return=minimal").is(t, 200)
	holdsAll(t, "a transaction", small, r.journal.Payloads()[since:], 1000)

	if err := firebreak.Recover(context.Background(), r.store, recovered); err != nil {
		t.Errorf("recovery: %v", err)
	}
	var payloads [][]byte
	if err := audit.Scan(dir, 1, func(e audit.Entry) error { // but for the opening
		payloads = append(payloads, slices.Clone(e.Payload))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	holdsAll(t, "a recovered transaction", small, payloads, 1000)

	since = len(r.journal.Payloads())
	r.do("adams", "GET", "Patient?_count=500", "").is(t, 200)
	holdsAll(t, "a page", small, r.journal.Payloads()[since:], 500)
}

func holdsAll(t *testing.T, name string, small *audit.Log, payloads [][]byte, want int) {
	t.Helper()
	targets, patients := map[string]bool{}, map[string]bool{}
	for _, p := range payloads {
		rec, err := audit.ParseRecord(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range rec.Targets {
			targets[x.ID] = true
		}
		for _, p := range rec.Patients {
			patients[p] = true
		}
		if _, err := small.Append(context.Background(), p); err != nil {
			t.Errorf("%s: a record of %d bytes: %v", name, len(p), err)
		}
	}
	if len(targets) != want || len(patients) != want {
		t.Errorf("%s: %d versions and %d patients are on record, want %d", name, len(targets), len(patients), want)
	}
}

// oneLost is a journal that has no room for one record and takes all others.
type oneLost struct {
	*audit.Memory
	lost, n int
}

func (j *oneLost) Begin(payload []byte) *audit.Pending {
	if j.n++; j.n == j.lost {
		payload = slices.Repeat([]byte("x"), audit.MaxPayload+1) // which it refuses
	}
	return j.Memory.Begin(payload)
}

func TestNoRecordOfAVisitMayBeMissing(t *testing.T) {
	for lost := 1; lost <= 3; lost++ {
		r := newRig(t)
		r = r.serverWith(func(p *firebreak.Parts) { p.Journal = &oneLost{Memory: r.journal, lost: lost} })
		read := `{"request":{"method":"GET","url":"Patient/absent"}}`
		if a := r.do("adams", "POST", "", batchOf("batch", read, read, read)); a.status != 503 || a.body != "" {
			t.Errorf("without record %d of 3: %v, want an empty 503", lost, a)
		}
	}
}

// A token in the query or in a form is not looked at, and not kept.
func TestNoCredentialSentAsAParameterIsOnRecord(t *testing.T) {
	r := newRig(t)
	const canary = "s3cr3t-canary"
	for _, pair := range []string{"access_token=" + canary, "TOKEN=" + canary, "a=1&client%5Fsecret=" + canary, "name=x;password=" + canary} {
		for _, who := range []string{"", "adams"} {
			r.do(who, "GET", "Patient?"+pair, "")
			r.do(who, "POST", "Patient/_search?"+pair, pair, asForm)
			r.do(who, "POST", "Patient/_search", `{"access_token":"`+canary+`"}`, "Content-Type: application/json")
			r.do(who, "POST", "", batchOf("batch", `{"request":{"method":"GET","url":"Patient?`+pair+`"}}`))
			r.do(who, "PUT", "Basic?"+pair, `{"resourceType":"Basic","code":{"text":"x"}}`)
		}
	}
	for _, p := range r.journal.Payloads() {
		rec, err := audit.ParseRecord(p)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprintf("%s %+v", rec.Query, rec), canary) {
			t.Errorf("the journal holds a credential: %s", rec.Query)
		}
	}
}
