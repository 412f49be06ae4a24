package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"firebreak/clock"
)

// Replay remembers what may be used once only, such as a DPoP proof (RFC 9449
// §11.1). It is safe for concurrent use.
type Replay interface {
	// Once reports whether the name is used for the first time, and keeps it
	// until then: exclusive, after it the caller refuses the thing for its age.
	// Names are of any length and hold no secret. An error means that it cannot
	// be known; the caller must refuse.
	Once(ctx context.Context, name string, until time.Time) (first bool, err error)
}

const defaultReplaySize = 1 << 18 // names; about 30 MB when full

// Memory is a Replay for one process. Several nodes that answer for the same
// name need one that they share, else each lets a proof through once.
//
// It forgets at a restart. So what may have been used before it began counts as
// used: everything that ends less than a lifetime after its beginning.
type Memory struct {
	clock clock.Clock
	life  time.Duration
	size  int
	begun time.Time

	mu sync.Mutex
	// Names are kept in two halves, by when they came. The older half is dropped
	// whole when all in it have ended, so that nothing is ever searched for.
	young, old map[[32]byte]struct{}
	turned     time.Time // when young began
}

// NewMemory makes a Memory for names that are kept for at most life: of a proof,
// the time from iat to its end. size is how many names it holds, 0 means 262144;
// when it is full everything is an error, for forgetting would be worse.
func NewMemory(clk clock.Clock, life time.Duration, size int) *Memory {
	if size <= 0 {
		size = defaultReplaySize
	}
	now := clk.Now()
	return &Memory{clock: clk, life: life, size: size, begun: now, turned: now, young: map[[32]byte]struct{}{}}
}

var (
	errReplayFull = errors.New("replay memory is full")
	errReplayLife = errors.New("replay memory cannot keep a name so long")
)

// Once implements Replay.
func (m *Memory) Once(_ context.Context, name string, until time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	if until.Before(m.begun.Add(m.life)) {
		return false, nil
	}
	// Twice the life: a proof may be dated a little ahead.
	if until.Sub(now) > 2*m.life {
		return false, errReplayLife
	}
	switch since := now.Sub(m.turned); {
	case since < 0: // the clock stepped back: keep what there is for longer
		m.turned = now
	case since >= 2*m.life:
		m.old, m.young, m.turned = m.young, map[[32]byte]struct{}{}, now
	}
	key := sha256.Sum256([]byte(name))
	if _, used := m.young[key]; used {
		return false, nil
	}
	if _, used := m.old[key]; used {
		return false, nil
	}
	if len(m.young)+len(m.old) >= m.size {
		return false, errReplayFull
	}
	m.young[key] = struct{}{}
	return true, nil
}
