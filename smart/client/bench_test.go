package client

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
	"firebreak/store"
)

// manualSign signs as fast as the machine can: what a client must spend.
func manualSign(b *testing.B, s signer, claims string) string {
	input := enc(fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"JWT"}`, string(s.alg), s.kid)) + "." + enc(claims)
	sum := sha512.Sum384([]byte(input))
	var sig []byte
	switch key := s.key.(type) {
	case *rsa.PrivateKey:
		var err error
		if sig, err = rsa.SignPKCS1v15(nil, key, crypto.SHA384, sum[:]); err != nil {
			b.Fatal(err)
		}
	case *ecdsa.PrivateKey:
		r, t, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			b.Fatal(err)
		}
		sig = append(r.FillBytes(make([]byte, 48)), t.FillBytes(make([]byte, 48))...)
	}
	return input + "." + enc(string(sig))
}

// BenchmarkPrivateKeyJWT is one client proving itself: the bare verification of
// the signature, all that the server does, in memory and in SQLite by many at a
// time, and what signing costs the client. What counts is cpu-ns.
func BenchmarkPrivateKeyJWT(b *testing.B) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS384, jose.ES384} {
		s := newSigner(b, "export", alg)
		made := func(b *testing.B) Request {
			return asserted(manualSign(b, s, claims(start, map[string]string{"jti": `"` + randomID() + `"`, "exp": at(4 * time.Minute)})))
		}
		b.Run(string(alg)+"/bare verification", func(b *testing.B) { benchBare(b, s, made(b)) })
		b.Run(string(alg)+"/authenticate", func(b *testing.B) {
			h := newHouse(b)
			h.register(b, systemApp(s.jwks(b)))
			requests := make([]Request, b.N)
			for n := range requests {
				requests[n] = made(b)
			}
			b.ReportAllocs()
			measure(b, func() {
				for _, r := range requests {
					must(b, h.accepts(r))
				}
			})
		})
		b.Run(string(alg)+"/authenticate in SQLite", func(b *testing.B) { benchSQLite(b, s, made) })
		b.Run(string(alg)+"/bare signing", func(b *testing.B) {
			text := claims(start, nil)
			measure(b, func() {
				for range b.N {
					manualSign(b, s, text)
				}
			})
		})
	}
}

func benchBare(b *testing.B, s signer, r Request) {
	h := newHouse(b)
	h.register(b, systemApp(s.jwks(b)))
	p, err := h.auth.readAssertion(r)
	must(b, err)
	k, err := h.reg.find(background, "export")
	must(b, err)
	key, _, err := h.auth.keyOf(background, p.assertion, k)
	must(b, err)
	b.ReportAllocs()
	measure(b, func() {
		for range b.N {
			if !p.assertion.SignedBy(key) {
				b.Fatal("not signed")
			}
		}
	})
}

// benchSQLite has 64 clients at a time, so that commits are shared.
func benchSQLite(b *testing.B, s signer, made func(*testing.B) Request) {
	st, err := store.OpenSQLite(background, filepath.Join(b.TempDir(), "store.db"), store.Options{Clock: clock.System{}})
	must(b, err)
	defer st.Close()
	h := houseOver(b, st.Vault(), Outbound{})
	h.register(b, systemApp(s.jwks(b)))
	requests := make(chan Request, b.N)
	for range b.N {
		requests <- made(b)
	}
	close(requests)
	measure(b, func() {
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for r := range requests {
					if err := h.accepts(r); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// measure reports the CPU that all threads used, which other programs on the
// machine change less than the time that passes.
func measure(b *testing.B, do func()) {
	before := cpuTime(b)
	b.ResetTimer()
	do()
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime is what the process has used, by all its threads.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSecret is one client proving itself by a secret.
func BenchmarkSecret(b *testing.B) {
	h := newHouse(b)
	r := Request{Authorization: basic("ward", h.register(b, secretApp()))}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := h.auth.Authenticate(background, r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOrigins is the question for CORS.
func BenchmarkOrigins(b *testing.B) {
	h := newHouse(b)
	h.register(b, secretApp())
	may := h.reg.Origins()
	b.ReportAllocs()
	for b.Loop() {
		if !may(background, "https://ward.example") {
			b.Fatal("refused")
		}
	}
}
