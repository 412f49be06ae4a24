package person_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/smart/person"
)

func TestAnInvitationWorksOnceForItsOwn(t *testing.T) {
	s := newSite(t)
	a := s.invited(t, person.Newcomer{Login: "anna", Email: "anna@ehr.example", Display: "Dr. Anna Weiß"})
	b := s.invited(t, person.Newcomer{Login: "bert", Email: "bert@ehr.example"})
	ta, tb := s.token(t, "anna@ehr.example", person.LetterInvitation), s.token(t, "bert@ehr.example", person.LetterInvitation)
	_, secretA, _ := strings.Cut(ta, ".")
	for name, token := range map[string]string{
		"another's secret": string(b.ID) + "." + secretA, "no secret": string(a.ID) + ".", "no account": "." + secretA,
		"empty": "", "nonsense": "a.b.c", "long": strings.Repeat("A", 1<<16) + "." + secretA, "one bit": ta[:len(ta)-2] + "AA",
	} {
		_, _, err := s.Accept(ctx, token, good, peer)
		wants(t, name, err, person.ErrLink)
	}
	_, _, err := s.Reset(ctx, ta, good, peer)
	wants(t, "as a reset", err, person.ErrLink)
	if got, err := s.LookAt(ctx, person.Invitation, ta); err != nil || got.Login != "anna" {
		t.Errorf("LookAt = %q, %v", got.Login, err)
	}
	got, event, err := s.Accept(ctx, ta, good, peer)
	if err != nil || !got.Accepted || !got.EmailVerified || event.Kind != person.Accepted {
		t.Fatalf("accept: %+v, %+v, %v", got, event, err)
	}
	_, _, err = s.Accept(ctx, ta, other, peer)
	wants(t, "again", err, person.ErrLink)
	s.clk.Advance(72 * time.Hour)
	_, _, err = s.Accept(ctx, tb, good, peer)
	wants(t, "after 72 hours", err, person.ErrLink)
	if _, err := s.InviteAgain(ctx, alone, b.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Accept(ctx, s.token(t, "bert@ehr.example", person.LetterInvitation), good, peer); err != nil {
		t.Errorf("the second invitation: %v", err)
	}
	_, err = s.InviteAgain(ctx, alone, b.ID)
	wants(t, "who has joined is not invited", err, person.ErrState)
}

func TestALinkIsTakenOnceByManyAtOnce(t *testing.T) {
	w := newWorld()
	sites := []*site{w.site(t, options()), w.site(t, options())}
	sites[0].invited(t, person.Newcomer{Login: "anna", Email: "anna@ehr.example"})
	token := sites[0].token(t, "anna@ehr.example", person.LetterInvitation)
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for i := range 20 {
		wg.Go(func() {
			_, _, err := sites[i%2].Accept(ctx, token, good, peer)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				taken++
			} else if !errors.Is(err, person.ErrLink) {
				t.Errorf("error %v", err)
			}
		})
	}
	wg.Wait()
	if taken != 1 {
		t.Errorf("taken %d times, want once", taken)
	}
}

// TestAResetIsTheOwnersAlone: one letter to the address on file, one use, half an
// hour, the newest only; then all sessions are over and a lock is open.
func TestAResetIsTheOwnersAlone(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	b := s.joined(t, "bert")
	step := s.in(t, "anna")
	ask := func(who string) {
		t.Helper()
		if err := s.AskReset(ctx, who, peer); err != nil {
			t.Errorf("ask for %s: %v", who, err)
		}
		s.Settle()
		s.clk.Advance(3 * time.Minute)
	}
	ask("Anna")
	first := s.token(t, "anna@ehr.example", person.LetterReset)
	ask("ANNA@ehr.example")
	second := s.token(t, "anna@ehr.example", person.LetterReset)
	_, secret, _ := strings.Cut(second, ".")
	for name, token := range map[string]string{"voided by a newer": first, "for another": string(b.ID) + "." + secret} {
		_, _, err := s.Reset(ctx, token, other, peer)
		wants(t, name, err, person.ErrLink)
	}
	for range 9 {
		_, _ = s.SignIn(ctx, "anna", "wrong", peer)
	}
	now, event, err := s.Reset(ctx, second, other, peer)
	if err != nil || event.Kind != person.PasswordReset || now.Live(a.Epoch) || !now.Live(now.Epoch) {
		t.Fatalf("reset: %+v, %+v, %v", now, event, err)
	}
	if _, err := s.SignIn(ctx, "anna", other, peer); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	_, err = s.SignIn(ctx, "anna", good, peer)
	wants(t, "with the old password", err, person.ErrWrong)
	_, err = s.Flow(ctx, step.Flow)
	wants(t, "a sign-in under way", err, person.ErrExpired)
	_, _, err = s.Reset(ctx, second, good, peer)
	wants(t, "again", err, person.ErrLink)
	if n := len(s.box.all("anna@ehr.example", person.NoticePassword)); n != 1 {
		t.Errorf("%d notices, want 1", n)
	}
	ask("anna")
	s.clk.Advance(27 * time.Minute)
	_, _, err = s.Reset(ctx, s.token(t, "anna@ehr.example", person.LetterReset), good, peer)
	wants(t, "after 30 minutes", err, person.ErrLink)
}

func TestResetsAreAnsweredAlikeAndNotOften(t *testing.T) {
	s := newSite(t)
	disabled := s.joined(t, "dora")
	if _, err := s.Disable(ctx, alone, disabled.ID); err != nil {
		t.Fatal(err)
	}
	s.invited(t, person.Newcomer{Login: "nina", Email: "nina@ehr.example"})
	s.joined(t, "anna")
	for _, who := range []string{"nobody", "nobody@ehr.example", "dora", "dora@ehr.example", "nina", "", "anna", "anna", "anna@ehr.example"} {
		if err := s.AskReset(ctx, who, peer); err != nil {
			t.Errorf("%q: %v", who, err)
		}
		s.Settle()
	}
	for _, to := range []string{"dora@ehr.example", "nina@ehr.example"} {
		if n := len(s.box.all(to, person.LetterReset)); n != 0 {
			t.Errorf("%d letters to %s", n, to)
		}
	}
	if n := len(s.box.all("anna@ehr.example", person.LetterReset)); n != 1 {
		t.Errorf("%d letters to anna in a moment, want 1", n)
	}
	for range 20 {
		s.clk.Advance(5 * time.Minute)
		_ = s.AskReset(ctx, "anna", peer)
		s.Settle()
	}
	if n := len(s.box.all("anna@ehr.example", person.LetterReset)); n != 5 {
		t.Errorf("%d letters to anna on a day, want 5", n)
	}
	s.clk.Advance(24 * time.Hour)
	_ = s.AskReset(ctx, "anna", peer)
	s.Settle()
	if n := len(s.box.all("anna@ehr.example", person.LetterReset)); n != 6 {
		t.Errorf("%d letters to anna, want 6 after a day", n)
	}
}

func TestALetterThatCannotGoTellsNobody(t *testing.T) {
	s := newSite(t)
	s.joined(t, "anna")
	s.box.full = true
	for _, who := range []string{"anna", "nobody"} {
		if err := s.AskReset(ctx, who, peer); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
	s.Settle()
}

func TestChangingAPasswordTakesTheOldOne(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	_, event, err := s.ChangePassword(ctx, a.ID, "wrong", other, peer)
	wants(t, "a wrong old one", err, person.ErrWrong)
	if event.Kind != person.Refused {
		t.Errorf("the trail gets %+v", event)
	}
	_, _, err = s.ChangePassword(ctx, a.ID, good, "password12345", peer)
	wants(t, "a weak new one", err, person.TooUsual)
	now, event, err := s.ChangePassword(ctx, a.ID, good, other, peer)
	if err != nil || now.Epoch == a.Epoch || event.Kind != person.PasswordChanged {
		t.Errorf("change: epoch %d, %+v, %v", now.Epoch, event, err)
	}
	if len(s.box.all("anna@ehr.example", person.NoticePassword)) != 1 {
		t.Error("anna was not told")
	}
	for range 5 {
		_, _, err = s.ChangePassword(ctx, a.ID, "wrong", good, peer)
		wants(t, "guessing", err, person.ErrWrong)
	}
	_, _, err = s.ChangePassword(ctx, a.ID, other, good, peer)
	wants(t, "the right one after five failures", err, person.ErrWrong)
}

// TestNothingSecretIsTold: what an Account prints holds no secret of it.
func TestNothingSecretIsTold(t *testing.T) {
	s := newSite(t)
	s.joined(t, "anna")
	all, err := s.Accounts(ctx, "", 10)
	if err != nil || len(all) != 1 || !slices.ContainsFunc(all, func(a person.Account) bool { return a.Login == "anna" }) {
		t.Fatalf("accounts: %+v, %v", all, err)
	}
	for _, row := range rows(t, s) {
		for _, secret := range []string{"argon2", "anna", good} {
			if strings.Contains(row, secret) {
				t.Errorf("the table shows %q", secret)
			}
		}
	}
}

func TestPeopleAreToldTheLimitsThatHold(t *testing.T) {
	o := options()
	o.MinLength, o.MaxJustInTime = 20, time.Hour
	if got := newWorld().site(t, o).Limits(); got != (person.Limits{MinLength: 20, MaxJustInTime: time.Hour}) {
		t.Errorf("limits %+v", got)
	}
	if got := newSite(t).Limits(); got != (person.Limits{MinLength: 12, MaxJustInTime: 12 * time.Hour}) {
		t.Errorf("limits of a site that chooses none: %+v", got)
	}
}
