package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"firebreak/audit"
)

type verifyCommand struct {
	Dir string `arg:"" placeholder:"DIR" help:"The server's directory, or its audit folder."`
}

func (verifyCommand) Help() string {
	return "Works on a running directory. Exit code 0: sound; 1: damaged, the first bad record is named, or the journal cannot be read; 2: wrong usage.\n\n" +
		"It cannot find that whole records were cut off at the end, or that the whole chain was rewritten: compare the head with what others have seen."
}

func (v verifyCommand) Run(c console) error {
	dir, err := journalOf(v.Dir)
	if err != nil {
		return err
	}
	report, err := audit.Verify(dir)
	if err != nil {
		return unreadable(dir, err)
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

// journalOf is the folder of the journal: the one given, or audit in it. A
// server's directory whose journal is elsewhere is no damaged journal.
func journalOf(given string) (string, error) {
	const which = "give the server's directory or its audit folder"
	inside := filepath.Join(given, "audit")
	dir := given
	if info, err := os.Stat(inside); err == nil && info.IsDir() {
		dir = inside
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "", unreadable(dir, err)
	case err != nil || given == "":
		return "", usageError{"there is no journal at " + given + "; " + which}
	case len(entries) == 0:
		return "", usageError{"there is no journal at " + dir + ": the folder is empty"}
	}
	servers := false
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasSuffix(name, ".journal"):
			return dir, nil
		case name == "admin.sock", name == "demo.json", name == "policies", strings.HasSuffix(name, ".db"), strings.HasSuffix(name, ".db.lock"):
			servers = true
		}
	}
	if servers {
		return "", usageError{"there is no journal at " + dir + ", which is a server's directory: give the folder that audit.dir names in its configuration"}
	}
	return dir, nil
}

// unreadable says what to do when it is permission that is missing.
func unreadable(dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("no permission to read %s; run this as the user who runs the server", dir)
	}
	return err
}
