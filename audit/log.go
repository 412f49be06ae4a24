package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"
)

// Options are Open's. Clock is required.
type Options struct {
	Clock       func() time.Time // called once a record, one call at a time
	SegmentSize int64            // bytes of a new segment; 0 is DefaultSegment, else at least MinSegment
	MaxQueue    int              // bytes that may wait for the disk; 0 is 64 MiB

	disk disk
}

// Log is a journal open for writing. It is safe for concurrent use.
type Log struct {
	now        func() time.Time
	maxQueue   int
	maxPayload int
	lock       io.Closer
	writer     *writer       // the committer's, after it has finished Close's
	finished   chan struct{} // closed when the committer has ended

	mu     sync.Mutex
	work   sync.Cond // the queue is not empty, or closed is set
	queue  *queue    // being filled
	spare  *queue    // being emptied, or idle
	closed bool
	err    error // sticky
}

// queue collects records while the disk is busy.
type queue struct {
	buf   []byte
	items []*Pending
	round *round
}

// round is what the callers of one queue wait for.
type round struct {
	done chan struct{}
	err  error // set before done is closed
}

// Receipt is proof that a record is durable. The zero Receipt comes with an error.
type Receipt struct {
	Seq  uint64
	Hash Hash
}

// Pending is a record on its way to the disk.
type Pending struct {
	round   *round
	receipt Receipt
}

var (
	// ErrClosed is the error of every record after Close.
	ErrClosed = errors.New("journal is closed")
	// ErrBusy is the error of a record for which the queue has no room: the disk
	// does not keep up. It is not sticky.
	ErrBusy = errors.New("journal's queue is full")
	// ErrTooLong is the error of a payload over MaxPayload or a segment's room.
	ErrTooLong = errors.New("payload is too long for the journal")
)

// Open opens the journal in dir, making dir and the journal if need be, and
// locks others out until Close. What a crash tore from the tail is set aside and
// recorded; it was never acknowledged. Errors: ErrLocked; a *Damage that no crash
// explains in the last segment or the listing; the disk's.
func Open(dir string, opts Options) (*Log, error) {
	l, err := open(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return l, nil
}

func open(dir string, opts Options) (*Log, error) {
	if opts.Clock == nil {
		return nil, errors.New("no clock")
	}
	if opts.SegmentSize == 0 {
		opts.SegmentSize = DefaultSegment
	}
	if opts.SegmentSize < MinSegment {
		return nil, fmt.Errorf("segment size is below %d", MinSegment)
	}
	if opts.MaxQueue == 0 {
		opts.MaxQueue = 64 << 20
	}
	if opts.disk == nil {
		opts.disk = osDisk{}
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	held, err := lock(dir)
	if err != nil {
		return nil, err
	}
	l := &Log{
		now: opts.Clock, maxQueue: opts.MaxQueue, lock: held, finished: make(chan struct{}),
		maxPayload: int(min(MaxPayload, opts.SegmentSize-headerSize-overhead)),
		queue:      newQueue(), spare: newQueue(),
	}
	l.work.L = &l.mu
	if err := l.start(dir, opts); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return l, nil
}

// start finds the end, writes the opening record and sets the committer going.
func (l *Log) start(dir string, opts Options) error {
	w, first, err := resume(dir, opts)
	if err == nil {
		err = l.own(w, first)
	}
	if err != nil {
		if w != nil {
			err = errors.Join(err, w.close())
		}
		return err
	}
	l.writer = w
	go l.run()
	return nil
}

// own writes one record of the journal's own.
func (l *Log) own(w *writer, r Record) error {
	r.Time = l.now()
	q := newQueue()
	q.add(r.Time, r.Append(nil))
	return w.commit(q)
}

func newQueue() *queue { return &queue{round: &round{done: make(chan struct{})}} }

func (q *queue) add(t time.Time, payload []byte) *Pending {
	p := &Pending{round: q.round}
	q.buf = appendRecord(q.buf, t.UnixMicro(), KeyID{}, payload)
	q.items = append(q.items, p)
	return p
}

// settle tells the callers how it went and empties the queue.
func (q *queue) settle(err error) {
	q.round.err = err
	close(q.round.done)
	clear(q.items)
	q.items, q.buf, q.round = q.items[:0], q.buf[:0], &round{done: make(chan struct{})}
	if cap(q.buf) > 4*maxBatch {
		q.buf = nil // a burst's memory is given back
	}
}

// failed is a Pending that was refused.
func failed(err error) *Pending {
	done := make(chan struct{})
	close(done)
	return &Pending{round: &round{done: done, err: err}}
}

// Append writes one record and returns when it is durable. Callers at the same
// time share one flush. An error means "not acknowledged": if the disk failed,
// or ctx ended while waiting, the record may or may not be in the journal.
func (l *Log) Append(ctx context.Context, payload []byte) (Receipt, error) {
	if err := ctx.Err(); err != nil {
		return Receipt{}, err
	}
	return l.Begin(payload).Wait(ctx)
}

// Begin hands a record to the journal and does not wait; payload is copied.
// Records are in the journal in the order of their Begins.
func (l *Log) Begin(payload []byte) *Pending {
	if len(payload) > l.maxPayload {
		return failed(ErrTooLong)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return failed(l.err)
	case l.closed:
		return failed(ErrClosed)
	case len(l.queue.buf)+len(payload)+overhead > l.maxQueue:
		return failed(ErrBusy)
	}
	p := l.queue.add(l.now(), payload)
	if len(l.queue.items) == 1 {
		l.work.Signal()
	}
	return p
}

// Wait returns when the record is durable, cannot become so, or ctx ends. It may
// be called again, and by several.
func (p *Pending) Wait(ctx context.Context) (Receipt, error) {
	select {
	case <-p.round.done: // first: a record that is durable is not reported as unknown
	default:
		select {
		case <-p.round.done:
		case <-ctx.Done():
			return Receipt{}, ctx.Err()
		}
	}
	if p.round.err != nil {
		return Receipt{}, p.round.err
	}
	return p.receipt, nil
}

// run is the committer: it takes whatever was queued while it wrote the last.
func (l *Log) run() {
	defer close(l.finished)
	for {
		l.mu.Lock()
		for len(l.queue.items) == 0 && !l.closed {
			l.work.Wait()
		}
		l.mu.Unlock()
		// Whoever is ready to run may have a record to begin: one write for all
		// of them costs what one for the first would. Where nobody is, as with a
		// lone client, this takes no time.
		runtime.Gosched()
		l.mu.Lock()
		q := l.queue
		l.queue, l.spare = l.spare, q
		l.mu.Unlock()
		if len(q.items) == 0 {
			return
		}
		if err := l.writer.commit(q); err != nil {
			l.fail(fmt.Errorf("journal is broken: %w", err))
			return
		}
		q.settle(nil)
	}
}

// fail breaks the log for good: what is under way and what waits is refused.
func (l *Log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	l.spare.settle(err)
	l.queue.settle(err)
}

// Failed is the error that broke the log, or nil. Once set it stays; every
// record since had it. Only a new Open can go on.
func (l *Log) Failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close makes durable what was begun, writes a closing record unless the log is
// broken, and lets other writers in. A second Close returns ErrClosed.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.closed = true
	l.work.Signal()
	l.mu.Unlock()
	<-l.finished
	err := l.Failed()
	if err == nil {
		err = l.own(l.writer, Record{Kind: Closed})
	}
	return errors.Join(err, l.writer.close(), l.lock.Close())
}
