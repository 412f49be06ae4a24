package federation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"golang.org/x/oauth2"
)

// maxSecretFile bounds what is read of a file that ought to hold a secret.
const maxSecretFile = 64 << 10

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return nil, fmt.Errorf("%s is no file of a secret", path)
	}
	return os.ReadFile(path)
}

func readSecret(path string) (string, error) {
	text, err := readFile(path)
	secret := strings.TrimRight(string(text), "\r\n")
	if err == nil && secret == "" {
		err = fmt.Errorf("%s is empty", path)
	}
	return secret, err
}

// signer makes assertions of who we are (RFC 7523 §3, OpenID Connect Core §9).
type signer struct{ jose.Signer }

func readSigner(path, kid string) (*signer, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s holds no key in PKCS #8", path)
	}
	algorithm, err := algorithmOf(key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &signer{s}, nil
}

func algorithmOf(key crypto.PrivateKey) (jose.SignatureAlgorithm, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() >= 2048 {
			return jose.RS256, nil
		}
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P256():
			return jose.ES256, nil
		case elliptic.P384():
			return jose.ES384, nil
		}
	}
	return "", errors.New("the key must be RSA of 2048 bits or more, or EC on P-256 or P-384")
}

// assertionLife is short: it is used at once.
const assertionLife = time.Minute

type assertion struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// assert are the parameters that prove to a token endpoint who we are.
func (s *signer) assert(client, audience string, now time.Time) ([]oauth2.AuthCodeOption, error) {
	text, err := json.Marshal(assertion{
		Issuer: client, Subject: client, Audience: audience, ID: random(), IssuedAt: now.Unix(), Expires: now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return nil, err
	}
	signed, err := s.Sign(text)
	if err != nil {
		return nil, err
	}
	jwt, err := signed.CompactSerialize()
	if err != nil {
		return nil, err
	}
	return []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", jwt),
	}, nil
}

// random is a name that nobody guesses: 256 bits.
func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails: the program would end
	return base64.RawURLEncoding.EncodeToString(b)
}
