package person

import (
	"context"
	"errors"
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
// no lasting lock, and none at all in a browser that is known because of failures
// elsewhere: it would be a way to keep a clinician out.
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
func (r record) counter(d *Directory, at ...Browser) string {
	if r.Login != "" {
		return d.countedAt(r.Login, at)
	}
	return d.vault.Blind("person.failures.linked", string(r.ID))
}

// attempt is one that was counted.
type attempt struct {
	name  string
	until time.Time // as it left the account closed
}

// charge counts an attempt as a failure before it is looked at, so that many at
// once are no more than many in a row. An attempt while the account is closed is
// not counted: else others could keep it closed.
func (d *Directory) charge(ctx context.Context, name string) (a attempt, closed bool, err error) {
	for range 20 {
		e, err := failureKind.Load(ctx, d.vault, name)
		absent := errors.Is(err, vault.ErrAbsent)
		if err != nil && !absent {
			return a, false, err
		}
		now := d.clock.Now().UTC()
		if now.Before(e.Value.Until) {
			return a, true, nil
		}
		e.Value.Count++
		e.Value.Until = now.Add(lockAfter(e.Value.Count))
		e.Until = e.Value.Until.Add(failureMemory)
		op := failureKind.Replace(e)
		if absent {
			op = failureKind.New(name, e.Value, e.Until)
		}
		if err = d.vault.Apply(ctx, op); !errors.Is(err, vault.ErrChanged) {
			return attempt{name, e.Value.Until}, false, err
		}
	}
	// So many at the same instant is no person.
	return a, true, nil
}

// forgive takes an attempt back that was right. With everything proved, all
// failures are forgotten; with a second factor still to come, only this one is
// none: else a known password would buy guesses at the code.
func (d *Directory) forgive(ctx context.Context, r record, a attempt) error {
	if !r.second() {
		return d.vault.Apply(ctx, failureKind.Drop(a.name))
	}
	_, err := failureKind.Update(ctx, d.vault, a.name, nil, func(e *vault.Entry[failures]) error {
		e.Value.Count = max(e.Value.Count-1, 0)
		if e.Value.Until.Equal(a.until) { // not closed by another attempt meanwhile
			e.Value.Until = time.Time{}
		}
		return nil
	})
	if errors.Is(err, vault.ErrAbsent) {
		return nil // forgotten meanwhile
	}
	return err
}
