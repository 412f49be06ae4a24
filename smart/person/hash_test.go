package person_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/smart/person"
)

// TestHashesShareTheirMemory: however many sign in, only so many hashes are
// computed at once.
func TestHashesShareTheirMemory(t *testing.T) {
	o := options()
	o.AtOnce, o.Cost, o.Wait = 2, person.Cost{Memory: 8 << 10, Time: 1, Threads: 1}, time.Minute
	s := newWorld().site(t, o)
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() { _, _ = s.SignIn(ctx, fmt.Sprint("guess", i), "wrong", peer) })
	}
	wg.Wait()
	if got := s.Work(); got.Peak != 2 || got.Computed != 24 {
		t.Errorf("work %+v, want 24 hashes, 2 at once", got)
	}
}

// TestWaitingForAHashHasAnEnd: and is no failure of the account.
func TestWaitingForAHashHasAnEnd(t *testing.T) {
	o := options()
	o.AtOnce, o.Cost, o.Wait = 1, person.Cost{Memory: 64 << 10, Time: 4, Threads: 1}, time.Minute
	s := newWorld().site(t, o)
	s.joined(t, "anna")
	cancelled, cancel := context.WithCancel(ctx)
	began := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		close(began)
		for range 4 {
			_, _ = s.SignIn(ctx, "nobody", "wrong", peer)
		}
	})
	<-began
	for s.Work().Peak == 0 {
		runtime.Gosched()
	}
	cancel()
	busy := 0
	for range 50 {
		if _, err := s.SignIn(cancelled, "anna", "wrong", peer); errors.Is(err, person.ErrBusy) {
			busy++
		}
	}
	wg.Wait()
	if busy == 0 {
		t.Error("nobody was told to come again")
	}
}

// TestPasswordsAreHashedAnewWhenTheCostGrew: at the next sign-in, without a word.
func TestPasswordsAreHashedAnewWhenTheCostGrew(t *testing.T) {
	w := newWorld()
	old := w.site(t, options())
	a := old.joined(t, "anna")
	o := options()
	o.Cost = person.Cost{Memory: 128, Time: 2, Threads: 1}
	s := w.site(t, o)
	hashes := func() int64 {
		before := s.Work().Computed
		s.in(t, "anna")
		return s.Work().Computed - before
	}
	if got := hashes(); got != 2 {
		t.Errorf("%d hashes at the first sign-in, want 2: one to check, one to keep", got)
	}
	if got := hashes(); got != 1 {
		t.Errorf("%d hashes at the second sign-in, want 1", got)
	}
	if now, err := s.Account(ctx, a.ID); err != nil || now.Epoch != a.Epoch {
		t.Errorf("epoch %d, %v; want %d: no session ends by it", now.Epoch, err, a.Epoch)
	}
	old.in(t, "anna") // the hash says its own cost
}

func TestCostsThatAreNoneAreRefused(t *testing.T) {
	w := newWorld()
	for _, c := range []person.Cost{{Memory: 64}, {Memory: 64, Time: 1}, {Memory: 7, Time: 1, Threads: 1}, {Memory: 2 << 20, Time: 1, Threads: 1}, {Memory: 64, Time: 101, Threads: 1}} {
		o := options()
		o.Cost = c
		if _, err := person.New(nil, w.clk, w.box, o); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

func TestPasswordsAreTheSameOnAnyKeyboard(t *testing.T) {
	s := newSite(t)
	s.joined(t, "anna") // good is "…über…"
	decomposed := strings.ReplaceAll(good, "ü", "u\u0308")
	if decomposed == good {
		t.Fatal("the test's password has no ü")
	}
	if _, err := s.SignIn(ctx, "anna", decomposed, peer); err != nil {
		t.Errorf("typed in two keys: %v", err)
	}
	if _, err := s.SignIn(ctx, "anna", "Ｒ"+good[1:], peer); err != nil {
		t.Errorf("typed in wide letters: %v", err)
	}
	_, err := s.SignIn(ctx, "anna", strings.ToLower(good), peer)
	wants(t, "in small letters", err, person.ErrWrong)
}

func BenchmarkHash(b *testing.B) {
	for _, c := range []person.Cost{person.Recommended, {Memory: 64 << 10, Time: 3, Threads: 1}, {Memory: 64 << 10, Time: 3, Threads: 2}, {Memory: 19 << 10, Time: 2, Threads: 1}} {
		b.Run(fmt.Sprintf("m=%d,t=%d,p=%d", c.Memory, c.Time, c.Threads), func(b *testing.B) {
			o := options()
			o.Cost, o.PeerBurst = c, 1<<30
			s := newWorld().site(b, o)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.SignIn(ctx, fmt.Sprint("guess", i), "wrong", peer); !errors.Is(err, person.ErrWrong) {
					b.Fatal(err)
				}
			}
		})
	}
}
