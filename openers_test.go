package firebreak_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"firebreak/internal/service"
	"firebreak/store"
)

// An opener gives an empty store, and its database, in which the harness does
// what no request can.
type opener struct {
	name string
	open func(testing.TB, store.Options) (*store.Store, *sql.DB)
	// perWorld is how many sequences a world is used for. A world is the dear
	// part, dearer where each statement crosses to another process.
	perWorld int
}

// openers are the stores that the two worlds are tried on.
func openers() []opener {
	return []opener{{"sqlite", memorySQLite, 25}, {"postgres", newPostgres, 100}}
}

func newPostgres(t testing.TB, opt store.Options) (*store.Store, *sql.DB) {
	t.Helper()
	return (&databases{free: []database{newDatabase(t)}}).open(t, opt)
}

// memorySQLite is a SQLite store in memory where the machine has such a place.
func memorySQLite(t testing.TB, opt store.Options) (*store.Store, *sql.DB) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "firebreak")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "store.db")
	s, err := store.OpenSQLite(context.Background(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return s, db
}

// database is one of PostgreSQL.
type database struct {
	url  string
	db   *sql.DB
	used bool
}

// newDatabase is one whose statements are planned once a connection: the tests'
// rows are few, and planning is dearer than any plan.
func newDatabase(t testing.TB) database {
	t.Helper()
	url := service.Postgres(t) + "&plan_cache_mode=force_generic_plan"
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return database{url: url, db: db}
}

// databases are some that are used again: making one takes longer than filling
// it. Each is emptied before; the store is opened anew.
type databases struct {
	mu   sync.Mutex
	free []database
}

// reusing is the opener for a test that has up to n stores open at a time, one
// after another in the same databases.
func (o opener) reusing(t testing.TB, n int) opener {
	t.Helper()
	if o.name != "postgres" {
		return o
	}
	p := &databases{}
	for range n {
		p.free = append(p.free, newDatabase(t))
	}
	return opener{o.name, p.open, o.perWorld}
}

func (p *databases) open(t testing.TB, opt store.Options) (*store.Store, *sql.DB) {
	t.Helper()
	p.mu.Lock()
	d := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.mu.Unlock()
	if d.used {
		d.empty(t)
	}
	d.used = true
	s, err := store.OpenPostgres(context.Background(), d.url, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, d)
	})
	return s, d.db
}

// empty leaves the schema and what says that it is there.
func (d database) empty(t testing.TB) {
	t.Helper()
	rows, err := d.db.Query("SELECT tablename FROM pg_tables WHERE schemaname='public' AND tablename NOT LIKE 'goose%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.db.Exec(fmt.Sprint("TRUNCATE ", strings.Join(tables, ","))); err != nil {
		t.Fatal(err)
	}
}
