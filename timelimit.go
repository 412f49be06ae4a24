package firebreak

import (
	"context"
	"sync"
	"time"

	"firebreak/clock"
)

// timeLimit is a context that ends with the caller's or when a request's time
// is up. Most requests are answered before anybody waits, or asks whether to
// give up; the timer, and its place among the caller's, are made for the first
// who does.
type timeLimit struct {
	caller context.Context
	until  time.Time
	once   sync.Once
	ends   context.Context // nil when stopped before it was needed
	cancel context.CancelFunc
}

// limited begins a request's time. It is the machine's: a timer is the kernel's.
func limited(ctx context.Context, limit time.Duration) *timeLimit {
	return &timeLimit{caller: ctx, until: clock.System{}.Now().Add(limit)}
}

func (l *timeLimit) begun() context.Context {
	l.once.Do(func() { l.ends, l.cancel = context.WithDeadline(l.caller, l.until) })
	if l.ends == nil {
		return l.caller
	}
	return l.ends
}

// Done is context.Context's.
func (l *timeLimit) Done() <-chan struct{} { return l.begun().Done() }

// Err is context.Context's.
func (l *timeLimit) Err() error { return l.begun().Err() }

// Deadline is context.Context's.
func (l *timeLimit) Deadline() (time.Time, bool) { return l.begun().Deadline() }

// Value is context.Context's, and how a context made of this one finds the one
// that it is to end with.
func (l *timeLimit) Value(key any) any { return l.begun().Value(key) }

// stop ends it, or makes it the caller's own when nobody has waited.
func (l *timeLimit) stop() {
	l.once.Do(func() {})
	if l.cancel != nil {
		l.cancel()
	}
}
