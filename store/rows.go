package store

import (
	"fmt"
	"slices"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/gate"
)

// row is one version as the database has it.
type row struct {
	rid, ord, typ   int64 // ord only of what is about to be written
	id, version     string
	seq, updated    int64
	deleted         bool
	method          string
	class, subject  int64
	mention         int64
	author, context string
	clinical        int64
	body            []byte
	keys            []gate.PositionKey
}

// rowColumns are the columns of a row, of resource r and version v.
const rowColumns = `r.rid, r.type, r.id, v.version, v.seq, v.updated, v.deleted, v.method,
	v.class, v.subject, v.mention, v.author, v.encounter, v.clinical, v.body`

func (w *row) dest() []any {
	return []any{&w.rid, &w.typ, &w.id, &w.version, &w.seq, &w.updated, &w.deleted, &w.method,
		&w.class, &w.subject, &w.mention, &w.author, &w.context, &w.clinical, &w.body}
}

// rowsOf runs a query whose columns are rowColumns and then sort keys.
func (t *Snapshot) rowsOf(q *statement, sortKeys int) ([]row, error) {
	var out []row
	err := each(t.slow, t.x, q, func(scan func(...any) error) error {
		var w row
		dest := w.dest()
		values := make([]any, sortKeys)
		for i := range values {
			dest = append(dest, &values[i])
		}
		if err := scan(dest...); err != nil {
			return err
		}
		for _, v := range values {
			w.keys = append(w.keys, positionKey(v))
		}
		out = append(out, w)
		return nil
	})
	return out, t.overtime(err)
}

// overtime names the reason when a statement was given up.
func (t *Snapshot) overtime(err error) error {
	if err != nil && t.slow.Err() != nil {
		return t.slow.Err()
	}
	return err
}

// header is what the gate may know of a row, with the caller's relations to its
// subjects as this snapshot has them.
func (t *Snapshot) header(w *row, ties map[string]bool) (gate.Header, error) {
	h := gate.Header{Type: r4.TypeName(uint16(w.typ)), ID: w.id, Version: w.version,
		LastUpdated: time.UnixMilli(w.updated).UTC(), Deleted: w.deleted, Method: w.method,
		Class: t.classes().class(w.class)}
	var err error
	if h.Keys.Subjects, err = t.s.terms.patients(t.ctx, t.x, w.subject); err != nil {
		return h, err
	}
	if h.Keys.Mentions, err = t.s.terms.patients(t.ctx, t.x, w.mention); err != nil {
		return h, err
	}
	h.Keys.Author, h.Keys.Encounter = w.author, w.context
	if w.clinical != 0 {
		h.Keys.Date = time.UnixMicro(w.clinical).UTC()
	}
	h.Facts.CareTeam = slices.ContainsFunc(h.Keys.Subjects, func(p string) bool { return ties[p] })
	return h, nil
}

// seal closes current versions. Tombstones are sealed over the content of the
// version before, which decides whether they may be known of.
func (t *Snapshot) seal(rows []row) ([]gate.Sealed, error) {
	ties, err := t.facts(rows)
	if err != nil {
		return nil, err
	}
	out := make([]gate.Sealed, len(rows))
	for i := range rows {
		h, err := t.header(&rows[i], ties)
		if err != nil {
			return nil, err
		}
		out[i] = gate.Seal(h, rows[i].body)
	}
	return out, nil
}

// facts are the patients among the rows' subjects whose asserted care team
// names the caller now. It is net 2's own question to the authority rows.
func (t *Snapshot) facts(rows []row) (map[string]bool, error) {
	var patients []string
	seen := map[int64]bool{0: true}
	for i := range rows {
		if seen[rows[i].subject] {
			continue
		}
		seen[rows[i].subject] = true
		p, err := t.s.terms.patients(t.ctx, t.x, rows[i].subject)
		if err != nil {
			return nil, err
		}
		patients = append(patients, p...)
	}
	return t.ties(patients)
}

func (t *Snapshot) ties(patients []string) (map[string]bool, error) {
	holder := t.m.Principal().Identity().FHIRUser
	if holder == "" || len(patients) == 0 {
		return nil, nil
	}
	slices.Sort(patients)
	patients = slices.Compact(patients)
	out := map[string]bool{}
	for part := range slices.Chunk(patients, 100) {
		q := t.x.statement().add("SELECT patient, since, until FROM tie WHERE tenant=? AND holder=? AND relation=? AND patient IN (", tenantNumber, holder, string(gate.InCareTeam))
		for i, p := range part {
			if i > 0 {
				q.add(",")
			}
			q.add("?", p)
		}
		q.add(")")
		now := t.now.UnixMilli()
		err := each(t.ctx, t.x, q, func(scan func(...any) error) error {
			var p string
			var since, until int64
			if err := scan(&p, &since, &until); err != nil {
				return err
			}
			if since <= now && now < until {
				out[p] = true
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("care relations: %w", err)
		}
	}
	return out, nil
}

// Facts are the caller's relations to the subjects of what is about to be made.
func (t *Snapshot) Facts(k gate.Keys) (gate.Facts, error) {
	ties, err := t.ties(slices.Clone(k.Subjects))
	return gate.Facts{CareTeam: slices.ContainsFunc(k.Subjects, func(p string) bool { return ties[p] })}, err
}

// holds is net 1 in Go: the same rule on one row that is already here.
func (t *Snapshot) holds(r gate.Rule, h *gate.Header, body []byte) (bool, error) {
	switch r := r.(type) {
	case gate.Always:
		return true, nil
	case gate.Every:
		for _, x := range r {
			if ok, err := t.holds(x, h, body); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case gate.Either:
		for _, x := range r {
			if ok, err := t.holds(x, h, body); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case gate.Unless:
		ok, err := t.holds(r.Rule, h, body)
		return !ok && err == nil, err
	case gate.KeyTest:
		switch r.Relation {
		case gate.SubjectIs:
			return h.Keys.HasSubject(r.Holder), nil
		case gate.InCareTeam:
			return h.Facts.CareTeam && r.Holder == t.m.Principal().Identity().FHIRUser, nil
		case gate.AuthorIs:
			return h.Keys.Author != "" && h.Keys.Author == r.Holder, nil
		}
		return false, nil
	case gate.Residual:
		if r.Type != h.Type {
			return false, nil
		}
		root, err := gate.NewContent(body).Root()
		if err != nil {
			return false, err
		}
		return t.s.extract.Match(r.Where, root, search.Meta{ID: h.ID, LastUpdated: h.LastUpdated.UnixMicro()})
	default:
		return false, nil
	}
}

// ruleAt is the rule for a row's class: net 1, but for its keys and content.
func (t *Snapshot) ruleAt(action fhir.Action, known bool, w *row) (gate.Rule, error) {
	v, err := t.visible(action, r4.TypeName(uint16(w.typ)), known)
	if err != nil {
		return gate.Never{}, err
	}
	if _, whole := slices.BinarySearch(v.whole, w.class); whole {
		return gate.Always{}, nil
	}
	for _, g := range v.groups {
		if _, in := slices.BinarySearch(g.classes, w.class); in {
			return g.rule, nil
		}
	}
	return gate.Never{}, nil
}
