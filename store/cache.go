package store

import (
	"sync"
	"sync/atomic"
)

// rowCache keeps current rows of a database that only this process writes. It
// serves reads that a class alone decides: such a read is one row, and a row is
// a snapshot of itself. What a commit may replace is dropped before it commits,
// and a row that was read while a commit was under way is not kept, so nobody
// reads behind what was seen before.
type rowCache struct {
	mu    sync.RWMutex
	rows  map[rowKey]*row
	bytes int
	// epoch is odd while a commit is under way.
	epoch atomic.Uint64
}

type rowKey struct {
	typ int64
	id  string
}

// maxCached bounds the bodies that are kept, in bytes.
const maxCached = 16 << 20

func (c *rowCache) get(typ int64, id string) *row {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.rows[rowKey{typ, id}]
}

// put keeps a row that was read when the epoch was seen, if no commit has begun
// since. Rows are dropped at random to make room.
func (c *rowCache) put(w *row, seen uint64) {
	if seen%2 != 0 || len(w.body) > maxCached/64 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch.Load() != seen {
		return
	}
	if c.rows == nil {
		c.rows = map[rowKey]*row{}
	}
	for k, old := range c.rows {
		if c.bytes+len(w.body) <= maxCached {
			break
		}
		c.bytes -= len(old.body)
		delete(c.rows, k)
	}
	key := rowKey{w.typ, w.id}
	if old := c.rows[key]; old != nil {
		c.bytes -= len(old.body)
	}
	c.rows[key] = w
	c.bytes += len(w.body)
}

// begin marks that a commit is under way and drops what it may replace; end
// that it is over. In between, reads go to the database.
func (c *rowCache) begin(changed []rowKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch.Add(1)
	for _, k := range changed {
		if old := c.rows[k]; old != nil {
			c.bytes -= len(old.body)
			delete(c.rows, k)
		}
	}
}

func (c *rowCache) end() { c.epoch.Add(1) }
