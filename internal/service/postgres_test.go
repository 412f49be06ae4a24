package service_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"firebreak/internal/service"
)

func TestMain(m *testing.M) { service.Main(m) }

func TestEachDatabaseIsEmptyAndItsOwn(t *testing.T) {
	a, b := service.Postgres(t), service.DurablePostgres(t)
	if a == b {
		t.Fatalf("two databases have the URL %s", a)
	}
	for url, want := range map[string]string{a: "off", b: "on"} {
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		var synchronous, fsync string
		var tables int
		err = conn.QueryRow(context.Background(), `SELECT current_setting('synchronous_commit'), current_setting('fsync'),
			(SELECT count(*) FROM pg_tables WHERE schemaname='public')`).Scan(&synchronous, &fsync, &tables)
		_ = conn.Close(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if synchronous != want || fsync != want || tables != 0 {
			t.Errorf("synchronous_commit=%s fsync=%s tables=%d, want %s %s 0", synchronous, fsync, tables, want, want)
		}
	}
}
