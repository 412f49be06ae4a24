package authn

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/clock"
)

var localConfig = LocalConfig{Name: "https://localhost:8443/local", Audience: testAud,
	Purposes: map[string][]string{"anna": {"TREAT", "ETREAT"}}}

func openLocal(t testing.TB, dir string, clk clock.Clock) (*LocalIssuer, *Verifier) {
	t.Helper()
	l, err := OpenLocalIssuer(dir, localConfig, clk)
	must(t, err)
	v, err := New(Config{Issuers: []Issuer{l.Issuer()}}, clk, nil)
	must(t, err)
	return l, v
}

func TestMintedTokensVerify(t *testing.T) {
	clk := clock.NewFixed(start)
	dir := t.TempDir()
	l, v := openLocal(t, dir, clk)
	raw, err := l.Mint(LocalClaims{Subject: "anna", ClientID: "app", Scope: "user/*.rs", FHIRUser: "Practitioner/anna", Patient: "p1",
		Purpose: "TREAT", ACR: "mfa", Roles: []string{"nurse", "a\"b"}, Organization: []string{"Organization/o1"}}, time.Hour)
	must(t, err)
	got, err := v.Verify(noContext, "Bearer "+raw)
	want := Token{Issuer: localConfig.Name, Subject: "anna", ClientID: "app", JTI: got.JTI, KeyID: got.KeyID, Scope: "user/*.rs",
		FHIRUser: "Practitioner/anna", Patient: "p1", Organization: []string{"Organization/o1"}, Roles: []string{"nurse", "a\"b"},
		Purpose: "TREAT", ACR: "mfa", Type: Bearer, IssuedAt: start, NotBefore: start, Expires: start.Add(time.Hour), Hash: got.Hash}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Verify = %+v, %v, want %+v", got, err, want)
	}
	if len(got.JTI) < 22 {
		t.Errorf("jti %q is too short to be unguessable", got.JTI)
	}
	if err := v.SelfTest(); err != nil {
		t.Error(err)
	}

	again, v2 := openLocal(t, dir, clk) // the same key after a restart
	if _, err := v2.Verify(noContext, "Bearer "+raw); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	other, err := again.Mint(LocalClaims{Subject: "ben"}, time.Minute)
	must(t, err)
	if tok, err := v.Verify(noContext, "Bearer "+other); err != nil || tok.JTI == got.JTI {
		t.Errorf("second token: %+v, %v, want another jti", tok, err)
	}
	_, stranger := openLocal(t, t.TempDir(), clk)
	_, err = stranger.Verify(noContext, "Bearer "+raw)
	wantRefusal(t, err, 401, "invalid_token", unknownKey)
}

func TestLocalIssuerMintsNothingUnsafe(t *testing.T) {
	l, _ := openLocal(t, t.TempDir(), clock.NewFixed(start))
	cases := []struct {
		name   string
		claims LocalClaims
		ttl    time.Duration
	}{
		{"too long", LocalClaims{Subject: "anna"}, time.Hour + 1},
		{"too short", LocalClaims{Subject: "anna"}, time.Second - 1},
		{"backwards", LocalClaims{Subject: "anna"}, -time.Hour},
		{"nobody", LocalClaims{}, time.Hour},
		{"purpose not theirs", LocalClaims{Subject: "anna", Purpose: "HRESCH"}, time.Hour},
		{"purpose of a user not listed", LocalClaims{Subject: "ben", Purpose: "TREAT"}, time.Hour},
		{"user that is no reference", LocalClaims{Subject: "anna", FHIRUser: "anna"}, time.Hour},
		{"patient that is no id", LocalClaims{Subject: "anna", Patient: "Patient/1"}, time.Hour},
		{"scope with a quote", LocalClaims{Subject: "anna", Scope: `a"b`}, time.Hour},
		{"role without text", LocalClaims{Subject: "anna", Roles: []string{""}}, time.Hour},
	}
	for _, c := range cases {
		if tok, err := l.Mint(c.claims, c.ttl); err == nil || tok != "" {
			t.Errorf("%s: minted", c.name)
		}
	}
}

func TestLocalKeyIsKeptPrivate(t *testing.T) {
	dir := t.TempDir()
	openLocal(t, dir, clock.NewFixed(start))
	path := filepath.Join(dir, "issuer", "key.pem")
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("key.pem has mode %v, want 0600", info.Mode())
	}
	if jwks, err := os.ReadFile(filepath.Join(dir, "issuer", "jwks.json")); err != nil || strings.Contains(string(jwks), `"d"`) {
		t.Errorf("jwks.json: %v, or it holds the private key", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "issuer", ".new-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	must(t, os.Chmod(path, 0o640))
	if _, err := OpenLocalIssuer(dir, localConfig, clock.NewFixed(start)); err == nil {
		t.Error("a key that others may read is taken")
	}
	must(t, os.Chmod(path, 0o600))
	must(t, os.WriteFile(path, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 0o600))
	if _, err := OpenLocalIssuer(dir, localConfig, clock.NewFixed(start)); err == nil {
		t.Error("a broken key is taken, or replaced")
	}
}

func TestTwoProcessesAgreeOnANewKey(t *testing.T) {
	dir := t.TempDir()
	clk := clock.NewFixed(start)
	issuers := make([]*LocalIssuer, 8)
	var wg sync.WaitGroup
	for n := range issuers {
		wg.Go(func() {
			l, err := OpenLocalIssuer(dir, localConfig, clk)
			if err != nil {
				t.Error(err)
			}
			issuers[n] = l
		})
	}
	wg.Wait()
	for _, l := range issuers[1:] {
		if l == nil || l.kid != issuers[0].kid {
			t.Fatal("they made different keys")
		}
	}
}
