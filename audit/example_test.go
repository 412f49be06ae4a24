package audit_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"firebreak/audit"
)

func ExampleOpen() {
	temp, err := os.MkdirTemp("", "journal")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(temp)
	dir := filepath.Join(temp, "journal")

	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	log, err := audit.Open(dir, audit.Options{Clock: func() time.Time { return noon }, SegmentSize: audit.MinSegment})
	if err != nil {
		panic(err)
	}
	read := audit.Record{
		Kind: audit.Disclosure, Visit: "v1", Time: noon, Subject: "jane", Interaction: "read", ResourceType: "Patient",
		Targets: []audit.Target{{Type: "Patient", ID: "123", Version: "2"}}, Patients: []string{"Patient/123"}, Status: 200,
	}
	if _, err := log.Append(context.Background(), read.Append(nil)); err != nil {
		panic(err) // nothing may be answered
	}
	if err := log.Close(); err != nil {
		panic(err)
	}

	report, err := audit.Verify(dir)
	if err != nil {
		panic(err)
	}
	fmt.Println(report.Records, "records, damage:", len(report.Damage))
	err = audit.Scan(dir, 0, func(e audit.Entry) error {
		fmt.Printf("%d %s\n", e.Seq, e.Payload)
		return nil
	})
	if err != nil {
		panic(err)
	}
	// Output:
	// 3 records, damage: 0
	// 0 {"v":1,"kind":"opened","time":"2026-11-22T12:00:00.000000Z"}
	// 1 {"v":1,"kind":"disclosure","visit":"v1","time":"2026-11-22T12:00:00.000000Z","subject":"jane","interaction":"read","resourceType":"Patient","targets":[{"type":"Patient","id":"123","version":"2"}],"patients":["Patient/123"],"status":200}
	// 2 {"v":1,"kind":"closed","time":"2026-11-22T12:00:00.000000Z"}
}
