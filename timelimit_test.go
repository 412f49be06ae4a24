package firebreak

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestARequestsTimeIsUpWhoeverWaits(t *testing.T) {
	for name, wait := range map[string]func(*timeLimit) error{
		"on Done":        func(l *timeLimit) error { <-l.Done(); return l.Err() },
		"in a context":   func(l *timeLimit) error { c, stop := context.WithCancel(l); defer stop(); <-c.Done(); return c.Err() },
		"with a refusal": func(l *timeLimit) error { <-l.Done(); return context.Cause(l) },
	} {
		l := limited(context.Background(), time.Millisecond)
		if err := wait(l); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the deadline exceeded", name, err)
		}
		l.stop()
	}
}

func TestARequestsTimeCountsFromItsStart(t *testing.T) {
	l := limited(context.Background(), -time.Second)
	defer l.stop()
	if err := l.Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("asked late: %v, want the deadline exceeded", err)
	}
}

func TestARequestEndsWithItsCaller(t *testing.T) {
	caller, gone := context.WithCancel(context.Background())
	l := limited(caller, time.Hour)
	defer l.stop()
	if at, ok := l.Deadline(); !ok || !at.Equal(l.until) || l.Err() != nil {
		t.Errorf("deadline %v %v, error %v; want %v and none", at, ok, l.Err(), l.until)
	}
	gone()
	if <-l.Done(); !errors.Is(l.Err(), context.Canceled) {
		t.Errorf("error %v, want canceled", l.Err())
	}
}

func TestAStoppedRequestsContextHasEnded(t *testing.T) {
	waited, unused := limited(context.Background(), time.Hour), limited(context.Background(), time.Hour)
	done := waited.Done()
	waited.stop()
	unused.stop()
	if <-done; waited.Err() == nil {
		t.Error("stopped after a wait: no error")
	}
	if unused.Done() != nil || unused.ends != nil {
		t.Error("a timer was made for what was stopped unused")
	}
}
