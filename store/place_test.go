package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firebreak/clock"
	"firebreak/store"
)

func put(t *testing.T, s *store.Store, name string) error {
	t.Helper()
	_, err := s.Setting(context.Background(), name, func() []byte { return []byte("x") })
	return err
}

// TestNothingIsCommittedToFilesThatLeftTheirPlace: a later open of the path
// would not find it, though it was acknowledged.
func TestNothingIsCommittedToFilesThatLeftTheirPlace(t *testing.T) {
	for _, file := range []string{"store.db", "store.db-wal"} {
		for _, how := range []string{"removed", "replaced"} {
			t.Run(file+" "+how, func(t *testing.T) {
				dir := t.TempDir()
				path, aside := filepath.Join(dir, file), filepath.Join(dir, "aside")
				opt := store.Options{Clock: clock.System{}}
				s, err := store.OpenSQLite(t.Context(), filepath.Join(dir, "store.db"), opt)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				if err := put(t, s, "before"); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(path, aside); err != nil {
					t.Fatal(err)
				}
				if how == "replaced" {
					if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := put(t, s, "meanwhile"); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a change while the file is elsewhere: %v, want %v", err, store.ErrUnavailable)
				}
				if err := os.Rename(aside, path); err != nil {
					t.Fatal(err)
				}
				if err := put(t, s, "after"); err != nil {
					t.Errorf("a change once it is back: %v", err)
				}
			})
		}
	}
}

// TestALogWithoutItsDatabaseIsNotThrownAway: SQLite removes it, and with it the
// only copy of what was committed last.
func TestALogWithoutItsDatabaseIsNotThrownAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	const last = "what was committed last"
	if err := os.WriteFile(path+"-wal", []byte(last), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, main := range []string{"absent", "empty"} {
		if main == "empty" {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := store.OpenSQLite(t.Context(), path, store.Options{Clock: clock.System{}})
		if err == nil {
			_ = s.Close()
			t.Errorf("the database is %s: opened", main)
		} else if !strings.Contains(err.Error(), "store.db-wal") {
			t.Errorf("the database is %s: %v does not name the log", main, err)
		}
		if b, err := os.ReadFile(path + "-wal"); err != nil || string(b) != last {
			t.Errorf("the database is %s: the log is now %q, %v", main, b, err)
		}
	}
}
