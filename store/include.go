package store

import (
	"errors"
	"slices"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/gate"
)

// ErrTooMany is the answer to includes that would bring in more than a page may hold.
var ErrTooMany = errors.New("too many included resources")

// maxIncludes bounds what includes may add to one page, and with it how often
// :iterate goes on from what it found: each time but the last finds something.
const maxIncludes = 2000

// includes finds what the page's resources refer to and what refers to them,
// each row visible to the caller, none twice. One statement answers one
// include for all rows. With :iterate it goes on until nothing new is found
// (http://hl7.org/fhir/R4/search.html#include): where that is too many, the
// page is refused and never cut off.
func (t *Snapshot) includes(query *search.Query, page []row) ([]gate.Sealed, error) {
	seen := map[int64]bool{}
	for i := range page {
		seen[page[i].rid] = true
	}
	var all []row
	base := page
	for round := 0; len(base) > 0; round++ {
		var found []row
		for _, inc := range query.Includes {
			if round > 0 && !inc.Iterate {
				continue
			}
			rows, err := t.include(inc, base, maxIncludes+1+len(seen))
			if err != nil {
				return nil, err
			}
			for _, w := range rows {
				if !seen[w.rid] {
					seen[w.rid] = true
					found = append(found, w)
				}
			}
			if len(all)+len(found) > maxIncludes {
				return nil, ErrTooMany
			}
		}
		all = append(all, found...)
		base = found
	}
	return t.seal(all)
}

// include answers one include for rows that are on the page or were included
// before. A forward include shows by reference and needs the right to read; a
// reverse one is a search and needs the right to search.
//
// Of what one statement finds no more than limit comes back, and which rows do
// is up to the database. So the limit must leave room for all that is on the
// page already: when it cuts anything off, the page has too many includes.
func (t *Snapshot) include(inc search.Include, base []row, limit int) ([]row, error) {
	var sources []row
	for _, w := range base {
		typ := r4.TypeName(uint16(w.typ))
		switch {
		case inc.Reverse && (inc.Target == "" || inc.Target == typ):
			sources = append(sources, w)
		case !inc.Reverse && (inc.Source == "" || inc.Source == "*" || inc.Source == typ):
			sources = append(sources, w)
		}
	}
	var out []row
	for part := range slices.Chunk(sources, 200) {
		rows, err := t.includePart(inc, part, limit)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

func (t *Snapshot) includePart(inc search.Include, base []row, limit int) ([]row, error) {
	action, typ := fhir.ActRead, inc.Target
	if inc.Reverse {
		action, typ = fhir.ActSearch, inc.Source
	}
	if typ == "*" {
		typ = ""
	}
	v, err := t.visible(action, typ, false)
	if err != nil || v.never() {
		return nil, err
	}
	// CROSS JOIN keeps the order of joins as written: from the page's few rows
	// outwards.
	q := t.x.statement().add("SELECT " + rowColumns + " FROM (SELECT DISTINCT r.rid AS rid FROM ")
	if inc.Reverse {
		q.add("resource b CROSS JOIN idx_text f CROSS JOIN resource r WHERE b.tenant=? AND b.rid IN ", tenantNumber)
		rids(q, base)
		q.add(" AND f.tenant=b.tenant AND f.v=b.id")
		params(q, inc, v, t)
		q.add(" AND r.tenant=f.tenant AND r.rid=f.rid AND r.deleted=0 AND b.type=")
		referredType(q, base)
	} else {
		q.add("idx_text f CROSS JOIN resource r WHERE f.tenant=? AND f.x<>'' AND f.rid IN ", tenantNumber)
		rids(q, base)
		t.forwardParams(q, inc, base)
		q.add(" AND r.tenant=f.tenant AND r.id=f.v AND r.deleted=0 AND r.type=")
		typeOf(q, inc, v, t)
	}
	q.add(" AND ")
	if err := t.where(q, v, alias{rid: "r.rid", class: "r.class", subject: "r.subject", typ: typ}); err != nil {
		return nil, err
	}
	q.add(" LIMIT ?) s CROSS JOIN resource r CROSS JOIN version v WHERE r.tenant=? AND r.rid=s.rid", limit, tenantNumber)
	q.add(" AND v.tenant=r.tenant AND v.rid=r.rid AND v.seq=r.seq ORDER BY r.ord")
	return t.rowsOf(q, 0)
}

func rids(q *statement, rows []row) {
	q.add("(")
	for i := range rows {
		if i > 0 {
			q.add(",")
		}
		q.add("?", rows[i].rid)
	}
	q.add(")")
}

// referredType is the number of the type that f refers to, among the types of
// the rows that are referred to.
func referredType(q *statement, base []row) {
	seen := map[int64]bool{}
	q.add("(CASE f.x")
	for i := range base {
		if !seen[base[i].typ] {
			seen[base[i].typ] = true
			q.add(" WHEN ? THEN ?", r4.TypeName(uint16(base[i].typ)), base[i].typ)
		}
	}
	q.add(" ELSE -1 END)")
}

// params restricts f to the reference parameters of a reverse include. All of
// a source type's parameters, or of every type's that can be seen, are listed:
// a bare v=id would also find tokens that happen to be equal.
func params(q *statement, inc search.Include, v *visibility, t *Snapshot) {
	if !inc.All {
		q.add(" AND f.param=?", paramKey(inc.Param, search.Whole))
		return
	}
	types := []string{inc.Source}
	if inc.Source == "" || inc.Source == "*" {
		types = v.types(t.classes())
	}
	q.add(" AND f.param IN (")
	n := 0
	for _, typ := range types {
		for _, p := range r4.SearchParams(typ) {
			if p.Type != r4.ParamReference {
				continue
			}
			if n > 0 {
				q.add(",")
			}
			q.add("?", paramKey(p, search.Whole))
			n++
		}
	}
	if n == 0 {
		q.add("-1")
	}
	q.add(")")
}

// forwardParams restricts f, which is found by its resource, to the parameter
// of a forward include, or to the reference parameters of the types it starts
// from: an equal token or string refers to nothing.
func (t *Snapshot) forwardParams(q *statement, inc search.Include, base []row) {
	param := t.x.dialect.byRID + "f.param"
	if !inc.All {
		q.add(" AND "+param+"=?", paramKey(inc.Param, search.Whole))
		return
	}
	q.add(" AND " + param + " IN (-1")
	seen := map[int64]bool{}
	for _, w := range base {
		if seen[w.typ] {
			continue
		}
		seen[w.typ] = true
		for _, p := range r4.SearchParams(r4.TypeName(uint16(w.typ))) {
			if p.Type == r4.ParamReference {
				q.add(",?", paramKey(p, search.Whole))
			}
		}
	}
	q.add(")")
}

// typeOf compares the type column of r with the type name in f.x.
func typeOf(q *statement, inc search.Include, v *visibility, t *Snapshot) {
	types := []string{inc.Target}
	if inc.Target == "" || inc.Target == "*" {
		types = v.types(t.classes())
		if !inc.All && len(inc.Param.Targets) > 0 {
			types = slices.DeleteFunc(types, func(s string) bool { return !slices.Contains(inc.Param.Targets, s) })
		}
	}
	q.add("(CASE f.x")
	for _, typ := range types {
		q.add(" WHEN ? THEN ?", typ, typeNumber(typ))
	}
	if len(types) == 0 {
		q.add(" WHEN '-' THEN -1")
	}
	q.add(" ELSE -1 END)")
}

// types are the resource types of which something can be seen.
func (v *visibility) types(ts *termSet) []string {
	var out []string
	add := func(ids []int64) {
		for _, id := range ids {
			out = append(out, ts.class(id).Type)
		}
	}
	add(v.whole)
	for _, g := range v.groups {
		add(g.classes)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
