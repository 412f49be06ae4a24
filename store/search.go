package store

import (
	"errors"
	"fmt"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/gate"
)

// ErrPosition is the answer to a position that is not in this store.
var ErrPosition = errors.New("no such position")

// Search finds one page of a query, and its exact total when asked.
func (t *Snapshot) Search(q *search.Query, after *gate.Position, total bool) (gate.Found, error) {
	found := gate.Found{Total: -1}
	if err := t.begin(); err != nil {
		return found, err
	}
	branches, err := t.branches(q)
	if err != nil {
		return found, err
	}
	if total {
		if found.Total, err = t.count(branches); err != nil {
			return found, fmt.Errorf("count: %w", err)
		}
	}
	if q.Count == 0 || len(branches) == 0 {
		return found, nil
	}
	rows, err := t.page(q, branches, after)
	if err != nil {
		return found, fmt.Errorf("page: %w", err)
	}
	if len(rows) > q.Count {
		rows = rows[:q.Count]
		last := rows[len(rows)-1]
		found.Next = &gate.Position{Keys: last.keys, Type: r4.TypeName(uint16(last.typ)), ID: last.id}
	}
	if found.Matches, err = t.seal(rows); err != nil {
		return found, err
	}
	if len(q.Includes) > 0 {
		found.Includes, err = t.includes(q, rows)
	}
	return found, err
}

// Matches finds at most limit resources for a condition, among those that the
// caller may know of for the action.
func (t *Snapshot) Matches(q *search.Query, action fhir.Action, limit int) ([]gate.Sealed, error) {
	t.known = action
	defer func() { t.known = "" }()
	branches, err := t.branches(q)
	if err != nil || len(branches) == 0 {
		return nil, err
	}
	one := *q
	one.Count, one.Sort = limit-1, nil
	rows, err := t.page(&one, branches, nil)
	if err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	return t.seal(rows)
}

// branch is one type of a query with its visibility.
type branch struct {
	search.Branch
	vis *visibility
	// found, in a condition, is what the caller may search: to match on a value
	// is to learn it, also where a change would be allowed (design: Match).
	found *visibility
}

// branches leaves out types of which the caller can see nothing.
func (t *Snapshot) branches(q *search.Query) ([]branch, error) {
	var out []branch
	for _, b := range q.Branches {
		action, known := fhir.ActSearch, false
		if t.known != "" {
			action, known = t.known, true
		}
		v, err := t.visible(action, b.Type, known)
		if err != nil {
			return nil, err
		}
		one := branch{Branch: b, vis: v}
		if known {
			if one.found, err = t.visible(fhir.ActSearch, b.Type, false); err != nil {
				return nil, err
			}
		}
		if !v.never() && (one.found == nil || !one.found.never()) {
			out = append(out, one)
		}
	}
	return out, nil
}

// matching appends the SELECT of the rids of one branch, each once, with the
// sort keys as columns k0, k1 …; more is appended to its WHERE.
func (t *Snapshot) matching(q *statement, b branch, sort []search.SortKey, casts []string, more func(a alias)) error {
	driver, rest := drive(b.Where)
	a := alias{rid: "m.rid", class: "m.class", subject: "m.subject", typ: b.Type}
	test, byIndex := driver.(search.Test)
	byIndex = byIndex && inOrder(test)
	a.own, a.set = !byIndex, !byIndex && driver != nil
	q.add("SELECT ")
	if byIndex {
		q.add("DISTINCT ")
	}
	q.add("m.rid AS rid, m.ord AS ord")
	for i, k := range sort {
		if casts[i] == "" {
			q.add(", ")
			t.sortKey(q, b.Type, k, a)
			q.add(fmt.Sprintf(" AS k%d", i))
			continue
		}
		q.add(", CAST(")
		t.sortKey(q, b.Type, k, a)
		q.add(fmt.Sprintf(" AS %s) AS k%d", casts[i], i))
	}
	switch {
	case byIndex:
		part := search.PartOf(test.Modifier)
		q.add(" FROM idx_text m WHERE m.tenant=? AND m.param=? AND ", tenantNumber, paramKey(test.Param, part))
		t.values(q, test.Param.Type, test.Modifier, test.Values, "m")
	default:
		aside := ""
		if driver != nil {
			aside = q.dialect.byRID // the set finds the rows, not their type
		}
		q.add(" FROM resource m WHERE m.tenant=? AND "+aside+"m.type=? AND "+aside+"m.deleted=0", tenantNumber, typeNumber(b.Type))
		if driver != nil {
			q.add(" AND m.rid " + q.dialect.inSet)
			if err := t.set(q, driver, b.Type); err != nil {
				return err
			}
			q.add(q.dialect.inSetEnd)
		}
	}
	q.add(" AND ")
	if err := t.where(q, b.vis, a); err != nil {
		return err
	}
	if b.found != nil {
		q.add(" AND ")
		if err := t.where(q, b.found, a); err != nil {
			return err
		}
	}
	for _, e := range rest {
		q.add(" AND ")
		if err := t.expr(q, e, a); err != nil {
			return err
		}
	}
	if more != nil {
		more(a)
	}
	return nil
}

func (t *Snapshot) count(branches []branch) (int, error) {
	if len(branches) == 0 {
		return 0, nil
	}
	q := t.x.statement().add("SELECT count(*) FROM (")
	for i, b := range branches {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		if err := t.matching(q, b, nil, nil, nil); err != nil {
			return 0, err
		}
	}
	q.add(") c")
	var n int
	_, err := t.x.one(t.slow, q.String(), q.args, &n)
	return n, t.overtime(err)
}

// page fetches one row more than a page, so that its caller knows whether
// there is another.
func (t *Snapshot) page(query *search.Query, branches []branch, after *gate.Position) ([]row, error) {
	var afterOrd int64
	if after != nil {
		// Not looked up: whether the row is still there is not for the link to tell.
		afterOrd = ordOf(after.Type, after.ID)
		if len(after.Keys) != len(query.Sort) {
			return nil, ErrPosition
		}
	}
	casts := sortCasts(query.Sort, branches)
	q := t.x.statement().add("SELECT " + rowColumns)
	for i := range query.Sort {
		q.add(fmt.Sprintf(", s.k%d", i))
	}
	q.add(" FROM (SELECT * FROM (")
	for i, b := range branches {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		if len(query.Sort) == 0 {
			q.add("SELECT * FROM (")
		}
		err := t.matching(q, b, query.Sort, casts, func(a alias) {
			if len(query.Sort) > 0 {
				return
			}
			// Without keys to sort by, a branch can stop at a page.
			if after != nil {
				q.add(" AND m.ord>?", afterOrd)
			}
			ord := "m.ord"
			if a.set {
				ord = "m.ord+0" // no index has this: the set finds the rows
			}
			q.add(" ORDER BY "+ord+" LIMIT ?) b", literal(query.Count+1))
		})
		if err != nil {
			return nil, err
		}
	}
	q.add(") u")
	if after != nil && len(query.Sort) > 0 {
		q.add(" WHERE ")
		afterCondition(q, query.Sort, after.Keys, afterOrd)
	}
	order(q, query.Sort, "")
	q.add(" LIMIT ?", literal(query.Count+1))
	// CROSS JOIN keeps the order of joins as written; left to itself the planner
	// of SQLite reads every resource and looks for it on the page.
	q.add(`) s CROSS JOIN resource r CROSS JOIN version v
		WHERE r.tenant=? AND r.rid=s.rid AND v.tenant=r.tenant AND v.rid=r.rid AND v.seq=r.seq`, tenantNumber)
	order(q, query.Sort, "s.")
	return t.rowsOf(q, len(query.Sort))
}

// set appends a SELECT of the rids that satisfy a driver, found from its inside
// out. It restricts every resource it goes through, but not the one it ends at.
func (t *Snapshot) set(q *statement, e search.Expr, typ string) error {
	switch e := e.(type) {
	case search.Test:
		row := t.newAlias()
		if e.Param.Code == "_id" {
			q.add("SELECT "+row+".rid FROM resource "+row+" WHERE "+row+".tenant=? AND "+row+".type=? AND "+row+".id IN ", tenantNumber, typeNumber(typ))
			idList(q, e.Values)
			return nil
		}
		part := search.PartOf(e.Modifier)
		q.add("SELECT "+row+".rid FROM "+tableOf(search.RowKind(e.Param.Type, part))+" "+row+" WHERE "+row+".tenant=? AND "+row+".param=? AND ",
			tenantNumber, paramKey(e.Param, part))
		t.values(q, e.Param.Type, e.Modifier, e.Values, row)
		return nil
	case search.Chain:
		v, err := t.visible(fhir.ActSearch, e.Target, false)
		if err != nil {
			return err
		}
		ref, to := t.newAlias(), t.newAlias()
		q.add("SELECT "+ref+".rid FROM idx_text "+ref+" WHERE "+ref+".tenant=? AND "+ref+".param=? AND "+ref+".x=? AND "+ref+".v "+q.dialect.inSet+"SELECT "+to+".id FROM resource "+to+
			" WHERE "+to+".tenant=? AND "+to+".type=? AND "+to+".deleted=0 AND ",
			tenantNumber, paramKey(e.Param, search.Whole), e.Target, tenantNumber, typeNumber(e.Target))
		err = t.inside(q, e.Where, v, alias{rid: to + ".rid", class: to + ".class", subject: to + ".subject", typ: e.Target})
		q.add(q.dialect.inSetEnd)
		return err
	case search.Has:
		v, err := t.visible(fhir.ActSearch, e.Source, false)
		if err != nil {
			return err
		}
		self, ref := t.newAlias(), t.newAlias()
		q.add("SELECT "+self+".rid FROM resource "+self+" WHERE "+self+".tenant=? AND "+self+".type=? AND "+self+".id "+q.dialect.inSet+"SELECT "+ref+".v FROM idx_text "+ref+
			" WHERE "+ref+".tenant=? AND "+t.x.dialect.byRID+ref+".param=? AND "+ref+".x=? AND ",
			tenantNumber, typeNumber(typ), tenantNumber, paramKey(e.Param, search.Whole), typ)
		err = t.inside(q, e.Where, v, alias{rid: ref + ".rid", class: ref + ".class", subject: ref + ".subject", typ: e.Source})
		q.add(q.dialect.inSetEnd)
		return err
	case search.Or:
		for i, one := range e {
			if i > 0 {
				q.add(" UNION ALL ")
			}
			if err := t.set(q, one, typ); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("search: %T cannot find candidates", e)
}

// inside appends visibility and condition of a hop, found from its own driver.
func (t *Snapshot) inside(q *statement, where search.Expr, v *visibility, a alias) error {
	if err := t.where(q, v, a); err != nil {
		return err
	}
	driver, rest := drive(where)
	if driver != nil {
		q.add(" AND " + a.rid + " " + q.dialect.inSet)
		if err := t.set(q, driver, a.typ); err != nil {
			return err
		}
		q.add(q.dialect.inSetEnd)
	}
	for _, e := range rest {
		q.add(" AND ")
		if err := t.expr(q, e, a); err != nil {
			return err
		}
	}
	return nil
}
