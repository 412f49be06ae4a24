package firebreak_test

import (
	"strings"
	"testing"
)

// http.html#trules: when identities overlap, resolved ones among them, the
// transaction fails. Conditions are resolved before anything is done.
func TestATransactionDoesNotDuplicateThroughItsOwnConditions(t *testing.T) {
	r := newRig(t)
	one := r.create("adams", patient("one", "One"))
	post := func(condition, family string) []string {
		return []string{"POST", "Patient", patient("new", family), `request."ifNoneExist":"` + condition + `"`}
	}
	put := func(condition, family string) []string {
		return []string{"PUT", "Patient?" + condition, patient("new", family)}
	}
	const none, same = "identifier=urn:mrn|new", "identifier=urn:mrn%7Cnew"
	for _, c := range []struct {
		name    string
		entries [][]string
		status  int
		at      string
	}{
		{"two creates", [][]string{post(none, "A"), post(none, "B")}, 400, "Bundle.entry[1]"},
		{"two creates, escaped otherwise", [][]string{post(none, "A"), post(same, "B")}, 400, "Bundle.entry[1]"},
		{"two creates, with a question mark", [][]string{post(none, "A"), post("?"+none, "B")}, 400, "Bundle.entry[1]"},
		{"two creates, in another order", [][]string{post(none+"&family=x,y", "A"), post("family=y,x&"+none, "B")}, 400, "Bundle.entry[1]"},
		{"two creates, not next to each other", [][]string{post(none, "A"), {"GET", "Patient/" + one, ""}, post(none, "B")}, 400, "Bundle.entry[2]"},
		{"two creates, in other words", [][]string{post(none, "A"), post("identifier=new,newer", "B")}, 400, "Bundle.entry[1]"},
		{"a create that the other's condition finds", [][]string{post("identifier=urn:mrn|new", "A"), post("family=A", "B")}, 400, "Bundle.entry[1]"},
		{"a create without a condition", [][]string{{"POST", "Patient", patient("new", "A")}, put(none, "B")}, 400, "Bundle.entry[1]"},
		{"two that match", [][]string{{"POST", "Patient", patient("new", "A")}, {"POST", "Patient", patient("new", "A")}, put(none, "B")}, 400, "Bundle.entry[2]"},
		{"two updates", [][]string{put(none, "A"), put(none, "B")}, 400, "Bundle.entry[1]"},
		{"a create and an update", [][]string{put(none, "A"), post(none, "B")}, 400, "Bundle.entry[1]"},
		{"a deletion and an update", [][]string{{"DELETE", "Patient/" + one, ""}, put("identifier=urn:mrn|one", "B")}, 400, "Bundle.entry[1]"},
		{"a deletion and an update, the other way round", [][]string{put("identifier=urn:mrn|one", "B"), {"DELETE", "Patient/" + one, ""}}, 400, "Bundle.entry[1]"},
		{"two conditions, one of them a deletion's", [][]string{{"DELETE", "Patient?_id=" + one, ""}, put("identifier=urn:mrn|one", "B")}, 400, "Bundle.entry[1]"},
		{"a deletion and a create that finds it", [][]string{{"DELETE", "Patient/" + one, ""}, post("identifier=urn:mrn|one", "B")}, 400, "Bundle.entry[1]"},
		{"two updates that find the same", [][]string{put("identifier=urn:mrn|one", "A"), put("_id="+one, "B")}, 400, "Bundle.entry[1]"},
		{"an update and a conditional patch", [][]string{{"PUT", "Patient/" + one, withID(patient("one", "B"), one)}, {"PATCH", "Patient?identifier=urn:mrn|one", jsonPatch(`[{"op":"remove","path":"/name"}]`)}}, 400, "Bundle.entry[1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rr := *r
			rr.t = t
			rr.do("adams", "POST", "", bundleOf("transaction", c.entries...)).refused(t, c.status, c.at)
		})
	}
	if got := r.count("adams", "Patient?identifier=urn:mrn|new"); got != 0.0 {
		t.Errorf("%v stored, want none", got)
	}
	if a := r.do("adams", "GET", "Patient/"+one, "").is(t, 200); strings.Contains(a.body, `"B"`) {
		t.Errorf("a failed transaction changed %s", a.body)
	}
}

func TestATransactionsConditionsMayAgreeOnWhatIsThere(t *testing.T) {
	r := newRig(t)
	one := r.create("adams", patient("one", "One"))
	post := func(condition string) []string {
		return []string{"POST", "Patient", patient("one", "x"), `request."ifNoneExist":"` + condition + `"`}
	}
	a, got := r.statuses("adams", bundleOf("transaction", post("identifier=urn:mrn|one"), post("identifier=urn:mrn|one"),
		post("identifier=urn:mrn|a"), post("identifier=urn:mrn|b"), post("identifier=urn:mrn|a&active=true")))
	if want := "200 OK,200 OK,201 Created,201 Created,201 Created"; strings.Join(got, ",") != want {
		t.Errorf("statuses %v, want %s", got, want)
	}
	for n, e := range a.entries(t)[:2] {
		if location, _ := dig(e, "response", "location").(string); !strings.Contains(location, "Patient/"+one+"/") {
			t.Errorf("entry %d: location %q, want %s", n, location, one)
		}
	}
}

// What the caller may not see resolves to nothing, so it overlaps with nothing.
func TestATransactionsOverlapsTellNothingOfWhatIsHidden(t *testing.T) {
	for name, entries := range map[string][][]string{
		"a deletion and a conditional update":  {{"DELETE", "Patient/hid", ""}, {"PUT", "Patient?identifier=urn:mrn|hid", patient("hid", "Mine")}},
		"two conditional creates":              {{"POST", "Patient", patient("hid", "A"), `request."ifNoneExist":"identifier=urn:mrn|hid"`}, {"POST", "Patient", patient("hid", "B"), `request."ifNoneExist":"identifier=urn:mrn|hid"`}},
		"a conditional deletion and an update": {{"DELETE", "Patient?identifier=urn:mrn|hid", ""}, {"PUT", "Patient?_id=hid", patient("hid", "Mine")}},
	} {
		var answers [2]answer
		for n := range answers {
			r := newRig(t)
			seedTwoHospitals(r)
			if n == 0 {
				r.put("importerS", withID(patient("hid", "Hidden"), "hid"))
			}
			r.n = 1000
			r.clock.Advance(1000)
			answers[n] = r.do("adams", "POST", "", bundleOf("transaction", entries...))
		}
		if a, b := answers[0], answers[1]; a.status != b.status || a.status >= 400 && a.body != b.body {
			t.Errorf("%s, hidden and absent:\n%v\n%v", name, a, b)
		}
	}
}

// http.html#transaction: what a transaction stores is as valid as what anyone
// stores.
func TestRewritingLeavesContentValid(t *testing.T) {
	r := newRig(t)
	const a = "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001"
	of := func(entry []string) string {
		return bundleOf("transaction", []string{"POST", "Patient", patient("n", "New"), `"fullUrl":"` + a + `"`}, entry)
	}
	basic := `{"resourceType":"Basic","code":{"text":"x"},"extension":[{"url":"http://example.org/u","valueUuid":"` + a + `"},{"url":"http://example.org/i","valueUri":"` + a + `"},{"url":"http://example.org/l","valueUrl":"` + a + `"}]}`
	e := r.do("adams", "POST", "", of([]string{"POST", "Basic", basic})).entries(t)
	id, _ := dig(e[0], "resource", "id").(string)
	for n, want := range []struct{ member, value string }{{"valueUuid", a}, {"valueUri", "Patient/" + id}, {"valueUrl", "Patient/" + id}} {
		if got := dig(e[1], "resource", "extension", n, want.member); got != want.value {
			t.Errorf("%s = %v, want %s", want.member, got, want.value)
		}
	}
	stored, _ := dig(e[1], "resource", "id").(string)
	whole := r.do("adams", "GET", "Basic/"+stored, "").is(t, 200)
	if again := r.do("adams", "POST", "Basic/$validate", whole.body).is(t, 200); again.issues(t)[0]["severity"] != "information" {
		t.Errorf("what is stored is not valid: %s", again.body)
	}
	// A reference to an entry of the wrong type is seen when it is known.
	encounter := `{"resourceType":"Encounter","status":"planned","class":{"code":"AMB"},"serviceProvider":{"reference":"` + a + `"}}`
	r.do("adams", "POST", "", of([]string{"POST", "Encounter", encounter})).refused(t, 400, "Bundle.entry[1].resource.serviceProvider.reference")
	if got := r.count("adams", "Patient?identifier=n"); got != 1.0 {
		t.Errorf("%v patients, want the first transaction's alone", got)
	}
}

// http.html#trules: "Version-specific references should remain as
// version-specific references after the references have been updated". Which
// version is meant is matched by meta.versionId (bundle.html#references).
func TestVersionSpecificReferencesFollowTheVersionsMade(t *testing.T) {
	r := newRig(t)
	const source = "http://source.example.org/fhir/"
	old := r.create("adams", patient("old", "Old"))
	current := r.do("adams", "GET", "Patient/"+old, "").version()
	sent := func(mrn, version string) string {
		return strings.Replace(patient(mrn, "New"), "{", `{"id":"p","meta":{"versionId":"`+version+`"},`, 1)
	}
	basic := func(reference string) []string {
		return []string{"POST", "Basic", `{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"` + reference + `"}}`, `"fullUrl":"` + source + `Basic/b"`}
	}
	for _, c := range []struct {
		name      string
		entry     []string
		reference string
		want      string // "" for what the entry made
	}{
		{"created", []string{"POST", "Patient", sent("a", "7"), `"fullUrl":"` + source + `Patient/p"`}, source + "Patient/p/_history/7", ""},
		{"relative to its own fullUrl", []string{"POST", "Patient", sent("b", "7"), `"fullUrl":"` + source + `Patient/p"`}, "Patient/p/_history/7", ""},
		{"created by a condition", []string{"PUT", "Patient?identifier=urn:mrn|c", strings.Replace(sent("c", "7"), `"id":"p",`, "", 1), `"fullUrl":"` + source + `Patient/p"`}, "Patient/p/_history/7", ""},
		{"found by a condition", []string{"POST", "Patient", sent("old", "7"), `"fullUrl":"` + source + `Patient/p"`, `request."ifNoneExist":"identifier=urn:mrn|old"`}, "Patient/p/_history/7", "Patient/" + old + "/_history/" + current},
		{"another version than the one sent", []string{"POST", "Patient", sent("d", "7"), `"fullUrl":"` + source + `Patient/p"`}, source + "Patient/p/_history/6", source + "Patient/p/_history/6"},
		{"a version of this server's", []string{"PUT", "Patient/" + old, strings.Replace(sent("old", current), `"id":"p"`, `"id":"`+old+`"`, 1), `"fullUrl":"` + base + `/Patient/` + old + `"`}, "Patient/" + old + "/_history/" + current, "Patient/" + old + "/_history/" + current},
	} {
		e := r.do("adams", "POST", "", bundleOf("transaction", c.entry, basic(c.reference))).entries(t)
		want := c.want
		if want == "" {
			want, _ = dig(e[0], "response", "location").(string)
			want = strings.TrimPrefix(want, base+"/")
		}
		if got := dig(e[1], "resource", "subject", "reference"); got != want || want == "" {
			t.Errorf("%s: reference %v, want %s", c.name, got, want)
		}
	}
}

// bundle-definitions.html#Bundle.entry.fullUrl: references are resolved by it,
// so it names one entry (bdl-7), no version (bdl-8), and the resource that is
// there.
func TestAFullURLNamesItsEntryAlone(t *testing.T) {
	r := newRig(t)
	one := r.create("adams", patient("one", "One"))
	const a = `"fullUrl":"urn:uuid:0a1b2c3d-0000-4000-8000-000000000001"`
	own := func(reference string) string { return `"fullUrl":"` + base + `/` + reference + `"` }
	put := []string{"PUT", "Patient/" + one, withID(patient("one", "Two"), one), own("Patient/" + one)}
	for _, c := range []struct {
		name    string
		entries [][]string
		at      string
	}{
		{"two creates", [][]string{{"POST", "Patient", patient("a", "A"), a}, {"POST", "Patient", patient("b", "B"), a}}, "Bundle.entry[1].fullUrl"},
		{"a create and a conditional update", [][]string{{"POST", "Patient", patient("a", "A"), a}, {"PUT", "Patient?identifier=urn:mrn|b", patient("b", "B"), a}}, "Bundle.entry[1].fullUrl"},
		{"an update and a conditional update", [][]string{put, {"PUT", "Patient?identifier=urn:mrn|b", patient("b", "B"), own("Patient/" + one)}}, "Bundle.entry[1].fullUrl"},
		{"another's id", [][]string{{"PUT", put[1], put[2], own("Patient/other")}}, "Bundle.entry[0].fullUrl"},
		{"another's type", [][]string{{"PUT", put[1], put[2], own("Person/" + one)}}, "Bundle.entry[0].fullUrl"},
		{"a version", [][]string{{"POST", "Patient", patient("a", "A"), own("Patient/a/_history/1")}}, "Bundle.entry[0].fullUrl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rr := *r
			rr.t = t
			rr.do("adams", "POST", "", bundleOf("transaction", c.entries...)).refused(t, 400, c.at)
		})
	}
	_, got := r.statuses("adams", bundleOf("transaction", put, []string{"POST", "Patient", withID(patient("c", "C"), "c"), `"fullUrl":"http://source.example.org/Patient/c"`},
		[]string{"POST", "Patient", withID(patient("d", "D"), "d"), a}, []string{"POST", "Patient", patient("e", "E"), `"fullUrl":"http://source.example.org/Patient/e"`}))
	if want := "200 OK,201 Created,201 Created,201 Created"; strings.Join(got, ",") != want {
		t.Errorf("sound names: %v, want %s", got, want)
	}
}

// http.html#trules: links to what the transaction makes are replaced wherever
// they are, in what a patch adds as well.
func TestAPatchRefersToWhatTheTransactionMakes(t *testing.T) {
	r := newRig(t)
	one := r.create("adams", patient("one", "One"))
	const a, b = "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001", "urn:uuid:0a1b2c3d-0000-4000-8000-000000000002"
	link := func(to string) string {
		return jsonPatch(`[{"op":"add","path":"/link","value":[{"other":{"reference":"` + to + `"},"type":"seealso"}]}]`)
	}
	bundle := func(to string) string {
		return bundleOf("transaction", []string{"PATCH", "Patient/" + one, link(to)}, []string{"POST", "Patient", patient("new", "New"), `"fullUrl":"` + a + `"`},
			[]string{"POST", "Basic", `{"resourceType":"Basic","code":{"text":"x"}}`, `"fullUrl":"` + b + `"`})
	}
	e := r.do("adams", "POST", "", bundle(a)).entries(t)
	id, _ := dig(e[1], "resource", "id").(string)
	if got := dig(e[0], "resource", "link", 0, "other", "reference"); id == "" || got != "Patient/"+id {
		t.Errorf("the patch refers to %v, want Patient/%s", got, id)
	}
	r.do("adams", "POST", "", bundle(b)).refused(t, 422, "Bundle.entry[0].resource.link[0].other.reference") // a Basic
}
