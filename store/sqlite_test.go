package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

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
