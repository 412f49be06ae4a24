package firebreak_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"firebreak"
	"firebreak/authz"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/policies"
)

// serverWith is another server over the rig's store and journal.
func (r *rig) serverWith(change func(*firebreak.Parts)) *rig {
	r.t.Helper()
	pol, err := authz.NewPolicies(func() (fs.FS, error) { return policies.Default(), nil })
	if err != nil {
		r.t.Fatal(err)
	}
	p := firebreak.Parts{Base: base, Authn: r.people, Layers: []gate.Authorizer{authz.NewScopes(search.NewExtractor(base), base), pol},
		Backend: firebreak.SQL{Store: r.store}, Journal: r.journal, Clock: r.clock, PageKey: make([]byte, 32), IDs: r.ids}
	change(&p)
	out := *r
	if out.server, err = firebreak.New(p); err != nil {
		r.t.Fatal(err)
	}
	return &out
}

// http.html#2.21.0.4: a refusal has an OperationOutcome, also one that says
// "later". Only a journal that cannot be written leaves nothing to say.
func TestWhatIsUnavailableSaysSo(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	late := r.serverWith(func(p *firebreak.Parts) { p.Limits.Time = time.Nanosecond })
	for _, url := range []string{"Observation?code=8867-4", "Patient/amy/$everything", "Patient/amy"} {
		a := late.do("adams", "GET", url, "")
		if a.status == 200 && url == "Patient/amy" {
			continue // a read may be done before anybody looks at the time
		}
		a.is(t, 503)
		if got := a.issues(t)[0]["code"]; got != "transient" || a.first("Retry-After") == "" {
			t.Errorf("%s: %v, Retry-After %q", url, got, a.first("Retry-After"))
		}
	}
	e := late.do("adams", "POST", "", bundleOf("batch", []string{"GET", "Observation?code=8867-4", ""}))
	if got := dig(e.entries(t)[0], "response", "outcome", "issue", 0, "code"); got != "transient" {
		t.Errorf("in a batch: %s", e.body)
	}
}

// http.html#cread: If-None-Match is a list, or a star; strong tags are taken
// for weak ones, as they are for a read.
func TestMetadataReadsIfNoneMatchLikeARead(t *testing.T) {
	r := newRig(t)
	tag := r.do("", "GET", "metadata", "").first("Etag")
	for _, c := range []struct {
		value  string
		status int
	}{
		{tag, 304}, {strings.TrimPrefix(tag, "W/"), 304}, {"*", 304}, {`W/"other", ` + tag, 304}, {`W/"other"`, 200}, {"other", 400},
	} {
		if a := r.do("", "GET", "metadata", "", "If-None-Match: "+c.value); a.status != c.status || c.status == 304 && (a.body != "" || a.first("Etag") != tag) {
			t.Errorf("%s: %d, want %d", c.value, a.status, c.status)
		}
	}
	of := func(tag string) []string {
		return []string{"GET", "metadata", "", `request."ifNoneMatch":"` + strings.ReplaceAll(tag, `"`, `\"`) + `"`}
	}
	_, got := r.statuses("adams", bundleOf("batch", of(tag), of(`W/"other"`), of(`W/"other", `+tag)))
	if want := "304 Not Modified,200 OK,304 Not Modified"; strings.Join(got, ",") != want {
		t.Errorf("in a batch: %v, want %s", got, want)
	}
}

func TestCapabilitiesSayWhetherBrowsersMayCall(t *testing.T) {
	r := newRig(t)
	for _, want := range []bool{false, true} {
		a := r.serverWith(func(p *firebreak.Parts) { p.CORS = want }).do("", "GET", "metadata", "").is(t, 200)
		if got := dig(a.json(t), "rest", 0, "security", "cors"); got != want {
			t.Errorf("cors = %v, want %v", got, want)
		}
	}
}

// RFC 6750 section 3: whoever has a token that does not do is told so.
func TestARefusalByPolicyHasAChallenge(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	narrow := r.people["adams"]
	narrow.Scope = "user/Observation.rs"
	r.people["narrow"] = narrow
	for _, c := range []struct{ name, who, method, url, body string }{
		{"by a policy", "adams", "POST", "Organization", `{"resourceType":"Organization","name":"x"}`},
		{"by the scopes", "narrow", "GET", "Patient/amy", ""},
		{"without a role", "roleless", "GET", "Patient/amy", ""},
	} {
		a := r.do(c.who, c.method, c.url, c.body).is(t, 403)
		if got := a.first("Www-Authenticate"); got != `Bearer error="insufficient_scope"` {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// json.html: FHIR's JSON is UTF-8, and nothing is read as what it is not.
func TestOnlyUTF8IsRead(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", patient("1", "One"))
	for _, c := range []struct{ method, url, body, media string }{
		{"POST", "Patient", patient("2", "x"), "application/fhir+json"},
		{"PATCH", "Patient/" + id, `[{"op":"add","path":"/active","value":true}]`, "application/json-patch+json"},
		{"POST", "Patient/_search", "identifier=1", "application/x-www-form-urlencoded"},
		{"POST", "Patient/$validate", patient("2", "x"), "application/json"},
		{"POST", "", `{"resourceType":"Bundle","type":"batch"}`, "application/fhir+json"},
	} {
		for _, charset := range []string{"iso-8859-1", "utf-16", "us-ascii", `"latin1"`} {
			r.do("adams", c.method, c.url, c.body, "Content-Type: "+c.media+"; charset="+charset).refused(t, 415, "http.Content-Type")
		}
		for _, charset := range []string{"utf-8", "UTF-8", `"utf-8"`} {
			if a := r.do("adams", c.method, c.url, c.body, "Content-Type: "+c.media+";charset="+charset); a.status >= 300 {
				t.Errorf("%s %s as %s: %v", c.method, c.url, charset, a)
			}
		}
		r.do("adams", c.method, c.url, c.body, "Content-Type: "+c.media+"; charset").refused(t, 415, "http.Content-Type")
	}
}

func TestALabelsPlaceIsNamed(t *testing.T) {
	r := newRig(t)
	bad := `{"resourceType":"Observation","meta":{"security":[{"system":"urn:x","code":"N"},{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"X"}]},"status":"final","code":{"text":"x"}}`
	for body, want := range map[string]string{
		bad: `"Observation.meta.security[1].code"`,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + bad + `,"request":{"method":"POST","url":"Observation"}}]}`: `"Bundle.entry[0].resource.meta.security[1].code"`,
	} {
		url := map[bool]string{true: "Observation", false: ""}[body == bad]
		if a := r.do("adams", "POST", url, body); a.status != 400 || !strings.Contains(a.body, `"expression":[`+want+`]`) {
			t.Errorf("POST /%s: %v, want the place %s", url, a, want)
		}
	}
}
