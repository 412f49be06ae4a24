package authn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var noContext = context.Background()

func TestVerifyReadsEveryClaim(t *testing.T) {
	d := newDesk(t, jose.ES256, func(i *Issuer) { i.FHIRBases = []string{testAud} })
	claims := strings.TrimSuffix(d.claims(nil), "}") + `,"client_id":"app","azp":"app",
		"scope":"user/Patient.rs  user/Observation.rs?category=http://x|laboratory","fhirUser":"https://fhir.example/r4/Practitioner/p1",
		"patient":"123","roles":["nurse","tutor"],"organization":"Organization/o1","purpose_of_use":["TREAT"],"acr":"urn:x","other":{"a":[1]},
		"grant":"g1","sid":"s1","auth_time":` + strconv.FormatInt(start.Add(-time.Hour).Unix(), 10) + `}`
	raw := d.own.sign(d.header(`,"x5t":"ignored"`), claims)
	want := Token{
		Issuer: testIss, Subject: "self-test", ClientID: "app", JTI: "1", KeyID: "own ES256",
		Scope:    "user/Patient.rs user/Observation.rs?category=http://x|laboratory",
		FHIRUser: "Practitioner/p1", Patient: "123", Roles: []string{"nurse", "tutor"},
		Organization: []string{"Organization/o1"}, Purpose: "TREAT", ACR: "urn:x", Grant: "g1", Session: "s1", Type: Bearer,
		AuthTime: start.Add(-time.Hour),
		IssuedAt: start.Add(-time.Second), NotBefore: start.Add(-time.Second), Expires: start.Add(5 * time.Minute),
		Hash: sha256.Sum256([]byte(raw)),
	}
	for _, visit := range []string{"cold", "remembered", "remembered again"} {
		got, err := d.verify(raw)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: Verify = %+v, %v, want %+v", visit, got, err, want)
		}
		got.Roles[0], got.Organization[0] = "officer", "Organization/other" // must not reach the cache
	}
}

func TestAbsentClaimsAreZero(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	got, err := d.verify(d.with(map[string]string{"nbf": "", "iat": "", "jti": ""}))
	want := Token{Issuer: testIss, Subject: "self-test", KeyID: "own ES256", Type: Bearer, Expires: start.Add(5 * time.Minute), Hash: got.Hash}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Verify = %+v, %v, want %+v", got, err, want)
	}
}

func TestClaimsAreRefusedOrRead(t *testing.T) {
	d := newDesk(t, jose.ES256, func(i *Issuer) { i.FHIRBases = []string{testAud} })
	cases := []struct {
		name, members string
		want          literal // "" when it is good
		check         func(Token) string
		got           string
	}{
		{"scp as array", `"scp":["a","b"]`, "", func(t Token) string { return t.Scope }, "a b"},
		{"scp as text", `"scp":"a b"`, "", func(t Token) string { return t.Scope }, "a b"},
		{"scope and scp agree", `"scope":"a b","scp":["a","b"]`, "", func(t Token) string { return t.Scope }, "a b"},
		{"scope and scp disagree", `"scope":"a","scp":["a","b"]`, badScope, nil, ""},
		{"empty scope", `"scope":""`, "", func(t Token) string { return t.Scope }, ""},
		{"scope with a quote", `"scope":"a\"b"`, badScope, nil, ""},
		{"scope item with a space", `"scp":["a b"]`, badScope, nil, ""},
		{"scope as number", `"scope":1`, badClaim, nil, ""},
		{"azp alone", `"azp":"app"`, "", func(t Token) string { return t.ClientID }, "app"},
		{"azp disagrees", `"client_id":"a","azp":"b"`, badClaim, nil, ""},
		{"relative user", `"fhirUser":"PractitionerRole/a-1.b"`, "", func(t Token) string { return t.FHIRUser }, "PractitionerRole/a-1.b"},
		{"user of another server", `"fhirUser":"https://other.example/r4/Practitioner/p1"`, badUser, nil, ""},
		{"user below a longer base", `"fhirUser":"https://fhir.example/r4x/Practitioner/p1"`, badUser, nil, ""},
		{"user that is no person", `"fhirUser":"Organization/o1"`, badUser, nil, ""},
		{"user with a path", `"fhirUser":"Practitioner/p1/_history/1"`, badUser, nil, ""},
		{"user without id", `"fhirUser":"Practitioner/"`, badUser, nil, ""},
		{"empty user", `"fhirUser":""`, badClaim, nil, ""},
		{"null user", `"fhirUser":null`, badClaim, nil, ""},
		{"patient as reference", `"patient":"Patient/1"`, badPatient, nil, ""},
		{"patient with a blank", `"patient":"1 2"`, badPatient, nil, ""},
		{"patient too long", `"patient":"` + strings.Repeat("1", 65) + `"`, badPatient, nil, ""},
		{"patient as number", `"patient":1`, badClaim, nil, ""},
		{"one role", `"roles":"nurse"`, "", func(t Token) string { return fmt.Sprint(t.Roles) }, "[nurse]"},
		{"roles with a number", `"roles":["nurse",1]`, badClaim, nil, ""},
		{"roles nested", `"roles":[["nurse"]]`, badClaim, nil, ""},
		{"roles as object", `"roles":{"nurse":true}`, badClaim, nil, ""},
		{"two purposes", `"purpose_of_use":["TREAT","HRESCH"]`, badClaim, nil, ""},
		{"control character", `"acr":"a\nb"`, badClaim, nil, ""},
		{"escaped member name is the same member", `"\u0073ub":"other"`, badClaimsJSON, nil, ""},
		{"other case is another member", `"SUB":"other","Scope":"a"`, "", func(t Token) string { return t.Subject + t.Scope }, "self-test"},
		{"invalid UTF-8", "\"acr\":\"\xff\"", badClaimsJSON, nil, ""},
	}
	for _, c := range cases {
		claims := strings.TrimSuffix(d.claims(nil), "}") + "," + c.members + "}"
		tok, err := d.verify(d.own.sign(d.header(""), claims))
		if c.want != "" {
			t.Run(c.name, func(t *testing.T) { wantRefusal(t, err, 401, "invalid_token", c.want) })
			continue
		}
		if err != nil || c.check(tok) != c.got {
			t.Errorf("%s: %q, %v, want %q", c.name, c.check(tok), err, c.got)
		}
	}
}

func TestClaimNamesAreMapped(t *testing.T) {
	d := newDesk(t, jose.ES256, func(i *Issuer) {
		i.Claims = ClaimNames{Roles: "/realm_access/roles", Organization: "https://x.example/org", Patient: "/a~1b/~01", ClientID: "cid", Scope: "perms"}
	})
	claims := strings.TrimSuffix(d.claims(nil), "}") + `,"realm_access":{"roles":["nurse"]},"a/b":{"~1":"123"},"https://x.example/org":["o1","o2"],
		"roles":["officer"],"client_id":"not this","cid":"this","scope":"user/*.cruds","perms":"a"}`
	tok, err := d.verify(d.own.sign(d.header(""), claims))
	got := fmt.Sprintln(tok.Roles, tok.Organization, tok.Patient, tok.ClientID, tok.Scope)
	if want := "[nurse] [o1 o2] 123 this a\n"; err != nil || got != want {
		t.Errorf("mapped claims = %s, %v, want %s", got, err, want)
	}
}

func TestTimesAreJudgedToTheInstant(t *testing.T) {
	at := func(d time.Duration, frac string) string {
		return strconv.FormatInt(start.Add(d).Unix(), 10) + frac
	}
	const leeway = 10 * time.Second
	cases := []struct {
		name, claim, value string
		want               literal
	}{
		{"ends within the leeway", "exp", at(-leeway, ".000000001"), ""},
		{"ends at the leeway", "exp", at(-leeway, ""), expired},
		{"begins at the leeway", "nbf", at(leeway, ""), ""},
		{"begins after the leeway", "nbf", at(leeway, ".000000001"), tooEarly},
		{"issued at the leeway", "iat", at(leeway, ".000"), ""},
		{"issued after the leeway", "iat", at(leeway, ".5"), fromFuture},
		{"ends in 9999", "exp", "253402300799", ""},
		{"ends after 9999", "exp", "253402300800", badTime},
		{"many digits", "exp", "1111111111111111111111111111", badTime},
		{"many digits of a fraction", "exp", at(time.Hour, "."+strings.Repeat("1", 33)), badTime},
		{"exponent", "exp", "2e9", badTime},
		{"exponent after a fraction", "exp", "2.1e9", badTime},
		{"negative zero", "nbf", "-0", badTime},
		{"null", "exp", "null", badTime},
		{"boolean", "nbf", "true", badTime},
		{"array", "exp", "[" + at(time.Hour, "") + "]", badTime},
		{"zero is long ago, not absent", "exp", "0", expired},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, jose.ES256, nil)
			_, err := d.verify(d.with(map[string]string{c.claim: c.value}))
			if c.want != "" {
				wantRefusal(t, err, 401, "invalid_token", c.want)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestHeaderFieldForms(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	good := d.good()
	cases := []struct {
		name, value string
		status      int // 0 when it is good
		code        string
		why         literal
	}{
		{"usual", "Bearer " + good, 0, "", ""},
		{"other case, more spaces", "bEARER   " + good, 0, "", ""},
		{"absent", "", 401, "", absent},
		{"Basic", "Basic dTpw", 401, "", otherScheme},
		{"bearer token as DPoP", "dpop " + good, 401, "invalid_token", notBound},
		{"DPoP without token", "DPoP", 400, "invalid_request", badHeader},
		{"no scheme", good, 401, "", otherScheme},
		{"tab", "Bearer\t" + good, 401, "", otherScheme},
		{"no token", "Bearer", 400, "invalid_request", badHeader},
		{"blank token", "Bearer  ", 400, "invalid_request", badHeader},
		{"two tokens", "Bearer " + good + " " + good, 400, "invalid_request", badHeader},
		{"two fields joined", "Bearer " + good + ", Bearer " + good, 400, "invalid_request", badHeader},
		{"line end", "Bearer " + good + "\n", 400, "invalid_request", badHeader},
		{"line end inside", "Bearer " + good[:9] + "\n" + good[9:], 400, "invalid_request", badHeader},
		{"not ASCII", "Bearer é", 400, "invalid_request", badHeader},
		{"equals only", "Bearer ===", 400, "invalid_request", badHeader},
		{"opaque token", "Bearer 2YotnFZFEjr1zCsicMWpAA", 401, "invalid_token", notCompact},
		{"five parts", "Bearer a.b.c.d.e", 401, "invalid_token", notCompact},
		{"other alphabet", "Bearer " + good + "+/", 401, "invalid_token", notCompact},
		{"too long", "Bearer " + strings.Repeat("a", MaxTokenBytes+1), 401, "invalid_token", tooLong},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.v.Verify(noContext, c.value)
			if c.status != 0 {
				wantRefusal(t, err, c.status, c.code, c.why)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestBase64HasOneSpelling(t *testing.T) {
	for s, want := range map[string]bool{"": true, "QQ": true, "QUI": true, "QUJD": true, "-_-_": true,
		"QR": false, "QUJ": false, "QQ==": false, "Q": false, "Q\nQ": false, "QQ\r\n": false, "+/+/": false, "Q Q": false} {
		if _, ok := decodeStrict(s); ok != want {
			t.Errorf("decodeStrict(%q): %t, want %t", s, ok, want)
		}
	}
}

func TestTypMayBeAnAccessTokensOnly(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	cases := map[string]bool{``: true, `,"typ":"JWT"`: true, `,"typ":"jwt"`: true, `,"typ":"at+jwt"`: true, `,"typ":"application/AT+JWT"`: true,
		`,"typ":"JOSE"`: false, `,"typ":""`: false, `,"typ":1`: false, `,"typ":null`: false, `,"typ":"id+jwt"`: false}
	for typ, want := range cases {
		_, err := d.verify(d.own.sign(fmt.Sprintf(`{"alg":"ES256","kid":%q%s}`, d.own.kid, typ), d.claims(nil)))
		if (err == nil) != want {
			t.Errorf("header with %q: %v, want accepted: %t", typ, err, want)
		}
	}
}

func TestIssuersKeysDoNotVerifyForEachOther(t *testing.T) {
	a, b := newDesk(t, jose.ES256, nil), newDesk(t, jose.ES256, nil)
	other := testSigner(t, "other issuer", jose.ES256)
	b.publish(t, other)
	v, err := New(Config{Issuers: []Issuer{a.issuer,
		{Name: "https://b.example", Audience: []string{testAud}, JWKSFile: b.path, Algorithms: []string{"ES256"}}}}, a.clk, nil)
	if err != nil {
		t.Fatal(err)
	}
	asB := map[string]string{"iss": `"https://b.example"`}
	if _, err := v.Verify(noContext, "Bearer "+other.sign(headerOf(other.alg, other.kid, ""), a.claims(asB))); err != nil {
		t.Errorf("own key: %v", err)
	}
	_, err = v.Verify(noContext, "Bearer "+a.own.sign(a.header(""), a.claims(asB)))
	wantRefusal(t, err, 401, "invalid_token", unknownKey)
	_, err = v.Verify(noContext, "Bearer "+a.own.sign(`{"alg":"ES256"}`, a.claims(asB)))
	wantRefusal(t, err, 401, "invalid_token", badSignature)
}

func TestUnsafeConfigurationIsRefused(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	good := d.issuer
	cases := map[string]func(*Issuer){
		"no name":               func(i *Issuer) { i.Name = "" },
		"no audience":           func(i *Issuer) { i.Audience = nil },
		"empty audience":        func(i *Issuer) { i.Audience = []string{""} },
		"no algorithm":          func(i *Issuer) { i.Algorithms = nil },
		"none":                  func(i *Issuer) { i.Algorithms = []string{"none"} },
		"HS256":                 func(i *Issuer) { i.Algorithms = []string{"ES256", "HS256"} },
		"algorithm twice":       func(i *Issuer) { i.Algorithms = []string{"ES256", "ES256"} },
		"leeway":                func(i *Issuer) { i.Leeway = 61 * time.Second },
		"negative leeway":       func(i *Issuer) { i.Leeway = -1 },
		"negative key age":      func(i *Issuer) { i.MaxKeyAge = -1 },
		"no keys":               func(i *Issuer) { i.JWKSFile = "" },
		"two key sources":       func(i *Issuer) { i.JWKSURL = "https://issuer.example/jwks" },
		"keys twice":            func(i *Issuer) { i.Keys = &keyShelf{} },
		"missing file":          func(i *Issuer) { i.JWKSFile += ".no" },
		"plain URL":             func(i *Issuer) { i.JWKSFile, i.JWKSURL = "", "http://issuer.example/jwks" },
		"plain loopback":        func(i *Issuer) { i.JWKSFile, i.JWKSURL = "", "http://127.0.0.1/jwks" },
		"not loopback":          func(i *Issuer) { i.JWKSFile, i.JWKSURL, i.PlainLoopback = "", "http://10.0.0.1/jwks", true },
		"loopback by name":      func(i *Issuer) { i.JWKSFile, i.JWKSURL, i.PlainLoopback = "", "http://127.0.0.1.example/jwks", true },
		"URL with a password":   func(i *Issuer) { i.JWKSFile, i.JWKSURL = "", "https://a:b@issuer.example/jwks" },
		"file URL":              func(i *Issuer) { i.JWKSFile, i.JWKSURL = "", "file:///etc/passwd" },
		"URL and no way out":    func(i *Issuer) { i.JWKSFile, i.JWKSURL = "", "https://issuer.example/jwks" },
		"base that is relative": func(i *Issuer) { i.FHIRBases = []string{"/r4"} },
		"base with a slash":     func(i *Issuer) { i.FHIRBases = []string{testAud + "/"} },
	}
	for name, change := range cases {
		bad := good
		change(&bad)
		var egress http.RoundTripper = &http.Transport{}
		if name == "URL and no way out" {
			egress = nil
		}
		if _, err := New(Config{Issuers: []Issuer{bad}}, d.clk, egress); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, url := range []string{"https://issuer.example/jwks", "http://127.0.0.1:1/jwks", "http://[::1]/jwks"} {
		i := good
		i.JWKSFile, i.JWKSURL, i.PlainLoopback = "", url, true
		if _, err := New(Config{Issuers: []Issuer{i}}, d.clk, &http.Transport{}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for name, cfg := range map[string]Config{"no issuer": {}, "same name": {Issuers: []Issuer{good, good}},
		"negative cache": {Issuers: []Issuer{good}, CacheSize: -1}} {
		if _, err := New(cfg, d.clk, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestReasonsAreFitForTheWire: RFC 6750 §3, error_description.
func TestReasonsAreFitForTheWire(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reasons.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		for _, c := range text {
			if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
				t.Errorf("%q has %q in it", text, c)
			}
		}
		return true
	})
	if found < 20 {
		t.Errorf("only %d reasons found", found)
	}
}
