package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"firebreak/clock"
	"firebreak/vault"
)

// TestSweepingTakesAsLongForMany: the writer, in which all changes queue, is asked
// for as few statements as for one row.
func TestSweepingTakesAsLongForMany(t *testing.T) {
	s, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "store.db"), Options{Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	asked := 0
	s.writer.x.asked = func(string, []any) { asked++ }
	statements := func(rows int) int {
		var ended []vault.Change
		for i := range rows {
			ended = append(ended, vault.Change{Row: vault.Row{Kind: "k", Name: fmt.Sprint(i), Rev: 1, Until: 1, Body: []byte{1}}, Was: vault.Whatever, Tags: []string{"t"}})
		}
		if err := s.Vault().Apply(t.Context(), ended, 0); err != nil {
			t.Fatal(err)
		}
		asked = 0
		if n, err := s.Vault().Sweep(t.Context(), 1000, 2); n != rows || err != nil {
			t.Fatalf("swept %d of %d: %v", n, rows, err)
		}
		return asked
	}
	if one, many := statements(1), statements(500); many != one {
		t.Errorf("%d statements for 500 rows, %d for one", many, one)
	}
	var left int
	if err := s.writer.x.conn.QueryRowContext(t.Context(), "SELECT count(*) FROM vault_tag").Scan(&left); left != 0 || err != nil {
		t.Errorf("%d tags are left, %v", left, err)
	}
}
