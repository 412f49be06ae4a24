package authn

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/fhirjson"
)

// prover makes DPoP proofs, good ones and bad ones, as a client's key allows.
type prover struct {
	signer
	now      time.Time
	jwk, jkt string
}

func newProver(owner string, alg jose.SignatureAlgorithm, now time.Time, ring keyring) (*prover, error) {
	s, err := ring.signer(owner, alg)
	if err != nil {
		return nil, err
	}
	own := jose.JSONWebKey{Key: s.private.Public()}
	src, err := own.MarshalJSON()
	if err != nil {
		return nil, err
	}
	print, err := own.Thumbprint(crypto.SHA256)
	// Rounded up: what is dated before a Memory began counts as used.
	now = now.Add(time.Second - time.Nanosecond).Truncate(time.Second)
	return &prover{signer: s, now: now, jwk: string(src), jkt: base64.RawURLEncoding.EncodeToString(print)}, err
}

// header and claims are good, but for the members that are replaced by the JSON
// given for them; "" takes one out.
func (p *prover) header(changes map[string]string) string {
	return object([][2]string{{"typ", `"dpop+jwt"`}, {"alg", string(fhirjson.Quote(string(p.alg)))}, {"jwk", p.jwk}}, changes)
}

func (p *prover) claims(method, url, token string, changes map[string]string) string {
	quote := func(s string) string { return string(fhirjson.Quote(s)) }
	base := [][2]string{{"jti", quote(rand.Text())}, {"htm", quote(method)}, {"htu", quote(url)},
		{"iat", strconv.FormatInt(p.now.Unix(), 10)}}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		base = append(base, [2]string{"ath", quote(base64.RawURLEncoding.EncodeToString(sum[:]))})
	}
	return object(base, changes)
}

// object writes the members, changed, and then the changes that replace none.
func object(base [][2]string, changes map[string]string) string {
	var members []string
	for _, m := range base {
		value, changed := changes[m[0]]
		if !changed {
			value = m[1]
		}
		if value != "" {
			members = append(members, `"`+m[0]+`":`+value)
		}
	}
	for name, value := range changes {
		if value != "" && !slices.ContainsFunc(base, func(m [2]string) bool { return m[0] == name }) {
			members = append(members, `"`+name+`":`+value)
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

const (
	proofMethodUsed = "GET"
	proofURLUsed    = "https://fhir.example/r4/Patient/1"
)

// request is one with the token bound to the prover's key, and that proof.
func (p *prover) request(token string, proofs ...string) Credentials {
	return Credentials{Authorization: "DPoP " + token, DPoP: proofs, Method: proofMethodUsed, URL: proofURLUsed}
}

func (p *prover) proof(token string, header, claims map[string]string) string {
	return p.sign(p.header(header), p.claims(proofMethodUsed, proofURLUsed, token, claims))
}

// badRequest is a request with a bound token that must be refused, and why.
type badRequest struct {
	name string
	Credentials
	want literal
}

// forgeries are what RFC 9449 §4.3 and §7 want refused, for a token bound to p's
// key. other is another client's key for the same algorithm.
func (p *prover) forgeries(token string, other *prover) []badRequest {
	var out []badRequest
	add := func(name string, want literal, c Credentials) { out = append(out, badRequest{name, c, want}) }
	head := func(name string, want literal, changes map[string]string) {
		add(name, want, p.request(token, p.proof(token, changes, nil)))
	}
	claim := func(name string, want literal, changes map[string]string) {
		add(name, want, p.request(token, p.proof(token, nil, changes)))
	}
	good := p.proof(token, nil, nil)
	add("no proof", noProof, p.request(token))
	add("two proofs", manyProofs, p.request(token, good, p.proof(token, nil, nil)))
	add("two proofs in one field", badProof, p.request(token, good+", "+p.proof(token, nil, nil)))
	add("no JWS", badProof, p.request(token, "proof"))
	add("empty", badProof, p.request(token, ""))
	add("unsigned", badProof, p.request(token, good[:strings.LastIndexByte(good, '.')+1]))
	add("too long", badProof, p.request(token, strings.Repeat("x", maxProofBytes+1)))
	asBearer := p.request(token, good)
	asBearer.Authorization = "Bearer " + token
	add("bound token as Bearer", boundToKey, asBearer)

	add("another client's key", otherKey, p.request(token, other.proof(token, nil, nil)))
	forged := other.sign(p.header(nil), p.claims(proofMethodUsed, proofURLUsed, token, nil))
	add("signed by another key than jwk", proofSignature, p.request(token, forged))
	parts := strings.Split(good, ".")
	add("payload changed", proofSignature, p.request(token, parts[0]+"."+encode(p.claims(proofMethodUsed, proofURLUsed, token, nil))+"."+parts[2]))

	for _, typ := range []string{"", `"JWT"`, `"at+jwt"`, `"DPOP+JWT "`, `1`} {
		head("typ "+typ, proofType, map[string]string{"typ": typ})
	}
	for _, alg := range []string{`"none"`, `"HS256"`, `""`, `"RS1"`, `"ES512"`} {
		head("alg "+alg, proofAlgorithm, map[string]string{"alg": alg})
	}
	head("no alg", badProof, map[string]string{"alg": ""})
	head("crit", badProof, map[string]string{"crit": `["x"]`})
	head("b64", badProof, map[string]string{"b64": "false"})
	head("jku", badProof, map[string]string{"jku": `"https://evil.example/jwks"`})
	head("x5c", badProof, map[string]string{"x5c": `["AAAA"]`})
	head("no jwk", proofKey, map[string]string{"jwk": ""})
	head("shared key", proofKey, map[string]string{"jwk": `{"kty":"oct","k":"AAAA"}`})
	head("private member", proofKey, map[string]string{"jwk": strings.TrimSuffix(p.jwk, "}") + `,"d":"AAAA"}`})
	head("jwk for encryption", proofKey, map[string]string{"jwk": strings.TrimSuffix(p.jwk, "}") + `,"use":"enc"}`})
	head("a member twice", badProof, map[string]string{"x": `1,"x":1`})

	at := func(d time.Duration) string { return strconv.FormatInt(p.now.Add(d).Unix(), 10) }
	claim("no jti", proofClaim, map[string]string{"jti": ""})
	claim("empty jti", proofClaim, map[string]string{"jti": `""`})
	claim("jti as number", proofClaim, map[string]string{"jti": `1`})
	claim("long jti", proofClaim, map[string]string{"jti": `"` + strings.Repeat("x", maxProofID+1) + `"`})
	claim("no htm", proofMethod, map[string]string{"htm": ""})
	claim("another method", proofMethod, map[string]string{"htm": `"POST"`})
	claim("method in lower case", proofMethod, map[string]string{"htm": `"get"`})
	claim("no htu", proofTarget, map[string]string{"htu": ""})
	claim("another path", proofTarget, map[string]string{"htu": `"https://fhir.example/r4/Patient/2"`})
	claim("another host", proofTarget, map[string]string{"htu": `"https://fhir.example.evil.example/r4/Patient/1"`})
	claim("another port", proofTarget, map[string]string{"htu": `"https://fhir.example:444/r4/Patient/1"`})
	claim("another scheme", proofTarget, map[string]string{"htu": `"http://fhir.example/r4/Patient/1"`})
	claim("a user in htu", proofTarget, map[string]string{"htu": `"https://x@fhir.example/r4/Patient/1"`})
	claim("no iat", proofClaim, map[string]string{"iat": ""})
	claim("iat as text", proofClaim, map[string]string{"iat": `"` + at(0) + `"`})
	claim("too old", proofOld, map[string]string{"iat": at(-2 * defaultProofAge)})
	claim("from the future", proofEarly, map[string]string{"iat": at(time.Minute)})
	claim("no ath", proofToken, map[string]string{"ath": ""})
	claim("ath of another token", proofToken, map[string]string{"ath": `"` + strings.Repeat("A", 43) + `"`})
	claim("a claim twice", badProof, map[string]string{"x": `1,"x":1`})
	return out
}

// bound is a good token of the issuer's that is bound to p's key.
func (f *forger) bound(p *prover) string {
	return f.own.sign(f.header(""), f.claims(map[string]string{"cnf": `{"jkt":"` + p.jkt + `"}`}))
}

// judgeProofs is judge for tokens that are bound to a key.
func (f *forger) judgeProofs(verify func(context.Context, Credentials) (Token, error), ring keyring) error {
	own, err := newProver("client", jose.ES256, f.now, ring)
	if err != nil {
		return err
	}
	other, err := newProver("other client", jose.ES256, f.now, ring)
	if err != nil {
		return err
	}
	ctx := context.Background()
	token := f.bound(own)
	request := own.request(token, own.proof(token, nil, nil))
	if _, err := verify(ctx, request); err != nil {
		return fmt.Errorf("a good proof is refused: %w", err)
	}
	bad := append(own.forgeries(token, other), badRequest{"the same proof again", request, proofUsed})
	unbound := f.good()
	bad = append(bad, badRequest{"bearer token as DPoP", own.request(unbound, own.proof(unbound, nil, nil)), notBound})
	for _, b := range bad {
		_, err := verify(ctx, b.Credentials)
		if err == nil {
			return fmt.Errorf("a bad proof passes: %s", b.name)
		}
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Description != string(b.want) {
			return fmt.Errorf("a bad proof is refused for another reason than its own: %s: %w", b.name, err)
		}
	}
	return nil
}
