package main

import (
	"os"
	"path/filepath"

	"firebreak/audit"
)

type verifyCommand struct {
	Dir string `arg:"" placeholder:"DIR" help:"The server's directory, or its audit folder."`
}

func (verifyCommand) Help() string {
	return "Works on a running directory. Exit code 0: sound; 1: damaged, the first bad record is named; 2: wrong usage.\n\n" +
		"It cannot find that whole records were cut off at the end, or that the whole chain was rewritten: compare the head with what others have seen."
}

func (v verifyCommand) Run(c console) error {
	dir := v.Dir
	if info, err := os.Stat(filepath.Join(dir, "audit")); err == nil && info.IsDir() {
		dir = filepath.Join(dir, "audit")
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usageError{"there is no journal at " + v.Dir + "; give the server's directory or its audit folder"}
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*"))
	if err == nil && len(segments) == 0 {
		return usageError{"there is no journal at " + dir + ": the folder is empty"}
	}
	report, err := audit.Verify(dir)
	if err != nil {
		return err
	}
	for _, r := range report.Repairs {
		c.print("note: %s at byte %d: %d bytes that a crash left half written were set aside; none was acknowledged", r.Segment, r.Offset, r.Length)
	}
	if len(report.Damage) == 0 {
		c.print("sound: %d records in %d segments, head %v", report.Records, report.Segments, report.Head)
		return nil
	}
	for _, d := range report.Damage {
		c.print("damaged: record %d, %s at byte %d: %s: %s", d.Seq, d.Segment, d.Offset, d.Reason, d.Detail)
		if d.Reason == audit.TornTail {
			c.print("    a crash leaves this, and so does a change to the last records; if the server was killed, start it: it sets the tail aside, on record")
		}
	}
	c.print("%d records before the damage are sound", report.Records)
	return errTold
}
