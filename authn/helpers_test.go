package authn

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
)

const (
	testIss = "https://issuer.example/realm"
	testAud = "https://fhir.example/r4"
)

var start = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// testRing keeps keys across tests: RSA keys take long to make.
var testRing = struct {
	sync.Mutex
	keyring
}{keyring: keyring{}}

func testSigner(t testing.TB, owner string, alg jose.SignatureAlgorithm) signer {
	t.Helper()
	testRing.Lock()
	defer testRing.Unlock()
	s, err := testRing.signer(owner, alg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// desk is an issuer with a key file, and a verifier that trusts it.
type desk struct {
	*forger
	clk  *clock.Fixed
	path string
	v    *Verifier
}

func newDesk(t testing.TB, alg jose.SignatureAlgorithm, change func(*Issuer)) *desk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	issuer := Issuer{Name: testIss, Audience: []string{testAud}, JWKSFile: path,
		Algorithms: []string{string(alg)}, Leeway: 10 * time.Second}
	if change != nil {
		change(&issuer)
	}
	testRing.Lock()
	f, _, err := newForger(issuer, alg, start, testRing.keyring)
	testRing.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{forger: f, clk: clock.NewFixed(start), path: path}
	d.publish(t, f.own)
	if d.v, err = New(Config{Issuers: []Issuer{issuer}}, d.clk, nil); err != nil {
		t.Fatal(err)
	}
	return d
}

// publish replaces the key file, as an administrator would.
func (d *desk) publish(t testing.TB, signers ...signer) {
	t.Helper()
	src, err := publicJSON(signers...)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, d.path, string(src))
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) verify(token string) (Token, error) {
	return d.v.Verify(noContext, "Bearer "+token)
}

// with is a good token with some claims changed.
func (d *desk) with(changes map[string]string) string {
	return d.own.sign(d.header(""), d.claims(changes))
}

func wantRefusal(t *testing.T, err error, status int, code string, why literal) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		t.Errorf("error = %v, want a Refusal: %s", err, why)
		return
	}
	if r.Status != status || r.Code != code || r.Description != string(why) {
		t.Errorf("refusal = %d %q %q, want %d %q %q", r.Status, r.Code, r.Description, status, code, why)
	}
}
