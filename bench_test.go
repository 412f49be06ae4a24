package firebreak_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"firebreak/fhir"
	"firebreak/store"
)

// nowhere is a ResponseWriter that throws the answer away.
type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header         { return n.h }
func (n nowhere) Write(b []byte) (int, error) { return io.Discard.Write(b) }
func (n nowhere) WriteHeader(int)             {}

func benchServe(b *testing.B, r *rig, make func(n int64) fhir.Request) {
	b.Helper()
	var n atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		w := nowhere{http.Header{}}
		for pb.Next() {
			req := make(n.Add(1))
			req.Authorization, req.Base = "Bearer adams", base
			if _, err := r.server.Serve(context.Background(), req).WriteTo(w, false); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchRig(b *testing.B) *rig {
	r := newRigWith(b, standard(), func(t testing.TB, opt store.Options) *store.Store {
		s, err := store.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "b.db"), opt)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
	seedTwoHospitals(r)
	return r
}

func BenchmarkRead(b *testing.B) {
	r := benchRig(b)
	benchServe(b, r, func(n int64) fhir.Request {
		return fhir.Request{Method: "GET", Path: "Observation/o1", Visit: fmt.Sprint(n)}
	})
}

func BenchmarkSearchBySubjectAndCode(b *testing.B) {
	r := benchRig(b)
	benchServe(b, r, func(n int64) fhir.Request {
		return fhir.Request{Method: "GET", Path: "Observation", Query: "subject=Patient/amy&code=8867-4", Visit: fmt.Sprint(n)}
	})
}

func BenchmarkCreate(b *testing.B) {
	r := benchRig(b)
	body := []byte(`{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},"subject":{"reference":"Patient/amy"},"effectiveDateTime":"2026-01-05T10:00:00Z","valueQuantity":{"value":72.5,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`)
	benchServe(b, r, func(n int64) fhir.Request {
		return fhir.Request{Method: "POST", Path: "Observation", Body: body, ContentType: "application/fhir+json", Visit: fmt.Sprint(n)}
	})
}
