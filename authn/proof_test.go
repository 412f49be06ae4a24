package authn

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func testProver(t testing.TB, owner string, alg jose.SignatureAlgorithm) *prover {
	t.Helper()
	testRing.Lock()
	defer testRing.Unlock()
	p, err := newProver(owner, alg, start, testRing.keyring)
	must(t, err)
	return p
}

func wantProofRefusal(t *testing.T, name string, err error, want literal) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Description != string(want) {
		t.Errorf("%s: %v, want a refusal: %s", name, err, want)
		return
	}
	code := "invalid_dpop_proof"
	switch want {
	case boundToKey, otherKey, notBound, boundToCertificate:
		code = "invalid_token" // RFC 9449 §7.1: it is the token that does not fit
	}
	if r.Status != 401 || r.Code != code || r.Scheme != DPoP {
		t.Errorf("%s: refusal %d %q for %s, want 401 %q for DPoP", name, r.Status, r.Code, r.Scheme, code)
	}
}

func TestForgedProofsAreRefused(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	for _, alg := range supported {
		p, other := testProver(t, "client", alg), testProver(t, "other client", alg)
		token := d.bound(p)
		list := p.forgeries(token, other)
		if len(list) < 50 {
			t.Errorf("only %d forgeries", len(list))
		}
		for _, f := range list {
			_, err := d.v.VerifyRequest(noContext, f.Credentials)
			wantProofRefusal(t, string(alg)+" "+f.name, err, f.want)
		}
		tok, err := d.v.VerifyRequest(noContext, p.request(token, p.proof(token, nil, nil)))
		if err != nil || tok.Type != DPoP || tok.Confirmation != (Confirmation{Key: p.jkt}) {
			t.Errorf("%s: good proof: %+v, %v", alg, tok, err)
		}
	}
}

func TestProofSelfTestHasTeeth(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	p := testProver(t, "client", jose.ES256)
	testRing.Lock()
	defer testRing.Unlock()
	all := len(p.forgeries(d.bound(p), p)) + 2
	for n := range all {
		for fault, answer := range map[string]error{"passes": nil, "another reason": invalidProof("other")} {
			d.v.proofs, _ = NewProofs(ProofConfig{Clock: d.clk})
			calls := -2
			err := d.judgeProofs(func(ctx context.Context, c Credentials) (Token, error) {
				if calls++; calls == n {
					return Token{}, answer
				}
				return d.v.VerifyRequest(ctx, c)
			}, testRing.keyring)
			if err == nil || !strings.Contains(err.Error(), fault) {
				t.Errorf("forgery %d: when it gets %q the self-test says %v", n, fault, err)
			}
		}
	}
	refuseAll := func(context.Context, Credentials) (Token, error) { return Token{}, errors.New("no") }
	if err := d.judgeProofs(refuseAll, testRing.keyring); err == nil {
		t.Error("a verifier that refuses all passes")
	}
}

func TestProofIsGoodOnce(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	p, other := testProver(t, "client", jose.ES256), testProver(t, "other client", jose.ES256)
	same := map[string]string{"jti": `"the same"`}
	a, b := d.bound(p), d.bound(other)
	first := p.request(a, p.proof(a, nil, same))
	if _, err := d.v.VerifyRequest(noContext, first); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Credentials{first, p.request(a, p.proof(a, nil, same))} {
		_, err := d.v.VerifyRequest(noContext, c)
		wantProofRefusal(t, "jti again", err, proofUsed)
	}
	if _, err := d.v.VerifyRequest(noContext, other.request(b, other.proof(b, nil, same))); err != nil {
		t.Errorf("another client's proof with the same jti: %v", err)
	}
	d.clk.Advance(defaultProofAge) // when the memory may forget it, the proof is too old
	_, err := d.v.VerifyRequest(noContext, first)
	wantProofRefusal(t, "later", err, proofOld)
}

// TestRefusedProofIsNotUsedUp: else whoever sees a proof could spend it on
// another URL before its owner does.
func TestRefusedProofIsNotUsedUp(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	p := testProver(t, "client", jose.ES256)
	token := d.bound(p)
	good := p.request(token, p.proof(token, nil, nil))
	elsewhere := good
	elsewhere.URL += "0"
	_, err := d.v.VerifyRequest(noContext, elsewhere)
	wantProofRefusal(t, "elsewhere", err, proofTarget)
	if _, err := d.v.VerifyRequest(noContext, good); err != nil {
		t.Error(err)
	}
}

func TestProofTimesAreJudgedToTheInstant(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	p := testProver(t, "client", jose.ES256)
	d.clk.Set(start.Add(2 * time.Minute))
	proofs, err := NewProofs(ProofConfig{Clock: d.clk, Age: time.Minute, Ahead: 5 * time.Second})
	must(t, err)
	proofs.replay.(*Memory).begun = start
	for iat, want := range map[time.Duration]literal{time.Minute: proofOld, time.Minute + time.Second: "", 2*time.Minute + 5*time.Second: "", 2*time.Minute + 6*time.Second: proofEarly} {
		proof := p.proof("", nil, map[string]string{"iat": strconv.FormatInt(start.Add(iat).Unix(), 10)})
		_, _, err := proofs.Proof(noContext, []string{proof}, proofMethodUsed, proofURLUsed)
		if want != "" {
			wantProofRefusal(t, iat.String(), err, want)
		} else if err != nil {
			t.Errorf("%v: %v", iat, err)
		}
	}
}

func TestProofForAnEndpointWithoutToken(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	p := testProver(t, "client", jose.EdDSA)
	const url = "https://fhir.example/auth/token"
	good := p.sign(p.header(nil), p.claims("POST", url, "", map[string]string{"jti": `"j1"`}))
	jkt, jti, err := d.v.proofs.Proof(noContext, []string{good}, "POST", url)
	if err != nil || jkt != p.jkt || jti != "j1" {
		t.Errorf("Proof = %q, %q, %v, want %q, j1", jkt, jti, err, p.jkt)
	}
	_, _, err = d.v.proofs.Proof(noContext, []string{good}, "POST", url)
	wantProofRefusal(t, "again", err, proofUsed)
	_, _, err = d.v.proofs.Proof(noContext, nil, "POST", url)
	wantProofRefusal(t, "none", err, noProof)
	_, _, err = d.v.proofs.Proof(noContext, []string{good, good}, "POST", url)
	wantProofRefusal(t, "two", err, manyProofs)
}

type brokenReplay struct{}

func (brokenReplay) Once(context.Context, string, time.Time) (bool, error) {
	return true, errors.New("store is down")
}

func TestReplayThatCannotBeKnownRefuses(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	v, err := New(Config{Issuers: []Issuer{d.issuer}, Replay: brokenReplay{}}, d.clk, nil)
	must(t, err)
	p := testProver(t, "client", jose.ES256)
	token := d.bound(p)
	var r *Refusal
	if _, err := v.VerifyRequest(noContext, p.request(token, p.proof(token, nil, nil))); err == nil || errors.As(err, &r) {
		t.Errorf("VerifyRequest = %v, want an error that is no Refusal", err)
	}
	if _, err := v.Verify(noContext, "Bearer "+d.good()); err != nil {
		t.Errorf("a bearer token needs no replay memory: %v", err)
	}
}

func TestCertificateBoundTokens(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	p := testProver(t, "client", jose.ES256)
	own, other := Thumbprint(strings.Repeat("01", 32)), Thumbprint(strings.Repeat("02", 32))
	token := d.with(map[string]string{"cnf": `{"x5t#S256":"` + own + `"}`})
	both := d.with(map[string]string{"cnf": `{"x5t#S256":"` + own + `","jkt":"` + p.jkt + `"}`})
	withProof := func(certificate string) Credentials {
		c := p.request(both, p.proof(both, nil, nil))
		c.Certificate = certificate
		return c
	}
	for _, c := range []struct {
		name string
		Credentials
		want literal
	}{
		{"its certificate", Credentials{Authorization: "Bearer " + token, Certificate: own}, ""},
		{"no certificate", Credentials{Authorization: "Bearer " + token}, boundToCertificate},
		{"another certificate", Credentials{Authorization: "Bearer " + token, Certificate: other}, boundToCertificate},
		{"as DPoP", Credentials{Authorization: "DPoP " + token, Certificate: own}, notBound},
		{"both", withProof(own), ""},
		{"both, without certificate", withProof(""), boundToCertificate},
		{"both, without proof", Credentials{Authorization: "DPoP " + both, Certificate: own, Method: "GET", URL: proofURLUsed}, noProof},
		{"both, as Bearer", Credentials{Authorization: "Bearer " + both, Certificate: own}, boundToKey},
		{"unbound with a certificate", Credentials{Authorization: "Bearer " + d.good(), Certificate: own}, ""},
	} {
		for _, visit := range []string{"cold", "warm"} { // what is remembered must be proven too
			if c.name == "both" && visit == "warm" {
				c.Credentials = withProof(own)
			}
			_, err := d.v.VerifyRequest(noContext, c.Credentials)
			var r *Refusal
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s, %s: %v", c.name, visit, err)
			case c.want != "" && (!errors.As(err, &r) || r.Description != string(c.want)):
				t.Errorf("%s, %s: %v, want %s", c.name, visit, err, c.want)
			}
		}
	}
}

func TestTargetsAreComparedNormalised(t *testing.T) {
	const request = "https://fhir.example/r4/Patient/$everything"
	for htu, want := range map[string]bool{
		request: true, "HTTPS://FHIR.Example:443/r4/Patient/%24everything?a=b#c": true,
		"https://fhir.example/r4/./x/../Patient/$everything/": true, "https://fhir.example/r4/P%61tient/$everything": true,
		"https://fhir.example:/r4/Patient/$everything": true,
		"https://fhir.example/r4/Patient":              false, "https://fhir.example/r4/patient/$everything": false,
		"https://fhir.example:8443/r4/Patient/$everything": false, "https://fhir.example./r4/Patient/$everything": false,
		"https://fhir.example/r4%2FPatient/$everything": false, "https://fhir.example//r4/Patient/$everything": false,
		"//fhir.example/r4/Patient/$everything": false, "/r4/Patient/$everything": false, "": false,
		"https:fhir.example/r4/Patient/$everything": false, "ftp://fhir.example/r4/Patient/$everything": false,
		"https://fhir.example/r4/Patient/%": false, "https:///r4/Patient/$everything": false,
	} {
		if got := sameTarget(htu, request); got != want {
			t.Errorf("sameTarget(%q): %t, want %t", htu, got, want)
		}
	}
	if !sameTarget("https://fhir.example", "https://fhir.example/") || !sameTarget("https://[::1]:443/x", "https://[::1]/x") {
		t.Error("an empty path is /, and 443 the port of https")
	}
	if sameTarget("", "") || sameTarget("x", "x") {
		t.Error("what is no URL matches")
	}
}

func TestMemoryForgetsNothingTooEarly(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	const life = time.Minute
	m := NewMemory(d.clk, life, 0)
	until := map[string]time.Time{}
	d.clk.Advance(20 * life) // what began before that counts as used
	for n := range 400 {
		name := strconv.Itoa(n)
		until[name] = d.clk.Now().Add(life + life/10)
		if first, err := m.Once(noContext, name, until[name]); !first || err != nil {
			t.Fatalf("name %d: %t, %v", n, first, err)
		}
		if n == 200 {
			d.clk.Advance(-10 * time.Minute)
		}
		d.clk.Advance(time.Second)
		for name, end := range until {
			if end.Sub(d.clk.Now()) > 2*life {
				continue // the clock stepped back
			}
			if first, _ := m.Once(noContext, name, end); first && d.clk.Now().Before(end) {
				t.Fatalf("name %s forgotten before its end", name)
			}
		}
	}
	if held := len(m.young) + len(m.old); held > 400 {
		t.Errorf("%d names held", held)
	}
}

func TestMemoryIsBoundedAndFailsClosed(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	m := NewMemory(d.clk, time.Minute, 2)
	end := start.Add(time.Minute)
	if first, err := m.Once(noContext, "from before it began", end.Add(-1)); first || err != nil {
		t.Errorf("what may have been used before: %t, %v, want used", first, err)
	}
	if _, err := m.Once(noContext, "too long", end.Add(time.Hour)); err == nil {
		t.Error("a name that it cannot keep is taken")
	}
	for _, c := range []struct {
		name  string
		first bool
		err   error
	}{{"a", true, nil}, {"a", false, nil}, {"b", true, nil}, {"c", false, errReplayFull}, {"b", false, nil}} {
		if first, err := m.Once(noContext, c.name, end); first != c.first || err != c.err {
			t.Errorf("Once(%s) = %t, %v, want %t, %v", c.name, first, err, c.first, c.err)
		}
	}
	d.clk.Advance(2 * time.Minute)
	m.Once(noContext, "c", d.clk.Now().Add(time.Minute))
	d.clk.Advance(2 * time.Minute)
	if first, err := m.Once(noContext, "d", d.clk.Now().Add(time.Minute)); !first || err != nil {
		t.Errorf("after all has ended: %t, %v", first, err)
	}
}

func TestOnlyOneOfManyIsFirst(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	p := testProver(t, "client", jose.ES256)
	token := d.bound(p)
	c := p.request(token, p.proof(token, nil, nil))
	var mu sync.Mutex
	var wg sync.WaitGroup
	passed := 0
	for range 32 {
		wg.Go(func() {
			if _, err := d.v.VerifyRequest(noContext, c); err == nil {
				mu.Lock()
				passed++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if passed != 1 {
		t.Errorf("%d callers passed with one proof, want 1", passed)
	}
}
