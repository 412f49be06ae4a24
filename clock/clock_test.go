package clock_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"firebreak/clock"
)

var (
	_ clock.Clock = clock.System{}
	_ clock.Clock = (*clock.Fixed)(nil)
)

func TestSystemMovesForward(t *testing.T) {
	a := clock.System{}.Now()
	b := clock.System{}.Now()
	if b.Before(a) {
		t.Errorf("second reading %v is before the first %v", b, a)
	}
	if since := b.Sub(a); since > time.Minute {
		t.Errorf("two readings are %v apart", since)
	}
}

func TestFixedStandsStillUntilMoved(t *testing.T) {
	start := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	c := clock.NewFixed(start)
	for range 2 {
		if got := c.Now(); got != start {
			t.Errorf("Now() = %v, want %v", got, start)
		}
	}
	if got, want := c.Advance(-time.Hour), start.Add(-time.Hour); got != want || c.Now() != want {
		t.Errorf("after Advance(-1h): %v, Now() = %v, want %v", got, c.Now(), want)
	}
	c.Set(start)
	if c.Now() != start {
		t.Errorf("after Set: %v, want %v", c.Now(), start)
	}
}

func TestFixedLosesNoAdvance(t *testing.T) {
	c := new(clock.Fixed)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				c.Advance(time.Second)
				c.Now()
			}
		})
	}
	wg.Wait()
	if got, want := c.Now(), (time.Time{}).Add(8000*time.Second); got != want {
		t.Errorf("Now() = %v, want %v", got, want)
	}
}

func ExampleFixed() {
	c := clock.NewFixed(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))
	c.Advance(90 * time.Second)
	fmt.Println(c.Now().Format(time.RFC3339))
	// Output: 2026-11-01T08:01:30Z
}
