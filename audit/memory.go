package audit

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
)

// Memory is a journal in memory, for the tests of other packages: it
// acknowledges as a Log does, and can be told to fail or to keep callers
// waiting. It is safe for concurrent use.
type Memory struct {
	mu       sync.Mutex
	payloads [][]byte
	err      error
	held     *round // what callers wait for while held
	prev     Hash
}

// NewMemory is an empty Memory.
func NewMemory() *Memory { return new(Memory) }

// Append is Log.Append.
func (m *Memory) Append(ctx context.Context, payload []byte) (Receipt, error) {
	if err := ctx.Err(); err != nil {
		return Receipt{}, err
	}
	return m.Begin(payload).Wait(ctx)
}

// Begin is Log.Begin.
func (m *Memory) Begin(payload []byte) *Pending {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return failed(m.err)
	}
	if len(payload) > MaxPayload {
		return failed(ErrTooLong)
	}
	p := failed(nil)
	p.receipt = Receipt{Seq: uint64(len(m.payloads))}
	h := sha256.New()
	h.Write(m.prev[:])
	h.Write(payload)
	p.receipt.Hash = Hash(h.Sum(nil))
	m.prev = p.receipt.Hash
	m.payloads = append(m.payloads, slices.Clone(payload))
	if m.held != nil {
		p.round = m.held
	}
	return p
}

// Hold keeps from being acknowledged what is begun from now on, as a slow disk
// does, until Release or Fail.
func (m *Memory) Hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == nil && m.err == nil {
		m.held = &round{done: make(chan struct{})}
	}
}

// Release ends Hold.
func (m *Memory) Release() { m.release(nil) }

// Fail breaks the journal for good, as a failed disk does: what is held and all
// that comes is refused with err.
func (m *Memory) Fail(err error) { m.release(err) }

func (m *Memory) release(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.err = err
	}
	if m.held != nil {
		m.held.err = err
		close(m.held.done)
		m.held = nil
	}
}

// Failed is Log.Failed.
func (m *Memory) Failed() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Payloads are the records begun so far, in order, held ones included.
func (m *Memory) Payloads() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.payloads)
}
