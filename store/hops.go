package store

import (
	"firebreak/fhir"
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
	if err := t.where(q, v, target); err != nil {
		return err
	}
	q.add(" AND ")
	if err := t.expr(q, e.Where, target); err != nil {
		return err
	}
	q.add(")")
	return nil
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
	if err := t.where(q, v, source); err != nil {
		return err
	}
	q.add(" AND ")
	if err := t.expr(q, e.Where, source); err != nil {
		return err
	}
	q.add(")")
	return nil
}
