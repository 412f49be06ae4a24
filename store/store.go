// Package store keeps versions and finds them again, in SQLite or PostgreSQL,
// through one search compiler with two dialects.
//
// It enforces net 1: every alias of a resource in every statement carries the
// permit's rule as a predicate over class, keys and index rows, so that joins,
// counts, sorts and pages run over what the caller may see. It hands out
// nothing but gate.Sealed and writes nothing but gate.Judged.
//
// Its surprise: index rows repeat the class and the subjects of the version
// they come from. That is what makes a restricted count an index scan.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
)

// Options are what a store needs besides its place.
type Options struct {
	Clock clock.Clock
	// Base is the service's base URL: absolute references to it are local ones.
	Base string
	Log  *slog.Logger
	// Readers is how many snapshots can be read at once; 0 means 8.
	Readers int
	// MaxBatch bounds how many changes share one commit; 0 means 128.
	MaxBatch int
}

// Store is one database. It is safe for concurrent use.
type Store struct {
	opt     Options
	dialect dialect
	db      *sql.DB
	held    io.Closer // the lock on an embedded database, else nil
	place   *place    // of an embedded database, else nil
	readers chan *session
	all     []*session
	writer  *writer
	terms   *terms
	extract *search.Extractor
	vis     visCache
	cache   rowCache
	rows    rowSource
	closed  chan struct{} // closed when Close is called
	closing sync.Once
	ended   error // of Close
	// doubt grows when a reader or the writer finds its connection gone: others
	// may be, too.
	doubt atomic.Int64
}

// ErrClosed is what a closed store answers.
var ErrClosed = errors.New("store is closed")

// tenantNumber is the one tenant's number in the tables. Tenants share no rows;
// their keys begin with this number so that they can be spread over shards.
const tenantNumber literal = 1

func open(ctx context.Context, db *sql.DB, d dialect, opt Options) (*Store, error) {
	if opt.Readers == 0 {
		opt.Readers = 8
	}
	if opt.MaxBatch == 0 {
		opt.MaxBatch = 128
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{opt: opt, dialect: d, db: db, extract: search.NewExtractor(opt.Base), readers: make(chan *session, opt.Readers), closed: make(chan struct{})}
	if err := migrate(ctx, db, d); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	s.terms = newTerms()
	w, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	w.writes = true
	if err := s.terms.load(ctx, w); err != nil {
		return nil, fmt.Errorf("load classes: %w", err)
	}
	// Numbers go on from what is there, whatever the clock says now.
	q := w.statement().add("SELECT coalesce(max(rid),0) FROM resource WHERE tenant=?", tenantNumber)
	if _, err := w.one(ctx, q.String(), q.args, &s.rows.last); err != nil {
		return nil, fmt.Errorf("load numbers: %w", err)
	}
	for range opt.Readers {
		r, err := s.session(ctx)
		if err != nil {
			return nil, err
		}
		s.readers <- r
	}
	s.writer = newWriter(s, w)
	go s.writer.run()
	return s, nil
}

// Close waits for the writer and for views under way, and gives the database
// back. Changes still waiting for the writer are answered with ErrClosed.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.writer.stop()
		for range s.opt.Readers {
			<-s.readers
		}
		for _, x := range s.all {
			x.close()
		}
		s.ended = s.db.Close()
		if s.held != nil {
			s.ended = errors.Join(s.ended, s.held.Close())
		}
	})
	return s.ended
}

// reader takes a session for reading; give puts it back. The caller's patience
// is asked about only when there is something to wait for.
func (s *Store) reader(ctx context.Context) (*session, error) {
	var x *session
	select {
	case x = <-s.readers:
	default:
		select {
		case x = <-s.readers:
		case <-s.closed:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case <-s.closed:
		s.readers <- x
		return nil, ErrClosed
	default:
	}
	if err := s.revive(ctx, x); err != nil {
		s.readers <- x
		return nil, err
	}
	return x, nil
}

func (s *Store) give(x *session) {
	if !x.alive() {
		s.doubt.Add(1)
	}
	s.readers <- x
}

// revive replaces a session's connection when that is gone: the database was
// restarted, or the caller of a statement went away in the middle of it.
func (s *Store) revive(ctx context.Context, x *session) error {
	doubt := s.doubt.Load()
	if x.alive() && (x.doubt == doubt || x.conn.PingContext(ctx) == nil) {
		x.doubt = doubt
		return nil
	}
	x.close()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	x.conn, x.doubt = conn, doubt
	return nil
}

func (s *Store) session(ctx context.Context) (*session, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	x := &session{conn: conn, dialect: s.dialect, stmts: map[string]*sql.Stmt{}, inserts: map[insertKey]string{}}
	s.all = append(s.all, x)
	return x, nil
}

// View runs fn on one snapshot: everything it reads is of one moment.
func (s *Store) View(ctx context.Context, m *gate.Permit, fn func(*Snapshot) error) error {
	x, err := s.reader(ctx)
	if err != nil {
		return available(err)
	}
	snap := &Snapshot{s: s, ctx: context.WithoutCancel(ctx), slow: ctx, x: x, m: m, now: s.opt.Clock.Now(), ts: s.terms.set.Load()}
	defer func() {
		if snap.begun {
			x.rollback()
		}
		s.give(x)
	}()
	return available(fn(snap))
}

// Snapshot is the database at one moment, under one permit.
type Snapshot struct {
	s *Store
	// ctx is for statements that touch a few rows and are quicker done than
	// given up; slow is for those whose cost the caller decides, and ends when
	// the caller goes away or its time is up.
	ctx, slow context.Context
	x         *session
	m         *gate.Permit
	now       time.Time
	ts        *termSet
	// begun says that the transaction is open that makes statements agree.
	begun bool
	// in is the interner of a change, nil in a view.
	in *interner
	// known, while a condition is compiled, widens visibility to what the caller
	// may know of for this action.
	known fhir.Action
	// aliases counts the aliases given out in the statement under construction.
	aliases int
}

// classes are the classes that rows of the snapshot can have: in a change, also
// those it has just interned, under whatever permit.
func (t *Snapshot) classes() *termSet {
	if t.in != nil {
		return t.in.known
	}
	return t.ts
}

// Together makes everything that is read from now on be of one moment.
func (t *Snapshot) Together() error { return t.begin() }

// begin takes the snapshot. A single statement is a snapshot by itself, so a
// read that needs no second one does without.
func (t *Snapshot) begin() error {
	if t.begun {
		return nil
	}
	if err := t.x.exec(t.ctx, t.s.dialect.beginRead); err != nil {
		t.x.rollback() // a caller who goes away may leave it begun
		return fmt.Errorf("begin: %w", err)
	}
	t.begun = true
	var err error
	t.ts, err = t.s.terms.current(t.ctx, t.x)
	return err
}
