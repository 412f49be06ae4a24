package store

import (
	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// chain: the row refers to a resource of the target type that the caller can
// see and for which the condition holds.
func (t *Snapshot) chain(q *statement, e search.Chain, a alias) error {
	v, err := t.visible(fhir.ActSearch, e.Target, false)
	if err != nil {
		return err
	}
	if v.never() {
		q.add("1=0")
		return nil
	}
	ref, to := t.newAlias(), t.newAlias()
	q.add("EXISTS (SELECT 1 FROM idx_text "+ref+" CROSS JOIN resource "+to+" WHERE "+ref+".tenant=? AND "+ref+".rid="+a.rid+" AND "+ref+".param=? AND "+ref+".x=?"+
		" AND "+to+".tenant="+ref+".tenant AND "+to+".type=? AND "+to+".id="+ref+".v AND "+to+".deleted=0 AND ",
		tenantNumber, paramKey(e.Param, search.Whole), e.Target, typeNumber(e.Target))
	target := alias{rid: to + ".rid", class: to + ".class", subject: to + ".subject", typ: e.Target}
	return t.arrive(q, v, e.Where, target)
}

// arrive ends a hop's subquery at the resource that it leads to: the caller can
// see it, and the condition holds of it.
func (t *Snapshot) arrive(q *statement, v *visibility, where search.Expr, at alias) error {
	if err := t.where(q, v, at); err != nil {
		return err
	}
	q.add(" AND ")
	if err := t.expr(q, where, at); err != nil {
		return err
	}
	q.add(")")
	return nil
}

// chains are the chains of one parameter that names no type: one for each type
// the reference may lead to, 145 for one that may lead anywhere. The row's
// references are looked up once and each is followed by its own type only; a
// lookup for each type takes minutes over some ten thousand rows.
func (t *Snapshot) chains(q *statement, list search.Or, param *r4.SearchParam, a alias) error {
	ref := t.newAlias()
	q.add("EXISTS (SELECT 1 FROM idx_text "+ref+" WHERE "+ref+".tenant=? AND "+ref+".rid="+a.rid+" AND "+ref+".param=? AND (1=0",
		tenantNumber, paramKey(param, search.Whole))
	for _, e := range list {
		e := e.(search.Chain)
		v, err := t.visible(fhir.ActSearch, e.Target, false)
		if err != nil {
			return err
		}
		if v.never() {
			continue
		}
		to := t.newAlias()
		q.add(" OR "+t.x.dialect.byRID+ref+".x=? AND EXISTS (SELECT 1 FROM resource "+to+" WHERE "+to+".tenant=? AND "+to+".type=? AND "+to+".id="+ref+".v AND "+to+".deleted=0 AND ",
			e.Target, tenantNumber, typeNumber(e.Target))
		target := alias{rid: to + ".rid", class: to + ".class", subject: to + ".subject", typ: e.Target}
		if err := t.arrive(q, v, e.Where, target); err != nil {
			return err
		}
	}
	q.add("))")
	return nil
}

// fewTargets are better asked for by a subquery each, which PostgreSQL's planner
// may turn around.
const fewTargets = 8

// chained is the parameter through which all of the conditions are chains; nil
// when there is none, or a few chains only.
func chained(list search.Or) *r4.SearchParam {
	var param *r4.SearchParam
	for _, e := range list {
		c, ok := e.(search.Chain)
		if !ok || param != nil && c.Param != param {
			return nil
		}
		param = c.Param
	}
	if len(list) <= fewTargets {
		return nil
	}
	return param
}

// has: a resource of the source type that the caller can see refers to the row.
func (t *Snapshot) has(q *statement, e search.Has, a alias) error {
	v, err := t.visible(fhir.ActSearch, e.Source, false)
	if err != nil {
		return err
	}
	if v.never() || a.typ == "" {
		q.add("1=0")
		return nil
	}
	self, ref := t.newAlias(), t.newAlias()
	q.add("EXISTS (SELECT 1 FROM resource "+self+" CROSS JOIN idx_text "+ref+" WHERE "+self+".tenant=? AND "+self+".rid="+a.rid+
		" AND "+ref+".tenant="+self+".tenant AND "+ref+".param=? AND "+ref+".v="+self+".id AND "+ref+".x=? AND ",
		tenantNumber, paramKey(e.Param, search.Whole), a.typ)
	source := alias{rid: ref + ".rid", class: ref + ".class", subject: ref + ".subject", typ: e.Source}
	return t.arrive(q, v, e.Where, source)
}
