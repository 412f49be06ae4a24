package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"

	"github.com/go-jose/go-jose/v4"

	"firebreak/fhirjson"
)

// MaxAssertionKeysBytes is the largest key set of a client.
const MaxAssertionKeysBytes = 64 << 10

// AssertionKey is a public key of a client. The zero one fits nothing.
type AssertionKey struct{ key }

// AssertionKeys are a client's public keys. They do not change.
type AssertionKeys struct{ byID map[keyName]AssertionKey }

type keyName struct{ kid, kty string }

// NewAssertionKey is a key by its parts; alg is the only one it is for, or "".
func NewAssertionKey(kid, alg string, public crypto.PublicKey) AssertionKey {
	return AssertionKey{key{kid: kid, alg: alg, public: public}}
}

// ParseAssertionKeys reads a client's JWK Set (RFC 7517 §5). It is stricter than
// an issuer's, since a client is asked for exactly one key by its kid (SMART App
// Launch 2.2, client-confidential-asymmetric, "Signature Verification"): two keys
// of one kid and kty refuse the whole set. So does a private key, which is a
// secret no more; its owner must hear of it. Keys for another use, shared ones
// and those too weak to be used are left out, and so are those without kid.
// Errors do not quote the set.
func ParseAssertionKeys(src []byte) (*AssertionKeys, error) {
	if len(src) > MaxAssertionKeysBytes {
		return nil, errors.New("the key set is too large")
	}
	doc, err := fhirjson.Parse(src)
	if err != nil {
		return nil, errors.New("the key set is not JSON with unique members")
	}
	list := doc.Root().Field("keys")
	if list.Kind() != fhirjson.Array {
		return nil, errors.New("the key set has no array keys")
	}
	if list.Len() > maxKeys {
		return nil, errors.New("the key set has too many keys")
	}
	set := &AssertionKeys{byID: map[keyName]AssertionKey{}}
	seen := map[keyName]bool{}
	for n := range list.Children() {
		kty, kid := n.Field("kty").Text(), n.Field("kid").Text()
		if private(n) {
			return nil, errors.New("the key set holds a private key: it must not be used any more")
		}
		if n.Kind() != fhirjson.Object || !forVerifying(n) || kid == "" || kty == "oct" {
			continue
		}
		name := keyName{kid, kty}
		if seen[name] {
			return nil, errors.New("the key set has two keys with the same kid and kty")
		}
		seen[name] = true
		if k, ok := assertionKey(n); ok {
			set.byID[name] = k
		}
	}
	return set, nil
}

// private: RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2. A shared key's k is no part of
// it: such keys cannot verify an assertion and are left out.
func private(n fhirjson.Node) bool {
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "priv"} {
		if n.Field(name).Exists() {
			return true
		}
	}
	return false
}

func assertionKey(n fhirjson.Node) (AssertionKey, bool) {
	var jwk jose.JSONWebKey
	if jwk.UnmarshalJSON(n.Raw()) != nil {
		return AssertionKey{}, false
	}
	k := NewAssertionKey(n.Field("kid").Text(), n.Field("alg").Text(), jwk.Key)
	for _, alg := range AssertionAlgorithms() {
		if k.Fits(alg) {
			return k, true
		}
	}
	return AssertionKey{}, false
}

// Fits reports whether the key is for an algorithm, and strong enough.
func (k AssertionKey) Fits(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	switch pub := k.public.(type) {
	case *ecdsa.PublicKey:
		return alg == "ES256" && pub.Curve == elliptic.P256() || alg == "ES384" && pub.Curve == elliptic.P384()
	case *rsa.PublicKey:
		bits := pub.N.BitLen()
		return keyType(alg) == "RSA" && bits >= minRSABits && bits <= maxRSABits && pub.E >= minRSAExponent && pub.E%2 == 1
	case ed25519.PublicKey:
		return keyType(alg) == "OKP" && len(pub) == ed25519.PublicKeySize
	}
	return false
}

// Find is the one key that an assertion names by its kid and the kind of key its
// algorithm takes, if that key is for the algorithm.
func (s *AssertionKeys) Find(a Assertion) (AssertionKey, bool) {
	k, ok := s.byID[keyName{a.KeyID, keyType(a.Algorithm)}]
	return k, ok && k.Fits(a.Algorithm)
}

// Len is how many keys can be used.
func (s *AssertionKeys) Len() int { return len(s.byID) }
