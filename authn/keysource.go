package authn

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"firebreak/clock"
)

// KeySource gives an issuer's public keys from inside the process: those of our
// own authorization server, which keeps them in the store and rotates them.
type KeySource interface {
	// KeySet is the JWK Set (RFC 7517 §5) as it stands. It is asked about once a
	// second while tokens come, and more often for keys that are not in it. It
	// need not remember what it gave.
	KeySet(ctx context.Context) ([]byte, error)
}

const (
	sourceCheckGap = time.Second
	// sourceAgainGap is for tokens whose key is not known, which may be made up
	// or signed by a key that is new.
	sourceAgainGap = 50 * time.Millisecond
	sourceTimeout  = 5 * time.Second
)

// sourceKeys are keys from a KeySource. While it fails the last good keys hold,
// up to maxAge.
type sourceKeys struct {
	source KeySource
	maxAge time.Duration
	clock  clock.Clock
	seen   atomic.Pointer[fileState]

	mu sync.Mutex // held while looking
}

func newSourceKeys(source KeySource, maxAge time.Duration, clk clock.Clock) *sourceKeys {
	s := &sourceKeys{source: source, maxAge: maxAge, clock: clk}
	s.seen.Store(&fileState{})
	return s
}

func (s *sourceKeys) current(ctx context.Context) (*keySet, error) {
	now := s.clock.Now()
	st := s.seen.Load()
	if since := now.Sub(st.at); st.set == nil || since < 0 || since >= sourceCheckGap {
		st = s.look(ctx, now, sourceCheckGap, s.usable(st, now))
	}
	return s.held(st, now)
}

func (s *sourceKeys) again(ctx context.Context) (*keySet, error) {
	now := s.clock.Now()
	return s.held(s.look(ctx, now, sourceAgainGap, false), now)
}

func (s *sourceKeys) usable(st *fileState, now time.Time) bool {
	return st.set != nil && now.Sub(st.good) <= s.maxAge
}

func (s *sourceKeys) held(st *fileState, now time.Time) (*keySet, error) {
	if !s.usable(st, now) {
		return nil, ErrKeysUnavailable
	}
	return st.set, nil
}

// look asks the source, unless that was done within the gap. With keys that are
// usable nobody waits for another caller's look.
func (s *sourceKeys) look(ctx context.Context, now time.Time, gap time.Duration, usable bool) *fileState {
	if usable {
		if !s.mu.TryLock() {
			return s.seen.Load()
		}
	} else {
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	st := s.seen.Load()
	if since := now.Sub(st.at); !st.at.IsZero() && since >= 0 && since < gap {
		return st
	}
	next := &fileState{set: st.set, at: now, good: st.good}
	// Apart from the caller's context: one that hangs up must not make the keys
	// look unreadable.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sourceTimeout)
	defer cancel()
	set, err := s.read(ctx)
	if err != nil {
		next.err = err
		s.seen.Store(next)
		return next
	}
	next.good = now
	if st.set == nil || set.print != st.set.print {
		next.set = set
	}
	s.seen.Store(next)
	return next
}

func (s *sourceKeys) read(ctx context.Context) (*keySet, error) {
	src, err := s.source.KeySet(ctx)
	if err != nil {
		return nil, fmt.Errorf("own keys: %w", err)
	}
	if len(src) > maxKeySetBytes {
		return nil, errTooLarge
	}
	return parseKeySet(src)
}

func (s *sourceKeys) health() Health {
	st := s.seen.Load()
	h := Health{Read: st.good, Err: st.err}
	if st.set != nil {
		h.Keys = len(st.set.keys)
	}
	return h
}
