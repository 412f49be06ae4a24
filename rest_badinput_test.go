package firebreak_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"firebreak/clock"
)

// tellsTooMuch finds what no answer to a client may hold: SQL, Go, paths.
var tellsTooMuch = regexp.MustCompile(`(?i)\bselect\b|\bfrom idx_|goroutine|\.go:\d|/home/|/root/|/tmp/|sqlite|panic|runtime error|strconv|json:|parsing "`)

// canary stands for content in hostile requests; a client that sends it is told
// where the fault is, and not what it sent.
const canary = "Kanarienvogel1"

func (a answer) harmless(t testing.TB, what string) {
	t.Helper()
	if a.status >= 500 && a.status != 501 {
		t.Errorf("%s: %d: %s", what, a.status, a.body)
	}
	if a.status < 400 {
		return
	}
	if tellsTooMuch.MatchString(a.body) || strings.Contains(a.body, canary) || len(a.body) > 16<<10 || !utf8.ValidString(a.body) {
		t.Errorf("%s: tells too much: %s", what, a.body)
	}
	a.issues(t)
}

func TestHostilePathsAreRefused(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{
		"x", "Fish", "Patient//1", "Patient/" + strings.Repeat("a", 65), "Patient/a b", "Patient/ä", "Patient/1/_history/" + strings.Repeat("v", 65), "Patient/1/_history/", "Patient/1/2/3/4/5/6/7",
		"Patient/%00", "Patient/'--", "_", "_unknown", "$", "$$", "Patient/$", "Patient/1/$", "Patient/1/_nothing", "metadata/x", "_history/1", "_search/x", "Observation/1/Patient", "Patient/1/Fish", "Patient/1/" + canary, canary, canary + "/" + canary,
		"patient/1", "Resource/1", "DomainResource", "HumanName/1", "Patient.contact/1",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", ""} {
			a := r.do("adams", method, path, map[string]string{"POST": "{}", "PUT": "{}", "PATCH": "[]"}[method])
			if method == "HEAD" {
				continue
			}
			if got := a.first("Allow"); (got != "") != (a.status == 405) || strings.Contains(got, "PUT") && method == "PUT" {
				t.Errorf("%s %s: %d with Allow %q", method, path, a.status, got)
			}
			if a.status < 400 || a.status >= 500 && a.status != 501 {
				t.Errorf("%s %s: %d", method, path, a.status)
			}
			a.harmless(t, method+" "+path)
		}
	}
}

// http.html#summary: what looks like a route and is none is not found, and a
// method that a route does not have is told from the ones it has.
func TestPathsThatOnlyLookLikeRoutesAreNotFound(t *testing.T) {
	r := newRig(t)
	amy := "Patient/" + r.create("adams", patient("1", "x"))
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", amy + "/metadata", 404, ""},
		{"GET", "Observation/1/metadata", 404, ""},
		{"POST", amy + "/metadata", 404, ""},
		{"POST", amy + "/Fish", 404, ""},
		{"POST", amy + "/$everything/_search", 404, ""},
		{"POST", "Patient/1/$validate/_search", 404, ""},
		{"POST", "Patient/1/_history/_search", 404, ""},
		{"GET", amy + "/Observation/_search", 405, "POST"},
		{"DELETE", amy + "/Observation/_search", 405, "POST"},
		{"POST", amy + "/Observation", 405, "GET, HEAD"},
		{"POST", "$validate", 501, ""},
		{"GET", "$validate", 501, ""},
	} {
		a := r.do("adams", c.method, c.path, "").is(t, c.status)
		if got := a.first("Allow"); got != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, got, c.allow)
		}
	}
	r.do("adams", "POST", amy+"/Observation/_search", "").is(t, 200)
}

func TestHostileQueriesAreRefusedWithTheirPlace(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	many := func(n int, name string) string { return strings.Repeat("&"+name, n)[1:] }
	for _, c := range []struct{ name, query, at string }{
		{"percent", "code=%", "http.url"},
		{"bad UTF-8", "code=%ff%fe", "http.url"},
		{"overlong UTF-8", "code=%c0%af", "http.url"},
		{"NUL", "code=a%00b", "http.url"},
		{"control character", "code=%1b[0m", "http.url"},
		{"no name", "=x", "http.url"},
		{"many parameters", many(51, "code=x"), "http.url"},
		{"many values", "code=" + strings.Repeat("x,", 101) + "x", "http.code"},
		{"many values, all told", many(40, "subject.identifier="+strings.Repeat("x,", 99)+"x"), "http.subject.identifier"},
		{"empty alternatives", "code=a,,b", "http.code"},
		{"deep chain", "patient.organization." + strings.Repeat("partof.", 7) + "name=x", "http.patient.organization." + strings.Repeat("partof.", 7) + "name"},
		{"deep _has", strings.Repeat("_has:Observation:has-member:", 9) + "code=x", "http.url"},
		{"many iterations", many(6, "_include:iterate=Observation:has-member"), "http._include:iterate"},
		{"a huge number", "value-quantity=1e999", "http.value-quantity"},
		{"a number of many digits", "value-quantity=" + strings.Repeat("9", 500), "http.value-quantity"},
		{"a huge count", "_count=99999999999999999999", "http._count"},
		{"a day that is not", "date=2026-02-30", "http.date"},
		{"a year that is not", "date=99999", "http.date"},
		{"SQL", "_id=1'%20OR%20'1'='1", "http._id"},
		{"a long id", "_id=" + strings.Repeat("a", 65), "http._id"},
		{"composite of too few", "code-value-quantity=x", "http.code-value-quantity"},
		{"beginning of a text, too long", "code:text=" + strings.Repeat("a", 401), "http.code:text"},
		{"part of a text, too long", "value-string:contains=" + strings.Repeat("a", 101), "http.value-string:contains"},
		{"composite of too many", "code-value-quantity=a$1$2", "http.code-value-quantity"},
	} {
		a := r.do("adams", "GET", "Observation?"+c.query, "", "Prefer: handling=strict")
		a.harmless(t, c.name)
		if a.status != 400 && a.status != 413 {
			t.Errorf("%s: %d: %.300s", c.name, a.status, a.body)
			continue
		}
		a.refused(t, a.status, c.at)
	}
	for _, name := range []string{canary + "1", "code:" + canary + "1", "subject." + canary + "1", "_has:" + canary + "1:x:y", "_sort"} {
		r.do("adams", "GET", "Observation?"+url.QueryEscape(name)+"="+canary, "", "Prefer: handling=strict").harmless(t, name)
	}
}

// What is long and legal is answered.
func TestLongQueriesAreAnsweredInTime(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	now := clock.System{}.Now
	start := now()
	for _, query := range []string{
		"Observation?code=" + strings.Repeat("x,", 98) + "8867-4",
		"Observation?" + strings.Repeat("code=8867-4&", 49) + "code=8867-4",
		"Observation?code:text=" + strings.Repeat("a", 400), // the most; see search.MaxBeginning
		"Observation?code=" + strings.Repeat("a", 5000),
		"Observation?subject.name=a&performer.name=a&has-member.derived-from.code=x",
		"?_id=" + strings.Repeat("o1,", 30) + "o1",
		"Patient?_has:Observation:patient:_has:Observation:has-member:code=x&_sort=name,-birthdate,family,given,gender",
		"Observation?_include=*&_revinclude=*&_include:iterate=*&_revinclude:iterate=*",
		"?_sort=-_lastUpdated&_count=500&_include=*&_revinclude=*",
	} {
		r.do("adams", "GET", query, "").is(t, 200)
	}
	if took := now().Sub(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestHostileBodiesAreRefused(t *testing.T) {
	r := newRig(t)
	nested := func(n int) string {
		return `{"resourceType":"Patient","extension":[` + strings.Repeat(`{"url":"u","extension":[`, n) + `{"url":"u","valueString":"x"}` + strings.Repeat(`]}`, n) + `]}`
	}
	value := func(number string) string { return strings.Replace(heartRate, "72.50", number, 1) }
	for name, body := range map[string]string{
		"trailing": patient("1", "a") + "x", "two documents": patient("1", "a") + patient("2", "b"), "duplicate": `{"resourceType":"Patient","active":true,"active":false}`,
		"duplicate by escape": `{"resourceType":"Patient","active":true,"\u0061ctive":false}`, "comment": `{"resourceType":"Patient"/* */}`, "single quotes": `{'resourceType':'Patient'}`,
		"deep": nested(40), "deeper": nested(5000), "array": `[]`, "null": `null`, "string": `"` + canary + `"`, "number": `1e999`, "empty object": `{}`, "bad UTF-8": "{\"resourceType\":\"Patient\",\"language\":\"\xff\"}",
		"lone surrogate": `{"resourceType":"Patient","language":"\ud800"}`, "NUL": `{"resourceType":"Patient","name":[{"family":"a\u0000b"}]}`, "raw NUL": "{\"resourceType\":\"Patient\",\"language\":\"a\x00\"}",
		"byte order mark": "\ufeff" + patient("1", "a"), "NaN": value("NaN"), "leading zero": value("007"), "plus": value("+1"), "hex": value("0x1"), "quoted": value(`"72.5"`), "huge exponent": value("1e999999999"),
		"long": `{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("a", 1<<20+1) + `"}]}`, "content as name": `{"resourceType":"Patient","` + canary + ` 1":1}`, "content as type": `{"resourceType":"` + canary + `"}`,
		"content as code": `{"resourceType":"Patient","gender":"` + canary + `"}`, "content as date": `{"resourceType":"Patient","birthDate":"` + canary + `"}`, "empty array": `{"resourceType":"Patient","name":[]}`, "null element": `{"resourceType":"Patient","name":null}`,
	} {
		typ := "Patient"
		if strings.Contains(body, "Observation") {
			typ = "Observation"
		}
		for _, c := range [][2]string{{"POST", typ}, {"PUT", typ + "/1"}, {"PUT", typ + "?_id=1"}, {"PATCH", typ + "/1"}, {"POST", ""}} {
			a := r.do("adams", c[0], c[1], body)
			a.harmless(t, c[0]+" "+name)
			if a.status < 400 {
				t.Errorf("%s %s: %d", c[0], name, a.status)
			}
		}
	}
	for _, number := range []string{"1e300", "1E-300", "-0", "0.00", "123456789012345678901234567890.1234567890"} {
		a := r.do("adams", "POST", "Observation", value(number)).is(t, 201)
		if !strings.Contains(a.body, `"value":`+number) {
			t.Errorf("%s is stored as %s", number, a.body)
		}
	}
	if got := r.do("adams", "GET", "Observation?value-quantity=gt1&_sort=value-quantity", ""); got.status != 200 {
		t.Errorf("a search among huge numbers: %v", got)
	}
}

func TestHostileBundlesAreRefused(t *testing.T) {
	r := newRig(t)
	entry := []string{"POST", "Patient", patient("1", "a")}
	tooMany := make([][]string, 1001)
	for i := range tooMany {
		tooMany[i] = []string{"GET", "Patient/1", ""}
	}
	for name, c := range map[string]struct {
		body   string
		status int
		at     string
	}{
		"another type":               {bundleOf("collection", entry), 400, "Bundle.type"},
		"no type":                    {`{"resourceType":"Bundle"}`, 400, "Bundle.type"},
		"no Bundle":                  {patient("1", "a"), 400, "Bundle.type"},
		"too many":                   {bundleOf("batch", tooMany...), 413, "Bundle.entry"},
		"unknown method":             {bundleOf("transaction", []string{"STEAL", "Patient", ""}), 400, "Bundle.entry[0].request.method"},
		"nested":                     {bundleOf("transaction", []string{"POST", "/", bundleOf("transaction", entry)}), 400, "Bundle.entry[0]"},
		"a patch that is not base64": {bundleOf("transaction", []string{"PATCH", "Patient/1", `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"=="}`}), 400, "Bundle.entry[0].resource.data"},
		"an unknown element":         {`{"resourceType":"Bundle","type":"batch","entries":[]}`, 400, "Bundle"},
	} {
		a := r.do("adams", "POST", "", c.body)
		a.harmless(t, name)
		a.refused(t, c.status, c.at)
	}
	for _, kind := range []string{"batch", "transaction"} {
		if a := r.do("adams", "POST", "", `{"resourceType":"Bundle","type":"`+kind+`"}`).is(t, 200); a.json(t)["type"] != kind+"-response" {
			t.Errorf("an empty %s: %v", kind, a)
		}
	}
	stored := r.do("adams", "POST", "Bundle", bundleOf("collection", []string{"GET", "x", patient("1", "a")})).is(t, 201)
	if stored.json(t)["type"] != "collection" || r.count("adams", "Patient?_id:missing=false") != 0.0 {
		t.Errorf("POST to /Bundle does more than store it: %v", stored)
	}
}

// Who is not signed in learns nothing but that.
func TestWithoutSigningInOnlyTheCapabilitiesAreAnswered(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	want := r.do("", "GET", "Patient/none", "").is(t, 401)
	if want.first("Www-Authenticate") == "" {
		t.Errorf("no challenge: %v", want)
	}
	for _, c := range [][2]string{{"GET", "Patient/amy"}, {"GET", "Fish"}, {"GET", "Patient?x=%zz"}, {"POST", ""}, {"DELETE", "Patient/amy"}, {"GET", "?_page=x"}, {"GET", "$nothing"}, {"POST", "metadata"}} {
		same(t, fmt.Sprint(c), r.do("", c[0], c[1], ""), want)
	}
	r.do("", "GET", "metadata", "").is(t, 200)
}
