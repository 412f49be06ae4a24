package authn

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
)

// benchToken is of a usual size: about 700 bytes.
func benchToken(b *testing.B) (*LocalIssuer, *Verifier, string) {
	clk := clock.System{}
	l, v := openLocal(b, b.TempDir(), clk)
	raw, err := l.Mint(LocalClaims{Subject: "anna", ClientID: "app", FHIRUser: "Practitioner/anna", Purpose: "TREAT",
		Scope: "openid fhirUser launch/patient patient/Patient.rs patient/Observation.rs", Patient: "p1",
		Roles: []string{"nurse"}, Organization: []string{"Organization/o1"}}, time.Hour)
	must(b, err)
	return l, v, "Bearer " + raw
}

func BenchmarkVerifyWarm(b *testing.B) {
	_, v, header := benchToken(b)
	b.ReportAllocs()
	b.ReportMetric(float64(len(header)), "token-bytes")
	for b.Loop() {
		if _, err := v.Verify(noContext, header); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyWarmParallel(b *testing.B) {
	_, v, header := benchToken(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := v.Verify(noContext, header); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkVerifyProof is a remembered token with a proof that is new: each
// request of a client that uses DPoP.
func BenchmarkVerifyProof(b *testing.B) {
	for _, alg := range []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.RS256} {
		b.Run(string(alg), func(b *testing.B) {
			d := newDesk(b, jose.ES256, nil)
			d.v.proofs, _ = NewProofs(ProofConfig{Clock: d.clk, Replay: alwaysFirst{}})
			p := testProver(b, "client", alg)
			token := d.bound(p)
			request := p.request(token, p.proof(token, nil, nil))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.v.VerifyRequest(noContext, request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRecall is a hit without the hash of the token.
func BenchmarkRecall(b *testing.B) {
	_, v, header := benchToken(b)
	if _, err := v.Verify(noContext, header); err != nil {
		b.Fatal(err)
	}
	hash := sha256.Sum256([]byte(header[len("Bearer "):]))
	b.ReportAllocs()
	for b.Loop() {
		if e, err := v.recall(noContext, hash); e == nil || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyCold(b *testing.B) {
	for _, alg := range supported {
		b.Run(string(alg), func(b *testing.B) {
			d := newDesk(b, alg, nil)
			good := d.good()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.v.verify(noContext, good, [32]byte{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSelfTest(b *testing.B) {
	for _, alg := range []jose.SignatureAlgorithm{jose.ES256, jose.RS256} {
		b.Run(string(alg), func(b *testing.B) {
			d := newDesk(b, alg, nil)
			for b.Loop() {
				if err := d.v.SelfTest(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
