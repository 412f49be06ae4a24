package smart_test

import (
	"net/url"
	"strings"
	"testing"

	"firebreak/smart/client"
)

// TestARecordSystemBeginsALaunchWithItsWholeContext: what it settles is what the
// application gets, once the person who may has signed in.
func TestARecordSystemBeginsALaunchWithItsWholeContext(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	anna := n.clinician()
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	ehr := n.register(client.Client{ID: "ehr", Name: "Record system", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/Patient.rs"}, Launches: true})
	made := ehr.ask("/launches", url.Values{"application": {a.c.ID}, "person": {string(anna.ID)}, "context": {`{"patient":"p2","encounter":"e-p2","intent":"reconcile",` +
		`"need_patient_banner":false,"tenant":"north","fhirContext":[{"reference":"ImagingStudy/1"},{"identifier":{"value":"7"},"type":"Claim"}]}`}})
	to, err := url.Parse(made.all["launch_url"].(string))
	must(t, err)
	same(w, "answer", []any{made.status, to.Query().Get("iss"), made.all["launch"] == to.Query().Get("launch"), made.all["expires_in"]}, []any{201, base, true, 600.0})
	w.secret(to.Query().Get("launch"))
	g := a.exchange(a.through(a.start(n.browser(), "scope", "launch patient/*.rs", "launch", to.Query().Get("launch")), "anna").back().Get("code")).ok(w)
	same(w, "context", []any{g.Patient, g.all["encounter"], g.all["intent"], g.all["need_patient_banner"], g.all["tenant"], len(g.all["fhirContext"].([]any))},
		[]any{"p2", "e-p2", "reconcile", false, "north", 2})
	same(w, "on record", w.happened("launch")[0].Client, "ehr")
}

func TestOnlyRegisteredRecordSystemsBeginLaunches(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	other := n.register(client.Client{ID: "export", Name: "Export", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/Patient.rs"}})
	ehr := n.register(client.Client{ID: "ehr", Name: "Record system", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/Patient.rs"}, Launches: true})
	good := func() url.Values { return url.Values{"application": {a.c.ID}, "context": {`{"patient":"p2"}`}} }
	same(w, "the application itself", a.ask("/launches", good()).status, 403)
	same(w, "another system", other.ask("/launches", good()).status, 403)
	for name, v := range map[string]url.Values{
		"no application":        {"context": {`{}`}},
		"an unknown one":        {"application": {"nobody"}, "context": {`{}`}},
		"one without a launch":  {"application": {"export"}, "context": {`{}`}},
		"no context":            {"application": {a.c.ID}},
		"a list":                {"application": {a.c.ID}, "context": {`[]`}},
		"no JSON":               {"application": {a.c.ID}, "context": {`{"patient":`}},
		"twice":                 {"application": {a.c.ID}, "context": {`{"patient":"p1","patient":"p2"}`}},
		"a number":              {"application": {a.c.ID}, "context": {`{"patient":7}`}},
		"no id":                 {"application": {a.c.ID}, "context": {`{"patient":"Patient/p1"}`}},
		"a banner in words":     {"application": {a.c.ID}, "context": {`{"need_patient_banner":"yes"}`}},
		"what SMART has not":    {"application": {a.c.ID}, "context": {`{"practitioner":"p1"}`}},
		"an item that says not": {"application": {a.c.ID}, "context": {`{"fhirContext":[{"role":"launch"}]}`}},
		"an item beyond SMART":  {"application": {a.c.ID}, "context": {`{"fhirContext":[{"reference":"Task/1","x":"y"}]}`}},
		"the patient as item":   {"application": {a.c.ID}, "context": {`{"fhirContext":[{"reference":"Patient/p1"}]}`}},
		"and by its address":    {"application": {a.c.ID}, "context": {`{"fhirContext":[{"reference":"` + base + `/Patient/p1"}]}`}},
		"an item elsewhere":     {"application": {a.c.ID}, "context": {`{"fhirContext":[{"reference":"https://other.example/fhir/Task/1"}]}`}},
		"a script":              {"application": {a.c.ID}, "context": {`{"fhirContext":[{"reference":"javascript:alert(1)"}]}`}},
		"a fragment":            {"application": {a.c.ID}, "context": {`{"fhirContext":[{"reference":"#x"}]}`}},
		"a type without an id":  {"application": {a.c.ID}, "context": {`{"fhirContext":[{"reference":"Task/"}]}`}},
		"no type of FHIR":       {"application": {a.c.ID}, "context": {`{"fhirContext":[{"identifier":{"value":"7"},"type":"Bill"}]}`}},
		"two types":             {"application": {a.c.ID}, "context": {`{"fhirContext":[{"reference":"Task/1","type":"Patient"}]}`}},
		"a style that is none":  {"application": {a.c.ID}, "context": {`{"smart_style_url":"javascript:alert(1)"}`}},
	} {
		if g := ehr.ask("/launches", v); g.status != 400 || g.all["launch"] != nil || strings.Contains(string(g.answer.Reply.Body), "p1") {
			t.Errorf("%s: %d %s", name, g.status, string(g.answer.Reply.Body))
		}
	}
	// Whom the person cannot see, nobody opens for them.
	g := ehr.ask("/launches", url.Values{"application": {a.c.ID}, "context": {`{"patient":"hidden"}`}})
	same(w, "made", g.status, 201)
	back := a.start(n.browser(), "scope", "launch patient/*.rs", "launch", g.all["launch"].(string)).signIn("anna").back()
	same(w, "opened", back.Get("error"), "access_denied")
}
