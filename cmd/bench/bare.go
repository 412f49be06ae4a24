package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"firebreak/audit"
)

// forgetful is a journal in memory that forgets: what the audit costs is
// measured against it.
type forgetful struct {
	mu sync.Mutex
	m  *audit.Memory
	n  int
}

func (f *forgetful) Begin(payload []byte) *audit.Pending {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.m == nil || f.n%1000 == 0 {
		f.m = audit.NewMemory()
	}
	return f.m.Begin(payload)
}

func (f *forgetful) Failed() error { return nil }

// template is one row of a table, to be inserted again and again under other keys.
type template struct {
	insert string
	values []any
	rid    int // which value is the rid, its order, or the resource's id; -1 for none
	ord    int
	id     int
}

// templates reads the rows that one create left in a store.
func templates(db *sql.DB, rid int64) ([]template, error) {
	var out []template
	for _, table := range []string{"version", "resource", "idx_text", "idx_date", "idx_number"} {
		rows, err := db.Query("SELECT * FROM "+table+" WHERE tenant=1 AND rid=?", rid)
		if err != nil {
			return nil, err
		}
		columns, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			t := template{values: make([]any, len(columns)), id: -1, ord: -1,
				insert: "INSERT INTO " + table + " (" + strings.Join(columns, ",") + ") VALUES (?" + strings.Repeat(",?", len(columns)-1) + ")"}
			dest := make([]any, len(columns))
			for i := range dest {
				dest[i] = &t.values[i]
				switch columns[i] {
				case "rid":
					t.rid = i
				case "ord":
					t.ord = i
				case "id":
					t.id = i
				}
			}
			if err := rows.Scan(dest...); err != nil {
				return nil, err
			}
			for i, v := range t.values {
				if b, ok := v.([]byte); ok && len(b) == 0 || v == nil {
					t.values[i] = []byte{} // an empty blob comes back as nothing
				}
			}
			out = append(out, t)
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// countStored is how many resources a SQLite store holds.
func countStored(path string) (n int, err error) {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return n, db.QueryRow("SELECT count(*) FROM resource").Scan(&n)
}

// bareLoop commits the rows of a create over and over, 64 creates a commit, one
// goroutine, prepared statements: what the driver can do and nothing else.
func bareLoop(path string, took time.Duration) (float64, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(8000)&_pragma=cache_size(-8000)&_pragma=mmap_size(268435456)")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var rid int64
	if err := db.QueryRow("SELECT max(rid) FROM resource").Scan(&rid); err != nil {
		return 0, err
	}
	rows, err := templates(db, rid)
	if err != nil {
		return 0, err
	}
	statements := map[string]*sql.Stmt{}
	for _, t := range rows {
		if statements[t.insert] == nil {
			if statements[t.insert], err = db.Prepare(t.insert); err != nil {
				return 0, err
			}
		}
	}
	n := 0
	start := now()
	for end := start.Add(took); now().Before(end); n += 64 {
		tx, err := db.Begin()
		if err != nil {
			return 0, err
		}
		for range 64 {
			rid++
			ord := rand.Int64()
			id := fmt.Sprintf("%026x", rand.Uint64())
			for _, t := range rows {
				t.values[t.rid] = rid
				if t.ord >= 0 {
					t.values[t.ord] = ord
				}
				if t.id >= 0 {
					t.values[t.id] = id
				}
				if _, err := tx.Stmt(statements[t.insert]).Exec(t.values...); err != nil {
					return 0, err
				}
			}
		}
		if err := tx.Commit(); err != nil {
			return 0, err
		}
	}
	return float64(n) / now().Sub(start).Seconds(), nil
}
