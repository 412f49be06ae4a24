package firebreak_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firebreak"
	"firebreak/vault"
)

// TestALostKeyFileStopsTheStart: new keys in its place would open nothing that is
// there, and find nobody by name.
func TestALostKeyFileStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	cfg := local(t, dir)
	cfg.Smart.Enabled = true
	if err := openInstance(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "vault.key")
	keys, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start := func() error {
		i, err := firebreak.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err == nil {
			err = i.Close()
		}
		return err
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := start(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "smart.key_file") {
		t.Errorf("without the file: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another one was made: %v", err)
	}
	if _, err := vault.OpenKeys(path, true); err != nil {
		t.Fatal(err)
	}
	if err := start(); !errors.Is(err, vault.ErrOtherKeys) {
		t.Errorf("with another file: %v", err)
	}
	if err := os.WriteFile(path, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Errorf("with the right one: %v", err)
	}
}
