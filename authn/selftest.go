package authn

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// SelfTest proves the verifier on forgeries, with the configuration it runs
// with and keys made on the spot. For each issuer and algorithm a good token
// must pass and every forgery be refused, for the reason it was made for. A
// server whose SelfTest fails must not start.
//
// It asks nobody and leaves the cache alone. For the EC and Ed25519 algorithms
// it takes milliseconds; two RSA keys, where needed, take some tenths of a second.
func (v *Verifier) SelfTest() error {
	ring := keyring{}
	proofs, err := NewProofs(ProofConfig{Clock: v.clock})
	if err != nil {
		return fmt.Errorf("authn: self-test: %w", err)
	}
	for _, issuer := range v.issuers {
		if issuer.keySources() == 0 {
			continue // nothing of its tokens is verified here: it is asked
		}
		for _, alg := range issuer.Algorithms {
			f, keys, err := newForger(issuer.Issuer, jose.SignatureAlgorithm(alg), v.clock.Now(), ring)
			if err != nil {
				return fmt.Errorf("authn: self-test: %w", err)
			}
			shadow := &Verifier{
				issuers: map[string]*trusted{issuer.Name: {Issuer: f.issuer, keys: fixedKeys{keys}}},
				clock:   v.clock, cache: newCache(shards), proofs: proofs,
			}
			if err := errors.Join(f.judge(shadow.Verify), f.judgeProofs(shadow.VerifyRequest, ring)); err != nil {
				return fmt.Errorf("authn: self-test of issuer %q with %s: %w", issuer.Name, alg, err)
			}
		}
	}
	return nil
}

// judge hands a good token and all forgeries to verify. The good one comes
// twice, so that what is remembered is judged too, and last again, so that a
// forgery cannot have unseated it.
func (f *forger) judge(verify func(context.Context, string) (Token, error)) error {
	ctx := context.Background()
	good := f.good()
	accept := func() error {
		tok, err := verify(ctx, "Bearer "+good)
		if err != nil {
			return fmt.Errorf("a good token is refused: %w", err)
		}
		if tok.Subject != "self-test" || tok.Issuer != f.issuer.Name {
			return errors.New("a good token is misread")
		}
		return nil
	}
	if err := errors.Join(accept(), accept()); err != nil {
		return err
	}
	for _, forgery := range f.forgeries() {
		_, err := verify(ctx, "Bearer "+forgery.token)
		if err == nil {
			return fmt.Errorf("a bad token passes: %s", forgery.name)
		}
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Description != string(forgery.want) {
			return fmt.Errorf("a bad token is refused for another reason than its own: %s: %w", forgery.name, err)
		}
	}
	return accept()
}

// fixedKeys never change.
type fixedKeys struct{ set *keySet }

func (f fixedKeys) current(context.Context) (*keySet, error) { return f.set, nil }
func (f fixedKeys) again(context.Context) (*keySet, error)   { return f.set, nil }
func (f fixedKeys) health() Health                           { return Health{Keys: len(f.set.keys)} }

// signer is a private key and the algorithm it signs with.
type signer struct {
	alg     jose.SignatureAlgorithm
	kid     string
	private crypto.Signer
}

// sign signs what is given by the standard library, so that the self-test does
// not ask the JOSE library about itself. The header may be anything.
func (s signer) sign(header, claims string) string {
	input := encode(header) + "." + encode(claims)
	return input + "." + encode(string(s.signature(input)))
}

// signature panics where the key does not fit the algorithm: both are made here.
func (s signer) signature(input string) []byte {
	hash := crypto.SHA256
	if s.alg == jose.ES384 || s.alg == jose.PS384 {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write([]byte(input))
	digest := h.Sum(nil)
	var out []byte
	var err error
	switch s.alg {
	case jose.EdDSA:
		out = ed25519.Sign(s.private.(ed25519.PrivateKey), []byte(input))
	case jose.ES256, jose.ES384:
		private := s.private.(*ecdsa.PrivateKey)
		size := (private.Curve.Params().BitSize + 7) / 8
		r, t, e := ecdsa.Sign(rand.Reader, private, digest)
		if err = e; err == nil {
			out = make([]byte, 2*size)
			r.FillBytes(out[:size])
			t.FillBytes(out[size:])
		}
	case jose.PS256, jose.PS384:
		out, err = s.private.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
	default:
		out, err = s.private.Sign(rand.Reader, digest, hash)
	}
	if err != nil {
		panic("authn: self-test cannot sign: " + err.Error())
	}
	return out
}

// keyring keeps the keys made for a self-test: RSA keys take long to make.
type keyring map[string]crypto.Signer

// signer makes, or finds, the key of that owner for alg.
func (r keyring) signer(owner string, alg jose.SignatureAlgorithm) (signer, error) {
	kind := map[jose.SignatureAlgorithm]string{jose.ES256: "P-256", jose.ES384: "P-384", jose.EdDSA: "Ed25519"}[alg]
	name := owner + " " + kind
	out := signer{alg: alg, kid: owner + " " + string(alg), private: r[name]}
	if out.private != nil {
		return out, nil
	}
	var err error
	switch kind {
	case "P-256":
		out.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "P-384":
		out.private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "Ed25519":
		_, out.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		out.private, err = rsa.GenerateKey(rand.Reader, minRSABits)
	}
	if err != nil {
		return signer{}, err
	}
	r[name] = out.private
	return out, nil
}

// outsider is an algorithm the issuer may not use, or "" when it may use all.
func outsider(issuer Issuer) jose.SignatureAlgorithm {
	for _, alg := range supported {
		if !slices.Contains(issuer.Algorithms, string(alg)) {
			return alg
		}
	}
	return ""
}

// publicJSON is the JWK Set of the signers' public keys.
func publicJSON(signers ...signer) ([]byte, error) {
	out := []byte(`{"keys":[`)
	for n, s := range signers {
		jwk, err := jose.JSONWebKey{Key: s.private.Public(), KeyID: s.kid, Algorithm: string(s.alg), Use: "sig"}.MarshalJSON()
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, ',')
		}
		out = append(out, jwk...)
	}
	return append(out, "]}\n"...), nil
}
