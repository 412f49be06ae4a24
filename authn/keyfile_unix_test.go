//go:build unix

package authn

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"firebreak/clock"
)

// Opening a pipe waits until somebody writes to it, and every caller would wait
// with it, also once the file was put back.
func TestAPipeInPlaceOfTheKeysHoldsNobodyUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	opened := make(chan error, 1)
	go func() { _, err := openFileKeys(path, time.Hour, clock.System{}); opened <- err }()
	select {
	case err := <-opened:
		if !errors.Is(err, errNotRegular) {
			t.Errorf("openFileKeys = %v, want %v", err, errNotRegular)
		}
	case <-time.After(10 * time.Second):
		t.Error("it is waited for")
	}
}
