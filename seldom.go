package firebreak

import (
	"log/slog"
	"sync"
	"time"

	"firebreak/clock"
)

// seldom logs errors that come with every request while something is broken: the
// first, and then at most one a second with the number of those left out, or the
// log would fill the disk that the journal is perhaps waiting for.
type seldom struct {
	clock clock.Clock
	log   *slog.Logger

	mu      sync.Mutex
	last    time.Time
	leftOut int // since then
}

const seldomEvery = time.Second

func (s *seldom) error(text string, args ...any) {
	s.mu.Lock()
	// A clock that was set back must not keep it silent.
	if since := s.clock.Now().Sub(s.last); since >= 0 && since < seldomEvery {
		s.leftOut++
		s.mu.Unlock()
		return
	}
	if s.leftOut > 0 {
		args = append(args[:len(args):len(args)], "left_out", s.leftOut)
	}
	s.last, s.leftOut = s.clock.Now(), 0
	s.mu.Unlock()
	s.log.Error(text, args...)
}
