package authn

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
	"firebreak/fhirjson"
)

// askDesk is an issuer that answers about its tokens, and a verifier that asks.
type askDesk struct {
	*forger
	clk    *clock.Fixed
	v      *Verifier
	issuer Issuer
	server *httptest.Server
	asked  atomic.Int32

	mu     sync.Mutex
	answer http.HandlerFunc
	form   url.Values
	sent   http.Header
}

const opaqueToken = "2YotnFZFEjr1zCsicMWpAA"

func newAskDesk(t testing.TB, change func(*Issuer)) *askDesk {
	t.Helper()
	d := &askDesk{clk: clock.NewFixed(start)}
	d.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.asked.Add(1)
		r.ParseForm()
		d.mu.Lock()
		d.form, d.sent = r.PostForm, r.Header
		answer := d.answer
		d.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(d.server.Close)
	d.issuer = Issuer{Name: testIss, Audience: []string{testAud}, Introspection: &Introspection{URL: d.server.URL + "/introspect",
		ClientID: "fire:break", ClientSecret: "s3 cret", Remember: 10 * time.Second}}
	if change != nil {
		change(&d.issuer)
	}
	testRing.Lock()
	defer testRing.Unlock()
	var err error
	d.forger, _, err = newForger(d.issuer, jose.ES256, start, testRing.keyring)
	must(t, err)
	d.v, err = New(Config{Issuers: []Issuer{d.issuer}}, d.clk, d.server.Client().Transport)
	must(t, err)
	d.say(d.active(nil))
	return d
}

func (d *askDesk) serve(h http.HandlerFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = h
}

func (d *askDesk) say(body string) {
	d.serve(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.Write([]byte(body))
	})
}

// active is an answer about an active token, with changes as those of claims.
func (d *askDesk) active(changes map[string]string) string {
	all := map[string]string{"active": "true", "client_id": `"app"`, "username": `"anna"`, "token_type": `"Bearer"`, "scope": `"user/*.rs"`}
	for name, value := range changes {
		all[name] = value
	}
	return d.claims(all)
}

func (d *askDesk) verify(token string) (Token, error) {
	return d.v.Verify(noContext, "Bearer "+token)
}

func (d *askDesk) wantAsked(t *testing.T, when string, want int32) {
	t.Helper()
	if got := d.asked.Load(); got != want {
		t.Errorf("%s: asked %d times, want %d", when, got, want)
	}
}

func TestOpaqueTokenIsWhatItsIssuerSays(t *testing.T) {
	d := newAskDesk(t, func(i *Issuer) { i.Claims.Roles = "/realm_access/roles" })
	d.say(d.active(map[string]string{"realm_access": `{"roles":["nurse"]}`, "fhirUser": `"Practitioner/anna"`}))
	tok, err := d.verify(opaqueToken)
	got := fmt.Sprint(tok.Issuer, tok.Subject, tok.ClientID, tok.Scope, tok.Roles, tok.FHIRUser, tok.Expires.Sub(start), tok.Hash == sha256.Sum256([]byte(opaqueToken)))
	if want := fmt.Sprint(testIss, "self-test", "app", "user/*.rs", []string{"nurse"}, "Practitioner/anna", 5*time.Minute, true); err != nil || got != want {
		t.Errorf("Verify = %s, %v, want %s", got, err, want)
	}
	if d.form.Get("token") != opaqueToken || d.form.Get("token_type_hint") != "access_token" {
		t.Errorf("asked with %v", d.form)
	}
	// RFC 6749 §2.3.1: encoded as a form's, and then Basic.
	r := http.Request{Header: d.sent}
	if id, secret, _ := r.BasicAuth(); id != "fire%3Abreak" || secret != "s3+cret" {
		t.Errorf("credentials %q %q", id, secret)
	}
	if err := d.v.SelfTest(); err != nil {
		t.Error(err)
	}
}

// TestBadDescriptionsAreRefused: RFC 7662 §2.2 and §4, held to what a JWT's
// claims are held to.
func TestBadDescriptionsAreRefused(t *testing.T) {
	at := func(d time.Duration) string { return strconv.FormatInt(start.Add(d).Unix(), 10) }
	for name, c := range map[string]struct {
		changes map[string]string
		want    literal
	}{
		"not active":         {map[string]string{"active": "false"}, inactive},
		"another issuer":     {map[string]string{"iss": `"https://evil.example"`}, unknownIssuer},
		"another audience":   {map[string]string{"aud": `"https://other.example"`}, badAudience},
		"no audience":        {map[string]string{"aud": ""}, badAudience},
		"no subject":         {map[string]string{"sub": ""}, noSubject},
		"expired":            {map[string]string{"exp": at(-time.Second)}, expired},
		"no end":             {map[string]string{"exp": ""}, badTime},
		"not yet":            {map[string]string{"nbf": at(time.Minute)}, tooEarly},
		"issued later":       {map[string]string{"iat": at(time.Minute)}, fromFuture},
		"scope as number":    {map[string]string{"scope": "1"}, badClaim},
		"a refresh token":    {map[string]string{"typ": `"Refresh"`}, otherKind},
		"clients disagree":   {map[string]string{"azp": `"other"`}, badClaim},
		"bound, as Bearer":   {map[string]string{"cnf": `{"jkt":"` + Thumbprint(strings.Repeat("00", 32)) + `"}`}, boundToKey},
		"bound in a new way": {map[string]string{"cnf": `{"kid":"1"}`}, badConfirmation},
		"DPoP without a key": {map[string]string{"token_type": `"DPoP"`}, badConfirmation},
	} {
		t.Run(name, func(t *testing.T) {
			d := newAskDesk(t, nil)
			d.say(d.active(c.changes))
			_, err := d.verify(opaqueToken)
			wantRefusal(t, err, 401, "invalid_token", c.want)
		})
	}
	d := newAskDesk(t, nil)
	d.say(d.active(map[string]string{"iss": "", "nbf": "", "iat": "", "jti": "", "token_type": ""}))
	if tok, err := d.verify(opaqueToken); err != nil || tok.Issuer != testIss {
		t.Errorf("members that RFC 7662 leaves out: %+v, %v", tok, err)
	}
}

// TestIssuerThatDoesNotAnswerProperlyAcceptsNothing: it is not the token's
// fault, and never a reason to let it pass.
func TestIssuerThatDoesNotAnswerProperlyAcceptsNothing(t *testing.T) {
	d := newAskDesk(t, nil)
	good := d.active(nil)
	reply := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			if status == http.StatusFound {
				w.Header().Set("Location", d.server.URL+"/elsewhere")
			}
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
	}
	for name, c := range map[string]struct {
		http.HandlerFunc
		cause string
	}{
		"down":                   {reply(502, "application/json", good), "status 502"},
		"refuses us":             {reply(401, "application/json", good), "credentials"},
		"forbids us":             {reply(403, "application/json", good), "credentials"},
		"redirects":              {reply(302, "application/json", good), "status 302"},
		"created":                {reply(201, "application/json", good), "status 201"},
		"HTML":                   {reply(200, "text/html", good), "form"},
		"no type":                {reply(200, "", good), "form"},
		"JWT (RFC 9701)":         {reply(200, "application/token-introspection+jwt", d.good()), "form"},
		"not JSON":               {reply(200, "application/json", "active"), "form"},
		"empty":                  {reply(200, "application/json", ""), "form"},
		"a list":                 {reply(200, "application/json", "["+good+"]"), "form"},
		"active in quotes":       {reply(200, "application/json", d.active(map[string]string{"active": `"true"`})), "form"},
		"active as number":       {reply(200, "application/json", d.active(map[string]string{"active": "1"})), "form"},
		"active null":            {reply(200, "application/json", d.active(map[string]string{"active": "null"})), "form"},
		"no active":              {reply(200, "application/json", d.active(map[string]string{"active": ""})), "form"},
		"active twice":           {reply(200, "application/json", `{"active":false,`+good[1:]), "form"},
		"active in another case": {reply(200, "application/json", d.active(map[string]string{"active": "", "Active": "true"})), "form"},
		"too large":              {reply(200, "application/json", good+strings.Repeat(" ", maxIntrospectBytes)), "form"},
		"hangs up":               {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, "it cannot be re"},
	} {
		d.serve(c.HandlerFunc)
		var r *Refusal
		_, err := d.verify(opaqueToken)
		if !errors.Is(err, ErrIntrospectionUnavailable) || errors.As(err, &r) {
			t.Errorf("%s: %v, want ErrIntrospectionUnavailable", name, err)
			continue
		}
		if strings.Contains(err.Error(), opaqueToken) || strings.Contains(err.Error(), "s3") {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
		if cause := d.v.Health()[0].AskingCause(); !strings.Contains(cause, c.cause) {
			t.Errorf("%s: cause %q, want it to say %q", name, cause, c.cause)
		}
	}
	d.say(good)
	if _, err := d.verify(opaqueToken); err != nil || d.v.Health()[0].AskingCause() != "" {
		t.Errorf("after repair: %v, %q", err, d.v.Health()[0].AskingCause())
	}
}

func TestAnswersAreRememberedBriefly(t *testing.T) {
	d := newAskDesk(t, nil)
	for range 5 {
		if _, err := d.verify(opaqueToken); err != nil {
			t.Fatal(err)
		}
	}
	d.wantAsked(t, "at once", 1)
	d.say(`{"active":false}`)
	d.clk.Advance(10*time.Second - 1)
	if _, err := d.verify(opaqueToken); err != nil {
		t.Error(err)
	}
	d.clk.Advance(1)
	for range 3 { // that one is not active is never remembered
		_, err := d.verify(opaqueToken)
		wantRefusal(t, err, 401, "invalid_token", inactive)
	}
	d.wantAsked(t, "after it was revoked", 4)

	d = newAskDesk(t, nil)
	d.say(d.active(map[string]string{"exp": strconv.FormatInt(start.Add(3*time.Second).Unix(), 10)}))
	if _, err := d.verify(opaqueToken); err != nil {
		t.Fatal(err)
	}
	d.clk.Advance(3 * time.Second)
	_, err := d.verify(opaqueToken)
	wantRefusal(t, err, 401, "invalid_token", expired)

	d = newAskDesk(t, func(i *Issuer) { i.Introspection.Remember = 0 })
	for range 3 {
		if _, err := d.verify(opaqueToken); err != nil {
			t.Fatal(err)
		}
	}
	d.wantAsked(t, "when nothing is remembered", 3)
}

func TestAlwaysAsksAboutJWTsToo(t *testing.T) {
	path := t.TempDir() + "/jwks.json"
	src, err := publicJSON(testSigner(t, "own", jose.ES256))
	must(t, err)
	writeFile(t, path, string(src))
	d := newAskDesk(t, func(i *Issuer) {
		i.JWKSFile, i.Algorithms, i.Introspection.Always = path, []string{"ES256"}, true
	})
	good := d.good()
	for range 3 {
		if _, err := d.verify(good); err != nil {
			t.Fatal(err)
		}
	}
	d.wantAsked(t, "for a good token", 1)
	for _, f := range d.forgeries() {
		if f.want == boundToKey || f.want == boundToCertificate || strings.Count(f.token, ".") != 2 {
			continue // a good JWT, and what is no JWT
		}
		if _, err := d.verify(f.token); err == nil {
			t.Errorf("%s: accepted, though the signature or the claims are bad", f.name)
		}
	}
	d.wantAsked(t, "for forgeries", 1)
	d.say(`{"active":false}`)
	d.clk.Advance(10 * time.Second)
	_, err = d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", inactive)
	for _, claim := range []string{"iss", "sub", "jti"} {
		d.say(d.active(map[string]string{claim: `"other"`}))
		_, err = d.verify(good)
		wantRefusal(t, err, 401, "invalid_token", otherToken)
	}
	d.say(`{"active":true}`)
	if _, err := d.verify(good); err != nil {
		t.Errorf("an answer of active alone: %v", err)
	}
	if _, err := d.verify(opaqueToken); err == nil {
		t.Error("an opaque token passes with an answer of active alone")
	}
	d.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	d.clk.Advance(10 * time.Second)
	if _, err := d.verify(good); !errors.Is(err, ErrIntrospectionUnavailable) {
		t.Errorf("while the issuer is down: %v", err)
	}
	if err := d.v.SelfTest(); err != nil {
		t.Error(err)
	}
}

func TestJWTsOfAnIssuerWithoutKeysAreAskedAbout(t *testing.T) {
	d := newAskDesk(t, nil)
	foreign := d.foreign.sign(d.header(""), d.claims(map[string]string{"scope": `"system/*.cruds"`}))
	tok, err := d.verify(foreign)
	if err != nil || tok.Scope != "user/*.rs" {
		t.Errorf("Verify = %q, %v: want what the issuer says, not what the token says", tok.Scope, err)
	}
	_, err = d.verify(d.own.sign(d.header(""), d.claims(map[string]string{"iss": `"https://evil.example"`})))
	wantRefusal(t, err, 401, "invalid_token", unknownIssuer)
	d.wantAsked(t, "about tokens of others", 1)
}

func TestAssertionSaysWhoAsks(t *testing.T) {
	key := testSigner(t, "this server", jose.ES384)
	d := newAskDesk(t, func(i *Issuer) {
		i.Introspection.ClientSecret, i.Introspection.Key, i.Introspection.KeyID, i.Introspection.Algorithm = "", key.private, "k1", "ES384"
	})
	seen := map[string]bool{}
	for range 2 {
		d.v.cache.drop(sha256.Sum256([]byte(opaqueToken)))
		if _, err := d.verify(opaqueToken); err != nil {
			t.Fatal(err)
		}
		if d.sent.Get("Authorization") != "" || d.form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			t.Errorf("asked with %v", d.form)
		}
		jws, err := jose.ParseSignedCompact(d.form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES384})
		must(t, err)
		payload, err := jws.Verify(key.private.Public())
		must(t, err)
		doc, err := fhirjson.Parse(payload)
		must(t, err)
		r := reader{root: doc.Root()}
		if got, want := fmt.Sprint(r.text("iss"), r.text("sub"), r.text("aud"), r.date("exp").Sub(start)), fmt.Sprint("fire:break", "fire:break", testIss, time.Minute); got != want {
			t.Errorf("assertion %s, want %s", got, want)
		}
		if seen[r.text("jti")] || jws.Signatures[0].Header.KeyID != "k1" {
			t.Error("the same jti twice, or no kid")
		}
		seen[r.text("jti")] = true
	}
}

func TestUnsafeIntrospectionIsRefused(t *testing.T) {
	d := newAskDesk(t, nil)
	key := testSigner(t, "this server", jose.ES384)
	for name, change := range map[string]func(*Issuer, *Introspection){
		"no URL":           func(_ *Issuer, i *Introspection) { i.URL = "" },
		"plain":            func(_ *Issuer, i *Introspection) { i.URL = "http://issuer.example/introspect" },
		"plain loopback":   func(_ *Issuer, i *Introspection) { i.URL = "http://127.0.0.1/introspect" },
		"password in URL":  func(_ *Issuer, i *Introspection) { i.URL = "https://a:b@issuer.example/" },
		"no client":        func(_ *Issuer, i *Introspection) { i.ClientID = "" },
		"no secret":        func(_ *Issuer, i *Introspection) { i.ClientSecret = "" },
		"secret and key":   func(_ *Issuer, i *Introspection) { i.Key = key.private },
		"other algorithm":  func(_ *Issuer, i *Introspection) { i.ClientSecret, i.Key, i.Algorithm = "", key.private, "ES256" },
		"no algorithm":     func(_ *Issuer, i *Introspection) { i.ClientSecret, i.Key = "", key.private },
		"remembers long":   func(_ *Issuer, i *Introspection) { i.Remember = 11 * time.Second },
		"remembers before": func(_ *Issuer, i *Introspection) { i.Remember = -1 },
	} {
		i, a := d.issuer, *d.issuer.Introspection
		i.Introspection = &a
		change(&i, &a)
		if _, err := New(Config{Issuers: []Issuer{i}}, d.clk, &http.Transport{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := New(Config{Issuers: []Issuer{d.issuer}}, d.clk, nil); err == nil {
		t.Error("accepted without a way out")
	}
	second := d.issuer
	second.Name = "https://second.example"
	if _, err := New(Config{Issuers: []Issuer{d.issuer, second}}, d.clk, &http.Transport{}); err == nil {
		t.Error("two issuers for opaque tokens are accepted")
	}
	always := *d.issuer.Introspection
	always.Always = true
	second.Introspection = &always
	if v, err := New(Config{Issuers: []Issuer{d.issuer, second}}, d.clk, &http.Transport{}); err != nil || v.opaque.Name != testIss {
		t.Errorf("one for opaque tokens and one for its own JWTs: %v", err)
	}
	third := second
	third.Name = "https://third.example"
	if v, err := New(Config{Issuers: []Issuer{second, third}}, d.clk, &http.Transport{}); err != nil || v.opaque != nil {
		t.Errorf("two for their own JWTs: %v, want opaque tokens to be nobody's", err)
	}
}
