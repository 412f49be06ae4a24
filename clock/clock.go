// Package clock is the one place that asks the machine for the time
// (http://hl7.org/fhir/R4/security.html#time). Everything else is given a
// Clock, so that expiry, skew and order can be tested at any instant.
//
// It does not discipline the machine's clock and does not say how far it is
// off. Its one surprise: a test in this package reads the whole module and
// fails when anything else calls time.Now.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time. Implementations are safe for concurrent use. Callers
// must bear a clock that steps backwards: a machine's clock may.
type Clock interface {
	Now() time.Time
}

// System is the machine's clock. Its times carry Go's monotonic reading, so the
// difference of two of them is right across a step of the wall clock.
type System struct{}

// Now is the machine's time.
func (System) Now() time.Time { return time.Now() }

// Fixed is a clock for tests: it stands still until it is set or advanced, in
// either direction. The zero Fixed shows the zero time. It must not be copied.
type Fixed struct {
	mu sync.Mutex
	t  time.Time
}

// NewFixed is a clock that shows t.
func NewFixed(t time.Time) *Fixed { return &Fixed{t: t} }

// Now is the time the clock was set to.
func (f *Fixed) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.t
}

// Set makes the clock show t.
func (f *Fixed) Set(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.t = t
}

// Advance moves the clock by d, backwards when d is negative, and is the new time.
func (f *Fixed) Advance(d time.Duration) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.t = f.t.Add(d)
	return f.t
}
