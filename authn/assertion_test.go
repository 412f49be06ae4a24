package authn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

const testClaims = `{"iss":"a","sub":"a","aud":"https://as.example/token","exp":1,"jti":"1"}`

// assertionSigner signs with the library, so that two implementations meet.
func assertionSigner(t testing.TB, alg jose.SignatureAlgorithm) (signer, func(claims string) string) {
	t.Helper()
	s := testSigner(t, "client", alg)
	opts := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", s.kid)
	js, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: s.private}, opts)
	must(t, err)
	return s, func(claims string) string {
		obj, err := js.Sign([]byte(claims))
		must(t, err)
		raw, err := obj.CompactSerialize()
		must(t, err)
		return raw
	}
}

func assertionKeys(t testing.TB, signers ...signer) *AssertionKeys {
	t.Helper()
	src, err := publicJSON(signers...)
	must(t, err)
	set, err := ParseAssertionKeys(src)
	must(t, err)
	return set
}

func TestAssertionsOfEachAlgorithmAreVerified(t *testing.T) {
	for _, name := range AssertionAlgorithms() {
		alg := jose.SignatureAlgorithm(name)
		s, sign := assertionSigner(t, alg)
		raw := sign(testClaims)
		a, err := ParseAssertion(raw)
		must(t, err)
		k, ok := assertionKeys(t, s).Find(a)
		if !ok || !a.SignedBy(k) {
			t.Errorf("%s: a good assertion is refused (key found: %v)", name, ok)
		}
		if a.Algorithm != name || a.KeyID != s.kid || a.Type != "JWT" || !a.Claims.Field("iss").Is("a") {
			t.Errorf("%s: read as %+v", name, a)
		}
		parts := strings.Split(raw, ".")
		other := sign(strings.Replace(testClaims, `"1"`, `"2"`, 1))
		mixed, err := ParseAssertion(strings.Join([]string{parts[0], strings.Split(other, ".")[1], parts[2]}, "."))
		must(t, err)
		foreign := s
		foreign.private = testSigner(t, "foreign", alg).private
		stranger, _ := assertionKeys(t, foreign).Find(a)
		if mixed.SignedBy(k) || a.SignedBy(stranger) || a.SignedBy(AssertionKey{}) {
			t.Errorf("%s: another text, another key or no key passes", name)
		}
	}
}

// TestAnAlgorithmNeedsItsOwnKey: each algorithm against a key of each other one.
func TestAnAlgorithmNeedsItsOwnKey(t *testing.T) {
	for _, name := range AssertionAlgorithms() {
		for _, other := range AssertionAlgorithms() {
			if other == name {
				continue
			}
			_, sign := assertionSigner(t, jose.SignatureAlgorithm(name))
			a, err := ParseAssertion(sign(testClaims))
			must(t, err)
			s := testSigner(t, "client", jose.SignatureAlgorithm(other))
			s.kid = a.KeyID
			if k, ok := assertionKeys(t, s).Find(a); ok || a.SignedBy(k) {
				t.Errorf("%s is verified with a key for %s", name, other)
			}
		}
	}
}

func TestMalformedAssertionsAreRefused(t *testing.T) {
	s, sign := assertionSigner(t, jose.ES256)
	good := sign(testClaims)
	parts := strings.Split(good, ".")
	with := func(header string) string { return s.sign(header, testClaims) }
	cases := []struct {
		name, raw string
		want      error
	}{
		{"empty", "", errAssertionForm},
		{"two parts", parts[0] + "." + parts[1], errAssertionForm},
		{"four parts", good + "." + parts[2], errAssertionForm},
		{"no signature", parts[0] + "." + parts[1] + ".", errAssertionForm},
		{"padding", good + "=", errAssertionForm},
		{"a line end inside", parts[0] + "." + parts[1] + ".\n" + parts[2], errAssertionForm},
		{"too long", good + strings.Repeat("A", MaxAssertionBytes), errAssertionLong},
		{"header twice", with(`{"alg":"ES256","kid":"a","kid":"b"}`), errAssertionHeader},
		{"header no object", with(`[]`), errAssertionHeader},
		{"kid a number", with(`{"alg":"ES256","kid":1}`), errAssertionHeader},
		{"jku a list", with(`{"alg":"ES256","kid":"a","jku":[]}`), errAssertionHeader},
		{"no kid", with(`{"alg":"ES256"}`), errAssertionKid},
		{"empty kid", with(`{"alg":"ES256","kid":""}`), errAssertionHeader},
		{"no alg", with(`{"kid":"a"}`), errAssertionAlg},
		{"none", with(`{"alg":"none","kid":"a"}`), errAssertionAlg},
		{"HS256", with(`{"alg":"HS256","kid":"a"}`), errAssertionAlg},
		{"RS1", with(`{"alg":"RS1","kid":"a"}`), errAssertionAlg},
		{"small letters", with(`{"alg":"es256","kid":"a"}`), errAssertionAlg},
		{"jwk", with(`{"alg":"ES256","kid":"a","jwk":{}}`), errAssertionKey},
		{"x5c", with(`{"alg":"ES256","kid":"a","x5c":null}`), errAssertionKey},
		{"x5u", with(`{"alg":"ES256","kid":"a","x5u":"https://a.example"}`), errAssertionKey},
		{"crit", with(`{"alg":"ES256","kid":"a","crit":[]}`), errAssertionCrit},
		{"b64", with(`{"alg":"ES256","kid":"a","b64":true}`), errAssertionCrit},
		{"zip", with(`{"alg":"ES256","kid":"a","zip":"DEF"}`), errAssertionCrit},
		{"a claim twice", s.sign(`{"alg":"ES256","kid":"a"}`, `{"iss":"a","iss":"b"}`), errAssertionClaims},
		{"claims no object", s.sign(`{"alg":"ES256","kid":"a"}`, `"iss"`), errAssertionClaims},
	}
	for _, c := range cases {
		if _, err := ParseAssertion(c.raw); err != c.want {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	if respelt, ok := respell(good); ok {
		if _, err := ParseAssertion(respelt); err != errAssertionForm {
			t.Errorf("another spelling of the signature: %v", err)
		}
	}
}

func TestClientKeySetsAreReadStrictly(t *testing.T) {
	jwk := func(key any, kid, alg, use string) string {
		b, err := jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: alg, Use: use}.MarshalJSON()
		must(t, err)
		return string(b)
	}
	p256, p384 := testSigner(t, "client", jose.ES256).private, testSigner(t, "client", jose.ES384).private
	big := testSigner(t, "client", jose.RS256).private
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	must(t, err)
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	cases := []struct {
		name  string
		keys  []string
		fault string
		n     int
	}{
		{"none", nil, "", 0},
		{"one", []string{jwk(p256.Public(), "a", "", "")}, "", 1},
		{"one kid, two kinds", []string{jwk(p256.Public(), "a", "", ""), jwk(big.Public(), "a", "", "")}, "", 2},
		{"one kid, one kind, two curves", []string{jwk(p256.Public(), "a", "", ""), jwk(p384.Public(), "a", "", "")}, "same kid", 0},
		{"one kid, a weak one first", []string{jwk(&weak.PublicKey, "a", "", ""), jwk(big.Public(), "a", "", "")}, "same kid", 0},
		{"one kid, one for encryption", []string{jwk(p256.Public(), "a", "", "enc"), jwk(p256.Public(), "a", "", "sig")}, "", 1},
		{"no kid", []string{jwk(p256.Public(), "", "", "")}, "", 0},
		{"weak", []string{jwk(&weak.PublicKey, "a", "", "")}, "", 0},
		{"another curve", []string{jwk(&p521.PublicKey, "a", "", "")}, "", 0},
		{"alg of another kind", []string{jwk(p256.Public(), "a", "RS384", "")}, "", 0},
		{"shared", []string{jwk([]byte("0123456789abcdef"), "a", "HS256", "")}, "", 0},
		{"private", []string{jwk(p256, "a", "", "")}, "private key", 0},
		{"private without kid, beside a good one", []string{jwk(p256.Public(), "b", "", ""), jwk(big, "", "", "")}, "private key", 0},
		{"not for verifying", []string{strings.Replace(jwk(p256.Public(), "a", "", ""), `{`, `{"key_ops":["sign"],`, 1)}, "", 0},
		{"point not on the curve", []string{`{"kty":"EC","kid":"a","crv":"P-256","x":"AAAA","y":"AAAA"}`}, "", 0},
		{"no object", []string{`"a"`}, "", 0},
		{"too many", slices.Repeat([]string{`{}`}, maxKeys+1), "too many", 0},
		{"a member twice", []string{`{"kid":"a","kid":"b"}`}, "unique members", 0},
	}
	for _, c := range cases {
		set, err := ParseAssertionKeys(fmt.Appendf(nil, `{"keys":[%s]}`, strings.Join(c.keys, ",")))
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%s: error %v, want one of %q", c.name, err, c.fault)
			}
			continue
		}
		if err != nil || set.Len() != c.n {
			t.Errorf("%s: %v, %v; want %d keys", c.name, set, err, c.n)
		}
	}
	for _, src := range []string{"", "[]", `{"keys":{}}`, `{"keys":[]}` + strings.Repeat(" ", MaxAssertionKeysBytes)} {
		if _, err := ParseAssertionKeys([]byte(src)); err == nil {
			t.Errorf("accepted %.20q", src)
		}
	}
}

// FuzzAssertion: nothing but what was signed is verified.
func FuzzAssertion(f *testing.F) {
	s, sign := assertionSigner(f, jose.ES384)
	good := sign(testClaims)
	set := assertionKeys(f, s)
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add(s.sign(`{"alg":"none","kid":"a"}`, testClaims))
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := ParseAssertion(raw)
		if err != nil {
			return
		}
		if a.KeyID == "" || !slices.Contains(AssertionAlgorithms(), a.Algorithm) {
			t.Fatalf("read as %+v", a)
		}
		if k, ok := set.Find(a); ok && a.SignedBy(k) && raw != good {
			t.Fatalf("accepted %q", raw)
		}
	})
}
