package store

import (
	"fmt"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/gate"
)

// History finds one page of versions, newest first. typ and id narrow it; both
// are "" for the whole system. A version is visible when its own class and keys
// allow it and those of the resource's current version do.
//
// When rules ask content (scope arguments), old versions have no index rows to
// ask: they are judged on their bodies here, before anything is counted.
func (t *Snapshot) History(typ, id string, h *fhir.History, after *gate.Position) (gate.Found, error) {
	action := fhir.ActSearch
	if id != "" {
		action = fhir.ActRead
	}
	found := gate.Found{Total: 0}
	if err := t.begin(); err != nil {
		return found, err
	}
	v, err := t.visible(action, typ, false)
	if err != nil || v.never() {
		return found, err
	}
	var start *row
	if after != nil {
		if start, err = t.versionRow(after); err != nil {
			return found, err
		}
	}
	if v.asksContent() {
		return t.historyByContent(action, typ, id, h, start)
	}
	q := t.x.statement().add("SELECT count(*)")
	if err := t.historyFrom(q, typ, id, h, v); err != nil {
		return found, err
	}
	if _, err := t.x.one(t.slow, q.String(), q.args, &found.Total); err != nil {
		return found, fmt.Errorf("count history: %w", t.overtime(err))
	}
	if h.Count == 0 {
		return found, nil
	}
	rows, err := t.historyRows(typ, id, h, v, start, h.Count+1)
	if err != nil {
		return found, err
	}
	for i := range rows[:min(len(rows), h.Count)] {
		s, err := t.sealPair(&rows[i])
		if err != nil {
			return found, err
		}
		found.Matches = append(found.Matches, s)
	}
	if len(rows) > h.Count {
		found.Next = versionPosition(&rows[h.Count-1])
	}
	return found, nil
}

func versionPosition(w *row) *gate.Position {
	return &gate.Position{Keys: []gate.PositionKey{{Kind: 'i', Int: w.updated}}, Type: r4.TypeName(uint16(w.typ)), ID: w.id, Version: w.version}
}

// versionRow is where a position stands in a history. The version need not be
// there: a link must not tell of what it was made for that it is hidden now. Its
// seq tells apart only versions of one resource and one time.
func (t *Snapshot) versionRow(p *gate.Position) (*row, error) {
	if len(p.Keys) != 1 {
		return nil, ErrPosition
	}
	w := row{typ: typeNumber(p.Type), id: p.ID, updated: p.Keys[0].Int}
	q := t.x.statement().add("SELECT v.seq FROM resource r JOIN version v ON v.tenant=r.tenant AND v.rid=r.rid WHERE r.tenant=? AND r.type=? AND r.id=? AND v.version=?",
		tenantNumber, w.typ, p.ID, p.Version)
	_, err := t.x.one(t.ctx, q.String(), q.args, &w.seq)
	return &w, err
}

func (w *row) order() int64 { return ordOf(r4.TypeName(uint16(w.typ)), w.id) }

// after reports whether a version comes later in a history than where a page ended.
func (w *row) after(start *row) bool {
	if w.updated != start.updated {
		return w.updated < start.updated
	}
	if w.typ != start.typ || w.id != start.id {
		return w.order() < start.order()
	}
	return w.seq < start.seq
}

func (v *visibility) asksContent() bool {
	for _, g := range v.groups {
		if asksContent(g.rule) {
			return true
		}
	}
	return false
}

func asksContent(r gate.Rule) bool {
	switch r := r.(type) {
	case gate.Residual:
		return true
	case gate.Unless:
		return asksContent(r.Rule)
	case gate.Every:
		for _, x := range r {
			if asksContent(x) {
				return true
			}
		}
	case gate.Either:
		for _, x := range r {
			if asksContent(x) {
				return true
			}
		}
	}
	return false
}

// historyFrom appends FROM and WHERE. v nil leaves to the caller what depends
// on visibility.
func (t *Snapshot) historyFrom(q *statement, typ, id string, h *fhir.History, v *visibility) error {
	q.add(" FROM version v JOIN resource r ON r.tenant=v.tenant AND r.rid=v.rid WHERE v.tenant=?", tenantNumber)
	if typ != "" {
		q.add(" AND v.type=?", typeNumber(typ))
	}
	if id != "" {
		q.add(" AND r.type=? AND r.id=?", typeNumber(typ), id)
	}
	if !h.Since.IsZero() {
		q.add(" AND v.updated>=?", h.Since.UnixMilli())
	}
	if !h.At.IsZero() {
		// Current at some time in [At, AtEnd): made before its end, and not
		// replaced before its start, by a version that the caller can see.
		q.add(" AND v.updated<?", h.AtEnd.UnixMilli())
		if v != nil {
			q.add(" AND NOT EXISTS (SELECT 1 FROM version l WHERE l.tenant=v.tenant AND l.rid=v.rid AND l.seq>v.seq AND l.updated<=? AND ", h.At.UnixMilli())
			if err := t.where(q, v, alias{rid: "l.rid", class: "l.class", subject: "l.subject", author: "l.author", typ: typ}); err != nil {
				return err
			}
			q.add(")")
		}
	}
	if v == nil {
		return nil
	}
	q.add(" AND ")
	if err := t.where(q, v, alias{rid: "v.rid", class: "v.class", subject: "v.subject", author: "v.author", typ: typ}); err != nil {
		return err
	}
	q.add(" AND ")
	return t.where(q, v, alias{rid: "r.rid", class: "r.class", subject: "r.subject", typ: typ})
}

func (t *Snapshot) historyRows(typ, id string, h *fhir.History, v *visibility, start *row, limit int) ([]row, error) {
	q := t.x.statement().add("SELECT " + rowColumns)
	if err := t.historyFrom(q, typ, id, h, v); err != nil {
		return nil, err
	}
	if start != nil {
		ord := start.order()
		q.add(" AND (v.updated<? OR (v.updated=? AND (v.ord<? OR (v.ord=? AND v.seq<?))))", start.updated, start.updated, ord, ord, start.seq)
	}
	q.add(" ORDER BY v.updated DESC, v.ord DESC, v.seq DESC LIMIT ?", literal(limit))
	return t.rowsOf(q, 0)
}

// sealPair seals a version with its resource's current one, as found: what the
// statement let through is net 2's to judge, and to count where it disagrees.
func (t *Snapshot) sealPair(w *row) (gate.Sealed, error) {
	cur, found, err := t.load(r4.TypeName(uint16(w.typ)), w.id)
	if err != nil {
		return gate.Sealed{}, err
	}
	if !found {
		return gate.Sealed{}, fmt.Errorf("history: a version without its resource")
	}
	sealed, err := t.seal([]row{*w, cur})
	if err != nil {
		return gate.Sealed{}, err
	}
	if w.seq == cur.seq {
		return sealed[1], nil
	}
	return sealed[0].After(sealed[1]), nil
}

func (t *Snapshot) sealHistory(action fhir.Action, w *row) (gate.Sealed, bool, error) {
	cur, found, err := t.load(r4.TypeName(uint16(w.typ)), w.id)
	if err != nil || !found {
		return gate.Sealed{}, false, err
	}
	return t.sealVersion(action, w, &cur)
}

// historyByContent walks all versions newest first and keeps those that net 1
// admits, in Go.
func (t *Snapshot) historyByContent(action fhir.Action, typ, id string, h *fhir.History, start *row) (gate.Found, error) {
	found := gate.Found{}
	var at, last *row
	// replaced: a version seen on the way replaced the older ones before _at.
	replaced := map[int64]bool{}
	for {
		rows, err := t.historyRows(typ, id, h, nil, at, 500)
		if err != nil {
			return found, err
		}
		for i := range rows {
			s, ok, err := t.sealHistory(action, &rows[i])
			if err != nil {
				return found, err
			}
			if ok && !replaced[rows[i].rid] {
				replaced[rows[i].rid] = !h.At.IsZero() && rows[i].updated <= h.At.UnixMilli()
				found.Total++
				switch {
				case start != nil && !rows[i].after(start):
				case len(found.Matches) < h.Count:
					found.Matches = append(found.Matches, s)
					last = &rows[i]
				case found.Next == nil && h.Count > 0:
					found.Next = versionPosition(last)
				}
			}
		}
		if len(rows) < 500 {
			return found, nil
		}
		at = &rows[len(rows)-1]
	}
}
