package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestJournalThatMayNotBeReadIsNotCalledEmpty: what is missing is permission,
// and that is what is said.
func TestJournalThatMayNotBeReadIsNotCalledEmpty(t *testing.T) {
	dir, err := os.MkdirTemp("", "firebreak")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	folder := filepath.Join(dir, "audit")
	file := filepath.Join(folder, "0000000000000001.journal")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	chmod := func(path string, mode os.FileMode) {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name             string
		dir, folder, seg os.FileMode
	}{{"the directory", 0, 0o755, 0o644}, {"the folder", 0o755, 0, 0o644}, {"a segment", 0o755, 0o755, 0}} {
		chmod(file, c.seg)
		chmod(folder, c.folder)
		chmod(dir, c.dir)
		err := asNobody(func() error { return verifyCommand{Dir: dir}.Run(console{t.Context(), io.Discard, io.Discard}) })
		if err == nil || !strings.Contains(err.Error(), "no permission to read") {
			t.Errorf("%s: %v", c.name, err)
		}
		chmod(dir, 0o755)
		chmod(folder, 0o755)
	}
}

// asNobody runs fn without root's right to read everything. Its thread, which
// the right is taken from, ends with it.
func asNobody(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			if err := unix.Setfsuid(65534); err != nil {
				done <- err
				return
			}
		}
		done <- fn()
	}()
	return <-done
}
