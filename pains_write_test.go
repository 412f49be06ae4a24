package firebreak_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"firebreak"
	"firebreak/audit"
	"firebreak/authz"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/policies"
	"firebreak/store"
)

const replaceStatus = `[{"op":"replace","path":"/status","value":"amended"}]`

func patchNeedsTheRightToUpdate(t *testing.T) {
	w := newTwins(t, with(people{"reader": like("adams", "user/*.rs"), "updater": like("adams", "user/*.u"), "v1": like("adams", "user/*.read")}), records...)
	for _, who := range []string{"reader", "v1"} {
		for _, url := range []string{"Observation/o1", "Observation/o2", "Observation/none", "Observation?_id=o1", "Observation?_id=o2"} {
			w.ask(who, "PATCH", url, replaceStatus).is(t, 403)
			w.ask(who, "DELETE", url, "").is(t, 403)
		}
		w.ask(who, "PUT", "Observation/o1", observation("o1", "amy", "05", "")).is(t, 403)
		w.ask(who, "POST", "Observation", observation("o1", "amy", "05", "")).is(t, 403)
	}
	// A patch tells what it tested: without the right to read there is none.
	w.ask("updater", "PATCH", "Observation/o1", `[{"op":"test","path":"/status","value":"final"}]`).is(t, 403)
	w.ask("adams", "PATCH", "Observation/o1", replaceStatus).is(t, 200)
	w.ask("adams", "PATCH", "Observation/o2", replaceStatus).is(t, 404)
	w.ask("adams", "PATCH", "Observation/o2", `[{"op":"test","path":"/status","value":"final"}]`).is(t, 404)
}

func batchOf(kind string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
}

func entryGet(url string) string { return `{"request":{"method":"GET","url":"` + url + `"}}` }

func entryPut(url, body string) string {
	return `{"resource":` + body + `,"request":{"method":"PUT","url":"` + url + `"}}`
}

func entriesCarryNoCredentials(t *testing.T) {
	w := twoHospitals(t)
	for _, extra := range []string{`"authorization":"Bearer chen"`, `"headers":{"Authorization":"Bearer chen"}`, `"principal":"chen"`} {
		for _, kind := range []string{"batch", "transaction"} {
			a := w.ask("adams", "POST", "", batchOf(kind, `{"request":{"method":"GET","url":"Observation/o2",`+extra+`}}`))
			if strings.Contains(a.body, `"Patient/sam"`) || kind == "transaction" && a.status < 400 {
				t.Errorf("%s with %s: %v", kind, extra, a)
			}
		}
	}
	for _, url := range []string{"Observation/o2?access_token=chen", "Observation/o2?_principal=chen", "Observation/o2?Authorization=Bearer%20chen"} {
		if a := w.ask("adams", "GET", url, ""); a.status != 404 {
			t.Errorf("%s: %v", url, a)
		}
		if a := w.ask("", "GET", url, ""); a.status != 401 {
			t.Errorf("%s without a token: %v", url, a)
		}
	}
}

func bundlesGetNoFavours(t *testing.T) {
	w := twoHospitals(t)
	mine := observation("o1", "amy", "05", "")
	for _, kind := range []string{"batch", "transaction"} {
		w.ask("", "POST", "", batchOf(kind, entryGet("Observation/o1"))).is(t, 401)
		w.ask("adams", "POST", "", batchOf(kind, entryGet("Observation/o2"), entryGet("Observation/o1")))
		w.ask("adams", "POST", "", batchOf(kind, entryGet("Observation/o1"), entryPut("Observation/o2", observation("o2", "sam", "06", ""))))
		w.ask("adams", "POST", "", batchOf(kind, `{"request":{"method":"DELETE","url":"Observation/o2"}}`))
		w.ask("adams", "POST", "", batchOf(kind, `{"request":{"method":"DELETE","url":"Patient?name=sam"}}`))
		w.ask("adams", "POST", "", batchOf(kind, `{"resource":`+mine+`,"request":{"method":"POST","url":"Observation","ifNoneExist":"_id=o2"}}`))
		w.ask("adams", "POST", "", batchOf(kind, `{"resource":`+observation("x", "amy", "05", `,"focus":[{"reference":"Patient?identifier=urn:s|2"}]`)+`,"request":{"method":"POST","url":"Observation"}}`))
		a := w.ask("adams", "POST", "", batchOf(kind, `{"resource":`+batchOf("batch", entryGet("Observation/o2"))+`,"request":{"method":"POST","url":"/"}}`))
		if kind == "transaction" && a.status != 400 || kind == "batch" && !strings.Contains(a.body, `"status":"400 `) {
			t.Errorf("a nested bundle in a %s: %v", kind, a)
		}
	}
	reader := newTwins(t, with(people{"reader": like("adams", "user/*.rs")}), records...)
	reader.ask("reader", "POST", "", batchOf("transaction", entryGet("Observation/o1"), entryPut("Observation/o1", mine))).is(t, 403)
	if a := reader.ask("reader", "POST", "", batchOf("batch", entryGet("Observation/o1"), entryPut("Observation/o1", mine))); !strings.Contains(a.body, `"status":"403 `) {
		t.Errorf("a change in a batch: %v", a)
	}
}

func hiddenLooksAbsentToEveryMethod(t *testing.T) {
	w := twoHospitals(t)
	for _, id := range []string{"o2", "o3"} {
		u := "Observation/" + id
		for _, q := range []struct{ method, url, body, header string }{
			{"GET", u, "", ""}, {"HEAD", u, "", ""}, {"GET", u, "", `If-None-Match: W/"1"`}, {"GET", u + "?_summary=true", "", ""},
			{"GET", u + "/_history", "", ""}, {"GET", u + "/_history/1", "", ""}, {"GET", u + "?_format=xml", "", ""},
			{"PUT", u, observation(id, "amy", "07", ""), ""}, {"PUT", u, observation(id, "amy", "07", ""), `If-Match: W/"1"`}, {"PUT", u, observation("other", "amy", "07", ""), ""},
			{"PATCH", u, replaceStatus, ""}, {"PATCH", u, `[{"op":"remove","path":"/nonsense"}]`, ""}, {"PATCH", u, `nonsense`, ""},
			{"DELETE", u, "", ""}, {"DELETE", u, "", `If-Match: W/"1"`}, {"GET", "Observation?_id=" + id, "", ""}, {"POST", u, "", ""},
		} {
			header := []string{q.header}
			if q.header == "" {
				header = nil
			}
			a := w.ask("adams", q.method, q.url, q.body, header...)
			absent := w.ask("adams", q.method, strings.ReplaceAll(q.url, id, "zz"), strings.ReplaceAll(q.body, id, "zz"), header...)
			if a.status != absent.status {
				t.Errorf("%s %s: %d, for an id that never was %d", q.method, q.url, a.status, absent.status)
			}
		}
		w.bare.do("chen", "GET", u, "")
		if a := w.full.do("chen", "GET", u, ""); a.status != 200 {
			t.Errorf("%s was changed: %v", u, a)
		}
	}
}

func conditionsRunOverV(t *testing.T) {
	w := twoHospitals(t)
	patient := `{"resourceType":"Patient","identifier":[{"system":"urn:s","value":"2"}],"name":[{"family":"Double"}]}`
	w.ask("adams", "DELETE", "Patient?name=samson", "").is(t, 204)
	w.ask("adams", "DELETE", "Observation?code=8867-4&date=2026-01-07", "").is(t, 204)
	w.ask("adams", "PATCH", "Observation?date=2026-01-06", replaceStatus).is(t, 404)
	w.ask("adams", "PUT", "Observation?date=2026-01-07", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"effectiveDateTime":"2026-01-07"}`).is(t, 201)
	// A duplicate of something hidden is created, and only of something seen is not.
	w.ask("adams", "POST", "Patient", patient, "If-None-Exist: identifier=urn:s|2").is(t, 201)
	w.ask("adams", "POST", "Patient", patient, "If-None-Exist: identifier=urn:n|1").is(t, 200)
	for _, u := range []string{"Patient/sam", "Observation/o2", "Observation/o3"} {
		if a := w.full.do("chen", "GET", u, ""); a.status != 200 || !strings.Contains(a.body, `"versionId"`) {
			t.Errorf("%s was changed: %v", u, a)
		}
	}
}

func aServerNeedsEveryPart(t *testing.T) {
	if _, err := firebreak.New(firebreak.Parts{}); err == nil {
		t.Error("a server without parts starts")
	}
	r := newRig(t)
	whole := firebreak.Parts{Base: base, Authn: r.people, Layers: []gate.Authorizer{authz.NewScopes(search.NewExtractor(base), base)},
		Backend: firebreak.SQL{Store: r.store}, Journal: r.journal, Clock: r.clock, PageKey: make([]byte, 32)}
	if _, err := firebreak.New(whole); err != nil {
		t.Fatal(err)
	}
	for name, without := range map[string]func(*firebreak.Parts){
		"authentication": func(p *firebreak.Parts) { p.Authn = nil }, "layers": func(p *firebreak.Parts) { p.Layers = nil },
		"a journal": func(p *firebreak.Parts) { p.Journal = nil }, "a backend": func(p *firebreak.Parts) { p.Backend = nil },
		"a clock": func(p *firebreak.Parts) { p.Clock = nil }, "a page key": func(p *firebreak.Parts) { p.PageKey = nil },
	} {
		p := whole
		if without(&p); true {
			if _, err := firebreak.New(p); err == nil {
				t.Errorf("a server without %s starts", name)
			}
		}
	}
}

func denialsAreOnRecord(t *testing.T) {
	w := twoHospitals(t)
	for _, q := range []struct {
		who, method, url string
		status           int
		kind             audit.Kind
	}{
		{"", "GET", "Observation/o1", 401, audit.Denial}, {"forged", "GET", "Observation/o1", 401, audit.Denial}, {"roleless", "GET", "Observation/o1", 403, audit.Denial},
		{"adams", "GET", "Observation/o2", 404, audit.Denial}, {"adams", "GET", "Nonsense/1", 404, audit.Denial}, {"adams", "GET", "Observation?_count=x", 400, audit.Denial},
		{"adams", "GET", "Observation/o1", 200, audit.Disclosure}, {"adams", "DELETE", "Observation/o2", 204, audit.Outcome}, {"adams", "DELETE", "Observation/o1", 204, audit.Outcome},
	} {
		before := len(w.full.journal.Payloads())
		if a := w.full.do(q.who, q.method, q.url, ""); a.status != q.status {
			t.Errorf("%s %s as %q: want %d: %v", q.method, q.url, q.who, q.status, a)
		}
		last := lastRecord(t, w.full, before)
		if last.Kind != q.kind || last.Status != q.status || !strings.Contains(string(last.Query), q.url) {
			t.Errorf("%s %s as %q: the record is %+v", q.method, q.url, q.who, last)
		}
	}
}

func lastRecord(t *testing.T, r *rig, before int) audit.Record {
	t.Helper()
	list := r.journal.Payloads()
	if len(list) == before {
		return audit.Record{}
	}
	rec, err := audit.ParseRecord(list[len(list)-1])
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// serverOver is another server over a rig's store and journal.
func serverOver(t *testing.T, r *rig, log ...*slog.Logger) *firebreak.Server {
	t.Helper()
	pol, err := authz.NewPolicies(func() (fs.FS, error) { return policies.Default(), nil })
	if err != nil {
		t.Fatal(err)
	}
	parts := firebreak.Parts{Base: base, Authn: r.people, Layers: []gate.Authorizer{authz.NewScopes(search.NewExtractor(base), base), pol},
		Backend: firebreak.SQL{Store: r.store}, Journal: r.journal, Clock: r.clock, PageKey: make([]byte, 32), IDs: r.ids}
	if len(log) > 0 {
		parts.Log = log[0]
	}
	server, err := firebreak.New(parts)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// loggedRig is a rig whose server logs into b.
func loggedRig(t *testing.T, who people, b *bytes.Buffer) *rig {
	t.Helper()
	log := slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := clock.NewFixed(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	st := openSQLite(t, store.Options{Clock: c, Base: base, Readers: 2, Log: log})
	t.Cleanup(func() { _ = st.Close() })
	r := &rig{t: t, store: st, journal: audit.NewMemory(), clock: c, ids: &seeded{}, people: who}
	r.server = serverOver(t, r, log)
	return r
}

func logsHoldNoCanary(t *testing.T) {
	const token, content = "cAnArY-token", "cAnArY-content"
	who := with(people{token: standard()["adams"]})
	var b bytes.Buffer
	r := loggedRig(t, who, &b)
	r.put("importer", `{"resourceType":"Patient","id":"`+content+`","name":[{"family":"`+content+`"}]}`)
	ask := func() {
		for _, url := range []string{"Patient/" + content, "Patient?name=" + content, "Patient?_id=" + content + "&_count=x", "Patient?access_token=" + token, "Nonsense/" + content,
			"Patient/" + content + "/$" + content, "Patient?name:" + content + "=1", "?_page=" + content} {
			r.do(token, "GET", url, "", "X-Request-Id: 1")
		}
		r.do(token, "POST", "Patient", `{"resourceType":"Patient","`+content+`":1}`)
		r.do(token, "POST", "Patient", `{"resourceType":"Patient","name":[{"family":"`+content+`"}]}`)
		r.do(token, "PATCH", "Patient/"+content, `[{"op":"test","path":"/`+content+`","value":"`+content+`"}]`)
		r.do(token, "POST", "Patient", content)
		r.do(token+"2", "GET", "Patient/"+content, "")
		r.do(token, "POST", "", batchOf("transaction", `{"resource":{"resourceType":"Patient","name":[{"family":"`+content+`"}]},"request":{"method":"POST","url":"Patient?x=`+content+`"}}`))
	}
	ask()
	for _, p := range r.journal.Payloads() {
		rec, err := audit.ParseRecord(p)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprintf("%s %+v", rec.Query, rec), token) {
			t.Errorf("the journal holds a token: %s", rec.Query)
		}
		if strings.Contains(rec.Detail, content) {
			t.Errorf("a record's detail holds content: %s", rec.Detail)
		}
	}
	// Errors of our own are logged: with their place, without what was asked.
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	ask()
	r.journal.Fail(errors.New("disk"))
	ask()
	if b.Len() == 0 {
		t.Fatal("nothing was logged: the test proves nothing")
	}
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, token) || strings.Contains(line, content) {
			t.Errorf("logged: %s", line)
		}
	}
}

func provenanceIsNotHalfRead(t *testing.T) {
	r := newRig(t)
	r.ids.seed("provenance")
	req := fhir.Request{Method: "POST", Path: "Patient", Authorization: "Bearer adams", ContentType: "application/fhir+json", Visit: "v", Base: base,
		Body: []byte(`{"resourceType":"Patient"}`), Provenance: `{"resourceType":"Provenance","target":[{"reference":"Patient/x"}]}`}
	w := httptest.NewRecorder()
	if _, err := r.server.Serve(context.Background(), req).WriteTo(w, false); err != nil || w.Code != 201 {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	if a := r.do("warehouse", "GET", "Provenance?_summary=count", ""); a.json(t)["total"] != 0.0 {
		t.Errorf("a Provenance was stored: %v", a)
	}
}

func security(code string) string {
	return `,"meta":{"security":[` + `{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"` + code + `"}]}`
}

func labelsAreJudgedBeforeAndAfter(t *testing.T) {
	who := with(people{"nina": like("adams", "user/*.cruds", "nurse")})
	w := newTwins(t, who, records[1], seen(observation("n1", "amy", "05", "")), stored{true, "importer", observation("r1", "amy", "05", security("R"))})
	// What was restricted can't be unlabelled by whoever may not see it,
	w.ask("nina", "PUT", "Observation/r1", observation("r1", "amy", "05", "")).is(t, 405)
	w.ask("nina", "PATCH", "Observation/r1", `[{"op":"remove","path":"/meta/security"}]`).is(t, 404)
	w.ask("nina", "DELETE", "Observation/r1", "").is(t, 204)
	// and nobody can hide a record from everyone, himself included.
	w.ask("nina", "PUT", "Observation/n1", observation("n1", "amy", "05", security("R"))).is(t, 403)
	w.ask("nina", "PUT", "Observation/n1", observation("n1", "amy", "05", security("XX"))).is(t, 400)
	if a := w.full.do("adams", "GET", "Observation/r1", ""); a.status != 200 || !strings.Contains(a.body, `"code":"R"`) {
		t.Errorf("the restricted record was changed: %v", a)
	}
}

func strictestLabelDecides(t *testing.T) {
	who := with(people{"nina": like("adams", "user/*.cruds", "nurse")})
	two := func(a, b string) string {
		code := func(c string) string {
			if len(c) > 1 {
				return `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"` + c + `"}`
			}
			return `{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"` + c + `"}`
		}
		return `,"meta":{"security":[` + code(a) + `,` + code(b) + `]}`
	}
	for _, labels := range [][2]string{{"N", "R"}, {"R", "N"}, {"R", "PSY"}, {"PSY", "R"}, {"U", "V"}} {
		w := newTwins(t, who, records[1], records[2], stored{true, "importer", observation("x1", "amy", "05", two(labels[0], labels[1]))})
		w.ask("nina", "GET", "Observation/x1", "").is(t, 404)
		w.count("nina", "Observation?code=8867-4", 0)
		w.count("nina", "Patient?_has:Observation:patient:code=8867-4", 0)
	}
	w := newTwins(t, who, records[1], records[2], stored{true, "importer", observation("v1", "amy", "05", two("N", "V"))})
	w.ask("adams", "GET", "Observation/v1", "").is(t, 404)
	w.count("adams", "Observation?_security=V", 0)
}

func contentIsInert(t *testing.T) {
	r := newRig(t)
	for _, media := range []string{"application/fhir+xml", "application/xml", "text/xml"} {
		r.do("adams", "POST", "Patient", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir">&e;</Patient>`, "Content-Type: "+media).is(t, 415)
	}
	r.do("adams", "POST", "Patient", strings.Repeat(`{"extension":[`, 5000)).is(t, 400)
	r.do("adams", "POST", "Patient", `{"resourceType":"Patient","gender":"male","gender":"female"}`).is(t, 400)
	binary := newTwins(t, standard(), records[1], hidden(`{"resourceType":"Binary","id":"b1","contentType":"text/plain","data":"c2VjcmV0"}`),
		hidden(`{"resourceType":"Binary","id":"b2","contentType":"text/plain","securityContext":{"reference":"Patient/amy"},"data":"c2VjcmV0"}`))
	for _, id := range []string{"b1", "b2"} {
		binary.ask("adams", "GET", "Binary/"+id, "").is(t, 404)
	}
	binary.count("adams", "Binary", 0)
}
