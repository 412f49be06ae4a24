package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"firebreak/fhir/r4"
)

func drawRecord(t *rapid.T) Record {
	s, list := rapid.String(), rapid.SliceOfN(rapid.String(), 1, 3)
	text := func(name string) string { return strings.ToValidUTF8(s.Draw(t, name), "") }
	texts := func(name string) []string {
		if !rapid.Bool().Draw(t, name+" there") {
			return nil
		}
		return list.Draw(t, name)
	}
	r := Record{
		Kind: rapid.SampledFrom([]Kind{Intent, Outcome, Disclosure, Denial, Decision}).Draw(t, "kind"), Visit: text("visit"),
		Tenant: text("tenant"), Subject: text("subject"), Issuer: text("issuer"), Name: text("name"), FHIRUser: text("fhirUser"),
		Organization: text("organization"), Roles: texts("roles"), ClientID: text("client"), ClientName: text("client name"),
		JTI: text("jti"), Purposes: texts("purposes"), Peer: text("peer"), Server: text("server"), Interaction: text("interaction"),
		Operation: text("operation"), ResourceType: text("type"), Patients: texts("patients"), Consents: texts("consents"),
		Status: rapid.IntRange(0, 599).Draw(t, "status"), Detail: text("detail"), RequestID: text("request"), Epoch: text("epoch"),
	}
	if rapid.Bool().Draw(t, "timed") {
		r.Time = time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "time")).UTC()
	}
	if q := rapid.SliceOf(rapid.Byte()).Draw(t, "query"); len(q) > 0 {
		r.Query = q
	}
	for range rapid.IntRange(0, 3).Draw(t, "targets") {
		r.Targets = append(r.Targets, Target{text("target type"), text("id"), text("version"), texts("labels")})
	}
	if rapid.Bool().Draw(t, "in parts") {
		r.Part, r.Parts = rapid.IntRange(1, 9).Draw(t, "part"), 9
	}
	if rapid.Bool().Draw(t, "repaired") {
		r.Repair = &Repair{Segment: text("segment"), Offset: rapid.Int64().Draw(t, "offset"), Length: 7, SHA256: Hash{1, 2}}
	}
	return r
}

func TestRecordReadsBackAsItWasAndOneWayOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		b := r.Append(nil)
		if !json.Valid(b) {
			t.Fatalf("not JSON: %q", b)
		}
		got, err := ParseRecord(b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("ParseRecord(%s) = %+v, %v, want %+v", b, got, err, r)
		}
	})
}

func TestRecordWrittenOtherwiseIsRefused(t *testing.T) {
	whole := string(Record{Kind: Intent, Visit: "v1", Status: 200, Roles: []string{"a"}}.Append(nil))
	if _, err := ParseRecord([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]string{
		"unknown member": strings.Replace(whole, `"visit"`, `"zzz":1,"visit"`, 1),
		"space":          strings.Replace(whole, `:`, `: `, 1),
		"other order":    `{"v":1,"visit":"v1","kind":"intent","roles":["a"],"status":200}`,
		"escape":         strings.Replace(whole, `v1`, `\u0076\u0031`, 1),
		"other version":  strings.Replace(whole, `"v":1`, `"v":2`, 1),
		"string status":  strings.Replace(whole, `200`, `"200"`, 1),
		"exponent":       strings.Replace(whole, `200`, `2e2`, 1),
		"empty list":     strings.Replace(whole, `["a"]`, `[]`, 1),
		"twice":          strings.Replace(whole, `"visit"`, `"kind":"intent","visit"`, 1),
		"trailing":       whole + " ",
		"no object":      `[]`,
		"nothing":        ``,
		"encrypted":      "\x00\x01\x02",
	} {
		if _, err := ParseRecord([]byte(edit)); !errors.Is(err, ErrNotARecord) {
			t.Errorf("%s: ParseRecord(%q) = %v, want ErrNotARecord", name, edit, err)
		}
	}
}

func FuzzParsedRecordIsItsOnlyEncoding(f *testing.F) {
	f.Add(Record{Kind: Intent, Time: time.UnixMicro(1), Targets: []Target{{Type: "Patient", ID: "1"}}, Query: []byte("x")}.Append(nil))
	f.Add(Record{Kind: Repaired, Repair: &Repair{Segment: "s", Offset: 3}}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseRecord(b); err == nil && !bytes.Equal(r.Append(nil), b) {
			t.Errorf("%q reads as a record that is written %q", b, r.Append(nil))
		}
	})
}

func TestRecordHasNoPlaceForASecret(t *testing.T) {
	for f := range reflect.TypeFor[Record]().Fields() {
		for _, word := range []string{"token", "secret", "password", "authorization", "header", "cookie", "credential", "assertion"} {
			if strings.Contains(strings.ToLower(f.Name), word) {
				t.Errorf("Record.%s sounds like a place for a secret", f.Name)
			}
		}
	}
}

func TestRequestTextLetsNoCredentialThrough(t *testing.T) {
	const canary = "s3cr3t-canary"
	header := map[string][]string{"Accept": {"application/fhir+json"}, "X-Request-Id": {"r1"}}
	for _, name := range []string{"Authorization", "Cookie", "Dpop", "Proxy-Authorization", "X-Api-Key", "Signature", "Set-Cookie"} {
		header[name] = []string{canary}
	}
	for _, target := range []string{
		"/r4/Patient?name=x&access_token=" + canary + "&_count=1", "/r4/Patient?ACCESS_TOKEN=" + canary,
		"/r4/Patient?access%5Ftoken=" + canary, "https://u:" + canary + "@h/r4/Patient", "https://" + canary + "@h?x=1",
		"/token?client_secret=" + canary + "&code_verifier=" + canary,
		"/r4/Patient?token=" + canary, "/r4/Patient?Token=" + canary + "&_count=1", "/r4/Patient?password=" + canary + ";a=" + canary,
		"/r4/Patient?a=1;token=" + canary, "/r4/Patient?%2574oken=" + canary, "/r4/Patient?+token+=" + canary, "/r4/Patient?a=1&=&token:exact=" + canary,
		"/r4/Patient?access-token=" + canary, "/r4/Patient?api_key=" + canary, "/r4/Patient?jwt==" + canary, "/r4/Patient?x&&pwd=" + canary + "=",
	} {
		b := RequestText("GET", target, header, []byte("grant_type=x&token="+canary+"&password="+canary+"&client_assertion="+canary+"&refresh_token="+canary))
		if bytes.Contains(b, []byte(canary)) {
			t.Errorf("%s: the text holds the credential: %q", target, b)
		}
		if r := (Record{Query: b}).Append(nil); bytes.Contains(r, []byte(canary)) {
			t.Errorf("%s: the record holds the credential", target)
		}
	}
}

// A name that is masked must not be one that criteria have.
func TestNoSearchParameterIsTakenForACredential(t *testing.T) {
	for _, typ := range r4.Resources() {
		for _, p := range r4.SearchParams(typ) {
			if secret(p.Code) {
				t.Errorf("%s?%s= would not be on record", typ, p.Code)
			}
		}
	}
}

func TestRequestTextIsOtherwiseUnaltered(t *testing.T) {
	target := "/r4/Patient?name=%zz'; DROP--&&=x&code=http://loinc.org|1-8;a=b&tokens=x&token&" + "\x00\xff"
	got := string(RequestText("GET", target, map[string][]string{"Prefer": {"a", "b"}}, []byte("a=1&b=%20")))
	if want := "GET " + target + "\nPrefer: a\nPrefer: b\n\na=1&b=%20"; got != want {
		t.Errorf("RequestText = %q, want %q", got, want)
	}
}
