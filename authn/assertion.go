package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"math/big"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"firebreak/fhirjson"
)

// Assertion is a JWT by which a client says who it is (RFC 7523), well formed
// and not verified: nothing it says may be believed before SignedBy.
type Assertion struct {
	Algorithm string
	KeyID     string        // kid, never empty
	Type      string        // typ as it stands; "" when there is none
	KeySetURL string        // jku as it stands; "" when there is none
	Claims    fhirjson.Node // an object with unique members

	input     string // what was signed
	signature []byte
}

// MaxAssertionBytes is the longest assertion that is looked at.
const MaxAssertionBytes = 8 << 10

// What is wrong with an assertion, in words fit for its sender.
var (
	errAssertionLong   = errors.New("the assertion is too long")
	errAssertionForm   = errors.New("the assertion is not a signed JWT in compact form")
	errAssertionHeader = errors.New("the assertion's header is not a JSON object with unique members of the right types")
	errAssertionKey    = errors.New("the assertion brings its own key")
	errAssertionCrit   = errors.New("the assertion has a critical or transforming header that is not supported")
	errAssertionAlg    = errors.New("the assertion's algorithm is not accepted")
	errAssertionKid    = errors.New("the assertion's header has no kid")
	errAssertionClaims = errors.New("the assertion's claims are not a JSON object with unique members")
)

// AssertionAlgorithms are those a client may sign with, as RFC 7518 names them.
// SMART App Launch 2.2 asks for RS384 and ES384 (client-confidential-asymmetric).
func AssertionAlgorithms() []string {
	return []string{"ES256", "ES384", "EdDSA", "PS256", "PS384", "RS256", "RS384"}
}

// ParseAssertion reads the compact form and its two objects strictly. Its errors
// are literals that depend on raw alone and echo nothing of it.
func ParseAssertion(raw string) (Assertion, error) {
	if len(raw) > MaxAssertionBytes {
		return Assertion{}, errAssertionLong
	}
	dot := strings.LastIndexByte(raw, '.')
	if dot < 0 {
		return Assertion{}, errAssertionForm
	}
	a := Assertion{input: raw[:dot]}
	head, body, ok := strings.Cut(a.input, ".")
	header, ok1 := decodeStrict(head)
	claims, ok2 := decodeStrict(body)
	var ok3 bool
	a.signature, ok3 = decodeStrict(raw[dot+1:])
	if !ok || !ok1 || !ok2 || !ok3 || len(header) == 0 || len(claims) == 0 || len(a.signature) == 0 {
		return Assertion{}, errAssertionForm
	}
	if err := a.readHeader(header); err != nil {
		return Assertion{}, err
	}
	doc, err := fhirjson.Parse(claims)
	if err != nil || doc.Root().Kind() != fhirjson.Object {
		return Assertion{}, errAssertionClaims
	}
	a.Claims = doc.Root()
	return a, nil
}

// readHeader: RFC 7515 §4.1. What brings a key, or changes what is signed, is
// refused; jku is handed on, for SMART lets a client repeat what is registered.
func (a *Assertion) readHeader(header []byte) error {
	doc, err := fhirjson.Parse(header)
	if err != nil || doc.Root().Kind() != fhirjson.Object {
		return errAssertionHeader
	}
	h := doc.Root()
	for _, name := range []string{"jwk", "x5u", "x5c"} {
		if h.Field(name).Exists() {
			return errAssertionKey
		}
	}
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if h.Field(name).Exists() {
			return errAssertionCrit
		}
	}
	well := true
	text := func(name string) string {
		n := h.Field(name)
		well = well && (!n.Exists() || n.Kind() == fhirjson.String && !n.Is(""))
		return n.Text()
	}
	a.Algorithm, a.KeyID, a.Type, a.KeySetURL = text("alg"), text("kid"), text("typ"), text("jku")
	switch {
	case !well:
		return errAssertionHeader
	case keyType(a.Algorithm) == "":
		return errAssertionAlg
	case a.KeyID == "":
		return errAssertionKid
	}
	return nil
}

// keyType is the kty of an algorithm's keys (RFC 7518 §6.1), "" for an algorithm
// that is not accepted.
func keyType(alg string) string {
	switch jose.SignatureAlgorithm(alg) {
	case jose.ES256, jose.ES384:
		return "EC"
	case jose.EdDSA:
		return "OKP"
	case jose.PS256, jose.PS384, jose.RS256, jose.RS384:
		return "RSA"
	}
	return ""
}

// SignedBy reports whether the key made the signature, by the algorithm that the
// header names and the key is for. What was signed is what was read: the bytes
// are decoded once. A zero key signs nothing.
func (a Assertion) SignedBy(k AssertionKey) bool {
	if !k.Fits(a.Algorithm) {
		return false
	}
	switch pub := k.public.(type) {
	case *ecdsa.PublicKey:
		return verifyECDSA(pub, a.input, a.signature)
	case *rsa.PublicKey:
		return verifyRSA(pub, a.Algorithm, a.input, a.signature)
	case ed25519.PublicKey:
		return ed25519.Verify(pub, []byte(a.input), a.signature)
	}
	return false
}

// digest is the algorithm's hash of a text; every algorithm but EdDSA ends in
// its length (RFC 7518 §3.1).
func digest(alg, text string) (crypto.Hash, []byte) {
	if strings.HasSuffix(alg, "384") {
		sum := sha512.Sum384([]byte(text))
		return crypto.SHA384, sum[:]
	}
	sum := sha256.Sum256([]byte(text))
	return crypto.SHA256, sum[:]
}

// verifyECDSA: RFC 7518 §3.4, two numbers of the curve's length side by side.
func verifyECDSA(pub *ecdsa.PublicKey, input string, sig []byte) bool {
	size := (pub.Curve.Params().BitSize + 7) / 8
	if len(sig) != 2*size {
		return false
	}
	alg := "ES256"
	if size == 48 {
		alg = "ES384"
	}
	_, sum := digest(alg, input)
	return ecdsa.Verify(pub, sum, new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:]))
}

// verifyRSA: RFC 7518 §3.3 and §3.5, where the salt is as long as the hash.
func verifyRSA(pub *rsa.PublicKey, alg, input string, sig []byte) bool {
	hash, sum := digest(alg, input)
	if strings.HasPrefix(alg, "PS") {
		return rsa.VerifyPSS(pub, hash, sum, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	return rsa.VerifyPKCS1v15(pub, hash, sum, sig) == nil
}
