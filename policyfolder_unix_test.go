//go:build unix

package firebreak

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Opening a pipe waits until somebody writes to it: the start, or all later
// reloads, would wait with it.
func TestAPipeAmongPoliciesHoldsNothingUp(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe.cedar")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	cfg := DefaultConfig()
	cfg.Policies.Dir = dir
	folder, err := newPolicyFolder(cfg).open()
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() { _, err := folder.Open("pipe.cedar"); opened <- err }()
	select {
	case err := <-opened:
		if !errors.Is(err, errNoFile) {
			t.Errorf("Open = %v, want %v", err, errNoFile)
		}
	case <-time.After(10 * time.Second):
		t.Error("it is waited for")
	}
	if _, err := fs.ReadDir(folder, "."); err != nil {
		t.Errorf("the folder: %v", err)
	}
}
