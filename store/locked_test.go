package store_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/store"
	"firebreak/vault"
)

// TestAnotherProgramsLockIsNotWaitedForLong: such as a backup's that was forgotten.
// Changes are refused, and made again when it is gone.
func TestAnotherProgramsLockIsNotWaitedForLong(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for ten seconds")
	}
	path := filepath.Join(t.TempDir(), "store.db")
	s := sqliteAt(path)(t, store.Options{Clock: clock.System{}})
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	change := func() error {
		c := vault.Change{Row: vault.Row{Kind: "k", Name: "n", Rev: 1, Until: 2, Body: []byte{1}}, Was: vault.Whatever}
		return s.Vault().Apply(t.Context(), []vault.Change{c}, 1)
	}
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	release := time.AfterFunc(40*time.Second, func() { _ = other.Close() })
	began := time.Now()
	if err := change(); !errors.Is(err, store.ErrUnavailable) || time.Since(began) > 30*time.Second {
		t.Errorf("%v after %v, want ErrUnavailable after ten seconds", err, time.Since(began))
	}
	release.Stop()
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := change(); err != nil {
		t.Errorf("when the lock is gone: %v", err)
	}
}
