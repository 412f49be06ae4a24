package fhir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/fhirjson"

	"pgregory.net/rapid"
)

func TestOutcomesNeverSayTheCause(t *testing.T) {
	const canary = "canary7"
	cause := fmt.Errorf("read Patient/%s: %w", canary, errors.New("row of "+canary))
	for code := fhir.Exception; code <= fhir.Unavailable+1; code++ {
		p := fhir.NewProblem(code, "a literal").At("Patient.name[0]").Because(cause)
		p.Issues = nil
		more := *p
		more.Issues = []fhir.Issue{{Text: "one"}, {Code: code, Type: "value", Text: "two", Expression: "Patient.id"}}
		wrapped := fhir.AsProblem(fmt.Errorf("perform: %w", p))
		for name, q := range map[string]*fhir.Problem{"plain": p, "with issues": &more, "wrapped": wrapped, "somebody's error": fhir.AsProblem(cause)} {
			out := q.Outcome("visit-1")
			if bytes.Contains(out, []byte(canary)) {
				t.Errorf("%d, %s: the outcome tells the cause: %s", code, name, out)
			}
			var oo struct {
				ResourceType string
				Issue        []struct{ Severity, Code, Diagnostics string }
			}
			if err := json.Unmarshal(out, &oo); err != nil || oo.ResourceType != "OperationOutcome" || len(oo.Issue) == 0 || oo.Issue[0].Severity != "error" || oo.Issue[0].Code == "" {
				t.Errorf("%d, %s: %v: %s", code, name, err, out)
			}
			if !strings.Contains(q.Error(), canary) || !errors.Is(q, errors.Unwrap(cause)) {
				t.Errorf("%d, %s: the log does not get the cause: %v", code, name, q)
			}
		}
	}
	if out := fhir.AsProblem(cause).Outcome("visit-1"); !bytes.Contains(out, []byte("internal error; visit visit-1")) {
		t.Errorf("an error of ours says %s", out)
	}
}

func TestCodesHaveOneStatusEach(t *testing.T) {
	for code, want := range map[fhir.Code]string{
		fhir.Exception: "500 exception", fhir.Invalid: "400 invalid", fhir.Structure: "400 structure", fhir.Unprocessable: "422 processing",
		fhir.Login: "401 login", fhir.Forbidden: "403 forbidden", fhir.NotFound: "404 not-found", fhir.Gone: "410 deleted", fhir.NotAllowed: "405 not-supported",
		fhir.Conflict: "409 conflict", fhir.Stale: "412 conflict", fhir.MultipleMatches: "412 multiple-matches", fhir.TooMuch: "413 too-costly",
		fhir.Throttled: "429 throttled", fhir.NotSupported: "501 not-supported", fhir.UnsupportedMedia: "415 not-supported", fhir.Unavailable: "503 transient",
		fhir.Unavailable + 1: "500 exception", 255: "500 exception",
	} {
		if got := fmt.Sprint(code.Status(), " ", code.IssueType()); got != want {
			t.Errorf("code %d: %s, want %s", code, got, want)
		}
	}
	if a, b := fhir.Absent(), fhir.Absent(); a == b || string(a.Outcome("1")) != string(b.Outcome("2")) || a.Code != fhir.NotFound {
		t.Error("what is absent is not always the same answer")
	}
}

// anyJSON is a JSON value as text, spelt in many ways: decimals with their
// zeroes, escapes, spaces.
func anyJSON(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		return rapid.SampledFrom([]string{"1", "1.0", "1.00", "-0.10", "1e3", "1.50E+2", "0"}).Draw(t, "number")
	case 1:
		return rapid.SampledFrom([]string{`"a"`, `"\u0061"`, `"\/"`, `"/"`, `"é"`, `"\ud83d\ude00"`, `""`, `"resourceType"`}).Draw(t, "string")
	case 2:
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "boolean")
	case 3:
		return "null"
	case 4:
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, space+anyJSON(t, depth-1))
		}
		return "[" + strings.Join(items, ",") + space + "]"
	}
	var members []string
	for n := range rapid.IntRange(0, 3).Draw(t, "members") {
		members = append(members, fmt.Sprintf(`%s"m%d"%s:%s%s`, space, n, space, space, anyJSON(t, depth-1)))
	}
	return "{" + strings.Join(members, ",") + space + "}"
}

func TestStampKeepsEveryOtherByteAndTheOrder(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	rapid.Check(t, func(t *rapid.T) {
		type member struct{ name, raw string }
		var kept, metaKept []member
		var text, meta []string
		add := func(list *[]string, keep *[]member, name string, own bool) {
			raw := anyJSON(t, 3)
			*list = append(*list, `"`+name+`" : `+raw)
			if !own {
				*keep = append(*keep, member{name, raw})
			}
		}
		for n := range rapid.IntRange(0, 4).Draw(t, "before") {
			add(&text, &kept, fmt.Sprint("b", n), false)
		}
		for _, name := range []string{"versionId", "lastUpdated", "_versionId"} {
			if rapid.Bool().Draw(t, name) {
				add(&meta, &metaKept, name, true)
			}
			add(&meta, &metaKept, "p"+name, false)
		}
		text = append(text, `"resourceType":"Patient"`, `"meta":{`+strings.Join(meta, ", ")+`}`)
		if rapid.Bool().Draw(t, "id") {
			text = append(text, `"id":"theirs"`)
		}
		for n := range rapid.IntRange(0, 4).Draw(t, "after") {
			add(&text, &kept, fmt.Sprint("a", n), false)
		}
		doc, err := fhirjson.Parse([]byte("{" + strings.Join(text, ",") + "}"))
		if err != nil {
			t.Fatal(err)
		}
		out, err := fhir.Stamp(doc.Root(), "ours", "v1", now)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"resourceType":"Patient","id":"ours","meta":{"versionId":"v1","lastUpdated":"2026-11-22T11:00:00.123Z"`
		for _, m := range metaKept {
			want += `,"` + m.name + `":` + m.raw
		}
		want += "}"
		for _, m := range kept {
			want += `,"` + m.name + `":` + m.raw
		}
		if want += "}"; string(out) != want {
			t.Fatalf("got\n%s\nwant\n%s", out, want)
		}
		again, err := fhirjson.Parse(out)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := fhir.Stamp(again.Root(), "ours", "v1", now); err != nil || string(twice) != want {
			t.Fatalf("stamped twice: %s (%v)", twice, err)
		}
	})
}

func TestRewriteLeavesCanonicalsAndTextAlone(t *testing.T) {
	const old = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
	to := func(text string, _ bool) (string, bool) { return "Patient/1", text == old }
	for _, c := range []struct{ name, in, want string }{
		{"a reference", `{"resourceType":"Observation","subject":{"reference":"%s"}}`, `{"resourceType":"Observation","subject":{"reference":"Patient/1"}}`},
		{"a reference in an extension", `{"resourceType":"Basic","extension":[{"url":"urn:x","valueReference":{"reference":"%s"}}]}`, `{"resourceType":"Basic","extension":[{"url":"urn:x","valueReference":{"reference":"Patient/1"}}]}`},
		{"a reference in what is contained", `{"resourceType":"Basic","contained":[{"resourceType":"Observation","subject":{"reference":"%s"}}]}`, `{"resourceType":"Basic","contained":[{"resourceType":"Observation","subject":{"reference":"Patient/1"}}]}`},
		{"a uri", `{"resourceType":"Basic","extension":[{"url":"urn:x","valueUri":"%s"}]}`, `{"resourceType":"Basic","extension":[{"url":"urn:x","valueUri":"Patient/1"}]}`},
		{"a narrative's link", `{"resourceType":"Basic","text":{"status":"generated","div":"<div><a href=\"%s\">x</a></div>"}}`, `{"resourceType":"Basic","text":{"status":"generated","div":"<div><a href=\"Patient/1\">x</a></div>"}}`},
		{"not a canonical", `{"resourceType":"Basic","meta":{"profile":["%s"]}}`, ""},
		{"not a string", `{"resourceType":"Patient","name":[{"family":"%s"}]}`, ""},
		{"not a code", `{"resourceType":"Patient","gender":"%s"}`, ""},
		{"not a display", `{"resourceType":"Observation","subject":{"display":"%s"}}`, ""},
		{"not a narrative's text", `{"resourceType":"Basic","text":{"status":"generated","div":"<div>%s</div>"}}`, ""},
	} {
		in := strings.Replace(c.in, "%s", old, 1)
		want := c.want
		if want == "" {
			want = in
		}
		if got := string(fhir.Rewrite(parse(t, in), to)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, want)
		}
	}
}
