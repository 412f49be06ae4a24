package store

import (
	"context"
	"fmt"
	"strings"

	"firebreak/gate"
)

// Under is the same transaction under another permit.
func (t *Tx) Under(m *gate.Permit) *Tx {
	snap := *t.Snapshot
	snap.m = m
	return &Tx{Snapshot: &snap}
}

// Outbox stores the record of a visit's outcome with its change.
func (t *Tx) Outbox(visit string, payload []byte) error {
	q := t.x.statement().add("INSERT INTO outbox (tenant, visit, payload) VALUES (?,?,?)", tenantNumber, visit, payload)
	if err := t.x.exec(t.ctx, q.String(), q.args...); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// Journalled takes outcomes out of the outbox, with the next commit: they are
// on record now. Until then a restart would record them once more.
func (s *Store) Journalled(visits ...string) {
	if len(visits) == 0 {
		return
	}
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	s.writer.journalled = append(s.writer.journalled, visits...)
}

func (w *writer) takeJournalled() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	visits := w.journalled
	w.journalled = nil
	return visits
}

// clearOutbox removes what has been journalled; it runs inside a batch.
func (w *writer) clearOutbox(ctx context.Context, visits []string) error {
	for len(visits) > 0 {
		n := 1
		for n*2 <= len(visits) && n < 64 {
			n *= 2
		}
		args := []any{tenantNumber}
		for _, v := range visits[:n] {
			args = append(args, v)
		}
		q := w.x.statement().add("DELETE FROM outbox WHERE tenant=? AND visit IN (?"+strings.Repeat(",?", n-1)+")", args...)
		if err := w.x.exec(ctx, q.String(), q.args...); err != nil {
			return fmt.Errorf("clear outbox: %w", err)
		}
		visits = visits[n:]
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
	type entry struct {
		visit   string
		payload []byte
	}
	var all []entry
	q := x.statement().add("SELECT visit, payload FROM outbox WHERE tenant=? ORDER BY visit", tenantNumber)
	err = each(ctx, x, q, func(scan func(...any) error) error {
		var e entry
		if err := scan(&e.visit, &e.payload); err != nil {
			return err
		}
		all = append(all, e)
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := fn(e.visit, e.payload); err != nil {
			return err
		}
	}
	return nil
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
