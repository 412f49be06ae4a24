package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"firebreak/gate"
)

// terms are the interned classes and subject sets. What is interned never
// changes and is never deleted.
type terms struct {
	mu  sync.Mutex // one loader at a time
	set atomic.Pointer[termSet]

	sub        sync.RWMutex
	subjects   map[int64][]string
	subjectIDs map[string]int64
}

// termSet is the classes known at one moment; it is immutable.
type termSet struct {
	classes []gate.Class // by id; 0 is unused
	ids     map[string]int64
}

func newTerms() *terms {
	t := &terms{subjects: map[int64][]string{0: nil}, subjectIDs: map[string]int64{"": 0}}
	t.set.Store(&termSet{classes: make([]gate.Class, 1), ids: map[string]int64{}})
	return t
}

// load reads the classes that are not known yet.
func (t *terms) load(ctx context.Context, x *session) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.set.Load().clone()
	q := x.statement().add("SELECT id, name FROM class WHERE tenant=? AND id>=? ORDER BY id", tenantNumber, len(n.classes))
	err := each(ctx, x, q, func(scan func(...any) error) error {
		var id int64
		var name string
		if err := scan(&id, &name); err != nil {
			return err
		}
		for int64(len(n.classes)) < id {
			n.classes = append(n.classes, gate.Class{}) // a gap denies
		}
		n.classes = append(n.classes, gate.ParseClass(name))
		n.ids[name] = id
		return nil
	})
	if err == nil {
		t.set.Store(n)
	}
	return err
}

// current is a set that covers every class the session's snapshot can hold. The
// snapshot itself is asked: a class may have been interned by another server,
// or been committed here and not yet published.
func (t *terms) current(ctx context.Context, x *session) (*termSet, error) {
	ts := t.set.Load()
	var highest int64
	q := x.statement().add("SELECT coalesce(max(id),0) FROM class WHERE tenant=?", tenantNumber)
	if _, err := x.one(ctx, q.String(), q.args, &highest); err != nil {
		return nil, err
	}
	if highest < int64(len(ts.classes)) {
		return ts, nil
	}
	if err := t.load(ctx, x); err != nil {
		return nil, err
	}
	return t.set.Load(), nil
}

func (ts *termSet) clone() *termSet {
	return &termSet{classes: slices.Clone(ts.classes), ids: maps.Clone(ts.ids)}
}

// class is the interned class, or the zero class, which is denied everywhere.
func (ts *termSet) class(id int64) gate.Class {
	if id <= 0 || id >= int64(len(ts.classes)) {
		return gate.Class{}
	}
	return ts.classes[id]
}

// patients are the members of a subject set. What a writer reads is not
// remembered: it may be of its own transaction and never be committed, and then
// another set gets the number.
func (t *terms) patients(ctx context.Context, x *session, id int64) ([]string, error) {
	t.sub.RLock()
	p, ok := t.subjects[id]
	t.sub.RUnlock()
	if ok {
		return p, nil
	}
	var name string
	q := x.statement().add("SELECT name FROM subject_set WHERE tenant=? AND id=?", tenantNumber, id)
	found, err := x.one(ctx, q.String(), q.args, &name)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("subject set %d is missing", id)
	}
	p, err = members(ctx, x, id, name)
	if err == nil && !x.writes {
		t.publish(id, name, p)
	}
	return p, err
}

// longSet is the length in bytes from which a set's members are not its name:
// an index of PostgreSQL takes no more than 2704. Then the name is hashed, which
// begins as no logical id does, and its hash.
const (
	longSet = 2000
	hashed  = "#"
)

// setName is what a set is interned under; patients are sorted.
func setName(patients []string) string {
	name := strings.Join(patients, ",")
	if len(name) < longSet {
		return name
	}
	return fmt.Sprintf("%s%x", hashed, sha256.Sum256([]byte(name)))
}

// members are the patients of a set of that name, sorted.
func members(ctx context.Context, x *session, id int64, name string) (out []string, err error) {
	if !strings.HasPrefix(name, hashed) {
		return strings.Split(name, ","), nil
	}
	q := x.statement().add("SELECT patient FROM subject_member WHERE tenant=? AND id=? ORDER BY patient", tenantNumber, id)
	err = each(ctx, x, q, func(scan func(...any) error) error {
		out = append(out, "")
		return scan(&out[len(out)-1])
	})
	return out, err
}

// publish makes a set's number and its members known.
func (t *terms) publish(id int64, name string, patients []string) {
	t.sub.Lock()
	defer t.sub.Unlock()
	t.subjects[id], t.subjectIDs[name] = patients, id
}

// subjectSet is the patients that a resource is of or names, under their number.
type subjectSet struct {
	id       int64
	patients []string
}

// interner gives ids to new terms inside a change. Others learn of them when
// the change commits.
type interner struct {
	t       *terms
	x       *session
	known   *termSet
	careful bool                  // every change of the batch can be undone by itself
	grown   bool                  // known has classes that others don't know yet
	pending map[string]subjectSet // not yet committed, by name
	changed []rowKey              // resources that the batch touched
	// outcomes are the records that go to the outbox with the batch.
	outcomes []outcome
}

func (t *terms) interner(ctx context.Context, x *session) (*interner, error) {
	known, err := t.current(ctx, x)
	return &interner{t: t, x: x, known: known, pending: map[string]subjectSet{}}, err
}

// commit makes the new terms known; the transaction has been committed.
func (in *interner) commit() {
	if in.grown {
		in.t.mu.Lock()
		if len(in.known.classes) > len(in.t.set.Load().classes) {
			in.t.set.Store(in.known)
		}
		in.t.mu.Unlock()
	}
	for name, set := range in.pending {
		in.t.publish(set.id, name, set.patients)
	}
}

// mark and undo bracket one change of a batch: what an undone change interned
// is not known, for its rows are gone.
func (in *interner) mark() termMark {
	return termMark{len(in.known.classes), maps.Clone(in.pending), len(in.outcomes)}
}

type termMark struct {
	classes  int
	pending  map[string]subjectSet
	outcomes int
}

func (in *interner) undo(m termMark) {
	in.pending, in.outcomes = m.pending, in.outcomes[:m.outcomes]
	if len(in.known.classes) == m.classes {
		return
	}
	in.known = in.known.clone()
	in.known.classes = in.known.classes[:m.classes]
	maps.DeleteFunc(in.known.ids, func(_ string, id int64) bool { return id >= int64(m.classes) })
}

func (in *interner) class(ctx context.Context, c gate.Class) (int64, error) {
	name := c.Key()
	if id, ok := in.known.ids[name]; ok {
		return id, nil
	}
	in.known, in.grown = in.known.clone(), true
	id := int64(len(in.known.classes))
	q := in.x.statement().add("INSERT INTO class (tenant, id, name) VALUES (?, ?, ?)", tenantNumber, id, name)
	if err := in.x.exec(ctx, q.String(), q.args...); err != nil {
		return 0, fmt.Errorf("intern class: %w", err)
	}
	in.known.classes = append(in.known.classes, gate.ParseClass(name))
	in.known.ids[name] = id
	return id, nil
}

// errNoID refuses subjects whose set would have the name of another.
var errNoID = errors.New("a subject is not a logical id")

func (in *interner) subjects(ctx context.Context, patients []string) (int64, error) {
	if slices.ContainsFunc(patients, func(p string) bool { return p == "" || strings.Contains(p, ",") }) {
		return 0, errNoID
	}
	name := setName(patients)
	if set, ok := in.pending[name]; ok {
		return set.id, nil
	}
	in.t.sub.RLock()
	id, ok := in.t.subjectIDs[name]
	in.t.sub.RUnlock()
	if ok {
		return id, nil
	}
	q := in.x.statement().add("SELECT id FROM subject_set WHERE tenant=? AND name=?", tenantNumber, name)
	if found, err := in.x.one(ctx, q.String(), q.args, &id); err != nil || found {
		if err == nil {
			in.t.publish(id, name, slices.Clone(patients))
		}
		return id, err
	}
	q = in.x.statement().add("SELECT coalesce(max(id),0)+1 FROM subject_set WHERE tenant=?", tenantNumber)
	if _, err := in.x.one(ctx, q.String(), q.args, &id); err != nil {
		return 0, err
	}
	q = in.x.statement().add("INSERT INTO subject_set (tenant, id, name) VALUES (?, ?, ?)", tenantNumber, id, name)
	if err := in.x.exec(ctx, q.String(), q.args...); err != nil {
		return 0, fmt.Errorf("intern subjects: %w", err)
	}
	for _, p := range patients {
		q := in.x.statement().add("INSERT INTO subject_member (tenant, patient, id) VALUES (?, ?, ?)", tenantNumber, p, id)
		if err := in.x.exec(ctx, q.String(), q.args...); err != nil {
			return 0, fmt.Errorf("intern subjects: %w", err)
		}
	}
	in.pending[name] = subjectSet{id, slices.Clone(patients)}
	return id, nil
}

// each runs a query and calls fn for every row.
func each(ctx context.Context, x *session, q *statement, fn func(scan func(...any) error) error) error {
	rows, err := x.query(ctx, q.String(), q.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	x.failed = x.failed || rows.Err() != nil
	return rows.Err()
}
