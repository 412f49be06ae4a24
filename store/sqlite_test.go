package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"firebreak/clock"
	"firebreak/store"
	"firebreak/store/storetest"
)

// sqliteAt opens the same file each time.
func sqliteAt(path string) storetest.Opener {
	return func(t testing.TB, opt store.Options) *store.Store {
		t.Helper()
		s, err := store.OpenSQLite(context.Background(), path, opt)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
}

func newSQLite(t testing.TB, opt store.Options) *store.Store {
	t.Helper()
	return sqliteAt(filepath.Join(t.TempDir(), "store.db"))(t, opt)
}

func TestSQLiteKeepsTheContract(t *testing.T) { storetest.Run(t, newSQLite) }

func TestSQLiteKeepsTheContractAcrossRestarts(t *testing.T) {
	storetest.RunShared(t, func(t testing.TB) storetest.Opener {
		return sqliteAt(filepath.Join(t.TempDir(), "a name with ? and % #.db"))
	})
}

// TestSQLiteIsOpenOnceAtATime: a second one would not hear of what the first
// changes, and show from its cache what is hidden by now.
func TestSQLiteIsOpenOnceAtATime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	if err := os.Symlink(dir, filepath.Join(dir, "here")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		first, err := store.OpenSQLite(t.Context(), path, store.Options{Clock: clock.System{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, again := range []string{path, filepath.Join(dir, "here", "store.db")} {
			if _, err := store.OpenSQLite(t.Context(), again, store.Options{Clock: clock.System{}}); !errors.Is(err, store.ErrLocked) {
				t.Errorf("%s a second time: %v, want %v", again, err, store.ErrLocked)
			}
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSQLiteTablesKeepTheContract(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	storetest.RunSQL(t, sqliteAt(path), func(t testing.TB) *sql.DB {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	})
}
