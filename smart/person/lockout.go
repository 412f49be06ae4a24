package person

import (
	"context"
	"errors"
	"fmt"
	"time"

	"firebreak/vault"
)

// failures are counted in the vault, so that all servers count together, and by
// name, so that one that nobody has is counted like any other.
type failures struct {
	Count int
	Until time.Time // nothing is right before
}

var failureKind = vault.Of[failures]("person.failures")

// When guessing slows down, and for how long a failure is remembered. There is
// no lasting lock: it would be a way to keep a clinician out.
const (
	freeFailures  = 5
	firstLock     = 30 * time.Second
	longestLock   = 15 * time.Minute
	failureMemory = 24 * time.Hour
)

// lockAfter is how long an account is closed after so many failures.
func lockAfter(count int) time.Duration {
	if count < freeFailures {
		return 0
	}
	return min(firstLock<<min(count-freeFailures, 10), longestLock)
}

// counted is the name under which a login name's failures are counted.
func (d *Directory) counted(login string) string { return d.vault.Blind("person.failures", login) }

// counter is the name under which an account's failures are counted.
func (r record) counter(d *Directory) string {
	if r.Login != "" {
		return d.counted(r.Login)
	}
	return d.vault.Blind("person.failures.linked", string(r.ID))
}

// charge counts an attempt as a failure before it is looked at, so that many at
// once are no more than many in a row; absolve takes it back. An attempt while
// the account is closed is not counted: else others could keep it closed.
func (d *Directory) charge(ctx context.Context, name string) (closed bool, err error) {
	for range 20 {
		e, err := failureKind.Load(ctx, d.vault, name)
		absent := errors.Is(err, vault.ErrAbsent)
		if err != nil && !absent {
			return false, err
		}
		now := d.clock.Now()
		if now.Before(e.Value.Until) {
			return true, nil
		}
		e.Value.Count++
		e.Value.Until = now.Add(lockAfter(e.Value.Count))
		e.Until = e.Value.Until.Add(failureMemory)
		op := failureKind.Replace(e)
		if absent {
			op = failureKind.New(name, e.Value, e.Until)
		}
		if err = d.vault.Apply(ctx, op); !errors.Is(err, vault.ErrChanged) {
			return false, err
		}
	}
	// So many at the same instant is no person.
	return true, nil
}

// absolve forgets an account's failures: everything asked for was right.
func (d *Directory) absolve(ctx context.Context, name string) error {
	if err := d.vault.Apply(ctx, failureKind.Drop(name)); err != nil {
		return fmt.Errorf("forget failures: %w", err)
	}
	return nil
}
