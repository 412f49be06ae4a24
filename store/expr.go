package store

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strings"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// partBits is how many low bits of an index row's param hold the part.
const partBits = 4

func paramKey(p *r4.SearchParam, part search.Part) int64 {
	return int64(p.ID)<<partBits | int64(part)
}

// cut is what an index row holds of a text: all of it, or its beginning and its
// hash. See search.MaxIndexed.
func cut(s string) string {
	if len(s) <= search.MaxIndexed {
		return s
	}
	b := []byte(strings.ToValidUTF8(s[:search.KeptIndexed], ""))
	for _, c := range sha256.Sum256([]byte(s)) {
		b = append(b, hashDigit+c>>4, hashDigit+c&15) // no text has these: FHIR forbids control characters
	}
	return string(b)
}

// hashDigit is the first of sixteen control characters that write a hash.
const hashDigit = 0x0E

// expr appends a condition on one resource. Every hop to another resource is an
// alias of its own with its own visibility.
func (t *Snapshot) expr(q *statement, e search.Expr, a alias) error {
	switch e := e.(type) {
	case nil:
		q.add("1=1")
		return nil
	case search.And:
		return t.exprList(q, e, " AND ", "1=1", a)
	case search.Or:
		if p := chained(e); p != nil {
			return t.chains(q, e, p, a)
		}
		return t.exprList(q, e, " OR ", "1=0", a)
	case search.Not:
		q.add("NOT (")
		if err := t.expr(q, e.Expr, a); err != nil {
			return err
		}
		q.add(")")
		return nil
	case search.Test:
		return t.test(q, e, a)
	case search.Missing:
		t.missing(q, e, a)
		return nil
	case search.Chain:
		return t.chain(q, e, a)
	case search.Has:
		return t.has(q, e, a)
	default:
		return fmt.Errorf("search: unknown expression %T", e)
	}
}

func (t *Snapshot) exprList(q *statement, list []search.Expr, sep, empty string, a alias) error {
	if len(list) == 0 {
		q.add(empty)
		return nil
	}
	q.add("(")
	for i, e := range list {
		if i > 0 {
			q.add(sep)
		}
		if err := t.expr(q, e, a); err != nil {
			return err
		}
	}
	q.add(")")
	return nil
}

// test appends one parameter of the resource itself.
func (t *Snapshot) test(q *statement, e search.Test, a alias) error {
	switch e.Param.Code {
	case "_id":
		return t.idTest(q, e, a)
	case "_lastUpdated":
		t.updatedTest(q, e, a)
		return nil
	}
	if e.Param.Type == r4.ParamComposite {
		return t.composite(q, e, a)
	}
	part := search.PartOf(e.Modifier)
	table := tableOf(search.RowKind(e.Param.Type, part))
	row := t.newAlias()
	q.add("EXISTS (SELECT 1 FROM "+table+" "+row+" WHERE "+row+".tenant=? AND "+row+".rid="+a.rid+" AND "+row+".param=? AND ",
		tenantNumber, paramKey(e.Param, part))
	t.values(q, e.Param.Type, e.Modifier, e.Values, t.x.dialect.byRID+row)
	q.add(")")
	return nil
}

func tableOf(k search.Kind) string {
	switch k {
	case search.KindDate:
		return "idx_date"
	case search.KindNumber:
		return "idx_number"
	default:
		return "idx_text"
	}
}

// newAlias is a fresh alias name within one statement.
func (t *Snapshot) newAlias() string {
	t.aliases++
	return fmt.Sprintf("a%d", t.aliases)
}

func (t *Snapshot) idTest(q *statement, e search.Test, a alias) error {
	row := t.newAlias()
	q.add("EXISTS (SELECT 1 FROM resource "+row+" WHERE "+row+".tenant=? AND "+row+".rid="+a.rid+" AND "+row+".id IN ", tenantNumber)
	idList(q, e.Values)
	q.add(")")
	return nil
}

func idList(q *statement, values []search.Value) {
	q.add("(")
	for i, v := range values {
		if i > 0 {
			q.add(",")
		}
		q.add("?", v.Code)
	}
	q.add(")")
}

// updatedTest compares _lastUpdated, a moment in milliseconds, as search.Match does.
func (t *Snapshot) updatedTest(q *statement, e search.Test, a alias) {
	row := t.newAlias()
	q.add("EXISTS (SELECT 1 FROM resource "+row+" WHERE "+row+".tenant=? AND "+row+".rid="+a.rid+" AND (", tenantNumber)
	for i, v := range e.Values {
		if i > 0 {
			q.add(" OR ")
		}
		dateCondition(q, v, row+".updated*1000", "("+row+".updated*1000+1)")
	}
	q.add("))")
}

// values appends the alternatives of a test on one index row.
func (t *Snapshot) values(q *statement, typ r4.ParamType, m search.Modifier, values []search.Value, row string) {
	q.add("(")
	for i, v := range values {
		if i > 0 {
			q.add(" OR ")
		}
		value(q, typ, m, v, row)
	}
	if len(values) == 0 {
		q.add("1=0")
	}
	q.add(")")
}

// missing asks whether any row of the parameter is there, whatever its part.
func (t *Snapshot) missing(q *statement, e search.Missing, a alias) {
	not := "NOT "
	if !e.Missing {
		not = ""
	}
	switch e.Param.Code {
	case "_id", "_lastUpdated": // never missing
		if e.Missing {
			q.add("1=0")
		} else {
			q.add("1=1")
		}
		return
	}
	lo, hi := paramKey(e.Param, 0), paramKey(e.Param, 1<<partBits-1)
	q.add(not + "(")
	for i, table := range []string{"idx_text", "idx_date", "idx_number"} {
		if i > 0 {
			q.add(" OR ")
		}
		row := t.newAlias()
		q.add("EXISTS (SELECT 1 FROM "+table+" "+row+" WHERE "+row+".tenant=? AND "+row+".rid="+a.rid+" AND "+row+".param BETWEEN ? AND ?)", tenantNumber, lo, hi)
	}
	q.add(")")
}

// composite asks for one group of rows in which every component matches one
// value's part. All the values are asked of the same few rows: a subquery for
// each value would enter the index anew for each, seconds when there are many.
func (t *Snapshot) composite(q *statement, e search.Test, a alias) error {
	if len(e.Values) == 0 || len(e.Param.Components) == 0 {
		q.add("1=0")
		return nil
	}
	rows := make([]string, len(e.Param.Components))
	q.add("EXISTS (SELECT 1 FROM ")
	for n, c := range e.Param.Components {
		if n > 0 {
			q.add(", ")
		}
		rows[n] = t.newAlias()
		q.add(tableOf(search.RowKind(c.Param.Type, search.Whole)) + " " + rows[n])
	}
	q.add(" WHERE ")
	for n, row := range rows {
		if n > 0 {
			q.add(row + ".grp=" + rows[0] + ".grp AND ")
		}
		q.add(row+".tenant=? AND "+row+".rid="+a.rid+" AND "+row+".param=? AND ", tenantNumber, paramKey(e.Param, search.Component+search.Part(n)))
	}
	q.add("(")
	for i, v := range e.Values {
		if len(v.Parts) != len(rows) {
			return fmt.Errorf("composite %s: wrong number of parts", e.Param.Code)
		}
		if i > 0 {
			q.add(" OR ")
		}
		for n, part := range v.Parts {
			if n > 0 {
				q.add(" AND ")
			}
			t.values(q, e.Param.Components[n].Param.Type, search.NoModifier, []search.Value{part}, t.x.dialect.byRID+rows[n])
		}
	}
	q.add("))")
	return nil
}

// finite keeps what a column holds comparable; JSON has no infinities, open
// ends do.
func finite(f float64) float64 {
	switch {
	case math.IsInf(f, 1):
		return math.MaxFloat64
	case math.IsInf(f, -1):
		return -math.MaxFloat64
	}
	return f
}
