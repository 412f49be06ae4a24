package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
	"firebreak/gate"
)

// Tx is a Snapshot that can be changed.
type Tx struct {
	*Snapshot
}

// ErrUnjudged is the answer to a change that no gate has judged.
var ErrUnjudged = errors.New("a change must be judged")

// rowSource gives resources their numbers: later ones are greater, so that what
// is made together lies together, and two processes rarely give the same. They
// are never shown, and order nothing that is.
type rowSource struct {
	mu   sync.Mutex
	last int64
}

func (r *rowSource) next(now time.Time) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = max(r.last+1, now.UnixMilli()<<20)
	return r.last
}

// ordOf orders what nothing else orders. It must be a function of what the
// caller sees: the order of creation would tell of a record that was hidden once
// that it is older than its neighbours.
func ordOf(typ, id string) int64 {
	sum := sha256.Sum256([]byte(typ + "/" + id))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}

// Commit stores a judged change as a new version of its resource, replaces the
// resource's index rows, and replaces the ties that its versions established.
func (t *Tx) Commit(j gate.Judged) error {
	h, body, ok := j.Write()
	if !ok {
		return ErrUnjudged
	}
	w, exists, err := t.before(h, j.Replaces())
	if err != nil {
		return err
	}
	if exists != j.Replaces() {
		return ErrTaken
	}
	n := row{rid: w.rid, ord: ordOf(h.Type, h.ID), typ: typeNumber(h.Type), id: h.ID, version: h.Version, seq: w.seq + 1,
		updated: h.LastUpdated.UnixMilli(), deleted: h.Deleted, method: h.Method, author: h.Keys.Author, context: h.Keys.Encounter, body: body}
	if !exists {
		n.rid = t.s.rows.next(t.now)
	}
	if n.deleted {
		n.clinical = w.clinical // a tombstone keeps its keys
	}
	t.in.changed = append(t.in.changed, rowKey{n.typ, n.id})
	if err := t.intern(&n, h); err != nil {
		return err
	}
	index, err := t.index(&n, h.Index, body)
	if err != nil {
		return err
	}
	if err := t.putVersion(&n, &w, h, exists); err != nil {
		return err
	}
	if exists {
		if err := t.clear(n.rid); err != nil {
			return err
		}
	}
	t.x.holdKey(rowKey{n.typ, n.id})
	if n.deleted {
		return nil
	}
	t.putIndex(&n, index)
	return t.putTies(n.rid, h.Ties)
}

// intern gives the version's class and subjects their numbers.
func (t *Tx) intern(n *row, h gate.Header) (err error) {
	if n.class, err = t.in.class(t.ctx, h.Class); err != nil {
		return err
	}
	if n.subject, err = t.in.subjects(t.ctx, h.Keys.Subjects); err != nil {
		return err
	}
	if n.mention, err = t.in.subjects(t.ctx, h.Keys.Mentions); err != nil {
		return err
	}
	return nil
}

// index works out a version's index rows, and its clinical date: the start of
// its "date" parameter.
func (t *Tx) index(n *row, rows []search.Row, body []byte) ([]search.Row, error) {
	if n.deleted {
		return nil, nil
	}
	if rows == nil {
		doc, err := fhirjson.Parse(body)
		if err != nil {
			return nil, fmt.Errorf("index: %w", err)
		}
		if rows, err = t.s.extract.Extract(doc.Root()); err != nil {
			return nil, fmt.Errorf("index: %w", err)
		}
	}
	for _, r := range rows {
		if r.Param.Code == "date" && r.Param.Type == r4.ParamDate {
			n.clinical = r.Low
			break
		}
	}
	return rows, nil
}

// putVersion appends the version, chained to the one before by hash, and makes
// it the current one. A tombstone keeps the body of the version before: it is
// what decides who may know that something was here.
func (t *Tx) putVersion(n, before *row, h gate.Header, exists bool) error {
	prev := []byte{}
	if exists {
		q := t.x.statement().add("SELECT hash FROM version WHERE tenant=? AND rid=? AND seq=?", tenantNumber, n.rid, before.seq)
		if _, err := t.x.oneAside(t.ctx, q.String(), q.args, &prev); err != nil {
			return err
		}
	}
	sum := sha256.New()
	sum.Write(prev)
	fmt.Fprintf(sum, "%s/%s/%s %d %t %s\n%q %q %q %q %d\n", h.Type, n.id, n.version, n.updated, n.deleted, n.method,
		h.Class.Key(), strings.Join(h.Keys.Subjects, ","), strings.Join(h.Keys.Mentions, ","), n.author, len(n.body))
	sum.Write(n.body)
	t.x.hold(heldVersion, tenantNumber, n.rid, n.ord, n.seq, n.typ, n.version, n.updated, bit(n.deleted), n.method, n.class, n.subject, n.mention, n.author,
		n.context, n.clinical, prev, sum.Sum(nil), 0, 0, n.body)
	if !exists {
		t.x.hold(heldResource, tenantNumber, n.rid, n.ord, n.typ, n.id, n.seq, n.updated, bit(n.deleted), n.class, n.subject, n.author)
		return nil
	}
	q := t.x.statement().add("UPDATE resource SET seq=?, updated=?, deleted=?, class=?, subject=?, author=? WHERE tenant=? AND rid=?",
		n.seq, n.updated, bit(n.deleted), n.class, n.subject, n.author, tenantNumber, n.rid)
	if err := t.x.exec(t.ctx, q.String(), q.args...); err != nil {
		return fmt.Errorf("store resource: %w", err)
	}
	return nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// clear removes what the versions before contributed to searches and decisions.
func (t *Tx) clear(rid int64) error {
	for _, table := range []string{"idx_text", "idx_date", "idx_number", "tie"} {
		q := t.x.statement().add("DELETE FROM "+table+" WHERE tenant=? AND rid=?", tenantNumber, rid)
		if err := t.x.exec(t.ctx, q.String(), q.args...); err != nil {
			return fmt.Errorf("clear index: %w", err)
		}
	}
	return nil
}

// before is the row that a change replaces; of what is made anew, only whether
// its id is taken. An id is free nearly always, so that is asked only after the
// database has refused one.
func (t *Tx) before(h gate.Header, replaces bool) (w row, exists bool, err error) {
	if replaces {
		return t.load(h.Type, h.ID)
	}
	key := rowKey{typeNumber(h.Type), h.ID}
	if t.x.holds(key) || !t.in.careful {
		return w, t.x.holds(key), nil
	}
	q := t.x.statement().add("SELECT rid FROM resource WHERE tenant=? AND type=? AND id=?", tenantNumber, key.typ, key.id)
	exists, err = t.x.one(t.ctx, q.String(), q.args, &w.rid)
	return w, exists, err
}

// putIndex makes the index rows.
func (t *Tx) putIndex(n *row, rows []search.Row) {
	ordinal := map[int64]int64{}
	for _, r := range rows {
		typ := r.Param.Type
		if r.Part >= search.Component {
			typ = r.Param.Components[r.Part-search.Component].Param.Type
		}
		key := paramKey(r.Param, r.Part)
		i, group := ordinal[key], int64(r.Group)
		ordinal[key]++
		kind := search.RowKind(typ, r.Part)
		if r.Part >= search.Component {
			kind = search.RowKind(typ, search.Whole)
		}
		switch kind {
		case search.KindDate:
			t.x.hold(heldDate, tenantNumber, n.rid, key, i, group, r.Low, r.High, n.class, n.subject)
		case search.KindNumber:
			t.x.hold(heldNumber, tenantNumber, n.rid, key, i, group, finite(r.NumLow), finite(r.NumHigh), cut(r.Value), cut(r.Aux), n.class, n.subject)
		default:
			t.x.hold(heldText, tenantNumber, n.rid, n.ord, key, i, group, cut(r.Value), cut(r.Aux), n.class, n.subject)
		}
	}
}

func (t *Tx) putTies(rid int64, ties []gate.Tie) error {
	for i, tie := range ties {
		until := int64(math.MaxInt64)
		if !tie.Until.IsZero() {
			until = tie.Until.UnixMilli()
		}
		since := int64(math.MinInt64)
		if !tie.From.IsZero() {
			since = tie.From.UnixMilli()
		}
		q := t.x.statement().add("INSERT INTO tie (tenant, holder, relation, patient, rid, n, since, until) VALUES (?,?,?,?,?,?,?,?)",
			tenantNumber, tie.Holder, string(tie.Relation), tie.Patient, rid, i, since, until)
		if err := t.x.exec(t.ctx, q.String(), q.args...); err != nil {
			return fmt.Errorf("store tie: %w", err)
		}
	}
	return nil
}

// ErrTaken is the answer to a create under an id that is in use.
var ErrTaken = errors.New("the id is in use")
