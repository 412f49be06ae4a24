package store

import (
	"fmt"
	"strings"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/gate"
)

// sortKey appends the value a row sorts by: the least one ascending, the
// greatest descending (search.html#sort). A resource without a value has NULL
// and comes last either way. The value is the row's own, so a sort shows
// nothing of any other.
func (t *Snapshot) sortKey(q *statement, typ string, k search.SortKey, a alias) {
	if k.Code == "_lastUpdated" && a.own {
		// An index has it in order, so that a page stops when it is full.
		q.add(strings.TrimSuffix(a.rid, "rid") + "updated")
		return
	}
	row := t.newAlias()
	switch k.Code {
	case "_id":
		q.add("(SELECT "+row+".id FROM resource "+row+" WHERE "+row+".tenant=? AND "+row+".rid="+a.rid+")", tenantNumber)
		return
	case "_lastUpdated":
		q.add("(SELECT "+row+".updated FROM resource "+row+" WHERE "+row+".tenant=? AND "+row+".rid="+a.rid+")", tenantNumber)
		return
	}
	p, ok := r4.LookupSearchParam(typ, k.Code)
	if !ok || p.Type == r4.ParamComposite || p.Type == r4.ParamSpecial {
		q.add("NULL")
		return
	}
	kind := search.RowKind(p.Type, search.Whole)
	fn, column := "min", "v"
	if kind != search.KindText {
		column = "lo"
	}
	if k.Descending {
		fn = "max"
		if kind != search.KindText {
			column = "hi"
		}
	}
	q.add("(SELECT "+fn+"("+row+"."+column+") FROM "+tableOf(kind)+" "+row+" WHERE "+row+".tenant=? AND "+row+".rid="+a.rid+" AND "+q.dialect.byRID+row+".param=?)",
		tenantNumber, paramKey(p, search.Whole))
}

// sortCasts are the column types of a union's sort keys. A code can stand for
// parameters of different kinds in different types, or for none; a union needs
// one type for each key. One branch needs no cast.
func sortCasts(sort []search.SortKey, branches []branch) []string {
	out := make([]string, len(sort))
	if len(branches) < 2 {
		return out
	}
	for i, k := range sort {
		for _, b := range branches {
			typ := "TEXT"
			if p, ok := r4.LookupSearchParam(b.Type, k.Code); k.Code != "_id" {
				if !ok || p.Type == r4.ParamComposite || p.Type == r4.ParamSpecial {
					continue
				}
				switch search.RowKind(p.Type, search.Whole) {
				case search.KindDate:
					typ = "BIGINT"
				case search.KindNumber:
					typ = "DOUBLE PRECISION"
				}
			}
			if out[i] != "" && out[i] != typ {
				typ = "TEXT"
			}
			out[i] = typ
		}
		if out[i] == "" {
			out[i] = "TEXT"
		}
	}
	return out
}

// order appends the ORDER BY of a page: the keys, absent ones last, and then
// a hash of the reference.
func order(q *statement, sort []search.SortKey, prefix string) {
	q.add(" ORDER BY ")
	for i, k := range sort {
		dir := ""
		if k.Descending {
			dir = " DESC"
		}
		if k.Code != "_id" && k.Code != "_lastUpdated" { // every resource has these
			q.add(fmt.Sprintf("(%sk%d IS NULL), ", prefix, i))
		}
		q.add(fmt.Sprintf("%sk%d%s, ", prefix, i, dir))
	}
	q.add(prefix + "ord")
}

// afterCondition holds for rows that come after a position: those that are
// equal in the first keys and greater in the next, for each next.
func afterCondition(q *statement, sort []search.SortKey, keys []gate.PositionKey, ord int64) {
	q.add("(")
	for n := 0; n <= len(sort); n++ {
		if n > 0 {
			q.add(" OR ")
		}
		q.add("(")
		for i := 0; i < n; i++ {
			column := fmt.Sprintf("k%d", i)
			if keys[i].Kind == 0 {
				q.add(column + " IS NULL AND ")
				continue
			}
			q.add(column+"=? AND ", keyValue(keys[i]))
		}
		switch {
		case n == len(sort):
			q.add("ord>?", ord)
		case keys[n].Kind == 0:
			q.add("1=0") // nothing comes after an absent value but other rows
		default:
			op := ">"
			if sort[n].Descending {
				op = "<"
			}
			q.add(fmt.Sprintf("(k%d%s? OR k%d IS NULL)", n, op, n), keyValue(keys[n]))
		}
		q.add(")")
	}
	q.add(")")
}

func keyValue(k gate.PositionKey) any {
	switch k.Kind {
	case 't':
		return k.Text
	case 'i':
		return k.Int
	default:
		return k.Number
	}
}

func positionKey(v any) gate.PositionKey {
	switch v := v.(type) {
	case int64:
		return gate.PositionKey{Kind: 'i', Int: v}
	case float64:
		return gate.PositionKey{Kind: 'n', Number: v}
	case string:
		return gate.PositionKey{Kind: 't', Text: v}
	case []byte:
		return gate.PositionKey{Kind: 't', Text: string(v)}
	default:
		return gate.PositionKey{}
	}
}
