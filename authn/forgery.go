package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/fhirjson"
)

// forgery is a token that must be refused, and why.
type forgery struct {
	name  string
	token string
	want  literal
}

// forger makes tokens as an attacker would who knows the issuer's configuration
// and public keys, and some that a careless issuer would.
type forger struct {
	issuer  Issuer
	now     time.Time
	own     signer // the issuer's
	foreign signer // of the same kind, with the issuer's kid, not published
	outside signer // published, of an algorithm not allowed; zero when all are
}

func newForger(issuer Issuer, alg jose.SignatureAlgorithm, now time.Time, ring keyring) (*forger, *keySet, error) {
	issuer.Claims = ClaimNames{} // a good token must not depend on the mapping
	issuer.Live = nil            // nobody granted it
	issuer.Introspection = nil   // and its issuer does not know it
	f := &forger{issuer: issuer, now: now}
	var err error
	if f.own, err = ring.signer("own", alg); err != nil {
		return nil, nil, err
	}
	if f.foreign, err = ring.signer("foreign", alg); err != nil {
		return nil, nil, err
	}
	f.foreign.kid = f.own.kid
	published := []signer{f.own}
	if other := outsider(issuer); other != "" {
		if f.outside, err = ring.signer("own", other); err != nil {
			return nil, nil, err
		}
		published = append(published, f.outside)
	}
	src, err := publicJSON(published...)
	if err != nil {
		return nil, nil, err
	}
	keys, err := parseKeySet(src)
	return f, keys, err
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// header is a header of the issuer's algorithm and key, with members put in.
func (f *forger) header(extra string) string { return headerOf(f.own.alg, f.own.kid, extra) }

func headerOf(alg jose.SignatureAlgorithm, kid, extra string) string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"%s}`, string(alg), kid, extra)
}

// claims are good claims, each replaced by the JSON given for it; "" removes it.
func (f *forger) claims(changes map[string]string) string {
	at := func(d time.Duration) string { return strconv.FormatInt(f.now.Add(d).Unix(), 10) }
	base := [][2]string{
		{"iss", string(fhirjson.Quote(f.issuer.Name))}, {"sub", `"self-test"`},
		{"aud", string(fhirjson.Quote(f.issuer.Audience[0]))}, {"exp", at(5 * time.Minute)},
		{"nbf", at(-time.Second)}, {"iat", at(-time.Second)}, {"jti", `"1"`},
	}
	return object(base, changes)
}

func (f *forger) good() string { return f.own.sign(f.header(""), f.claims(nil)) }

func (f *forger) forgeries() []forgery {
	out := f.algorithms()
	out = append(out, f.headers()...)
	out = append(out, f.signatures()...)
	return append(out, f.contents()...)
}

// algorithms: RFC 8725 §2.1 and §3.1, the token chooses how it is verified.
func (f *forger) algorithms() []forgery {
	claims, signed := f.claims(nil), f.good()
	sig := signed[strings.LastIndexByte(signed, '.')+1:]
	var out []forgery
	for _, none := range []jose.SignatureAlgorithm{"none", "None", "nOnE", ""} {
		input := encode(headerOf(none, f.own.kid, "")) + "." + encode(claims)
		out = append(out,
			forgery{"alg " + string(none) + " without signature", input + ".", notCompact},
			forgery{"alg " + string(none) + " with a signature", input + "." + sig, badAlgorithm})
	}
	der, err := x509.MarshalPKIXPublicKey(f.own.private.Public())
	if err != nil {
		panic("authn: self-test cannot encode its key: " + err.Error())
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for n, secret := range [][]byte{der, text, nil} {
		name := []string{"DER", "PEM", "nothing"}[n]
		input := encode(headerOf(jose.HS256, f.own.kid, "")) + "." + encode(claims)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		out = append(out, forgery{"HS256 with the public key as secret, " + name,
			input + "." + encode(string(mac.Sum(nil))), badAlgorithm})
	}
	if o := f.outside; o.private != nil {
		out = append(out, forgery{"an algorithm that is not allowed",
			o.sign(headerOf(o.alg, o.kid, ""), claims), badAlgorithm})
	}
	for _, alg := range f.issuer.Algorithms {
		if other := jose.SignatureAlgorithm(alg); other != f.own.alg {
			out = append(out, forgery{"an allowed algorithm that is not the key's",
				f.own.sign(headerOf(other, f.own.kid, ""), claims), unknownKey})
		}
	}
	return out
}

// headers: RFC 7515 §4.1, and members that lead away from the issuer's keys.
func (f *forger) headers() []forgery {
	claims := f.claims(nil)
	var out []forgery
	if f.issuer.RequireType {
		for _, typ := range []string{`,"typ":"JWT"`, ``} {
			out = append(out, forgery{"a type that this issuer's tokens don't have" + typ,
				f.own.sign(fmt.Sprintf(`{"alg":%q,"kid":%q%s}`, string(f.own.alg), f.own.kid, typ), claims), badType})
		}
	}
	jwk, err := jose.JSONWebKey{Key: f.foreign.private.Public()}.MarshalJSON()
	if err != nil {
		panic("authn: self-test cannot encode its key: " + err.Error())
	}
	sign := func(s signer, header string) string { return s.sign(header, claims) }
	return append(out, []forgery{
		{"own key in jwk", sign(f.foreign, f.header(`,"jwk":`+string(jwk))), ownKey},
		{"own key by jku", sign(f.foreign, f.header(`,"jku":"https://evil.example/jwks"`)), ownKey},
		{"own key by x5u", sign(f.foreign, f.header(`,"x5u":"https://evil.example/chain"`)), ownKey},
		{"own key in x5c", sign(f.foreign, f.header(`,"x5c":[]`)), ownKey},
		{"unknown crit", sign(f.own, f.header(`,"crit":["x"],"x":1`)), critical},
		{"payload not encoded", sign(f.own, f.header(`,"crit":["b64"],"b64":false`)), critical},
		{"b64 without crit", sign(f.own, f.header(`,"b64":false`)), critical},
		{"a type that is not an access token's", sign(f.own,
			fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"logout+jwt"}`, string(f.own.alg), f.own.kid)), badType},
		{"alg twice", sign(f.own, f.header(`,"alg":"none"`)), badHeaderJSON},
		{"kid that is no text", sign(f.own, fmt.Sprintf(`{"alg":%q,"kid":1}`, string(f.own.alg))), badHeaderJSON},
		{"header that is no object", sign(f.own, `[]`), badHeaderJSON},
		{"unknown kid", sign(f.own, headerOf(f.own.alg, "no such key", "")), unknownKey},
	}...)
}

// signatures: changed, cut, replaced, or spelt in another way.
func (f *forger) signatures() []forgery {
	good := f.good()
	parts := strings.Split(good, ".")
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		panic("authn: self-test cannot read its signature: " + err.Error())
	}
	head := parts[0] + "." + parts[1] + "."
	tampered := encode(f.claims(map[string]string{"sub": `"somebody else"`}))
	out := []forgery{
		{"foreign key", f.foreign.sign(f.header(""), f.claims(nil)), badSignature},
		{"foreign key without kid", f.foreign.sign(fmt.Sprintf(`{"alg":%q,"typ":"at+jwt"}`, string(f.own.alg)), f.claims(nil)), badSignature},
		{"tampered payload", parts[0] + "." + tampered + "." + parts[2], badSignature},
		{"tampered header", encode(f.header(`,"x":1`)) + "." + parts[1] + "." + parts[2], badSignature},
		{"truncated signature", head + encode(string(sig[:len(sig)-1])), badSignature},
		{"lengthened signature", head + encode(string(sig)+"\x00"), badSignature},
		{"signature of zeros", head + encode(strings.Repeat("\x00", len(sig))), badSignature},
		{"no signature", head, notCompact},
		{"no payload", parts[0] + ".." + parts[2], notCompact},
		{"two parts", parts[0] + "." + parts[1], notCompact},
		{"four parts", good + "." + parts[2], notCompact},
		{"padding", good + "=", notCompact},
	}
	if f.own.alg == jose.ES256 || f.own.alg == jose.ES384 {
		half := len(sig) / 2
		der, err := asn1.Marshal([]*big.Int{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
		if err == nil {
			out = append(out, forgery{"signature in DER", head + encode(string(der)), badSignature})
		}
	}
	if respelt, ok := respell(good); ok {
		out = append(out, forgery{"another spelling of the signature", respelt, notCompact})
	}
	return out
}

// respell sets a bit of the last character that carries no data (RFC 4648
// §3.5); a lenient decoder reads the same signature.
func respell(token string) (string, bool) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if (len(token)-strings.LastIndexByte(token, '.')-1)%4 == 0 {
		return "", false
	}
	last := len(token) - 1
	return token[:last] + string(alphabet[strings.IndexByte(alphabet, token[last])|1]), true
}

// contents: properly signed, and still not good here or now.
func (f *forger) contents() []forgery {
	at := func(d time.Duration) string { return strconv.FormatInt(f.now.Add(d).Unix(), 10) }
	sign := func(claim, value string) string {
		return f.own.sign(f.header(""), f.claims(map[string]string{claim: value}))
	}
	stranger := f.issuer.Audience[0] + "x"
	for slices.Contains(f.issuer.Audience, stranger) {
		stranger += "x"
	}
	twice := strings.TrimSuffix(f.claims(nil), "}") + `,"sub":"self-test"}`
	print := `"` + encode(strings.Repeat("x", 32)) + `"`
	long := strings.TrimSuffix(f.claims(nil), "}") + `,"x":"` + strings.Repeat("x", MaxTokenBytes) + `"}`
	return []forgery{
		{"unknown issuer", sign("iss", `"https://evil.example"`), unknownIssuer},
		{"issuer with a slash more", sign("iss", string(fhirjson.Quote(f.issuer.Name+"/"))), unknownIssuer},
		{"no issuer", sign("iss", ""), unknownIssuer},
		{"another audience", sign("aud", string(fhirjson.Quote("not "+stranger))), badAudience},
		{"audience with a letter more", sign("aud", string(fhirjson.Quote(stranger))), badAudience},
		{"no audience", sign("aud", ""), badAudience},
		{"no audience in a list", sign("aud", `[]`), badAudience},
		{"no subject", sign("sub", ""), noSubject},
		{"subject that is no text", sign("sub", `["self-test"]`), badClaim},
		{"expired", sign("exp", at(-f.issuer.Leeway-time.Second)), expired},
		{"no end", sign("exp", ""), badTime},
		{"end as text", sign("exp", `"`+at(time.Minute)+`"`), badTime},
		{"end without end", sign("exp", `1e300`), badTime},
		{"negative start", sign("nbf", `-1`), badTime},
		{"not yet valid", sign("nbf", at(time.Hour)), tooEarly},
		{"issued in the future", sign("iat", at(time.Hour)), fromFuture},
		{"bound to a key, sent as Bearer", sign("cnf", `{"jkt":`+print+`}`), boundToKey},
		{"bound to a certificate that is not shown", sign("cnf", `{"x5t#S256":`+print+`}`), boundToCertificate},
		{"bound to a key in the token", sign("cnf", `{"jwk":{}}`), badConfirmation},
		{"bound in a second, unknown way", sign("cnf", `{"x5t#S256":`+print+`,"kid":"1"}`), badConfirmation},
		{"bound to nothing", sign("cnf", `{}`), badConfirmation},
		{"bound to null", sign("cnf", `null`), badConfirmation},
		{"bound to a thumbprint that is none", sign("cnf", `{"jkt":"AAAA"}`), badConfirmation},
		{"an ID token by its claims", sign("at_hash", `"AAAA"`), otherKind},
		{"a logout token by its claims", sign("events", `{}`), otherKind},
		{"an ID token by its kind", sign("typ", `"ID"`), otherKind},
		{"a refresh token by its kind", sign("typ", `"Refresh"`), otherKind},
		{"an offline token by its kind", sign("typ", `"Offline"`), otherKind},
		{"a kind that is no text", sign("typ", `["Bearer"]`), otherKind},
		{"a claim twice", f.own.sign(f.header(""), twice), badClaimsJSON},
		{"claims that are no object", f.own.sign(f.header(""), `["self-test"]`), badClaimsJSON},
		{"too long", f.own.sign(f.header(""), long), tooLong},
	}
}
