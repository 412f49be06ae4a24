package authn

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"firebreak/fhirjson"
)

// compact is a JWS in compact serialization (RFC 7515 §7.1) that is well
// formed. Nothing about it is verified.
type compact struct {
	raw     string
	alg     jose.SignatureAlgorithm
	kid     string // "" when the header has none: an empty kid is refused
	typ     string // in lower case, without "application/"; "" when there is none
	payload []byte
}

// parseCompact reads the form and the header strictly, before and apart from
// the JOSE library, which is lenient about duplicate members and base64.
func parseCompact(raw string) (compact, error) {
	header, payload, ok := splitCompact(raw)
	if !ok {
		return compact{}, invalidToken(notCompact)
	}
	c := compact{raw: raw, payload: payload}
	if err := c.readHeader(header); err != nil {
		return compact{}, err
	}
	return c, nil
}

// splitCompact is the header and the payload of a JWS whose three parts are
// there and properly encoded.
func splitCompact(raw string) (header, payload []byte, ok bool) {
	head, rest, _ := strings.Cut(raw, ".")
	body, sig, ok := strings.Cut(rest, ".")
	if !ok || head == "" || body == "" || sig == "" {
		return nil, nil, false
	}
	header, ok1 := decodeStrict(head)
	payload, ok2 := decodeStrict(body)
	_, ok3 := decodeStrict(sig)
	return header, payload, ok1 && ok2 && ok3
}

// decodeStrict is base64url without padding, and only the one encoding of each
// value (RFC 4648 §3.5): otherwise one token would have many spellings.
func decodeStrict(s string) ([]byte, bool) {
	for i := range len(s) { // encoding/base64 skips line ends
		if !base64URLByte(s[i]) {
			return nil, false
		}
	}
	out, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return out, err == nil
}

func base64URLByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// readHeader: RFC 7515 §4.1, RFC 8725 §3. Members not named here are ignored,
// as RFC 7515 §4 wants.
func (c *compact) readHeader(header []byte) error {
	doc, err := fhirjson.Parse(header)
	if err != nil || doc.Root().Kind() != fhirjson.Object {
		return invalidToken(badHeaderJSON)
	}
	h := doc.Root()
	for _, name := range []string{"jwk", "jku", "x5u", "x5c"} {
		if h.Field(name).Exists() {
			return invalidToken(ownKey)
		}
	}
	// No extension is understood, so any crit must be refused (RFC 7515
	// §4.1.11). b64 changes what is signed (RFC 7797); the library would obey
	// it without crit. zip and enc belong to encryption.
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if h.Field(name).Exists() {
			return invalidToken(critical)
		}
	}
	alg, kid, typ := h.Field("alg"), h.Field("kid"), h.Field("typ")
	if alg.Kind() != fhirjson.String {
		return invalidToken(badHeaderJSON)
	}
	if kid.Exists() && (kid.Kind() != fhirjson.String || kid.Text() == "") {
		return invalidToken(badHeaderJSON)
	}
	// typ is a media type, so its case and the prefix "application/" do not
	// matter (RFC 7515 §4.1.9, RFC 9068 §4).
	c.typ = strings.TrimPrefix(strings.ToLower(typ.Text()), "application/")
	if typ.Exists() && c.typ != "jwt" && c.typ != accessTokenType {
		return invalidToken(badType)
	}
	c.alg, c.kid = jose.SignatureAlgorithm(alg.Text()), kid.Text()
	return nil
}

// accessTokenType: RFC 9068 §2.1.
const accessTokenType = "at+jwt"

// verify succeeds when a key of the set that fits verifies the signature. The
// caller has checked that the algorithm is one the issuer may use.
//
// Nothing here is secret: keys are public and the token is the caller's own, so
// time may depend on both.
func (c compact) verify(set *keySet) error {
	keys := set.fitting(c)
	if len(keys) == 0 {
		return invalidToken(unknownKey)
	}
	jws, err := jose.ParseSignedCompact(c.raw, []jose.SignatureAlgorithm{c.alg})
	if err != nil {
		return invalidToken(badSignature)
	}
	for _, k := range keys {
		// What was signed must be what was read: two decoders have seen it.
		signed, err := jws.Verify(verifierOf(k))
		if err == nil && bytes.Equal(signed, c.payload) {
			return nil
		}
	}
	return invalidToken(badSignature)
}

// verifierOf is the key as the library takes it: itself, but for RSA, where the
// library would accept a PSS salt of any length.
func verifierOf(k key) any {
	if pub, ok := k.public.(*rsa.PublicKey); ok {
		return rsaVerifier{pub}
	}
	return k.public
}

// rsaVerifier: RFC 7518 §3.3 and §3.5, where the salt is as long as the hash.
type rsaVerifier struct{ *rsa.PublicKey }

// VerifyPayload implements jose.OpaqueVerifier.
func (r rsaVerifier) VerifyPayload(input, sig []byte, alg jose.SignatureAlgorithm) error {
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	switch alg {
	case jose.RS256:
		sum := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(r.PublicKey, crypto.SHA256, sum[:], sig)
	case jose.PS256:
		sum := sha256.Sum256(input)
		return rsa.VerifyPSS(r.PublicKey, crypto.SHA256, sum[:], sig, pss)
	case jose.PS384:
		sum := sha512.Sum384(input)
		return rsa.VerifyPSS(r.PublicKey, crypto.SHA384, sum[:], sig, pss)
	}
	return jose.ErrUnsupportedAlgorithm
}
