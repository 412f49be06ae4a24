package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"firebreak/clock"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
	"firebreak/internal/service"
	"firebreak/store"
	"firebreak/store/storetest"
)

func BenchmarkSQLiteCreates(b *testing.B) {
	storetest.BenchmarkCreates(b, 1, sqliteAt(filepath.Join(b.TempDir(), "store.db")))
}

func BenchmarkPostgresCreates(b *testing.B) {
	storetest.BenchmarkCreates(b, 1, postgresAt(service.DurablePostgres(b)))
}

func BenchmarkPostgresCreatesByTwoServers(b *testing.B) {
	storetest.BenchmarkCreates(b, 2, postgresAt(service.DurablePostgres(b)))
}

func BenchmarkSQLiteReads(b *testing.B) {
	storetest.BenchmarkReads(b, sqliteAt(filepath.Join(b.TempDir(), "store.db")))
}

func BenchmarkPostgresReads(b *testing.B) {
	storetest.BenchmarkReads(b, postgresAt(service.Postgres(b)))
}

// The bare loops insert the same rows into the same tables by the same driver,
// 64 resources a commit, with nothing asked and nothing worked out: the ceiling
// of the creates above.

func BenchmarkSQLiteBareLoop(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	if err := sqliteAt(path)(b, store.Options{Clock: clock.System{}}).Close(); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(8000)&_pragma=cache_size(-8000)")
	if err != nil {
		b.Fatal(err)
	}
	bareLoop(b, db, func(int) string { return "?" })
}

func BenchmarkPostgresBareLoop(b *testing.B) {
	url := service.DurablePostgres(b)
	if err := postgresAt(url)(b, store.Options{Clock: clock.System{}}).Close(); err != nil {
		b.Fatal(err)
	}
	bareLoop(b, rawPostgres(url)(b), func(n int) string { return fmt.Sprint("$", n+1) })
}

// insert is one statement of a bare resource.
type insert struct {
	text string
	args []any
}

// bare are the statements that store one resource.
func bare(b *testing.B, x *search.Extractor, place func(int) string, n int) []insert {
	body := storetest.Observation(fmt.Sprint("b", n), n)
	doc, err := fhirjson.Parse([]byte(body))
	if err != nil {
		b.Fatal(err)
	}
	rows, err := x.Extract(doc.Root())
	if err != nil {
		b.Fatal(err)
	}
	hash := sha256.Sum256([]byte(body))
	out := []insert{
		tuples("version", "tenant, rid, ord, seq, type, version, updated, deleted, method, class, subject, mention, author, encounter, clinical, prev, hash, key_id, encoding, body", place,
			[][]any{{1, n, rand.Int64(), 1, 99, "1", n, 0, "POST", 1 + n%7, 1 + n%1000, 0, "", "", n, []byte{}, hash[:], 0, 0, []byte(body)}}),
		tuples("resource", "tenant, rid, ord, type, id, seq, updated, deleted, class, subject, author", place, [][]any{{1, n, rand.Int64(), 99, fmt.Sprint("b", n), 1, n, 0, 1 + n%7, 1 + n%1000, ""}}),
	}
	var text, date, number [][]any
	ord := rand.Int64()
	for i, r := range rows {
		typ := r.Param.Type
		if r.Part >= search.Component {
			typ = r.Param.Components[r.Part-search.Component].Param.Type
		}
		head := []any{1, n, int64(r.Param.ID)<<4 | int64(r.Part), i, int64(r.Group)}
		switch search.RowKind(typ, search.Whole) {
		case search.KindDate:
			date = append(date, append(head, r.Low, r.High, 1+n%7, 1+n%1000))
		case search.KindNumber:
			number = append(number, append(head, r.NumLow, r.NumHigh, r.Value, r.Aux, 1+n%7, 1+n%1000))
		default:
			text = append(text, append(head, r.Value, r.Aux, 1+n%7, 1+n%1000, ord))
		}
	}
	return append(out, tuples("idx_text", "tenant, rid, param, n, grp, v, x, class, subject, ord", place, text),
		tuples("idx_date", "tenant, rid, param, n, grp, lo, hi, class, subject", place, date),
		tuples("idx_number", "tenant, rid, param, n, grp, lo, hi, v, x, class, subject", place, number))
}

func tuples(table, columns string, place func(int) string, rows [][]any) insert {
	in := insert{text: "INSERT INTO " + table + " (" + columns + ") VALUES "}
	for i, row := range rows {
		if i > 0 {
			in.text += ","
		}
		var places []string
		for range row {
			places = append(places, place(len(in.args)+len(places)))
		}
		in.text += "(" + strings.Join(places, ",") + ")"
		in.args = append(in.args, row...)
	}
	return in
}

func bareLoop(b *testing.B, db *sql.DB, place func(int) string) {
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(); _ = db.Close() })
	x := search.NewExtractor()
	prepared := map[string]*sql.Stmt{}
	all := make([][]insert, b.N)
	for n := range all {
		all[n] = bare(b, x, place, n)
		for _, in := range all[n] {
			if prepared[in.text] == nil {
				if prepared[in.text], err = conn.PrepareContext(ctx, in.text); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.ResetTimer()
	for n, inserts := range all {
		if n%64 == 0 {
			bareExec(b, conn, "BEGIN")
		}
		for _, in := range inserts {
			if _, err := prepared[in.text].ExecContext(ctx, in.args...); err != nil {
				b.Fatal(err)
			}
		}
		if n%64 == 63 || n == len(all)-1 {
			bareExec(b, conn, "COMMIT")
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
}

func bareExec(b *testing.B, conn *sql.Conn, text string) {
	if _, err := conn.ExecContext(context.Background(), text); err != nil {
		b.Fatal(err)
	}
}
