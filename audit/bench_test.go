package audit

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkAppend is durable records per second, and the latency of one, with
// that many writers of 512 bytes each. On tmpfs it measures everything but the
// disk: TMPDIR=/dev/shm.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			epoch := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
			l := mustOpen(b, filepath.Join(b.TempDir(), "journal"), Options{Clock: func() time.Time { return epoch }})
			payload := make([]byte, 512)
			took := make([]time.Duration, b.N)
			var taken atomic.Int64
			var group sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range writers {
				group.Go(func() {
					for i := taken.Add(1) - 1; i < int64(b.N); i = taken.Add(1) - 1 {
						before := b.Elapsed()
						if _, err := l.Append(context.Background(), payload); err != nil {
							b.Error(err)
							return
						}
						took[i] = b.Elapsed() - before
					}
				})
			}
			group.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			mustClose(b, l)
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "journal")
	l := mustOpen(b, dir, Options{Clock: ticking()})
	for range 100_000 {
		l.Begin(make([]byte, 512))
	}
	mustClose(b, l)
	b.SetBytes(100_000 * (512 + overhead))
	for b.Loop() {
		if r := mustVerify(b, dir); len(r.Damage) > 0 || r.Records < 100_000 {
			b.Fatalf("Verify = %+v", r)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "journal")
	l := mustOpen(b, dir, Options{Clock: ticking()})
	for range 80_000 {
		l.Begin(make([]byte, 512))
	}
	mustClose(b, l)
	for b.Loop() {
		mustClose(b, mustOpen(b, dir, Options{Clock: ticking()}))
	}
}

func BenchmarkRecordAppend(b *testing.B) {
	r := Record{
		Kind: Disclosure, Visit: "0b1c2d3e6f704a11", Time: time.UnixMicro(1), Tenant: "t1", Subject: "35fb1058", Issuer: "https://as.example.org",
		ClientID: "my-client-id", JTI: "0b1c2d3e-6f70-4a11", Purposes: []string{"TREAT"}, Peer: "2001:db8::7334", Interaction: "read",
		ResourceType: "Observation", Targets: []Target{{Type: "Observation", ID: "lab1", Version: "2"}}, Patients: []string{"Patient/123"}, Status: 200,
		RequestID: "76d148b6", Query: []byte("GET /r4/Observation/lab1\nAccept: application/fhir+json\n"),
	}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = r.Append(buf[:0])
	}
}
