package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"firebreak/gate"
)

// Under is the same transaction under another permit.
func (t *Tx) Under(m *gate.Permit) *Tx {
	snap := *t.Snapshot
	snap.m = m
	return &Tx{Snapshot: &snap}
}

// outcome is the record of what one visit's change came to.
type outcome struct {
	visit   string
	payload []byte
}

// Outbox stores the record of a visit's outcome with its change. The outcomes
// of one commit share a row.
func (t *Tx) Outbox(visit string, payload []byte) error {
	t.in.outcomes = append(t.in.outcomes, outcome{visit, payload})
	return nil
}

// outbox is what is known of the rows of the outbox: which row a visit's
// outcome is in, how many of a row's are not journalled yet, and which rows can go.
type outbox struct {
	mu   sync.Mutex
	row  map[string]string
	left map[string]int
	done []string
}

func (o *outbox) add(row string, outcomes []outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.row == nil {
		o.row, o.left = map[string]string{}, map[string]int{}
	}
	for _, c := range outcomes {
		o.row[c.visit] = row
	}
	o.left[row] = len(outcomes)
}

// Journalled takes outcomes out of the outbox, with a later commit: they are on
// record now. Until then a restart would record them once more.
func (s *Store) Journalled(visits ...string) {
	o := &s.writer.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, v := range visits {
		row, ok := o.row[v]
		if !ok {
			continue
		}
		delete(o.row, v)
		if o.left[row]--; o.left[row] == 0 {
			delete(o.left, row)
			o.done = append(o.done, row)
		}
	}
}

// take hands out the rows that can go; back returns them when their deletion
// was not committed.
func (o *outbox) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	rows := o.done
	o.done = nil
	return rows
}

func (o *outbox) back(rows []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.done = append(o.done, rows...)
}

// putOutbox stores the outcomes of a batch as one row, named by its first
// visit. Each outcome is its visit and its payload, both with their lengths.
func (w *writer) putOutbox(ctx context.Context, outcomes []outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	var b []byte
	for _, o := range outcomes {
		b = append(binary.AppendUvarint(b, uint64(len(o.visit))), o.visit...)
		b = append(binary.AppendUvarint(b, uint64(len(o.payload))), o.payload...)
	}
	q := w.x.statement().add("INSERT INTO outbox (tenant, visit, payload) VALUES (?,?,?)", tenantNumber, outcomes[0].visit, b)
	if err := w.x.exec(ctx, q.String(), q.args...); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

func readOutbox(b []byte) ([]outcome, error) {
	var out []outcome
	next := func() ([]byte, bool) {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, false
		}
		field := b[size : size+int(n)]
		b = b[size+int(n):]
		return field, true
	}
	for len(b) > 0 {
		visit, ok1 := next()
		payload, ok2 := next()
		if !ok1 || !ok2 {
			return nil, errors.New("the outbox cannot be read")
		}
		out = append(out, outcome{string(visit), payload})
	}
	return out, nil
}

// clearOutbox removes rows whose outcomes are all on record; it runs inside a batch.
func (w *writer) clearOutbox(ctx context.Context, rows []string) error {
	for _, row := range rows {
		q := w.x.statement().add("DELETE FROM outbox WHERE tenant=? AND visit=?", tenantNumber, row)
		if err := w.x.exec(ctx, q.String(), q.args...); err != nil {
			return fmt.Errorf("clear outbox: %w", err)
		}
	}
	return nil
}

// Pending are the outcomes in the outbox: changes whose last record may not
// have reached the journal before the server ended.
func (s *Store) Pending(ctx context.Context, fn func(visit string, payload []byte) error) error {
	x, err := s.reader(ctx)
	if err != nil {
		return err
	}
	defer s.give(x)
	var all []outcome
	q := x.statement().add("SELECT visit, payload FROM outbox WHERE tenant=? ORDER BY visit", tenantNumber)
	err = each(ctx, x, q, func(scan func(...any) error) error {
		var row string
		var payload []byte
		if err := scan(&row, &payload); err != nil {
			return err
		}
		outcomes, err := readOutbox(payload)
		if err != nil {
			return err
		}
		s.writer.outbox.known(row, outcomes)
		all = append(all, outcomes...)
		return nil
	})
	if err != nil {
		return err
	}
	for _, o := range all {
		if err := fn(o.visit, o.payload); err != nil {
			return err
		}
	}
	return nil
}

// known adds a row that an earlier process left.
func (o *outbox) known(row string, outcomes []outcome) {
	o.mu.Lock()
	_, here := o.left[row]
	here = here || slices.Contains(o.done, row)
	o.mu.Unlock()
	if !here {
		o.add(row, outcomes)
	}
}

// First is the result stored under a request's own id, if it was the same request.
func (t *Tx) First(owner, request string, digest []byte) ([]byte, bool, error) {
	var result []byte
	q := t.x.statement().add("SELECT result FROM request WHERE tenant=? AND owner=? AND request=? AND digest=?", tenantNumber, owner, request, digest)
	found, err := t.x.one(t.ctx, q.String(), q.args, &result)
	return result, found, err
}

// PutFirst stores it. Another request under the same id replaces it.
func (t *Tx) PutFirst(owner, request string, digest, result []byte) error {
	q := t.x.statement().add(`INSERT INTO request (tenant, owner, request, at, digest, result) VALUES (?,?,?,?,?,?)
		ON CONFLICT (tenant, owner, request) DO UPDATE SET at=excluded.at, digest=excluded.digest, result=excluded.result`,
		tenantNumber, owner, request, t.now.UnixMilli(), digest, result)
	return t.x.exec(t.ctx, q.String(), q.args...)
}

// Setting reads a small fact of the store, and stores make's when there is none
// yet. Servers that share a database share it.
func (s *Store) Setting(ctx context.Context, name string, make func() []byte) ([]byte, error) {
	var value []byte
	err := s.Change(ctx, nil, nil, func(t *Tx) error {
		q := t.x.statement().add("SELECT value FROM setting WHERE tenant=? AND name=?", tenantNumber, name)
		found, err := t.x.one(t.ctx, q.String(), q.args, &value)
		if err != nil || found {
			return err
		}
		value = make()
		q = t.x.statement().add("INSERT INTO setting (tenant, name, value) VALUES (?,?,?)", tenantNumber, name, value)
		return t.x.exec(t.ctx, q.String(), q.args...)
	})
	return value, err
}
