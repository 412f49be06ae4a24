package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/store"
)

// schema is table.column → type, with the place in the primary key.
type schema map[string]string

const sqliteColumns = `SELECT m.name || '.' || c.name, lower(c.type), c.pk, '' FROM sqlite_master m, pragma_table_info(m.name) c
	WHERE m.type='table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%'`

const postgresColumns = `SELECT c.table_name || '.' || c.column_name, c.data_type, coalesce(array_position(i.indkey::int[], c.ordinal_position::int) + 1, 0),
	CASE WHEN c.data_type='text' THEN coalesce(c.collation_name,'') ELSE '' END
	FROM information_schema.columns c JOIN pg_index i ON i.indrelid=c.table_name::regclass AND i.indisprimary
	WHERE c.table_schema='public' AND c.table_name NOT LIKE 'goose%'`

func readSchema(t *testing.T, db *sql.DB, query string) (s schema, collations schema) {
	t.Helper()
	same := map[string]string{"bigint": "integer", "bytea": "blob", "double precision": "real"}
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	s, collations = schema{}, schema{}
	for rows.Next() {
		var name, typ, collation string
		var key int
		if err := rows.Scan(&name, &typ, &key, &collation); err != nil {
			t.Fatal(err)
		}
		if other, ok := same[typ]; ok {
			typ = other
		}
		s[name] = fmt.Sprintf("%s key %d", typ, key)
		collations[name] = collation
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return s, collations
}

func sqliteSchema(t *testing.T) schema {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s := sqliteAt(path)(t, store.Options{Clock: clock.System{}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	out, _ := readSchema(t, db, sqliteColumns)
	return out
}

func TestBothDialectsHaveTheSameTables(t *testing.T) {
	url := service.Postgres(t)
	postgresAt(url)(t, store.Options{Clock: clock.System{}})
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	postgres, collations := readSchema(t, db, postgresColumns)
	sqlite := sqliteSchema(t)
	names := slices.Sorted(maps.Keys(postgres))
	names = append(names, slices.Sorted(maps.Keys(sqlite))...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if sqlite[name] != postgres[name] {
			t.Errorf("%s is %q in SQLite and %q in PostgreSQL", name, sqlite[name], postgres[name])
		}
		// Byte order is what ranges, sorts and page positions rely on; names of
		// interned terms are compared for equality only.
		if strings.HasPrefix(postgres[name], "text") && collations[name] != "C" && !strings.HasSuffix(name, ".name") && name != "version.method" {
			t.Errorf("%s has the collation %q in PostgreSQL", name, collations[name])
		}
	}
}

// TestFirstMigrationHasWhatCannotBeAddedLater: these columns would be a rewrite
// of every row.
func TestFirstMigrationHasWhatCannotBeAddedLater(t *testing.T) {
	s := sqliteSchema(t)
	for _, want := range []string{"version.key_id", "version.encoding", "version.prev", "version.hash",
		"idx_text.element", "idx_date.element", "idx_number.element",
		"outbox.payload", "version.mention", "version.author", "version.encounter", "version.clinical"} {
		if s[want] == "" {
			t.Errorf("there is no column %s", want)
		}
	}
	for _, table := range []string{"resource", "version", "idx_text", "idx_date", "idx_number"} {
		for _, column := range []string{"class", "subject"} {
			if s[table+"."+column] == "" {
				t.Errorf("there is no column %s.%s", table, column)
			}
		}
	}
	tables := 0
	for name, is := range s {
		table, column, _ := strings.Cut(name, ".")
		if column == "tenant" {
			tables++
		}
		if s[table+".tenant"] == "" || strings.HasSuffix(is, "key 1") && column != "tenant" {
			t.Errorf("the primary key of %s does not begin with the tenant", table)
		}
	}
	if tables < 12 {
		t.Errorf("%d tables, want them all", tables)
	}
}

// TestServersMayMigrateAtOnce: several servers start on an empty database.
func TestServersMayMigrateAtOnce(t *testing.T) {
	url := service.Postgres(t)
	errs := make(chan error)
	for range 4 {
		go func() {
			s, err := store.OpenPostgres(context.Background(), url, store.Options{Clock: clock.System{}, Readers: 1})
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
