package person_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/smart/person"
	"firebreak/store"
)

func TestMain(m *testing.M) { service.Main(m) }

// TestServersOfOneDatabaseAreOneDirectory: what may happen once happens once,
// and failures on one count on the other.
func TestServersOfOneDatabaseAreOneDirectory(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		s, err := store.OpenSQLite(ctx, filepath.Join(t.TempDir(), "store.db"), store.Options{Clock: clock.System{}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		oneDirectory(t, s, s)
	})
	t.Run("postgres", func(t *testing.T) {
		url := service.Postgres(t)
		var nodes [2]*store.Store
		for i := range nodes {
			s, err := store.OpenPostgres(ctx, url, store.Options{Clock: clock.System{}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			nodes[i] = s
		}
		oneDirectory(t, nodes[0], nodes[1])
	})
}

func oneDirectory(t *testing.T, one, two *store.Store) {
	w, w2 := newWorld(), newWorld()
	w.table, w2.table, w2.keys, w2.clk, w2.box = one.Vault(), two.Vault(), w.keys, w.clk, w.box
	sites := []*site{w.site(t, options()), w2.site(t, options())}
	sites[0].invited(t, doctor)
	token := sites[0].token(t, doctor.Email, person.LetterInvitation)
	if n := successes(8, func(i int) error { _, _, err := sites[i%2].Accept(ctx, token, good, peer); return err }); n != 1 {
		t.Errorf("an invitation was taken %d times", n)
	}
	if n := successes(8, func(i int) error {
		_, _, err := sites[i%2].Invite(ctx, operator, person.Newcomer{Login: "bert", Email: "bert@ehr.example"})
		return err
	}); n != 1 {
		t.Errorf("a login name was given %d times", n)
	}
	var mu sync.Mutex
	ids := map[person.ID]bool{}
	successes(8, func(i int) error {
		a, _, err := sites[i%2].Linked(ctx, "keycloak", "https://idp.example", "subject", person.Profile{})
		mu.Lock()
		defer mu.Unlock()
		ids[a.ID] = true
		return err
	})
	if len(ids) != 1 {
		t.Errorf("%d accounts were linked to one person", len(ids))
	}
	a, err := sites[0].Find(ctx, "anna")
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := sites[0].withTOTP(t, a)
	w.clk.Advance(time.Minute)
	flows := []string{sites[0].in(t, "anna").Flow, sites[1].in(t, "anna").Flow}
	c := code(t, secret, w.clk.Now())
	if n := successes(2, func(i int) error { _, err := sites[1-i].VerifyTOTP(ctx, flows[i], c, peer); return err }); n != 1 {
		t.Errorf("a code was taken %d times", n)
	}
	w.clk.Advance(time.Hour)
	sites[1].withPasskey(t, a.ID)
	for i := range 10 {
		_, _ = sites[i%2].SignIn(ctx, "anna", "wrong", peer)
	}
	for _, s := range sites {
		_, err := s.SignIn(ctx, "anna", good, peer)
		wants(t, "after failures on both", err, person.ErrWrong)
	}
}

// successes does something so many times at once and counts.
func successes(n int, do func(int) error) int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := 0
	for i := range n {
		wg.Go(func() {
			if do(i) == nil {
				mu.Lock()
				defer mu.Unlock()
				count++
			}
		})
	}
	wg.Wait()
	return count
}
