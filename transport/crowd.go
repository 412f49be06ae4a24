package transport

import (
	"container/list"
	"net/http"
	"sync"
	"time"

	"firebreak/clock"
)

// patience is how long a request may wait for its client, where others find no
// place because of it: an answer that is taken, or a body that comes, is through
// in less.
const patience = time.Second

// crowd are the requests that run, at most Limits.Requests. Their number bounds
// what they hold in memory, so that one that is sending or receiving counts, too.
// But how long that lasts is the client's choice: some connections whose streams
// take nothing (RFC 9113 section 10.5) could keep everybody else out for as long
// as answers may take. So when there is no place left, the request that has
// waited longest for its client is dropped and gives up its own.
type crowd struct {
	mu      sync.Mutex
	running int
	waiting list.List // of *exchange, in the order in which they began to wait
}

// enter takes a place.
func (c *crowd) enter(limit int, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running < limit {
		c.running++
		return true
	}
	first := c.waiting.Front()
	if first == nil {
		return false
	}
	x := first.Value.(*exchange)
	if now.Sub(x.waits) < patience {
		return false
	}
	c.waiting.Remove(first)
	x.place, x.dropped = nil, true // its place is the caller's now
	x.drop()
	return true
}

func (c *crowd) leave(x *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !x.dropped {
		c.running--
	}
}

// await lets x wait for its client in f. Once it returns nobody drops x any more.
func (c *crowd) await(x *exchange, f func()) {
	c.mu.Lock()
	if !x.dropped {
		x.waits = clock.System{}.Now()
		x.place = c.waiting.PushBack(x)
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if x.place != nil {
			c.waiting.Remove(x.place)
			x.place = nil
		}
	}()
	f()
}

// drop ends x's waiting from outside, while it waits.
func (x *exchange) drop() {
	control, past := http.NewResponseController(x.w), time.Unix(1, 0)
	// What cannot be ended so ends by its own deadline.
	_ = control.SetWriteDeadline(past)
	_ = control.SetReadDeadline(past)
}
