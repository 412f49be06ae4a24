package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/store"
)

// Observation is a resource of ordinary size and number of index rows, for
// benchmarks: a blood pressure of one of a thousand patients.
func Observation(id string, n int) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":"%s","meta":{"versionId":"1","lastUpdated":"2026-03-01T12:00:00Z","profile":["http://hl7.org/fhir/StructureDefinition/bp"],`+
		`"tag":[{"system":"urn:test:org","code":"o%d"},{"system":"urn:test:subject","code":"p%d"}]},`+
		`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Blood pressure, sitting, left arm, measured by the nurse</div>"},`+
		`"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}]}],`+
		`"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}],"text":"Blood pressure"},`+
		`"subject":{"reference":"Patient/p%d"},"encounter":{"reference":"Encounter/e%d"},"effectiveDateTime":"2026-02-%02dT09:30:10Z","performer":[{"reference":"Practitioner/d%d"}],`+
		`"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic"}]},"valueQuantity":{"value":%d,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},`+
		`{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4","display":"Diastolic"}]},"valueQuantity":{"value":%d,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`,
		id, n%7, n%1000, n%1000, n%3000, 1+n%28, n%50, 100+n%60, 60+n%40)
}

// bench is one server with a permit.
type bench struct {
	s *store.Store
	a access
}

func newBench(b *testing.B, open Opener) bench {
	w := &world{t: b, clock: clock.NewFixed(clock.System{}.Now()), byRef: map[string]*item{}}
	return bench{open(b, store.Options{Clock: clock.System{}}), w.all()}
}

func (x bench) create(id string, n int) error {
	return x.s.Change(context.Background(), x.a.m, nil, func(tx *store.Tx) error {
		d := gate.Draft{Header: gate.Header{Type: "Observation", ID: id, Version: "1", LastUpdated: clock.System{}.Now(), Method: "POST"}, Body: []byte(Observation(id, n))}
		j, err := x.a.g.JudgeChange(x.a.m, fhir.ActCreate, nil, &d, tx.Facts)
		if err != nil {
			return err
		}
		return tx.Commit(j)
	})
}

// BenchmarkCreates measures durable creates by 64 writers, spread over as many
// servers of one database as there are openers.
func BenchmarkCreates(b *testing.B, servers int, open Opener) {
	var all []bench
	for range servers {
		all = append(all, newBench(b, open))
	}
	var next, failed atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for n := range 64 {
		group.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				if err := all[n%servers].create(fmt.Sprint("b", i), int(i)); err != nil {
					if failed.Add(1) == 1 {
						b.Errorf("create: %v", err)
					}
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
	if n := failed.Load(); n > 0 {
		b.Errorf("%d of %d creates failed", n, b.N)
	}
}

// BenchmarkReads measures reads of single resources by one reader.
func BenchmarkReads(b *testing.B, open Opener) {
	x := newBench(b, open)
	const resources = 2000
	var group sync.WaitGroup
	for n := range 64 {
		group.Go(func() {
			for i := n; i < resources; i += 64 {
				if err := x.create(fmt.Sprint("b", i), i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	i := 0
	for b.Loop() {
		i++
		err := x.s.View(context.Background(), x.a.m, func(s *store.Snapshot) error {
			_, found, err := s.Read("Observation", fmt.Sprint("b", i*7%resources))
			if !found {
				b.Error("not found")
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
