package firebreak_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/constant"
	"go/types"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"firebreak/audit"
	"firebreak/fhir"
)

var updateCoverage = flag.Bool("update", false, "rewrite docs/coverage.md")

// call is one request of a route. {v} in its URL stands for the version of
// Observation/o1, {page} for the next page of a search.
type call struct {
	method, url, body, media, noneExist string
}

// route is one way to an interaction, and a malformed request of the same kind.
type coveredRoute struct {
	kind      fhir.Kind
	name      string
	good, bad call
	// alone: it has no form as an entry of a Bundle, for the reason given.
	alone string
	// own: it shows and changes nothing stored, so there is nothing to withhold.
	own bool
	// public: it is for everybody.
	public bool
	// unsupported: the answer to it as an entry of a transaction.
	unsupported int
}

const (
	form     = "application/x-www-form-urlencoded"
	wrongObs = `{"resourceType":"Observation","id":"o1","status":5}`
)

func obsBody(status string) string {
	return strings.Replace(observation("o1", "amy", "05", ""), "final", status, 1)
}

var coveredRoutes = []coveredRoute{
	{kind: fhir.Read, name: "read", good: call{method: "GET", url: "Observation/o1"}, bad: call{method: "GET", url: "Observation/o1?_summary=nonsense"}},
	{kind: fhir.Read, name: "read by HEAD", good: call{method: "HEAD", url: "Observation/o1"}, bad: call{method: "HEAD", url: "Observation/o1?_summary=nonsense"}, alone: "HEAD answers without a body"},
	{kind: fhir.VRead, name: "vread", good: call{method: "GET", url: "Observation/o1/_history/{v}"}, bad: call{method: "GET", url: "Observation/o1/_history/b@d"}},
	{kind: fhir.Update, name: "update", good: call{method: "PUT", url: "Observation/o1", body: obsBody("amended")}, bad: call{method: "PUT", url: "Observation/o1", body: wrongObs}},
	{kind: fhir.Update, name: "conditional update", good: call{method: "PUT", url: "Observation?_id=o1", body: obsBody("amended")}, bad: call{method: "PUT", url: "Observation?nonsense=1", body: obsBody("final")}},
	{kind: fhir.Patch, name: "patch", good: call{method: "PATCH", url: "Observation/o1", body: replaceStatus}, bad: call{method: "PATCH", url: "Observation/o1", body: `[{"op":"nonsense"}]`}},
	{kind: fhir.Patch, name: "conditional patch", good: call{method: "PATCH", url: "Observation?_id=o1", body: replaceStatus}, bad: call{method: "PATCH", url: "Observation?nonsense=1", body: replaceStatus}},
	{kind: fhir.Delete, name: "delete", good: call{method: "DELETE", url: "Observation/o1"}, bad: call{method: "DELETE", url: "Observation/b@d"}},
	{kind: fhir.Delete, name: "conditional delete", good: call{method: "DELETE", url: "Observation?_id=o1"}, bad: call{method: "DELETE", url: "Observation?nonsense=1"}},
	{kind: fhir.Create, name: "create", good: call{method: "POST", url: "Observation", body: obsBody("final")}, bad: call{method: "POST", url: "Observation", body: wrongObs}},
	{kind: fhir.Create, name: "conditional create", good: call{method: "POST", url: "Observation", body: obsBody("final"), noneExist: "_id=none"}, bad: call{method: "POST", url: "Observation", body: obsBody("final"), noneExist: "nonsense=1"}},
	{kind: fhir.SearchType, name: "search of a type", good: call{method: "GET", url: "Observation?code=8867-4&_include=Observation:subject"}, bad: call{method: "GET", url: "Observation?_count=x"}},
	{kind: fhir.SearchType, name: "search of a type by POST", good: call{method: "POST", url: "Observation/_search", body: "code=8867-4", media: form}, bad: call{method: "POST", url: "Observation/_search", body: "_count=x", media: form}, alone: "an entry's resource is no form"},
	{kind: fhir.SearchType, name: "a further page", good: call{method: "GET", url: "{page}"}, bad: call{method: "GET", url: "?_page=nonsense"}, alone: "a page link is followed by itself"},
	{kind: fhir.SearchSystem, name: "search of a compartment", good: call{method: "GET", url: "Patient/amy/Observation"}, bad: call{method: "GET", url: "Patient/amy/Observation?_count=x"}},
	{kind: fhir.SearchSystem, name: "search of all types", good: call{method: "GET", url: "?_type=Observation,Patient"}, bad: call{method: "GET", url: "?_type=Nonsense"}},
	{kind: fhir.SearchSystem, name: "search of all types by POST", good: call{method: "POST", url: "_search", body: "_type=Observation,Patient", media: form}, bad: call{method: "POST", url: "_search", body: "_type=Nonsense", media: form}, alone: "an entry's resource is no form"},
	{kind: fhir.HistoryInstance, name: "history of an instance", good: call{method: "GET", url: "Observation/o1/_history"}, bad: call{method: "GET", url: "Observation/o1/_history?_count=x"}},
	{kind: fhir.HistoryType, name: "history of a type", good: call{method: "GET", url: "Observation/_history"}, bad: call{method: "GET", url: "Observation/_history?_since=x"}},
	{kind: fhir.HistorySystem, name: "history of everything", good: call{method: "GET", url: "_history"}, bad: call{method: "GET", url: "_history?_at=x"}},
	{kind: fhir.Operation, name: "$everything", good: call{method: "GET", url: "Patient/amy/$everything"}, bad: call{method: "GET", url: "Patient/amy/$everything?_count=x"}, unsupported: 501},
	{kind: fhir.Operation, name: "$validate", good: call{method: "POST", url: "Observation/$validate", body: obsBody("final")}, bad: call{method: "POST", url: "Observation/$validate", body: "nonsense"}, own: true, alone: "a Bundle's parser refuses what is not valid"},
	{kind: fhir.Capabilities, name: "capabilities", good: call{method: "GET", url: "metadata"}, bad: call{method: "POST", url: "metadata"}, own: true, public: true, unsupported: 501},
	{kind: fhir.Batch, name: "batch", good: call{method: "POST", body: batchOf("batch", entryGet("Observation/o1"))}, bad: call{method: "POST", body: batchOf("collection")}, alone: "Bundles don't nest"},
	{kind: fhir.Transaction, name: "transaction", good: call{method: "POST", body: batchOf("transaction", entryGet("Observation/o1"))}, bad: call{method: "POST", body: batchOf("nonsense")}, alone: "Bundles don't nest"},
}

// forms are the ways a request arrives.
var forms = []string{"alone", "batch", "transaction"}

// send does a call in a form and gives the status and body that it got there.
func (r *rig) send(who, form string, c call) (status int, body string, whole answer) {
	r.t.Helper()
	if form == "alone" {
		header := []string{}
		if c.media != "" {
			header = append(header, "Content-Type: "+c.media)
		}
		if c.noneExist != "" {
			header = append(header, "If-None-Exist: "+c.noneExist)
		}
		a := r.do(who, c.method, c.url, c.body, header...)
		return a.status, a.body, a
	}
	request := map[string]string{"method": c.method, "url": c.url}
	if c.noneExist != "" {
		request["ifNoneExist"] = c.noneExist
	}
	req, err := json.Marshal(request)
	if err != nil {
		r.t.Fatal(err)
	}
	entry := `{"request":` + string(req) + `}`
	if c.body != "" {
		resource := c.body
		if c.method == "PATCH" {
			resource = `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + base64.StdEncoding.EncodeToString([]byte(c.body)) + `"}`
		}
		entry = `{"resource":` + resource + `,"request":` + string(req) + `}`
	}
	a := r.do(who, "POST", "", batchOf(form, entry))
	if a.status != 200 {
		return a.status, a.body, a
	}
	text, _ := dig(a.json(r.t), "entry", 0, "response", "status").(string)
	status, err = strconv.Atoi(strings.Split(text+" ", " ")[0])
	if err != nil {
		r.t.Errorf("an entry's status is %q", text)
	}
	return status, a.body, a
}

// filled puts in what is known only at run time.
func (c call) filled(r *rig) call {
	if strings.Contains(c.url, "{v}") {
		c.url = strings.ReplaceAll(c.url, "{v}", r.do("adams", "GET", "Observation/o1", "").version())
	}
	if c.url == "{page}" {
		c.url = strings.TrimPrefix(r.do("adams", "GET", "Observation?patient=Patient/amy&_count=1", "").link(r.t, "next"), base)
	}
	return c
}

func coverageRig(t *testing.T) *rig {
	r := newRigWith(t, with(people{"noscope": like("adams", ""), "readonly": like("adams", "user/*.rs")}), openSQLite)
	for _, s := range records {
		r.put(s.importer, s.body)
	}
	return r
}

// shown reports whether a body has anything of the stored records in it.
func shown(body string) bool {
	return strings.Contains(body, "8867-4") || strings.Contains(body, "Amyson")
}

// controlColumns are the controls that every route must have; each gives the cell of
// the matrix and whether the route holds it. They are tried in order on one server:
// those that refuse first, the one that breaks the journal last.
var controlColumns = []struct {
	name string
	try  func(t *testing.T, r *rig, rt coveredRoute, form string) (cell string, ok bool)
}{
	{"authn", tryAuthn}, {"scope", tryScope}, {"policy", tryPolicy}, {"validation", tryValidation},
	{"audit: success", tryAudit}, {"audit: denial", tryDenial}, {"audit: error", tryError}, {"nets agree", tryNets}, {"journal down", tryJournal},
}

func tryAuthn(t *testing.T, r *rig, rt coveredRoute, form string) (string, bool) {
	status, body, _ := r.send("", form, rt.good.filled(r))
	if rt.public && form == "alone" {
		return "public", status == 200
	}
	return fmt.Sprint(status), status == 401 && !shown(body)
}

func trySomebody(r *rig, rt coveredRoute, form, who string) (string, bool) {
	before := r.do("adams", "GET", "Observation/o1", "").String()
	status, body, _ := r.send(who, form, rt.good.filled(r))
	after := r.do("adams", "GET", "Observation/o1", "").String()
	if form == "transaction" && rt.unsupported != 0 {
		return fmt.Sprint(status), status == rt.unsupported || status == 403
	}
	if rt.own {
		return "nothing stored", status < 300 && !shown(body) || status == 403
	}
	ok := !shown(body) && before == after
	if status == 200 {
		// Without a role one still reads the directory.
		return "200, nothing", ok && (who == "roleless" || strings.Contains(body, `"total":0`) || strings.Contains(body, `403 Forbidden`))
	}
	return fmt.Sprint(status), ok && (status == 403 || status == 404)
}

func tryScope(t *testing.T, r *rig, rt coveredRoute, form string) (string, bool) {
	return trySomebody(r, rt, form, "noscope")
}

func tryPolicy(t *testing.T, r *rig, rt coveredRoute, form string) (string, bool) {
	return trySomebody(r, rt, form, "roleless")
}

func tryValidation(t *testing.T, r *rig, rt coveredRoute, form string) (string, bool) {
	status, body, _ := r.send("adams", form, rt.bad.filled(r))
	return fmt.Sprint(status), status >= 400 && status < 500 && (strings.Contains(body, `"OperationOutcome"`) || rt.bad.method == "HEAD")
}

// recordOf is the last record made since, and whether an intent came before it.
func recordOf(t *testing.T, r *rig, since int) (rec audit.Record, intent bool) {
	t.Helper()
	for _, p := range r.journal.Payloads()[since:] {
		var err error
		if rec, err = audit.ParseRecord(p); err != nil {
			t.Fatal(err)
		}
		intent = intent || rec.Kind == audit.Intent
	}
	return rec, intent
}

func tryAudit(t *testing.T, r *rig, rt coveredRoute, form string) (string, bool) {
	c := rt.good.filled(r)
	since := len(r.journal.Payloads())
	status, _, whole := r.send("adams", form, c)
	rec, intent := recordOf(t, r, since)
	if form == "transaction" && rt.unsupported != 0 {
		return fmt.Sprint(status), status == rt.unsupported && rec.Status == status && rec.Kind == audit.Denial
	}
	want, kind := status, rt.kind
	switch {
	case form == "transaction":
		want, kind = whole.status, fhir.Transaction
	case kind == fhir.Batch: // each entry is on record by itself
		kind = fhir.Read
	}
	ok := status < 300 && rec.Status == want && rec.Interaction == string(kind) && (rec.Subject == "adams" || rt.public && form == "alone")
	if !rt.own {
		ok = ok && len(rec.Targets) > 0 && slices.Contains(rec.Patients, "Patient/amy")
	}
	cell := string(rec.Kind)
	if changes := rt.kind.Changes() && rt.kind != fhir.Batch || form == "transaction"; changes {
		cell, ok = "intent, "+cell, ok && intent && rec.Kind == audit.Outcome
	} else if rt.kind != fhir.Batch {
		ok = ok && rec.Kind == audit.Disclosure
	}
	return cell, ok
}

func tryDenial(t *testing.T, r *rig, rt coveredRoute, form string) (string, bool) {
	since := len(r.journal.Payloads())
	status, _, _ := r.send("", form, rt.good)
	if rt.public && form == "alone" {
		return "public", status == 200
	}
	rec, intent := recordOf(t, r, since)
	return string(rec.Kind), rec.Kind == audit.Denial && rec.Status == 401 && !intent
}

func tryError(t *testing.T, _ *rig, rt coveredRoute, form string) (string, bool) {
	r := coverageRig(t) // of its own: its store is closed
	c := rt.good.filled(r)
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	since := len(r.journal.Payloads())
	status, body, _ := r.send("adams", form, c)
	if rt.own {
		return "no store", status == 200 || form == "transaction" && status == rt.unsupported
	}
	rec, _ := recordOf(t, r, since)
	if form == "transaction" && rt.unsupported != 0 || rt.kind == fhir.Batch {
		return fmt.Sprint(status), status == rt.unsupported || rt.kind == fhir.Batch && rec.Status == 500 && !shown(body)
	}
	return string(rec.Kind), status >= 500 && rec.Status == status && rec.Kind == audit.Denial && !shown(body)
}

func tryJournal(t *testing.T, r *rig, rt coveredRoute, form string) (string, bool) {
	c := rt.good.filled(r)
	before := r.do("adams", "GET", "Observation/o1", "").body
	r.journal.Fail(errors.New("disk full"))
	a := answer{}
	_, _, a = r.send("adams", form, c)
	// Nothing of the change may be left: a server with a new journal says so.
	again := coverageRigOn(t, r)
	return fmt.Sprint(a.status), a.status == 503 && a.body == "" && len(a.header) == 0 && again.do("adams", "GET", "Observation/o1", "").body == before
}

// coverageRigOn is another server over the same store, with a whole journal.
func coverageRigOn(t *testing.T, r *rig) *rig {
	t.Helper()
	next := *r
	next.journal = audit.NewMemory()
	next.server = serverOver(t, &next)
	return &next
}

func tryNets(t *testing.T, r *rig, rt coveredRoute, form string) (string, bool) {
	for _, who := range []string{"adams", "chen", "amy", "roleless", "noscope", "readonly", "officer", "warehouse"} {
		r.send(who, form, rt.good.filled(r))
	}
	return "0 differ", r.server.Mismatches() == 0
}

// kindsOf are all kinds of interaction that package fhir has.
func kindsOf(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, k := range theSource(t).pkgs {
		if k.path != "firebreak/fhir" {
			continue
		}
		for _, name := range k.types.Scope().Names() {
			if c, ok := k.types.Scope().Lookup(name).(*types.Const); ok && types.TypeString(c.Type(), nil) == "firebreak/fhir.Kind" {
				out = append(out, constant.StringVal(c.Val()))
			}
		}
	}
	return out
}

// TestEveryRouteHasEveryControl tries each control on each route in each form,
// and writes down what came of it: docs/coverage.md.
func TestEveryRouteHasEveryControl(t *testing.T) {
	kinds := kindsOf(t)
	if len(kinds) < 15 {
		t.Fatalf("kinds of interaction: %v", kinds)
	}
	for _, k := range kinds {
		if !slices.ContainsFunc(coveredRoutes, func(rt coveredRoute) bool { return string(rt.kind) == k }) {
			t.Errorf("interaction %s has no route here: add one", k)
		}
	}
	var b strings.Builder
	b.WriteString("# Routes and controls\n\nWritten by `go test -run TestEveryRouteHasEveryControl -update .`; each cell is what a request on that route got\nwhen the control was put to the test, and the test fails when that is not what it should be.\n\n")
	b.WriteString("| interaction | route | as |")
	for _, c := range controlColumns {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(controlColumns)+3) + "\n")
	rows := make([]string, len(coveredRoutes)*len(forms))
	t.Run("routes", func(t *testing.T) {
		for n, rt := range coveredRoutes {
			for k, form := range forms {
				if form == "alone" || rt.alone == "" {
					t.Run(rt.name+" "+form, func(t *testing.T) {
						t.Parallel()
						rows[n*len(forms)+k] = coverageRow(t, rt, form)
					})
				}
			}
		}
	})
	b.WriteString(strings.Join(rows, ""))
	compareGolden(t, "docs/coverage.md", b.String())
}

func coverageRow(t *testing.T, rt coveredRoute, form string) string {
	as := form
	switch {
	case form != "alone":
		as = "entry of a " + form
	case rt.alone != "":
		as = "alone: " + rt.alone
	}
	row := "| " + string(rt.kind) + " | " + rt.name + " | " + as + " |"
	r := coverageRig(t)
	for _, c := range controlColumns {
		cell, ok := c.try(t, r, rt, form)
		if !ok {
			t.Errorf("%s, %s: %s does not hold: %s", rt.name, as, c.name, cell)
		}
		row += " " + cell + " |"
	}
	return row + "\n"
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *updateCoverage {
		if err := os.MkdirAll("docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s is not what the routes do now (%v): run with -update and look at the difference\n%s", file, err, got)
	}
}
