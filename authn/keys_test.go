package authn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// jwkOf is a public key as JSON with members set to the JSON given, or removed.
func jwkOf(t *testing.T, public any, changes map[string]string) string {
	t.Helper()
	src, err := json.Marshal(jose.JSONWebKey{Key: public, KeyID: "k"})
	must(t, err)
	members := map[string]json.RawMessage{}
	must(t, json.Unmarshal(src, &members))
	for name, value := range changes {
		members[name] = json.RawMessage(value)
	}
	maps.DeleteFunc(members, func(_ string, v json.RawMessage) bool { return len(v) == 0 })
	out, err := json.Marshal(members)
	must(t, err)
	return string(out)
}

func TestUnfitKeysAreLeftOut(t *testing.T) {
	p256 := testSigner(t, "own", jose.ES256).private.Public()
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	must(t, err)
	big2048 := testSigner(t, "own", jose.RS256).private.Public().(*rsa.PublicKey)
	n := func(bits uint) *big.Int { return new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1) }
	cases := []struct {
		name string
		jwk  string
		want int
	}{
		{"good EC", jwkOf(t, p256, nil), 1},
		{"good RSA", jwkOf(t, big2048, nil), 1},
		{"good Ed25519", jwkOf(t, testSigner(t, "own", jose.EdDSA).private.Public(), nil), 1},
		{"for signatures", jwkOf(t, p256, map[string]string{"use": `"sig"`, "key_ops": `["verify"]`}), 1},
		{"for encryption", jwkOf(t, p256, map[string]string{"use": `"enc"`}), 0},
		{"for wrapping", jwkOf(t, p256, map[string]string{"key_ops": `["wrapKey"]`}), 0},
		{"use of wrong type", jwkOf(t, p256, map[string]string{"use": `1`}), 0},
		{"kid of wrong type", jwkOf(t, p256, map[string]string{"kid": `1`}), 0},
		{"alg of another kind", jwkOf(t, p256, map[string]string{"alg": `"RS256"`}), 0},
		{"alg of another curve", jwkOf(t, p256, map[string]string{"alg": `"ES384"`}), 0},
		{"alg not supported", jwkOf(t, p256, map[string]string{"alg": `"ES256K"`}), 0},
		{"curve not supported", jwkOf(t, p521.Public(), nil), 0},
		{"point off the curve", jwkOf(t, p256, map[string]string{"y": `"` + strings.Repeat("A", 43) + `"`}), 0},
		{"curve mislabelled", jwkOf(t, p256, map[string]string{"crv": `"P-384"`}), 0},
		{"kind mislabelled", jwkOf(t, p256, map[string]string{"kty": `"RSA"`}), 0},
		{"no kind", jwkOf(t, p256, map[string]string{"kty": ``}), 0},
		{"private", jwkOf(t, p256, map[string]string{"d": `"` + strings.Repeat("A", 43) + `"`}), 0},
		{"shared", `{"kty":"oct","alg":"HS256","k":"` + strings.Repeat("A", 43) + `"}`, 0},
		{"RSA 1024", jwkOf(t, &rsa.PublicKey{N: n(1024), E: 65537}, nil), 0},
		{"RSA 2047", jwkOf(t, &rsa.PublicKey{N: n(2047), E: 65537}, nil), 0},
		{"RSA 16384", jwkOf(t, &rsa.PublicKey{N: n(16384), E: 65537}, nil), 0},
		{"RSA exponent 1", jwkOf(t, &rsa.PublicKey{N: big2048.N, E: 1}, nil), 0},
		{"RSA exponent 3", jwkOf(t, &rsa.PublicKey{N: big2048.N, E: 3}, nil), 0},
		{"RSA exponent even", jwkOf(t, &rsa.PublicKey{N: big2048.N, E: 65538}, nil), 0},
		{"no object", `"key"`, 0},
		{"null", `null`, 0},
	}
	for _, c := range cases {
		set, err := parseKeySet([]byte(`{"keys":[` + c.jwk + `]}`))
		if err != nil || len(set.keys) != c.want {
			t.Errorf("%s: %d keys, %v, want %d", c.name, len(set.keys), err, c.want)
		}
	}
}

func TestAlgorithmFitsOneKindOfKey(t *testing.T) {
	want := map[string]string{"P-256": "ES256", "P-384": "ES384", "Ed25519": "EdDSA", "RSA": "PS256 PS384 RS256"}
	keys := map[string]jose.SignatureAlgorithm{"P-256": jose.ES256, "P-384": jose.ES384, "Ed25519": jose.EdDSA, "RSA": jose.RS256}
	every := append([]jose.SignatureAlgorithm{"", "none", jose.HS256, jose.HS384, jose.ES512, jose.RS384, jose.RS512, jose.PS512}, supported...)
	for kind, alg := range keys {
		k := key{public: testSigner(t, "own", alg).private.Public()}
		var got []string
		for _, alg := range every {
			if k.fits(alg) {
				got = append(got, string(alg))
			}
		}
		if strings.Join(got, " ") != want[kind] {
			t.Errorf("%s fits %v, want %s", kind, got, want[kind])
		}
	}
}

func TestTokenWithoutKidTriesFourKeysAtMost(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	published := []signer{testSigner(t, "a", jose.ES384), testSigner(t, "b", jose.EdDSA)}
	for n := range 5 {
		published = append(published, testSigner(t, fmt.Sprint(n), jose.ES256))
	}
	d.publish(t, published...)
	d.clk.Advance(fileCheckGap)
	for n, s := range published[2:] {
		_, err := d.verify(s.sign(`{"alg":"ES256"}`, d.claims(nil)))
		if n < maxTries && err != nil {
			t.Errorf("key %d: %v", n, err)
		}
		if n >= maxTries {
			wantRefusal(t, err, 401, "invalid_token", badSignature)
		}
		if _, err := d.verify(s.sign(headerOf(s.alg, s.kid, ""), d.claims(nil))); err != nil {
			t.Errorf("key %d by its id: %v", n, err)
		}
	}
}

func TestKeySetLimits(t *testing.T) {
	var keys []string
	for range maxKeys + 1 {
		keys = append(keys, `{}`)
	}
	if _, err := parseKeySet([]byte(`{"keys":[` + strings.Join(keys, ",") + `]}`)); err == nil {
		t.Error("more than maxKeys keys: accepted")
	}
	if set, err := parseKeySet([]byte(`{"keys":[` + strings.Join(keys[1:], ",") + `]}`)); err != nil || len(set.keys) != 0 {
		t.Errorf("maxKeys unusable keys: %v", err)
	}
}
