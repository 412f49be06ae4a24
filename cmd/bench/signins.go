package main

import (
	"fmt"
	"net/url"
	"sync"
	"time"
)

// passwords measures what a sign-in takes, alone and with as many at once as
// people may try: how many are computed at a time is bounded, and so is memory.
func (s *site) passwords() error {
	idle := s.whole.memory()
	var alone []figure
	for n := range othersMany {
		f, _, err := s.signIns(1, n)
		if err != nil {
			return err
		}
		alone = append(alone, f)
	}
	resident := s.whole.memory()
	const many = 3 * othersMany
	f, statuses, err := s.signIns(many, 0)
	if err != nil {
		return err
	}
	one := middle(alone)
	fmt.Fprintf(s.b.out, "\n| sign-in by password | p50 | CPU each | memory |\n| alone | %.0f ms | %.0f ms | %d MB resident, %d MB before |\n| %d at once | %.0f ms | %.0f ms | %d MB at most; statuses %v |\n",
		ms(one.p50), ms(one.cpu), resident>>20, idle>>20, many, ms(f.p50), ms(f.cpu), s.whole.peak()>>20, statuses)
	return nil
}

// signIns has so many people sign in at once, and counts the answers by status.
func (s *site) signIns(many, from int) (figure, map[int]int, error) {
	browsers, forms := make([]browser, many), make([]url.Values, many)
	for n := range many {
		var err error
		if browsers[n], err = newBrowser(s.whole, s.dir); err == nil {
			forms[n], err = browsers[n].signInPage()
		}
		if err != nil {
			return figure{}, nil, err
		}
	}
	statuses := map[int]int{}
	var mu sync.Mutex
	f, err := s.b.drive(s.whole, s.dir, many, many, func(_ *lane, n int) error {
		status, err := browsers[n].signIn(forms[n], fmt.Sprintf("person-%d", (from+n)%othersMany))
		mu.Lock()
		defer mu.Unlock()
		statuses[status]++
		return err
	})
	return f, statuses, err
}

// starts measures how long the authorization server takes to be ready again, and
// the memory it then has.
func (s *site) starts() error {
	s.whole.stop()
	s.whole = nil
	var took []time.Duration
	memory := 0
	for range s.b.rounds {
		at := now()
		c, err := s.b.spawn("authorization", s.dir, s.store, "")
		if err != nil {
			return err
		}
		took = append(took, now().Sub(at).Round(time.Millisecond))
		memory = c.memory()
		c.stop()
	}
	fmt.Fprintf(s.b.out, "\nwith the authorization server ready after %v; idle memory %d MB\n", took, memory>>20)
	return nil
}
