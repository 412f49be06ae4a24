package store

import (
	"context"
	"fmt"
	"strings"
)

// held are rows that a batch of changes has made and not yet inserted. They go
// out together, many rows a statement, before anything is asked of the tables
// they belong to, and before the commit: a statement costs more than a row,
// most of all where it is a round trip.
type held struct {
	// tables are the values of each table's rows, one after another.
	tables [len(heldTables)][]any
	// keys are the resources among them.
	keys map[rowKey]struct{}
}

// heldTables are the tables whose rows are held, with their columns.
var heldTables = [...]struct {
	into    string
	columns int
}{
	heldVersion: {`version (tenant, rid, ord, seq, type, version, updated, deleted, method, class, subject, mention, author,
		encounter, clinical, prev, hash, key_id, encoding, body)`, 20},
	heldResource: {"resource (tenant, rid, ord, type, id, seq, updated, deleted, class, subject, author)", 11},
	heldText:     {"idx_text (tenant, rid, ord, param, n, grp, v, x, class, subject)", 10},
	heldDate:     {"idx_date (tenant, rid, param, n, grp, lo, hi, class, subject)", 9},
	heldNumber:   {"idx_number (tenant, rid, param, n, grp, lo, hi, v, x, class, subject)", 11},
}

const (
	heldVersion = iota
	heldResource
	heldText
	heldDate
	heldNumber
)

// maxTuples is how many rows one INSERT carries. There is one text for each
// power of two up to it, and each stays prepared.
const maxTuples = 64

// hold keeps a row back until settle.
func (x *session) hold(table int, values ...any) {
	x.written++
	x.held.tables[table] = append(x.held.tables[table], values...)
}

// holdKey marks a resource as one whose rows are held.
func (x *session) holdKey(k rowKey) {
	if x.held.keys == nil {
		x.held.keys = map[rowKey]struct{}{}
	}
	x.held.keys[k] = struct{}{}
}

func (x *session) holds(k rowKey) bool {
	_, ok := x.held.keys[k]
	return ok
}

// forget drops what is held.
func (x *session) forget() {
	for i := range x.held.tables {
		clear(x.held.tables[i]) // bodies are not kept alive
		x.held.tables[i] = x.held.tables[i][:0]
	}
	clear(x.held.keys)
}

// concerns reports whether a statement asks for rows that may be held. Every
// name of such a table has one of these in it.
func concerns(text string) bool {
	return strings.Contains(text, "idx_") || strings.Contains(text, "resource") || strings.Contains(text, "version")
}

// settle inserts what is held.
func (x *session) settle(ctx context.Context) error {
	if len(x.held.keys) == 0 {
		return nil
	}
	defer x.forget()
	for i := range x.held.tables {
		columns := heldTables[i].columns
		for values, size := x.held.tables[i], maxTuples; len(values) > 0; size /= 2 {
			for ; len(values) >= size*columns; values = values[size*columns:] {
				if err := x.run(ctx, x.insert(i, size), values[:size*columns]...); err != nil {
					return fmt.Errorf("insert: %w", err)
				}
			}
		}
	}
	return nil
}

// insertKey names the text of an INSERT: into which table, how many rows.
type insertKey struct{ table, rows int }

// insert is the text of an INSERT of that many rows.
func (x *session) insert(table, rows int) string {
	k := insertKey{table, rows}
	if text, ok := x.inserts[k]; ok {
		return text
	}
	q := x.statement().add("INSERT INTO " + heldTables[table].into + " VALUES ")
	for i := range rows {
		if i > 0 {
			q.add(",")
		}
		q.add("(?", nil)
		for range heldTables[table].columns - 1 {
			q.add(",?", nil)
		}
		q.add(")")
	}
	x.inserts[k] = q.String()
	return x.inserts[k]
}
