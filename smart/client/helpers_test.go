package client

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
	"firebreak/vault"
)

var start = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

var background = context.Background()

const (
	tokenURL = "https://fhir.example/auth/token"
	issuer   = "https://fhir.example/auth"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sharedTable is a table that says other processes may change it.
type sharedTable struct{ *vault.Memory }

func (sharedTable) Shared() bool { return true }

// house is a registry with an authenticator.
type house struct {
	clk   *clock.Fixed
	table vault.Table
	vkeys *vault.Keys
	vault *vault.Vault
	reg   *Registry
	auth  *Authenticator
}

func newHouse(t testing.TB) *house { return houseOver(t, vault.NewMemory(), Outbound{}) }

func houseOver(t testing.TB, table vault.Table, rules Outbound) *house {
	t.Helper()
	h := &house{clk: clock.NewFixed(start), table: table, vkeys: vault.RandomKeys()}
	h.open(t, rules)
	return h
}

// open is what a server does when it starts over the same table.
func (h *house) open(t testing.TB, rules Outbound) {
	t.Helper()
	keys, err := NewFetcher(rules, h.clk)
	must(t, err)
	h.vault = vault.New(h.table, h.vkeys, h.clk)
	h.reg = NewRegistry(h.vault, h.clk, keys)
	h.auth, err = NewAuthenticator(h.reg)
	must(t, err)
}

// beside is another server of the same house.
func (h *house) beside(t testing.TB) *house {
	other := *h
	other.open(t, Outbound{})
	return &other
}

func (h *house) register(t testing.TB, c Client) string {
	t.Helper()
	_, text, err := h.reg.Register(background, c, "admin")
	must(t, err)
	return text
}

func publicApp() Client {
	return Client{ID: "growth", Name: "Growth chart", Kind: Public, Method: None, RedirectURIs: []string{"https://growth.example/cb"},
		Scopes: []string{"launch/patient", "patient/Observation.rs", "openid"}}
}

func secretApp() Client {
	return Client{ID: "ward", Name: "Ward board", Kind: Confidential, Method: SecretBasic, RedirectURIs: []string{"https://ward.example/cb"},
		Scopes: []string{"user/Patient.rs", "offline_access"}, Offline: true}
}

func systemApp(keys string) Client {
	return Client{ID: "export", Name: "Nightly export", Kind: System, Method: PrivateKeyJWT, Keys: keys, Scopes: []string{"system/*.rs"},
		Organization: "Organization/1", Roles: []string{"exporter"}}
}

// testKeys keeps keys across tests: RSA keys take long to make.
var testKeys = struct {
	sync.Mutex
	made map[string]crypto.Signer
}{made: map[string]crypto.Signer{}}

func testKey(t testing.TB, owner string, alg jose.SignatureAlgorithm) crypto.Signer {
	t.Helper()
	testKeys.Lock()
	defer testKeys.Unlock()
	name := owner + string(alg)
	if k := testKeys.made[name]; k != nil {
		return k
	}
	var k crypto.Signer
	var err error
	switch alg {
	case jose.ES256:
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	must(t, err)
	testKeys.made[name] = k
	return k
}

// signer makes assertions with the library, as a client would.
type signer struct {
	kid string
	alg jose.SignatureAlgorithm
	key crypto.Signer
}

func newSigner(t testing.TB, owner string, alg jose.SignatureAlgorithm) signer {
	return signer{kid: owner + "-1", alg: alg, key: testKey(t, owner, alg)}
}

func (s signer) jwks(t testing.TB) string { return keySet(t, s) }

func keySet(t testing.TB, signers ...signer) string {
	t.Helper()
	var out []string
	for _, s := range signers {
		b, err := jose.JSONWebKey{Key: s.key.Public(), KeyID: s.kid, Algorithm: string(s.alg), Use: "sig"}.MarshalJSON()
		must(t, err)
		out = append(out, string(b))
	}
	return `{"keys":[` + strings.Join(out, ",") + `]}`
}

// sign has headers beside alg and kid; a kid of "" is replaced by the signer's.
func (s signer) sign(t testing.TB, claims string, headers map[jose.HeaderKey]any) string {
	t.Helper()
	opts := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", s.kid)
	for name, value := range headers {
		opts.WithHeader(name, value)
	}
	js, err := jose.NewSigner(jose.SigningKey{Algorithm: s.alg, Key: s.key}, opts)
	must(t, err)
	obj, err := js.Sign([]byte(claims))
	must(t, err)
	raw, err := obj.CompactSerialize()
	must(t, err)
	return raw
}

// claims are good claims of the client "export" at a time, each replaced by the
// JSON given for it; "" removes it.
func claims(now time.Time, changes map[string]string) string {
	base := [][2]string{{"iss", `"export"`}, {"sub", `"export"`}, {"aud", `"` + tokenURL + `"`},
		{"exp", fmt.Sprint(now.Add(time.Minute).Unix())}, {"jti", `"one"`}}
	var out []string
	for _, m := range base {
		value, changed := changes[m[0]]
		if !changed {
			value = m[1]
		}
		if value != "" {
			out = append(out, `"`+m[0]+`":`+value)
		}
	}
	for name, value := range changes {
		if !strings.Contains(" iss sub aud exp jti ", " "+name+" ") {
			out = append(out, `"`+name+`":`+value)
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func enc(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
