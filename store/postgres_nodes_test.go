package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/store"
	"firebreak/store/storetest"
)

func rawPostgres(url string) func(testing.TB) *sql.DB {
	return func(t testing.TB) *sql.DB {
		t.Helper()
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
}

func TestPostgresTablesKeepTheContract(t *testing.T) {
	url := service.Postgres(t)
	storetest.RunSQL(t, postgresAt(url), rawPostgres(url))
}

func TestServersOnOneDatabaseAgree(t *testing.T) {
	storetest.RunNodes(t, func(t testing.TB) storetest.Opener { return postgresAt(service.DurablePostgres(t)) })
}

// TestStoreOutlivesItsConnections: after the database has ended every
// connection, as a failover does, at most one request fails.
func TestStoreOutlivesItsConnections(t *testing.T) {
	url := service.Postgres(t)
	s := postgresAt(url)(t, store.Options{Clock: clock.System{}, Readers: 4})
	db := rawPostgres(url)(t)
	for range 3 {
		if _, err := db.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname=current_database() AND pid<>pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for range 12 {
			if err := s.Pending(context.Background(), func(string, []byte) error { return nil }); err != nil {
				failed++
			}
		}
		if failed > 1 {
			t.Errorf("%d of 12 reads failed, want one at most", failed)
		}
		if _, err := s.Setting(context.Background(), "key", func() []byte { return []byte("x") }); err != nil {
			t.Errorf("write: %v", err)
		}
	}
}

// TestReadersLearnOfLostConnectionsFromTheWriter: what a change finds out and
// makes good is not for the next reads to suffer from.
func TestReadersLearnOfLostConnectionsFromTheWriter(t *testing.T) {
	url := service.Postgres(t)
	s := postgresAt(url)(t, store.Options{Clock: clock.System{}, Readers: 4})
	db := rawPostgres(url)(t)
	const others = " FROM pg_stat_activity WHERE datname=current_database() AND pid<>pg_backend_pid()"
	for round := range 3 {
		if _, err := db.Exec("SELECT pg_terminate_backend(pid, 10000)" + others); err != nil { // and waits for it
			t.Fatal(err)
		}
		if _, err := s.Setting(context.Background(), fmt.Sprint("key ", round), func() []byte { return []byte("x") }); err != nil {
			t.Fatalf("write: %v", err)
		}
		for n := range 12 {
			if err := s.Pending(context.Background(), func(string, []byte) error { return nil }); err != nil {
				t.Errorf("round %d, read %d: %v", round, n, err)
			}
		}
	}
}
