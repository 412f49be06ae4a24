package firebreak

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"firebreak/authn"
)

// IntrospectionConfig is how an issuer is asked about its tokens (RFC 7662).
type IntrospectionConfig struct {
	// URL of the endpoint; without it nobody is asked.
	URL string `koanf:"url"`
	// ClientID is this server's at the issuer, with a secret or a key.
	ClientID         string `koanf:"client_id"`
	ClientSecretFile string `koanf:"client_secret_file"`
	ClientSecretEnv  string `koanf:"client_secret_env"`
	KeyFile          string `koanf:"key_file"`
	KeyID            string `koanf:"key_id"`
	// Always asks about JWTs too.
	Always bool `koanf:"always"`
	// Remember is how long an answer is used again.
	Remember Duration `koanf:"remember"`
}

func (c IntrospectionConfig) check(plainLoopback bool, fault faultFunc) {
	if c == (IntrospectionConfig{}) {
		return
	}
	checkIssuerURL(fault, "introspection.url", c.URL, plainLoopback)
	if c.ClientID == "" {
		fault("introspection.client_id", "must be set: this server's name at the issuer")
	}
	set := 0
	for _, s := range []string{c.ClientSecretFile, c.ClientSecretEnv, c.KeyFile} {
		if s != "" {
			set++
		}
	}
	if set != 1 {
		fault("introspection.client_secret_file", "exactly one of client_secret_file, client_secret_env and key_file must be set")
	}
	checkSecret(fault, "introspection.client_secret_file", c.ClientSecretFile, false)
	checkSecret(fault, "introspection.key_file", c.KeyFile, false)
	if c.ClientSecretEnv != "" && os.Getenv(c.ClientSecretEnv) == "" {
		fault("introspection.client_secret_env", "the variable it names is empty")
	}
	if c.KeyID != "" && c.KeyFile == "" {
		fault("introspection.key_id", "names a key, and there is no key_file")
	}
	if c.Remember.Duration < 0 || c.Remember.Duration > 10*time.Second {
		fault("introspection.remember", "must be 0s to 10s")
	}
}

// introspection reads the secrets; nil when nobody is asked.
func (c IntrospectionConfig) introspection() (*authn.Introspection, error) {
	if c.URL == "" {
		return nil, nil
	}
	out := &authn.Introspection{URL: c.URL, ClientID: c.ClientID, KeyID: c.KeyID, Always: c.Always, Remember: c.Remember.Duration}
	switch {
	case c.ClientSecretEnv != "":
		out.ClientSecret = os.Getenv(c.ClientSecretEnv)
	case c.ClientSecretFile != "":
		b, err := os.ReadFile(c.ClientSecretFile)
		if err != nil {
			return nil, fmt.Errorf("introspection.client_secret_file: %w", err)
		}
		out.ClientSecret = strings.TrimRight(string(b), "\r\n")
	default:
		b, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("introspection.key_file: %w", err)
		}
		if out.Key, out.Algorithm, err = signingKey(b); err != nil {
			return nil, fmt.Errorf("introspection.key_file: %w", err)
		}
	}
	return out, nil
}

// signingKey is a private key in PEM (PKCS #8) and the algorithm it signs with.
// Its errors don't quote it.
func signingKey(text []byte) (crypto.Signer, string, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, "", errors.New("holds no PRIVATE KEY (PKCS #8, PEM)")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, "", errors.New("holds no PRIVATE KEY (PKCS #8, PEM)")
	}
	switch key := parsed.(type) {
	case *ecdsa.PrivateKey:
		switch key.Curve {
		case elliptic.P256():
			return key, "ES256", nil
		case elliptic.P384():
			return key, "ES384", nil
		}
	case ed25519.PrivateKey:
		return key, "EdDSA", nil
	case *rsa.PrivateKey:
		if key.N.BitLen() >= 2048 {
			return key, "RS256", nil
		}
	}
	return nil, "", errors.New("holds a key that is not P-256, P-384, Ed25519 or RSA of 2048 bits")
}
