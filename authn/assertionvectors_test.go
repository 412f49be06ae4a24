package authn

import (
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// TestWycheproofAssertionSignatures judges published signatures over their own
// content by what verifies assertions: the good ones must verify, and those that
// broken verifiers accept must not.
func TestWycheproofAssertionSignatures(t *testing.T) {
	const archive = "wycheproof-dev-raw.tar.xz"
	needVectors(t, archive)
	files := map[string]jose.SignatureAlgorithm{
		"ecdsa_secp256r1_sha256_p1363_test.json": jose.ES256,
		"ecdsa_secp384r1_sha384_p1363_test.json": jose.ES384,
		"ed25519_test.json":                      jose.EdDSA,
		"rsa_signature_2048_sha256_test.json":    jose.RS256,
		"rsa_pss_2048_sha256_mgf1_32_test.json":  jose.PS256,
	}
	for file, alg := range files {
		var doc struct {
			TestGroups []struct {
				PublicKey publishedKey
				Tests     []vector
			}
		}
		vectors(t, archive, file, &doc)
		good, bad := 0, 0
		for _, g := range doc.TestGroups {
			src := `{"keys":[{"kid":"a",` + string(g.PublicKey.jwk(t, alg)[1:]) + `]}`
			set, err := ParseAssertionKeys([]byte(src))
			must(t, err)
			k, ok := set.Find(Assertion{Algorithm: string(alg), KeyID: "a"})
			if !ok {
				continue // exponent 3
			}
			for _, v := range g.Tests {
				msg, sig := v.bytes(t)
				got := Assertion{Algorithm: string(alg), input: string(msg), signature: sig}.SignedBy(k)
				if want := v.Result == "valid"; got != want && v.Result != "acceptable" {
					t.Errorf("%s, vector %d: verified %v, want %v", alg, v.TcID, got, want)
				}
				if got {
					good++
				} else {
					bad++
				}
			}
		}
		if good == 0 || bad < 20 {
			t.Errorf("%s: only %d good and %d bad vectors", alg, good, bad)
		}
	}
}
