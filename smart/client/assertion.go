package client

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"firebreak/authn"
	"firebreak/fhirjson"
)

const (
	// maxAhead: SMART App Launch 2.2, client-confidential-asymmetric, "exp".
	maxAhead = 5 * time.Minute
	// leeway is how far a client's clock may be off.
	leeway = 30 * time.Second
	// keptOn is how much longer than it could be used a jti is remembered: servers'
	// clocks differ, and one that is ahead must not forget for one that is behind.
	keptOn = 2 * time.Minute

	maxJTI = 255
)

// readAssertion: RFC 7523 §3. It believes nothing; it refuses what could not be
// good from anybody.
func (a *Authenticator) readAssertion(r Request) (proof, error) {
	raw, id := r.Form.Get(paramAssertion), r.Form.Get(paramID)
	if raw == "" || r.Form.Get(paramType) != jwtBearer {
		return proof{id: id}, unproven(halfAsserted)
	}
	as, err := authn.ParseAssertion(raw)
	if err != nil {
		return proof{id: id}, unproven(literal(err.Error())) // a literal of authn
	}
	p := proof{method: PrivateKeyJWT, id: as.Claims.Field("iss").Text(), assertion: as}
	if id != "" && id != p.id {
		return p, unproven(twoClients)
	}
	return p, refusalOf(a.readClaims(as, p.id, r.Audiences))
}

// refusalOf is nil for no text.
func refusalOf(why literal) error {
	if why == "" {
		return nil
	}
	return unproven(why)
}

func (a *Authenticator) readClaims(as authn.Assertion, id string, audiences []string) literal {
	typ := strings.TrimPrefix(strings.ToLower(as.Type), "application/")
	if typ != "" && typ != "jwt" && typ != "client-authentication+jwt" { // RFC 7523bis names its own
		return badType
	}
	c := as.Claims
	if id == "" || !c.Field("iss").Is(id) || !c.Field("sub").Is(id) {
		return badIssuer
	}
	// An audience beside ours could present the assertion here (RFC 7523bis).
	aud := c.Field("aud")
	if aud.Kind() == fhirjson.Array && aud.Len() == 1 {
		aud = aud.FirstChild()
	}
	if aud.Kind() != fhirjson.String || aud.Is("") || !slices.Contains(audiences, aud.Text()) {
		return badAudience
	}
	if jti := c.Field("jti"); jti.Kind() != fhirjson.String || jti.Is("") || len(jti.Text()) > maxJTI {
		return badJTI
	}
	return a.inTime(c)
}

// inTime: RFC 7519 §4.1.4 to §4.1.6; exp is a must and at most maxAhead away.
func (a *Authenticator) inTime(c fhirjson.Node) literal {
	now := a.clock.Now()
	exp, ok := date(c.Field("exp"))
	if !ok || exp.IsZero() {
		return badTimes
	}
	for _, name := range []string{"iat", "nbf"} {
		t, ok := date(c.Field(name))
		if !ok {
			return badTimes
		}
		if !t.IsZero() && now.Add(leeway).Before(t) {
			return tooEarly
		}
	}
	switch {
	case !now.Before(exp.Add(leeway)):
		return over
	case exp.After(now.Add(maxAhead + leeway)):
		return tooLong
	}
	return ""
}

// date is a NumericDate (RFC 7519 §2), cut to the second; zero when absent. A
// sign or an exponent is refused: nobody writes them.
func date(n fhirjson.Node) (time.Time, bool) {
	if !n.Exists() {
		return time.Time{}, true
	}
	whole, frac, _ := bytes.Cut(n.Raw(), []byte{'.'})
	if n.Kind() != fhirjson.Number || len(whole) > 11 || len(frac) > 32 {
		return time.Time{}, false
	}
	for _, c := range frac {
		if c < '0' || c > '9' {
			return time.Time{}, false
		}
	}
	sec, err := strconv.ParseUint(string(whole), 10, 63)
	return time.Unix(int64(sec), 0), err == nil && sec > 0
}

// signed finds the key, verifies the signature and uses up the jti. A fault is
// left in why; an error is the server's. One signature is verified, whatever is
// found.
func (a *Authenticator) signed(ctx context.Context, as authn.Assertion, k *known, why *literal) error {
	key, ok := a.dummies[as.Algorithm], false
	if *why == "" {
		found, fault, err := a.keyOf(ctx, as, k)
		if err != nil {
			return err
		}
		if *why = fault; fault == "" {
			key, ok = found, true
		}
	}
	a.work.verifications.Add(1)
	if !as.SignedBy(key) || !ok {
		if *why == "" {
			*why = "the signature is not valid"
		}
		return nil
	}
	// Only now: who cannot sign must not be able to use up a jti.
	exp, _ := date(as.Claims.Field("exp"))
	first, err := a.vault.Once(ctx, "client-assertion", k.Client.ID+" "+as.Claims.Field("jti").Text(), exp.Add(leeway+keptOn))
	if err == nil && !first {
		*why = "the assertion has been used before"
	}
	return err
}

// keyOf: SMART App Launch 2.2, client-confidential-asymmetric, "Signature
// Verification". The header's jku can only repeat the registered address; no
// other is ever asked.
func (a *Authenticator) keyOf(ctx context.Context, as authn.Assertion, k *known) (key authn.AssertionKey, fault literal, err error) {
	const none literal = "the client has no key of this kid for this algorithm"
	if as.KeySetURL != "" && as.KeySetURL != k.Client.KeysURL {
		return key, "the jku is not the registered KeysURL", nil
	}
	look := func(set *authn.AssertionKeys, err error) (found bool) {
		if err == nil {
			key, found = set.Find(as)
		}
		return found
	}
	if k.Client.KeysURL == "" {
		if !look(k.keys()) {
			return key, none, nil
		}
		return key, "", nil
	}
	fetcher := a.registry.keys
	if fetcher == nil {
		return key, "this server fetches no keys", nil
	}
	set, err := fetcher.Keys(ctx, k.Client.KeysURL)
	if look(set, err) {
		return key, "", nil
	}
	if err == nil {
		set, err := fetcher.Again(ctx, k.Client.KeysURL)
		if look(set, err) {
			return key, "", nil
		}
		if err != nil && !errors.Is(err, ErrKeysUnavailable) {
			return key, "", err
		}
	}
	switch {
	case err == nil:
		return key, none, nil
	case errors.Is(err, ErrKeysUnavailable):
		return key, "the client's keys cannot be fetched", nil
	}
	return key, "", err
}

// dummyKeys are keys that sign nothing, one for each algorithm: to verify with
// one costs as much as with a real one of the usual size. The RSA modulus is no
// product of two primes that anybody knows.
func dummyKeys() (map[string]authn.AssertionKey, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 2047))
	if err != nil {
		return nil, err
	}
	n.SetBit(n.SetBit(n, 2047, 1), 0, 1)
	out := map[string]authn.AssertionKey{}
	for _, alg := range authn.AssertionAlgorithms() {
		var public crypto.PublicKey = &rsa.PublicKey{N: n, E: 65537}
		switch alg {
		case "ES256", "ES384":
			curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384()}[alg]
			k, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				return nil, err
			}
			public = &k.PublicKey
		case "EdDSA":
			if public, _, err = ed25519.GenerateKey(rand.Reader); err != nil {
				return nil, err
			}
		}
		out[alg] = authn.NewAssertionKey("", alg, public)
	}
	return out, nil
}
