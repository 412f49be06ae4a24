package store

import (
	"slices"
	"testing"
)

func TestLiteralsAreTextAndAllElseIsAnArgument(t *testing.T) {
	for want, numbered := range map[string]bool{
		"SELECT x FROM t WHERE tenant=1 AND a=? AND b=? LIMIT 21":   false,
		"SELECT x FROM t WHERE tenant=1 AND a=$1 AND b=$2 LIMIT 21": true,
	} {
		q := &statement{dialect: &dialect{numbered: numbered}}
		q.add("SELECT x FROM t WHERE tenant=? AND a=?", tenantNumber, "7 OR 1=1").add(" AND b=?", 1).add(" LIMIT ?", literal(21))
		if q.String() != want || !slices.Equal(q.args, []any{"7 OR 1=1", 1}) {
			t.Errorf("%s %v, want %s", q, q.args, want)
		}
	}
}

// An argument that has no place would be somebody else's.
func TestMoreArgumentsThanPlacesIsAFault(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an argument was lost")
		}
	}()
	(&statement{dialect: &dialect{}}).add("a=?", 1, 2)
}
