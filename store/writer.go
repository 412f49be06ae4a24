package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"firebreak/gate"
)

// change is one caller's change, waiting to share a commit.
type change struct {
	ctx     context.Context
	m       *gate.Permit
	durable func(context.Context) error // awaited before COMMIT: the intent is on record
	fn      func(*Tx) error
	err     error
	done    chan struct{}
}

// writer runs changes one after another on one connection and commits many of
// them at once: they share one sync of the log (group commit).
type writer struct {
	s     *Store
	x     *session
	queue chan *change
	quit  chan struct{}
	ended chan struct{}
	once  sync.Once

	outbox outbox
}

func newWriter(s *Store, x *session) *writer {
	return &writer{s: s, x: x, queue: make(chan *change, s.opt.MaxBatch), quit: make(chan struct{}), ended: make(chan struct{})}
}

// Change runs fn in a transaction and returns when what it wrote is durable.
// fn runs in the writer, one change at a time, and may run more than once when
// the database asks for it, so it must not leave traces but through its Tx. An
// error from fn undoes this change and no other. durable is awaited before the
// commit; its error undoes the change.
func (s *Store) Change(ctx context.Context, m *gate.Permit, durable func(context.Context) error, fn func(*Tx) error) error {
	c := &change{ctx: ctx, m: m, durable: durable, fn: fn, done: make(chan struct{})}
	select {
	case s.writer.queue <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.writer.quit:
		return ErrClosed
	}
	// Once queued a change is not abandoned: its outcome must be known.
	select {
	case <-c.done:
		return available(c.err)
	case <-s.writer.ended:
		select {
		case <-c.done:
			return available(c.err)
		default:
			return ErrClosed
		}
	}
}

func (w *writer) stop() {
	w.once.Do(func() { close(w.quit) })
	<-w.ended
}

func (w *writer) run() {
	defer close(w.ended)
	for {
		var batch []*change
		select {
		case c := <-w.queue:
			batch = append(batch, c)
		case <-w.quit:
			return
		}
		for len(batch) < w.s.opt.MaxBatch {
			select {
			case c := <-w.queue:
				batch = append(batch, c)
				continue
			default:
			}
			break
		}
		w.commit(batch)
		for _, c := range batch {
			close(c.done)
		}
	}
}

// maxAttempts is how often a batch is run again when the database finds that
// it conflicts with another node's.
const maxAttempts = 20

// errBroken says that a change could not be undone by itself; errCareful that
// one has to be undone for which no savepoint was set; errUnknown that the
// database went away while it committed, so that nobody knows.
var (
	errBroken  = errors.New("the transaction is broken")
	errCareful = errors.New("a change has to be undone by itself")
	errUnknown = errors.New("the outcome is unknown")
)

// commit runs a batch in one transaction. When the transaction as a whole
// fails, every change of it fails, and nothing of it is stored.
func (w *writer) commit(batch []*change) {
	rows := w.outbox.take()
	committed, err := w.attempts(batch, rows)
	if !committed {
		w.outbox.back(rows) // the next commit takes them out
	}
	for _, c := range batch {
		if err != nil && c.err == nil {
			c.err = fmt.Errorf("commit: %w", err)
		}
	}
}

// attempts tries again what met another server's changes, or lost its
// connection before it began to commit.
func (w *writer) attempts(batch []*change, rows []string) (committed bool, err error) {
	for attempt := 1; ; attempt++ {
		if err := w.s.revive(context.Background(), w.x); err != nil {
			return false, err
		}
		if err := w.admit(attempt); err != nil {
			return false, err
		}
		committed, err = w.try(batch, rows)
		w.leave()
		if !w.x.alive() {
			w.s.doubt.Add(1) // the readers' may be gone with it
		}
		if err == nil || attempt == maxAttempts || errors.Is(err, errUnknown) {
			return committed, err
		}
		if w.x.alive() && !w.s.dialect.conflict(err) {
			return false, err
		}
		w.s.pause(attempt)
	}
}

// admit is taken before a batch's snapshot: at first together with other
// servers' batches, and after some conflicts alone, so that a batch cannot lose
// to others for ever. leave gives it back; a lost connection has done so.
func (w *writer) admit(attempt int) error {
	text := w.s.dialect.together
	if attempt > 3 {
		text = w.s.dialect.alone
	}
	if text == "" {
		return nil
	}
	if err := w.x.exec(context.Background(), text); err != nil && w.x.alive() {
		return fmt.Errorf("admit: %w", err)
	}
	return nil
}

func (w *writer) leave() {
	if w.s.dialect.leave != "" {
		_ = w.x.exec(context.Background(), w.s.dialect.leave)
	}
}

// try runs a batch without savepoints: most changes either succeed or fail
// before they have written anything, and savepoints cost as much as the writing.
// When one fails later, the batch is undone and run again with savepoints.
func (w *writer) try(batch []*change, rows []string) (committed bool, err error) {
	committed, err = w.batchOnce(batch, rows, false)
	if errors.Is(err, errCareful) {
		return w.batchOnce(batch, rows, true)
	}
	return committed, err
}

func (w *writer) batchOnce(batch []*change, rows []string, careful bool) (committed bool, err error) {
	ctx := context.Background()
	for _, c := range batch {
		c.err = nil
	}
	defer func() {
		if !committed {
			w.x.rollback()
		}
	}()
	w.x.forget()
	if err := w.x.exec(ctx, w.s.dialect.beginWrite); err != nil {
		return false, err
	}
	in, err := w.s.terms.interner(ctx, w.x)
	if err != nil {
		return false, err
	}
	in.careful = careful
	if err := w.clearOutbox(ctx, rows); err != nil {
		return false, err
	}
	for _, c := range batch {
		c.err = w.one(ctx, c, in)
		if w.s.dialect.conflict(c.err) || errors.Is(c.err, errBroken) || errors.Is(c.err, errCareful) {
			return false, c.err
		}
	}
	if err := w.x.settle(ctx); err != nil {
		return false, errors.Join(errCareful, err)
	}
	for _, c := range batch {
		if c.err != nil || c.durable == nil {
			continue
		}
		if err := c.durable(c.ctx); err != nil {
			c.err = err
			w.x.rollback()
			return w.without(batch, rows)
		}
	}
	if err := w.putOutbox(ctx, in.outcomes); err != nil {
		return false, err
	}
	w.s.cache.begin(in.changed)
	defer w.s.cache.end()
	if err := w.end(ctx); err != nil {
		return false, err
	}
	in.commit()
	if len(in.outcomes) > 0 {
		w.outbox.add(in.outcomes[0].visit, in.outcomes)
	}
	return true, nil
}

// end commits, unless that would be to files which have left their place.
func (w *writer) end(ctx context.Context) error {
	if w.s.place != nil {
		if err := w.s.place.stays(); err != nil {
			return err
		}
	}
	err := w.x.exec(ctx, "COMMIT")
	if err != nil && !w.x.alive() {
		err = errors.Join(errUnknown, err)
	}
	return err
}

// without runs a batch again after some of its changes lost their record: those
// keep their error and the others get their turn.
func (w *writer) without(batch []*change, rows []string) (committed bool, err error) {
	var rest []*change
	for _, c := range batch {
		if c.err == nil {
			rest = append(rest, c)
		}
	}
	if len(rest) == 0 {
		return false, nil
	}
	return w.try(rest, rows)
}

// one runs one change inside the batch's transaction, undoing just it when it fails.
func (w *writer) one(ctx context.Context, c *change, in *interner) (err error) {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if !in.careful {
		before, outcomes := w.x.written, len(in.outcomes)
		w.x.failed = false
		if err = w.call(ctx, c, in); err == nil {
			return nil
		}
		if w.x.failed || w.x.written != before {
			return errors.Join(errCareful, err)
		}
		in.outcomes = in.outcomes[:outcomes]
		return err
	}
	if err := w.x.exec(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	mark := in.mark()
	if err = w.call(ctx, c, in); err == nil {
		err = w.x.settle(ctx)
	}
	if err != nil {
		w.x.forget()
		in.undo(mark)
		if e := w.x.exec(ctx, "ROLLBACK TO SAVEPOINT one"); e != nil {
			return errors.Join(err, errBroken, e)
		}
	}
	if e := w.x.exec(ctx, "RELEASE SAVEPOINT one"); e != nil {
		return errors.Join(err, errBroken, e)
	}
	return err
}

func (w *writer) call(ctx context.Context, c *change, in *interner) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a change: %v\n%s", p, debug.Stack())
		}
	}()
	tx := &Tx{Snapshot: &Snapshot{s: w.s, ctx: ctx, slow: c.ctx, x: w.x, m: c.m, now: w.s.opt.Clock.Now(), begun: true, in: in}}
	return c.fn(tx)
}
