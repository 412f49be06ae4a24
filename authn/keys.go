package authn

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"firebreak/fhirjson"
)

const (
	maxKeySetBytes = 1 << 20
	maxKeys        = 64 // in one set
	maxTries       = 4  // keys tried for one token
	minRSABits     = 2048
	maxRSABits     = 8192  // the cost of one verification grows with the square
	minRSAExponent = 65537 // FIPS 186-5 §5.1
)

// keySource is where an issuer's keys come from. Both methods fail with
// ErrKeysUnavailable, or with ctx's error where they wait. A source returns the
// same *keySet for as long as the keys are the same: the cache relies on it.
type keySource interface {
	current(ctx context.Context) (*keySet, error)
	// again is current after looking once more, as often as the source allows.
	again(ctx context.Context) (*keySet, error)
	health() Health
}

// keySet is the usable public keys of one issuer. It does not change.
type keySet struct {
	keys  []key
	print [32]byte // of all keys, in order
}

type key struct {
	kid    string
	alg    string // the one algorithm the issuer wants it for, or ""
	public crypto.PublicKey
}

// parseKeySet reads a JWK Set (RFC 7517 §5). Keys that are not for verifying
// signatures by a supported algorithm, or are too weak, are left out, as the
// RFC wants; so are private and shared keys, which are no secret any more once
// they lie in a key set. A set without usable keys is valid: an issuer may
// withdraw all. Errors do not quote the set.
func parseKeySet(src []byte) (*keySet, error) {
	doc, err := fhirjson.Parse(src)
	if err != nil {
		return nil, keyFault("the key set is not JSON with unique members")
	}
	list := doc.Root().Field("keys")
	if list.Kind() != fhirjson.Array {
		return nil, keyFault("the key set has no array keys")
	}
	if list.Len() > maxKeys {
		return nil, keyFault("the key set has too many keys")
	}
	set := &keySet{}
	all := sha256.New()
	for n := range list.Children() {
		k, print, ok := parseKey(n)
		if !ok {
			continue
		}
		set.keys = append(set.keys, k)
		all.Write(fhirjson.Quote(k.kid))
		all.Write(fhirjson.Quote(k.alg))
		all.Write(print)
	}
	all.Sum(set.print[:0])
	return set, nil
}

func parseKey(n fhirjson.Node) (key, []byte, bool) {
	if n.Kind() != fhirjson.Object || !forVerifying(n) {
		return key{}, nil, false
	}
	for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if n.Field(secret).Exists() {
			return key{}, nil, false
		}
	}
	var jwk jose.JSONWebKey
	if jwk.UnmarshalJSON(n.Raw()) != nil {
		return key{}, nil, false
	}
	k := key{kid: n.Field("kid").Text(), alg: n.Field("alg").Text(), public: jwk.Key}
	if !slices.ContainsFunc(supported, k.fits) {
		return key{}, nil, false
	}
	print, err := jwk.Thumbprint(crypto.SHA256)
	return k, print, err == nil
}

// forVerifying: use and key_ops, where given, must both allow it (RFC 7517
// §4.2, §4.3). Members of a wrong type do not.
func forVerifying(n fhirjson.Node) bool {
	for _, name := range []string{"kid", "alg", "use"} {
		if m := n.Field(name); m.Exists() && m.Kind() != fhirjson.String {
			return false
		}
	}
	if use := n.Field("use"); use.Exists() && !use.Is("sig") {
		return false
	}
	ops := n.Field("key_ops")
	if !ops.Exists() {
		return true
	}
	for op := range ops.Children() {
		if op.Is("verify") {
			return true
		}
	}
	return false
}

// fits: the key's kind, size and curve, and the algorithm it is meant for, must
// be alg's (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1). This, not the library, is
// what stops one algorithm's key from being used for another.
func (k key) fits(alg jose.SignatureAlgorithm) bool {
	if k.alg != "" && k.alg != string(alg) {
		return false
	}
	switch pub := k.public.(type) {
	case *ecdsa.PublicKey:
		return alg == jose.ES256 && pub.Curve == elliptic.P256() ||
			alg == jose.ES384 && pub.Curve == elliptic.P384()
	case *rsa.PublicKey:
		bits := pub.N.BitLen()
		return (alg == jose.RS256 || alg == jose.PS256 || alg == jose.PS384) &&
			bits >= minRSABits && bits <= maxRSABits && pub.E >= minRSAExponent && pub.E%2 == 1
	case ed25519.PublicKey:
		return alg == jose.EdDSA && len(pub) == ed25519.PublicKeySize
	}
	return false
}

// fitting are the keys a token may have been signed with: those of its kid, or,
// when it names none, any for its algorithm; at most maxTries.
func (s *keySet) fitting(c compact) []key {
	var out []key
	for _, k := range s.keys {
		if (c.kid == "" || k.kid == c.kid) && k.fits(c.alg) && len(out) < maxTries {
			out = append(out, k)
		}
	}
	return out
}
