package transport

import (
	"os"
	"sync"
	"time"
)

// While a request is being answered net/http reads one byte ahead, so that its
// context ends when the client goes away. That read hardly ever gets anything,
// and is called off by a deadline long past as soon as the answer is made. So
// the guard lets it rest for a while before it asks the connection, and takes
// deadlines to the connection only when a read is made: a request answered in
// time costs neither the system call nor six changes of a timer.

// restTime is how much later than at once a client's going away is noticed.
const restTime = 50 * time.Millisecond

// ahead is the length of the read that net/http makes ahead.
const ahead = 1

// readDeadline is the deadline of reads, as the guard was told and as the
// connection has it. It is safe for concurrent use.
type readDeadline struct {
	mu      sync.Mutex
	due     time.Time
	given   time.Time // to the connection
	reading bool      // the connection is being read
	resting bool
	wake    chan struct{} // has room for one
	timer   *time.Timer
}

// calledOff reports a deadline that nobody means as a time.
func (d *readDeadline) calledOff() bool {
	return !d.due.IsZero() && d.due.Unix() < int64(time.Hour/time.Second)
}

// SetReadDeadline is net.Conn's.
func (g *guard) SetReadDeadline(t time.Time) error {
	d := &g.deadline
	d.mu.Lock()
	defer d.mu.Unlock()
	d.due = t
	if d.resting {
		d.resting = false
		d.wake <- struct{}{}
	}
	if !d.reading {
		return nil
	}
	return g.giveDeadline()
}

// SetDeadline is net.Conn's.
func (g *guard) SetDeadline(t time.Time) error {
	if err := g.Conn.SetWriteDeadline(t); err != nil {
		return err
	}
	return g.SetReadDeadline(t)
}

// Close is net.Conn's.
func (g *guard) Close() error {
	d := &g.deadline
	d.mu.Lock()
	if d.resting {
		d.resting = false
		d.wake <- struct{}{}
	}
	d.mu.Unlock()
	return g.Conn.Close()
}

// giveDeadline must be called with the lock held.
func (g *guard) giveDeadline() error {
	d := &g.deadline
	if d.due.Equal(d.given) {
		return nil
	}
	d.given = d.due
	return g.Conn.SetReadDeadline(d.due)
}

// receive reads the connection under the deadline.
func (g *guard) receive(p []byte) (int, error) {
	d := &g.deadline
	d.mu.Lock()
	err := g.giveDeadline()
	d.reading = err == nil
	d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := g.Conn.Read(p)
	d.mu.Lock()
	d.reading = false
	d.mu.Unlock()
	return n, err
}

// rest waits until the read ahead is called off, which is an error, or the time
// has come to make it.
func (g *guard) rest() error {
	d := &g.deadline
	d.mu.Lock()
	if d.calledOff() {
		d.mu.Unlock()
		return os.ErrDeadlineExceeded
	}
	if d.timer == nil {
		d.wake, d.timer = make(chan struct{}, 1), time.NewTimer(restTime)
	} else {
		d.timer.Reset(restTime)
	}
	d.resting = true
	d.mu.Unlock()
	select {
	case <-d.wake:
	case <-d.timer.C:
	}
	d.timer.Stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resting { // nobody has woken it
		d.resting = false
	} else {
		select { // perhaps just as the time was up
		case <-d.wake:
		default:
		}
	}
	if d.calledOff() {
		return os.ErrDeadlineExceeded
	}
	return nil
}
