package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
)

// key signs for an application: assertions and proofs of possession.
type key struct {
	private *ecdsa.PrivateKey
	kid     string
}

func newKey(t *testing.T, kid string) key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{private, kid}
}

// set is the public half as a JWK Set.
func (k key) set(t *testing.T) string {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k.private.Public(), KeyID: k.kid, Algorithm: "ES384", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (k key) sign(t *testing.T, opts *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: jose.JSONWebKey{Key: k.private, KeyID: k.kid}}, opts)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// assertion proves who the application is (RFC 7523).
func (k key) assertion(t *testing.T, id, audience string) string {
	t.Helper()
	return k.sign(t, (&jose.SignerOptions{}).WithType("JWT"), map[string]any{"iss": id, "sub": id, "aud": audience, "jti": rand.Text(),
		"exp": clock.System{}.Now().Add(2 * time.Minute).Unix()})
}

// proof proves that whoever asks holds the key (RFC 9449). A second ahead: what is
// dated before the server's start counts as used.
func (k key) proof(t *testing.T, method, url, token string) string {
	t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": url, "iat": clock.System{}.Now().Unix() + 1}
	if token != "" {
		claims["ath"] = hash(token)
	}
	return k.sign(t, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"), claims)
}
