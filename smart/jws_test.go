package smart

import (
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func aSigner(t *testing.T, alg jose.SignatureAlgorithm) *signer {
	t.Helper()
	key, err := newKey(alg, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhatWeSignVerifiesElsewhere: another implementation finds the signature good,
// the header as it should be, and the payload unchanged; and not after a change.
func TestWhatWeSignVerifiesElsewhere(t *testing.T) {
	for _, alg := range algorithms {
		s, foreign := aSigner(t, alg), aSigner(t, alg)
		// Many: a number of a signature may have leading noughts.
		for n := range 600 {
			if alg == jose.RS256 && n > 3 {
				break
			}
			payload := []byte{byte(n), byte(n >> 8), '{', '}'}
			raw, err := s.compact(typeAccess, payload)
			if err != nil {
				t.Fatal(err)
			}
			jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{alg})
			if err != nil {
				t.Fatalf("%s: %v", alg, err)
			}
			got, err := jws.Verify(s.private.Public())
			if h := jws.Signatures[0].Protected; err != nil || string(got) != string(payload) || h.KeyID != s.ID || h.ExtraHeaders["typ"] != typeAccess {
				t.Fatalf("%s: %q, header %+v (%v)", alg, got, h, err)
			}
			if _, err := jws.Verify(foreign.private.Public()); err == nil {
				t.Errorf("%s: another key verifies it too", alg)
			}
		}
	}
}

func TestOnlyWhatHasATypeIsSigned(t *testing.T) {
	s := aSigner(t, jose.ES256)
	if raw, err := s.compact("another", []byte("{}")); err == nil {
		t.Errorf("signed as nothing that anybody knows: %s", raw)
	}
}
