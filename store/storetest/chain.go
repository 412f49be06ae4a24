package storetest

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/store"
)

// RunSQL holds a store in SQL to what it must have in its tables: versions
// that are chained by hash, numbered without gaps, and index rows of current
// versions only. raw opens the database besides the store.
func RunSQL(t *testing.T, open Opener, raw func(testing.TB) *sql.DB) {
	w := newWorld(t, open, 11)
	w.populate(80)
	db := raw(t)
	t.Run("VersionsAreChained", func(t *testing.T) { chained(t, w, db) })
	t.Run("IndexHoldsCurrentVersionsOnly", func(t *testing.T) { indexed(t, db) })
	t.Run("UndoneChangesLeaveNothing", func(t *testing.T) { nothingLeft(t, w, db) })
}

func chained(t *testing.T, w *world, db *sql.DB) {
	rows, err := db.Query(`SELECT r.type, r.id, v.seq, v.version, v.updated, v.deleted, v.prev, v.hash, v.body, v.key_id, v.encoding,
			v.method, v.author, c.name, coalesce(s.name, ''), coalesce(m.name, '')
		FROM version v JOIN resource r ON r.tenant=v.tenant AND r.rid=v.rid JOIN class c ON c.tenant=v.tenant AND c.id=v.class
		LEFT JOIN subject_set s ON s.tenant=v.tenant AND s.id=v.subject LEFT JOIN subject_set m ON m.tenant=v.tenant AND m.id=v.mention ORDER BY v.rid, v.seq`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen := map[string]int64{}
	var before []byte
	n := 0
	for rows.Next() {
		var typ, seq, updated, deleted, key, encoding int64
		var id, version, method, author, class, subjects, mentions string
		var prev, hash, body []byte
		if err := rows.Scan(&typ, &id, &seq, &version, &updated, &deleted, &prev, &hash, &body, &key, &encoding, &method, &author, &class, &subjects, &mentions); err != nil {
			t.Fatal(err)
		}
		ref := r4.TypeName(uint16(typ)) + "/" + id
		if seq == 1 {
			before = nil
		}
		if seen[ref]++; seen[ref] != seq {
			t.Errorf("%s: version %d is numbered %d", ref, seen[ref], seq)
		}
		sum := sha256.New()
		sum.Write(before)
		fmt.Fprintf(sum, "%s/%s %d %t %s\n%q %q %q %q %d\n", ref, version, updated, deleted == 1, method, class, subjects, mentions, author, len(body))
		sum.Write(body)
		if !bytes.Equal(prev, before) || !bytes.Equal(hash, sum.Sum(nil)) {
			t.Errorf("%s version %d is not chained to the one before", ref, seq)
		}
		before = hash
		n++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, it := range w.items {
		want += len(it.versions)
	}
	if n != want {
		t.Errorf("%d versions, want %d", n, want)
	}
}

func one64(t *testing.T, db *sql.DB, query string) (n int64) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func indexed(t *testing.T, db *sql.DB) {
	for _, table := range []string{"idx_text", "idx_date", "idx_number"} {
		if n := one64(t, db, "SELECT count(*) FROM "+table); n == 0 {
			t.Errorf("%s is empty", table)
		}
		if n := one64(t, db, "SELECT count(*) FROM "+table+` i JOIN resource r ON r.tenant=i.tenant AND r.rid=i.rid
			WHERE r.deleted<>0 OR r.class<>i.class OR r.subject<>i.subject`); n != 0 {
			t.Errorf("%d rows of %s are not of their resource's current version", n, table)
		}
	}
	if n := one64(t, db, `SELECT count(*) FROM resource r JOIN version v ON v.tenant=r.tenant AND v.rid=r.rid AND v.seq=r.seq
		WHERE v.class<>r.class OR v.subject<>r.subject OR v.author<>r.author OR v.deleted<>r.deleted OR v.updated<>r.updated OR v.type<>r.type`); n != 0 {
		t.Errorf("%d resources differ from their current version", n)
	}
}

// nothingLeft: an undone change leaves no row in any table.
func nothingLeft(t *testing.T, w *world, db *sql.DB) {
	count := func() (out [9]int64) {
		for i, table := range []string{"class", "subject_set", "subject_member", "resource", "version", "idx_text", "tie", "outbox", "request"} {
			out[i] = one64(t, db, "SELECT count(*) FROM "+table)
		}
		return out
	}
	before := count()
	err := w.create(t.Context(), "undone", nil, func(tx *store.Tx) error {
		if err := tx.Outbox("undone", []byte("x")); err != nil {
			return err
		}
		if err := tx.PutFirst("me", "undone", []byte("x"), []byte("x")); err != nil {
			return err
		}
		return errWanted
	})
	if err == nil {
		t.Fatal("the change was accepted")
	}
	if after := count(); after != before {
		t.Errorf("rows before %v, after %v", before, after)
	}
}
