package firebreak_test

import (
	"database/sql"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"firebreak"
	"firebreak/audit"
	"firebreak/fhir"
	"firebreak/gate"
)

// curious explains requests, and sends them.
type curious struct {
	*testing.T
	*firebreak.Instance
	dir  string
	who  map[string]string // Authorization headers
	v    map[string]string // versions by name
	seen int               // questions asked
}

// explained is an instance with the records of two hospitals: p1, and p2 whom
// chen of the south treats by an asserted care team, are of the north. moved was
// written for the north and then for the south.
func explained(t *testing.T, postgres string) *curious {
	t.Helper()
	dir := t.TempDir()
	cfg := local(t, dir)
	cfg.Store.Postgres = postgres
	a := &curious{T: t, Instance: openInstance(t, cfg), dir: dir, v: map[string]string{}, who: map[string]string{
		"adams":   mint(t, dir, "adams", "Practitioner/adams", "Organization/north", "physician"),
		"chen":    mint(t, dir, "chen", "Practitioner/chen", "Organization/south", "physician"),
		"admin":   mint(t, dir, "admin", "Practitioner/admin", "", "admin"),
		"bringer": mint(t, dir, "bringer", "Practitioner/bringer", "Organization/north", "importer"),
	}}
	a.bring("north", `{"resourceType":"Organization","id":"north","name":"North"}`, `{"resourceType":"Organization","id":"south","name":"South"}`,
		`{"resourceType":"Patient","id":"p1","name":[{"family":"Secretive"}]}`, `{"resourceType":"Patient","id":"p2","name":[{"family":"Secretive"}]}`,
		`{"resourceType":"CareTeam","id":"team","status":"active","subject":{"reference":"Patient/p2"},"participant":[{"member":{"reference":"Practitioner/chen"}}]}`,
		`{"resourceType":"Patient","id":"moved"}`)
	a.v["first"] = a.version("adams", "Patient/moved")
	a.bring("south", `{"resourceType":"Patient","id":"moved","active":true}`)
	a.v["second"] = a.version("chen", "Patient/moved")
	return a
}

func (a *curious) bring(house string, resources ...string) {
	a.Helper()
	var entries []string
	for _, r := range resources {
		m := regexp.MustCompile(`"resourceType":"(\w+)","id":"(\w+)"`).FindStringSubmatch(r)
		entries = append(entries, fmt.Sprintf(`{"resource":%s,"request":{"method":"PUT","url":"%s/%s"}}`, r, m[1], m[2]))
	}
	text := `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
	done, err := a.Import(a.Context(), firebreak.Import{Writer: firebreak.Writer{Organization: "Organization/" + house}, Bundle: []byte(text)})
	if err != nil || done.Status != 200 {
		a.Fatalf("Import = %d %s, %v", done.Status, done.Outcome, err)
	}
}

// explain asks; "first" and "second" in a target are the versions of that name.
func (a *curious) explain(who, method, target, body string) string {
	a.Helper()
	a.seen++
	text, err := a.Explain(a.Context(), firebreak.Question{Authorization: a.who[who], Method: method, Target: a.target(target), Body: []byte(body)})
	if err != nil {
		a.Fatalf("Explain(%s %s %s): %v", who, method, target, err)
	}
	if strings.Contains(text, "Secretive") || strings.Contains(text, "DIFFER") {
		a.Errorf("it shows content, or the nets differ:\n%s", text)
	}
	return text
}

func (a *curious) target(target string) string {
	for name, v := range a.v {
		target = strings.ReplaceAll(target, name, v)
	}
	return target
}

func (a *curious) version(who, reference string) string {
	a.Helper()
	return regexp.MustCompile(`, version (\w+),`).FindStringSubmatch(a.explain(who, "GET", "/"+reference, ""))[1]
}

// send is the status that the wire answers.
func (a *curious) send(who, method, target, body string) int {
	path, query, _ := strings.Cut(strings.TrimPrefix(a.target(target), "/"), "?")
	req := fhir.Request{Method: method, Path: path, Query: query, Body: []byte(body), Authorization: a.who[who], Visit: target, Base: base,
		ContentType: "application/fhir+json"}
	switch {
	case method == "PATCH":
		req.ContentType = "application/json-patch+json"
	case strings.HasSuffix(path, "_search"):
		req.ContentType = "application/x-www-form-urlencoded"
	}
	w := httptest.NewRecorder()
	if _, err := a.Serve(a.Context(), req).WriteTo(w, false); err != nil {
		a.Fatal(err)
	}
	return w.Code
}

func (a *curious) wants(text string, all ...string) {
	a.Helper()
	for _, want := range all {
		if !strings.Contains(text, want) {
			a.Errorf("no %q in\n%s", want, text)
		}
	}
}

const (
	p1Renamed   = `{"resourceType":"Patient","id":"p1","name":[{"family":"Secretive-Two"}]}`
	p2Renamed   = `{"resourceType":"Patient","id":"p2","name":[{"family":"Secretive-Two"}]}`
	p9          = `{"resourceType":"Patient","id":"p9"}`
	gender      = `[{"op":"add","path":"/gender","value":"other"}]`
	badPatch    = `[{"op":"remove","path":"/nothing"}]`
	newPatient  = `{"resourceType":"Patient","gender":"other"}`
	newPerson   = `{"resourceType":"Practitioner"}`
	entryOfRead = `{"request":{"method":"GET","url":"Patient/p2"}}`
)

func inBundle(kind string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
}

func TestExplainTellsTheOperatorWhatTheWireDoesNot(t *testing.T) {
	a := explained(t, "")
	for _, c := range []struct {
		name, who, method, target string
		want                      []string
	}{
		{"own hospital's", "adams", "GET", "/Patient/p1", []string{"policy: permit (clinicians-see-their-organisation", "written for Organization/north",
			"net 1, which is part of the query: it is found", "verdict: visible; both nets permit; the wire answers 200"}},
		{"the other's", "chen", "GET", base + "/Patient/p1", []string{"policy: deny (no policy permits it)",
			"verdict: hidden by both nets; the wire answers 404 (no such resource), as for what does not exist"}},
		{"by care team", "chen", "GET", "/Patient/p2", []string{"an asserted care team of its patient: true", "policy: permit (clinicians-see-their-patients)",
			"verdict: visible; both nets permit; the wire answers 200"}},
		{"absent", "chen", "GET", "/Patient/nobody", []string{"verdict: there is no such resource in tenant", "the wire answers 404"}},
		{"refused by rule", "admin", "GET", "/Patient/p1", []string{"admission: refused, 403", "verdict: refused at admission; nothing stored is looked at; the wire answers 403"}},
		{"a version since hidden", "adams", "GET", "/Patient/moved/_history/first", []string{"net 2: what each layer says of this version", "written for Organization/south",
			"verdict: hidden by both nets: the version may be seen, its resource's current version may not; the wire answers 404"}},
		{"a version hidden before", "chen", "GET", "/Patient/moved/_history/first", []string{
			"verdict: hidden by both nets: its resource's current version may be seen, the version may not; the wire answers 404"}},
		{"a version that never was", "chen", "GET", "/Patient/moved/_history/nothing", []string{"verdict: there is no such version of it; the wire answers 404"}},
		{"a change of what is hidden", "chen", "DELETE", "/Patient/p1", []string{"net 2: what each layer says to delete it", "to delete it is deny",
			"the wire answers 204, as for what does not exist"}},
		{"a change of what may be seen", "chen", "DELETE", "/Patient/p2", []string{"verdict: visible; both nets permit; to delete it is deny; the wire answers 403"}},
		{"a search", "chen", "GET", "/Patient?family=x", []string{"match search Patient.family", "about no single resource", "the wire answers 200, showing 0 resources"}},
		{"the public statement", "chen", "GET", "/metadata", []string{"public: the CapabilityStatement is the same for everybody", "verdict: the wire answers 200"}},
		{"a mistake", "chen", "GET", "/Patient?family:nonsense=x", []string{"not understood", "the answer is 400 whatever is stored"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.T = t
			a.wants(a.explain(c.who, c.method, c.target, ""), c.want...)
		})
	}
	a.T = t
	if _, err := a.Explain(t.Context(), firebreak.Question{Authorization: "Bearer x", Method: "GET", Target: "/Patient/p1"}); err == nil {
		t.Error("explained for nobody")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	asked := 0
	err := audit.Scan(filepath.Join(a.dir, "audit"), 0, func(e audit.Entry) error {
		r, err := audit.ParseRecord(e.Payload)
		if r.Kind == audit.Decision && r.Operation == "explain" {
			asked++
		}
		return err
	})
	if err != nil || asked != a.seen {
		t.Errorf("%d questions are on record, want %d (%v)", asked, a.seen, err)
	}
}

func TestExplainOfAChangeTellsWhatItWouldMake(t *testing.T) {
	a := explained(t, "")
	defer a.Close()
	text := a.explain("adams", "PUT", "/Patient/p1", `{"resourceType":"Patient","id":"p1","meta":{"security":[
	 {"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}}`)
	a.wants(text, "what the change would make", "confidentiality R", "author Practitioner/adams", "the wire answers 200")
	if n := strings.Count(text, "what the change would make"); n != 1 {
		t.Errorf("what it makes is told %d times:\n%s", n, text)
	}
	a.wants(a.explain("chen", "PUT", "/Patient?_id=p2", p2Renamed), "the resource that the condition matches", "policy: deny", "the wire answers 403")
	text = a.explain("adams", "POST", "/", inBundle("transaction", entryOfRead,
		`{"fullUrl":"urn:uuid:1","resource":`+newPatient+`,"request":{"method":"POST","url":"Patient"}}`))
	a.wants(text, "---- Bundle.entry[1]: POST /Patient", "change create Patient", "what it makes is judged by its content", "every entry may be tried")
	a.wants(a.explain("adams", "POST", "/", inBundle("batch", entryOfRead, `{"request":{"method":"GET","url":"Nonsense/1"}}`)),
		"verdict: visible; both nets permit", "---- Bundle.entry[1]: GET /Nonsense/1", "not understood")
}

func TestExplainWithoutABodyTellsWhatTheTargetDecides(t *testing.T) {
	a := explained(t, "")
	defer a.Close()
	const open = "what it makes is judged by its content; give it with --body"
	for _, c := range []struct {
		who, method, target string
		want                []string
	}{
		{"adams", "POST", "/Patient", []string{"change create Patient", "net 1: what a row of Patient must satisfy to create it", open}},
		{"admin", "POST", "/Patient", []string{"admission: refused, 403", "the wire answers 403"}},
		{"adams", "PUT", "/Patient/p1", []string{"net 2: what each layer says to update it", "to update it is permit; the stored version may be replaced; " + open}},
		{"chen", "PUT", "/Patient/p1", []string{"hidden by both nets; to update it is deny; with valid content, the wire answers 405"}},
		{"chen", "PUT", "/Patient/p2", []string{"visible; both nets permit; to update it is deny; with valid content, the wire answers 403"}},
		{"chen", "PUT", "/Patient/nobody", []string{"there is no such resource", "the wire answers 405"}},
		{"bringer", "PUT", "/Patient/nobody", []string{"nothing is there, so it creates; " + open}},
		{"chen", "PATCH", "/Patient/p1", []string{"see read Patient", "with valid content, the wire answers 404"}},
		{"adams", "PATCH", "/Patient/p1", []string{open}},
		{"chen", "PUT", "/Patient?_id=p2", []string{"the resource that the condition matches", "the wire answers 403"}},
		{"chen", "POST", "/", []string{"give the Bundle with --body"}},
		{"chen", "POST", "/Patient/$validate", []string{"nothing stored", "give that with --body"}},
		{"chen", "PUT", "/Patient?family:nonsense=x", []string{"not understood"}},
	} {
		text := a.explain(c.who, c.method, c.target, "")
		a.wants(text, c.want...)
		if strings.Contains(text, "400") && !strings.Contains(c.target, "nonsense") {
			t.Errorf("%s %s: what has no body is called malformed\n%s", c.method, c.target, text)
		}
	}
}

func TestExplainNamesTheRuleOfAllThatIsTouched(t *testing.T) {
	a := explained(t, "")
	defer a.Close()
	for _, c := range []struct {
		who, target string
		want        []string
	}{
		{"chen", "/?_type=Patient,Observation", []string{"net 1: what a row of Patient, Observation must satisfy to search it, or is left out\n    scope:"}},
		{"chen", "/", []string{"see search (optional), each of\n        every resource type", "net 1: what a row of AuditEvent must satisfy to search it, or is left out\n    scope:\n        always\n    policy:\n        never"}},
		{"chen", "/Observation?subject:Patient.family=x", []string{"net 1: what a row of Observation must satisfy to search it\n",
			"net 1: what a row of Patient must satisfy to search it, or is left out"}},
		{"chen", "/Observation?_include=Observation:encounter", []string{"net 1: what a row of Encounter, EpisodeOfCare must satisfy to read it, or is left out"}},
		{"chen", "/Encounter?_revinclude=Observation:encounter", []string{"net 1: what a row of Observation must satisfy to search it, or is left out"}},
		{"chen", "/Patient?_include=*", []string{"must satisfy to read it, or is left out: an include may bring it in"}},
		{"chen", "/Patient?_revinclude=*", []string{"must satisfy to search it, or is left out: an include may bring it in"}},
		{"chen", "/Patient/p2/$everything", []string{"net 1: what a row of Patient must satisfy to read it\n", "Observation", "MedicinalProduct, ", "an include may bring it in"}},
	} {
		a.wants(a.explain(c.who, "GET", c.target, ""), c.want...)
	}
}

// split is a layer whose nets differ.
type split struct {
	rule   gate.Rule
	effect gate.Effect
}

func (split) Layer() string                                  { return "split" }
func (split) Epoch() string                                  { return "split" }
func (split) MayAssert(gate.Principal, string) (bool, error) { return true, nil }
func (split) MayImport(gate.Principal) (bool, error)         { return true, nil }
func (l split) Rule(gate.Principal, fhir.Action, string) (gate.Rule, error) {
	return l.rule, nil
}
func (l split) Decide(gate.Principal, fhir.Action, gate.Header, *gate.Content) (gate.Decision, error) {
	return gate.Decision{Effect: l.effect}, nil
}

func TestExplainTellsWhenTheNetsDiffer(t *testing.T) {
	for name, l := range map[string]split{
		"net 1 lets through": {gate.Always{}, gate.Denies},
		"net 1 hides":        {gate.KeyTest{Relation: gate.SubjectIs, Holder: "another"}, gate.Permits},
	} {
		a := explained(t, "")
		if err := a.Under(l); err != nil {
			t.Fatal(err)
		}
		text, err := a.Explain(t.Context(), firebreak.Question{Authorization: a.who["adams"], Method: "GET", Target: "/Patient/p1"})
		if err != nil || !strings.Contains(text, "verdict: THE TWO NETS DIFFER; the row is withheld, and this is a bug to report; the wire answers 404") {
			t.Errorf("%s: no alarm (%v) in\n%s", name, err, text)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExplainChangesNothing(t *testing.T) {
	a := explained(t, "")
	defer a.Close()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(a.dir, "store.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	count := func() string {
		rows, err := db.Query("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var out strings.Builder
		for rows.Next() {
			var name string
			var n int
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			if err := db.QueryRow("SELECT count(*) FROM " + name).Scan(&n); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "%s %d\n", name, n)
		}
		return out.String()
	}
	a.send("adams", "PATCH", "/Patient/p1", badPatch) // takes what came before out of the outbox, by a change of nothing
	before := count()
	if !strings.Contains(before, "version 7") {
		t.Fatalf("the tables are not as this test has them:\n%s", before)
	}
	a.explain("adams", "POST", "/Patient", newPatient)
	a.explain("adams", "PUT", "/Patient/p1", p1Renamed)
	a.explain("adams", "PATCH", "/Patient/p1", gender)
	a.explain("adams", "DELETE", "/Patient/p1", "")
	a.explain("bringer", "PUT", "/Patient/p9", p9)
	a.explain("adams", "POST", "/", inBundle("batch", `{"request":{"method":"DELETE","url":"Patient/p1"}}`))
	a.explain("adams", "POST", "/", inBundle("transaction", `{"request":{"method":"DELETE","url":"Patient/p1"}}`))
	if after := count(); after != before {
		t.Errorf("the store had\n%s and has\n%s", before, after)
	}
	if got := a.send("adams", "GET", "/Patient/p1", ""); got != 200 {
		t.Errorf("status %d after its deletion was explained, want 200", got)
	}
}
