package person_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/smart/person"
	"firebreak/vault"
)

func TestAPasswordIsOneFactor(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	step := s.in(t, "  ANNA ")
	if step.Account != a.ID || step.ACR != person.ACR1 || !slices.Equal(step.AMR, []string{"pwd"}) || !step.Done || step.Flow == "" {
		t.Errorf("step %+v, want anna's with one factor", step)
	}
	again, err := s.Flow(ctx, step.Flow)
	if err != nil || again.Account != a.ID {
		t.Errorf("the flow is %+v, %v", again, err)
	}
	s.clk.Advance(10 * time.Minute)
	_, err = s.Flow(ctx, step.Flow)
	wants(t, "a flow after ten minutes", err, person.ErrExpired)
}

// counting counts what is read from a table.
type counting struct {
	vault.Table
	rows int
}

// Row is vault.Table's.
func (c *counting) Row(ctx context.Context, kind, name string, now int64) (vault.Row, bool, error) {
	c.rows++
	return c.Table.Row(ctx, kind, name, now)
}

// TestNobodyLearnsWhoHasAnAccount: unknown, disabled, locked, linked, not taken
// up, wrong: one error, one hash, the same reads.
func TestNobodyLearnsWhoHasAnAccount(t *testing.T) {
	w := newWorld()
	table := &counting{Table: w.table}
	w.table = table
	s := w.site(t, options())
	s.joined(t, "anna")
	disabled := s.joined(t, "dora")
	if _, err := s.Disable(ctx, alone, disabled.ID); err != nil {
		t.Fatal(err)
	}
	s.invited(t, person.Newcomer{Login: "nina", Email: "nina@ehr.example"})
	s.joined(t, "locked")
	for range 5 {
		_, _ = s.SignIn(ctx, "locked", "wrong", peer)
	}
	type trace struct {
		message string
		hashes  int64
		rows    int
	}
	var want trace
	for i, c := range []struct{ name, login, password string }{
		{"wrong password", "anna", "wrong"},
		{"unknown", "zoe", good},
		{"unknown in another script", "ζωή", good},
		{"disabled, right password", "dora", good},
		{"disabled, wrong password", "dora", "wrong"},
		{"not taken up", "nina", good},
		{"locked, right password", "locked", good},
		{"empty", "", ""},
		{"huge", string(make([]byte, 1<<16)), string(make([]byte, 1<<16))},
	} {
		work, rows := s.Work(), table.rows
		step, err := s.SignIn(ctx, c.login, c.password, peer)
		wants(t, c.name, err, person.ErrWrong)
		if step.Flow != "" || step.Account != "" || len(step.Can) > 0 {
			t.Errorf("%s: the step tells %+v", c.name, step)
		}
		if step.Event.Kind != person.Refused || step.Event.Detail == "" {
			t.Errorf("%s: the trail gets %+v", c.name, step.Event)
		}
		got := trace{fmt.Sprint(err), s.Work().Computed - work.Computed, table.rows - rows}
		if i == 0 {
			want = got
		}
		if got != want || got.hashes != 1 {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

// TestLockoutIsOneForAllServers: five failures close an account for 30 seconds,
// more for longer, never for ever; and they count together.
func TestLockoutIsOneForAllServers(t *testing.T) {
	w := newWorld()
	one, two := w.site(t, options()), w.site(t, options())
	one.joined(t, "anna")
	for i := range 5 {
		_, err := []*site{one, two}[i%2].SignIn(ctx, "anna", "wrong", peer)
		wants(t, "a wrong password", err, person.ErrWrong)
	}
	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		for _, s := range []*site{one, two} {
			step, err := s.SignIn(ctx, "Anna", good, peer)
			wants(t, "the right password while closed", err, person.ErrWrong)
			if step.Event.Detail != "too many failures" {
				t.Errorf("the trail gets %+v", step.Event)
			}
		}
		w.clk.Advance(want - time.Millisecond)
		_, err := two.SignIn(ctx, "anna", good, peer)
		wants(t, fmt.Sprintf("just before %v", want), err, person.ErrWrong)
		w.clk.Advance(time.Millisecond)
		_, err = two.SignIn(ctx, "anna", "wrong", peer)
		wants(t, "wrong again", err, person.ErrWrong)
	}
	w.clk.Advance(15 * time.Minute)
	two.in(t, "anna")
	for range 4 { // the success forgave
		_, _ = one.SignIn(ctx, "anna", "wrong", peer)
	}
	one.in(t, "anna")
}

// TestManyGuessesAtOnceAreNoMoreThanInARow: the count goes up before a password
// is looked at.
func TestManyGuessesAtOnceAreNoMoreThanInARow(t *testing.T) {
	s := newSite(t)
	s.joined(t, "anna")
	var wg sync.WaitGroup
	var mu sync.Mutex
	looked := 0
	for range 50 {
		wg.Go(func() {
			step, err := s.SignIn(ctx, "anna", "wrong", peer)
			mu.Lock()
			defer mu.Unlock()
			if !errors.Is(err, person.ErrWrong) {
				t.Errorf("error %v", err)
			}
			if step.Event.Detail == "wrong password" {
				looked++
			}
		})
	}
	wg.Wait()
	if looked > 5 {
		t.Errorf("%d guesses were looked at, want 5 at most", looked)
	}
}

func TestAPeerThatFailsOftenWaitsWhoeverItAsksFor(t *testing.T) {
	w := newWorld()
	o := options()
	o.PeerBurst, o.PeerPerMinute = 3, 6
	s := w.site(t, o)
	s.joined(t, "anna")
	for range 20 {
		s.in(t, "anna") // who succeeds is not counted
	}
	for i := range 3 {
		_, err := s.SignIn(ctx, fmt.Sprint("guess", i), "wrong", "2001:db8::1")
		wants(t, "a guess", err, person.ErrWrong)
	}
	var throttled *person.Throttled
	before := s.Work()
	if _, err := s.SignIn(ctx, "anna", good, "[2001:db8::ffff]:443"); !errors.As(err, &throttled) {
		t.Fatalf("error %v, want throttled: the same network", err)
	}
	if throttled.After <= 0 || throttled.After > 11*time.Second {
		t.Errorf("after %v, want about 10 s", throttled.After)
	}
	if s.Work() != before {
		t.Error("a throttled peer made a hash be computed")
	}
	s.in(t, "anna") // another peer
	w.clk.Advance(throttled.After)
	if _, err := s.SignIn(ctx, "anna", good, "2001:db8::1"); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestPeersAreForgottenWhenThereAreTooMany(t *testing.T) {
	s := newSite(t)
	for i := range 50_500 {
		_ = s.AskReset(ctx, "", fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	if n := s.Peers(); n > 50_000 {
		t.Errorf("%d peers are remembered", n)
	}
}

func TestLooksAlikeCollide(t *testing.T) {
	s := newSite(t)
	s.joined(t, "anna.weiß")
	for _, login := range []string{"Anna.Weiß", "ANNA.WEISS", "ａｎｎａ.weiß", "anna.wei\u00df", "𝐚𝐧𝐧𝐚.weiss", " anna.weiss\t"} {
		_, _, err := s.Invite(ctx, operator, person.Newcomer{Login: login, Email: "x@ehr.example"})
		wants(t, login, err, person.ErrTaken)
		if a, err := s.Find(ctx, login); err != nil || a.Login != "anna.weiss" {
			t.Errorf("Find(%q) = %q, %v", login, a.Login, err)
		}
	}
	for _, login := range []string{"", "a", "anna weiss", "\u0430nna", "ann\u03b1", "anna\u200b", "anna\x00", "anna\u202e", "\xff\xfe", string(make([]byte, 600))} {
		_, _, err := s.Invite(ctx, operator, person.Newcomer{Login: login, Email: "x@ehr.example"})
		wants(t, fmt.Sprintf("%.20q", login), err, person.ErrLogin)
	}
}

// TestNobodyIsKeptOutOfABrowserThatKnowsThem by failures in their name elsewhere;
// in it, guessing slows down all the same.
func TestNobodyIsKeptOutOfABrowserThatKnowsThem(t *testing.T) {
	w := newWorld()
	one, two := w.site(t, options()), w.site(t, options())
	anna, bert := one.joined(t, "anna"), one.joined(t, "bert")
	known := func(id person.ID, b person.Browser) person.Browser {
		t.Helper()
		b, err := one.Known(ctx, id, b)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	annas := known(anna.ID, "")
	both := known(bert.ID, annas)
	chance, _, _ := strings.Cut(string(known(bert.ID, "")), ".")
	_, hash, _ := strings.Cut(string(annas), ".")
	close := func(at ...person.Browser) {
		t.Helper()
		for range 12 {
			_, err := one.SignIn(ctx, "anna", "wrong", peer, at...)
			wants(t, "a wrong password", err, person.ErrWrong)
		}
	}
	close()
	for name, b := range map[string]person.Browser{"no browser": "", "another's": known(bert.ID, ""), "nonsense": "x.y", "a hash of another": person.Browser(chance + "." + hash), "no hash": person.Browser(chance), "an empty hash": person.Browser(chance + ".")} {
		_, err := two.SignIn(ctx, "anna", good, peer, b)
		wants(t, name, err, person.ErrWrong)
	}
	for name, b := range map[string]person.Browser{"hers": annas, "hers and another's": both, "upper case name": known(anna.ID, both)} {
		if _, err := two.SignIn(ctx, "Anna", good, peer, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := one.SignIn(ctx, "anna", good, peer)
	wants(t, "elsewhere it is closed still", err, person.ErrWrong)
	close(annas)
	_, err = two.SignIn(ctx, "anna", good, peer, annas)
	wants(t, "hers, after guesses in it", err, person.ErrWrong)
	if _, err = two.SignIn(ctx, "anna", good, peer, known(anna.ID, "")); err != nil {
		t.Errorf("another of hers: %v", err)
	}
	b := annas
	for i := range 12 {
		b = known(one.joined(t, fmt.Sprintf("nurse%02d", i)).ID, b)
	}
	if len(b) > 700 {
		t.Errorf("it grows: %d bytes", len(b))
	}
	_, err = two.SignIn(ctx, "anna", good, peer, b)
	wants(t, "long ago, with many since", err, person.ErrWrong)
}

// TestWhoBelongsElsewhereSignsInThere: a passkey here is a second factor for
// them, for the other directory may have let them go.
func TestWhoBelongsElsewhereSignsInThere(t *testing.T) {
	s := newSite(t)
	a, _, err := s.Linked(ctx, "keycloak", "https://idp.example", "carla", person.Profile{Display: "Carla"})
	if err != nil {
		t.Fatal(err)
	}
	key := s.withPasskey(t, a.ID)
	begun := s.begin(t, "")
	_, err = s.FinishPasskey(ctx, begun.ID, key.get(t, begun), peer)
	wants(t, "alone", err, person.ErrWrong)
	step, err := s.StepUp(ctx, a.ID, []string{"pwd"})
	if err != nil || !slices.Equal(step.Can, []person.Factor{person.RecoveryCode, person.PasskeyUse}) {
		t.Fatalf("step %+v, %v", step, err)
	}
	begun = s.begin(t, step.Flow)
	step, err = s.FinishPasskey(ctx, begun.ID, key.get(t, begun), peer)
	if err != nil || step.ACR != person.ACR3 {
		t.Errorf("after the other directory: %+v, %v", step, err)
	}
	_, err = s.SignIn(ctx, "", "", peer)
	wants(t, "by a name that is none", err, person.ErrWrong)
}
