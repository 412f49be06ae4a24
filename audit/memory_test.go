package audit

import (
	"context"
	"errors"
	"testing"
)

// Both acknowledge alike: what takes one takes the other.
type appender interface {
	Append(context.Context, []byte) (Receipt, error)
	Begin([]byte) *Pending
	Failed() error
}

var (
	_ appender = (*Log)(nil)
	_ appender = (*Memory)(nil)
)

func TestMemoryAcknowledgesAndFailsAsTold(t *testing.T) {
	ctx, m := context.Background(), NewMemory()
	one, err := m.Append(ctx, []byte("one"))
	if err != nil || one.Hash == (Hash{}) {
		t.Fatalf("Append = %v, %v", one, err)
	}
	m.Hold()
	p := m.Begin([]byte("two"))
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := p.Wait(over); !errors.Is(err, context.Canceled) {
		t.Errorf("a held record was acknowledged: %v", err)
	}
	m.Release()
	if two, err := p.Wait(ctx); err != nil || two.Seq != one.Seq+1 || two.Hash == one.Hash {
		t.Errorf("after Release: %v, %v", two, err)
	}
	m.Hold()
	p = m.Begin([]byte("three"))
	broken := errors.New("disk is gone")
	m.Fail(broken)
	if _, err := p.Wait(ctx); !errors.Is(err, broken) {
		t.Errorf("held when it failed: %v", err)
	}
	m.Hold()
	if _, err := m.Append(ctx, []byte("four")); !errors.Is(err, broken) || !errors.Is(m.Failed(), broken) {
		t.Errorf("after Fail: %v, %v", err, m.Failed())
	}
	if got := m.Payloads(); len(got) != 3 || string(got[1]) != "two" {
		t.Errorf("Payloads = %q", got)
	}
}
