package smart

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// signer is a key ready to sign. What it says in headers is always the same, so it
// is put into words once: a token costs its signature and little else.
type signer struct {
	storedKey
	private crypto.Signer
	headers map[string]string // encoded, by typ
}

// joseHeader is that of all we sign (RFC 7515 section 4.1).
type joseHeader struct {
	Algorithm jose.SignatureAlgorithm `json:"alg"`
	KeyID     string                  `json:"kid"`
	Type      string                  `json:"typ"`
}

func newSigner(key storedKey) (*signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(key.PKCS8)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	s := &signer{storedKey: key, headers: map[string]string{}}
	switch private := parsed.(type) {
	case *ecdsa.PrivateKey:
		s.private = private
	case *rsa.PrivateKey:
		s.private = private
	default:
		return nil, errors.New("signing key: it cannot sign")
	}
	for _, typ := range []string{typeAccess, typeID, typeLogout} {
		header, err := json.Marshal(joseHeader{key.Alg, key.ID, typ})
		if err != nil {
			return nil, err
		}
		s.headers[typ] = base64.RawURLEncoding.EncodeToString(header)
	}
	return s, nil
}

// compact is the JWS of a payload in compact form (RFC 7515 section 7.1).
func (s *signer) compact(typ string, payload []byte) (string, error) {
	header, ok := s.headers[typ]
	if !ok {
		return "", fmt.Errorf("nothing of type %q is signed", typ)
	}
	enc := base64.RawURLEncoding
	out := make([]byte, 0, len(header)+2+enc.EncodedLen(len(payload))+enc.EncodedLen(rsaBits/8))
	out = append(append(out, header...), '.')
	out = enc.AppendEncode(out, payload)
	sum := sha256.Sum256(out)
	signature, err := s.signature(sum[:])
	if err != nil {
		return "", err
	}
	return string(enc.AppendEncode(append(out, '.'), signature)), nil
}

// signature is that of a SHA-256, as RFC 7518 writes it: for RS256 section 3.3, for
// ES256 section 3.4, two numbers of 32 bytes side by side.
func (s *signer) signature(sum []byte) ([]byte, error) {
	switch key := s.private.(type) {
	case *rsa.PrivateKey:
		return rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum)
	case *ecdsa.PrivateKey:
		a, b, err := ecdsa.Sign(rand.Reader, key, sum)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 64)
		a.FillBytes(out[:32])
		b.FillBytes(out[32:])
		return out, nil
	}
	return nil, errors.New("signing key: it cannot sign")
}
