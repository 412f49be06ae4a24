package person_test

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"firebreak/smart/person"
)

// code is the one-time code of a secret at a time.
func code(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withTOTP gives an account one-time codes, and says their secret and the
// recovery codes. The code of the time is used up.
func (s *site) withTOTP(t testing.TB, a person.Account) (secret string, codes []string) {
	t.Helper()
	e, err := s.EnrolTOTP(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := s.ConfirmTOTP(ctx, a.ID, "", code(t, e.Secret, s.clk.Now()), peer)
	if err != nil {
		t.Fatal(err)
	}
	return e.Secret, got.Codes
}

func TestEnrolmentSaysWhatAppsNeed(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	e, err := s.EnrolTOTP(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(e.URI)
	q := u.Query()
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Firebreak:anna" || q.Get("secret") != e.Secret || q.Get("digits") != "6" ||
		q.Get("period") != "30" || q.Get("algorithm") != "SHA1" || q.Get("issuer") != "Firebreak" {
		t.Errorf("URI %s", e.URI)
	}
	if len(e.Secret) != 32 { // 160 bits in base32
		t.Errorf("secret of %d characters, want 32", len(e.Secret))
	}
	if img, err := png.Decode(bytes.NewReader(e.PNG)); err != nil || img.Bounds().Dx() < 200 {
		t.Errorf("picture: %v", err)
	}
	_, _, err = s.ConfirmTOTP(ctx, a.ID, "", "000000", peer)
	wants(t, "a wrong code", err, person.ErrWrong)
	if now, _ := s.Account(ctx, a.ID); now.HasTOTP {
		t.Error("codes count before they are confirmed")
	}
	s.clk.Advance(10 * time.Minute)
	_, _, err = s.ConfirmTOTP(ctx, a.ID, "", code(t, e.Secret, s.clk.Now()), peer)
	wants(t, "too late", err, person.ErrExpired)
}

func TestTwoFactorsAreASecondClass(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	secret, _ := s.withTOTP(t, a)
	s.clk.Advance(time.Minute)
	step := s.in(t, "anna")
	if step.Done || step.ACR != person.ACR1 || !slices.Equal(step.Can, []person.Factor{person.TOTP, person.RecoveryCode}) {
		t.Errorf("after the password: %+v", step)
	}
	step, err := s.VerifyTOTP(ctx, step.Flow, code(t, secret, s.clk.Now()), peer)
	if err != nil || !step.Done || step.ACR != person.ACR2 || !slices.Equal(step.AMR, []string{"pwd", "otp", "mfa"}) {
		t.Errorf("after the code: %+v, %v", step, err)
	}
	_, err = s.VerifyTOTP(ctx, "no such flow", code(t, secret, s.clk.Now()), peer)
	wants(t, "without a password", err, person.ErrExpired)
	if err := s.End(ctx, step.Flow); err != nil {
		t.Fatal(err)
	}
	_, err = s.Flow(ctx, step.Flow)
	wants(t, "after the end", err, person.ErrExpired)
}

// TestACodeIsTakenOnce: and so is every earlier one; clocks may be a step apart.
func TestACodeIsTakenOnce(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	secret, _ := s.withTOTP(t, a)
	now := s.clk.Now()
	for _, c := range []struct {
		name string
		at   time.Duration // of the phone
		want error
	}{
		{"that of the enrolment", 0, person.ErrWrong},
		{"the one before", -30 * time.Second, person.ErrWrong},
		{"the next one: the phone is fast", 30 * time.Second, nil},
		{"the next one again", 30 * time.Second, person.ErrWrong},
		{"two steps ahead", time.Minute, person.ErrWrong},
		{"an hour ago", -time.Hour, person.ErrWrong},
	} {
		_, err := s.VerifyTOTP(ctx, s.in(t, "anna").Flow, code(t, secret, now.Add(c.at)), peer)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	s.clk.Set(now.Add(90 * time.Second))
	if _, err := s.VerifyTOTP(ctx, s.in(t, "anna").Flow, code(t, secret, now.Add(time.Minute)), peer); err != nil {
		t.Errorf("the step before: %v", err)
	}
}

func TestACodeIsTakenOnceByAllServers(t *testing.T) {
	w := newWorld()
	sites := []*site{w.site(t, options()), w.site(t, options())}
	a := sites[0].joined(t, "anna")
	secret, _ := sites[0].withTOTP(t, a)
	w.clk.Advance(time.Minute)
	c := code(t, secret, w.clk.Now())
	var flows []string
	for range 4 {
		flows = append(flows, sites[0].in(t, "anna").Flow)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for i, flow := range flows {
		wg.Go(func() {
			_, err := sites[i%2].VerifyTOTP(ctx, flow, c, peer)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				taken++
			}
		})
	}
	wg.Wait()
	if taken != 1 {
		t.Errorf("taken %d times, want once", taken)
	}
}

// TestCodesCannotBeGuessedWithThePassword: a right password does not forgive
// wrong codes.
func TestCodesCannotBeGuessedWithThePassword(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	secret, codes := s.withTOTP(t, a)
	s.clk.Advance(time.Minute)
	looked := 0
	for i := range 10 {
		step, err := s.SignIn(ctx, "anna", good, peer)
		if err != nil {
			break
		}
		step, err = s.VerifyTOTP(ctx, step.Flow, fmt.Sprintf("%06d", i), peer)
		wants(t, "a guess", err, person.ErrWrong)
		if step.Event.Detail == "wrong totp" {
			looked++
		}
	}
	if looked > 5 {
		t.Errorf("%d guesses were looked at in a row", looked)
	}
	step, err := s.StepUp(ctx, a.ID, []string{"pwd"})
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() (person.Step, error){
		"the right code while closed":        func() (person.Step, error) { return s.VerifyTOTP(ctx, step.Flow, code(t, secret, s.clk.Now()), peer) },
		"a right recovery code while closed": func() (person.Step, error) { return s.UseRecoveryCode(ctx, step.Flow, codes[0], peer) },
	} {
		_, err := try()
		wants(t, name, err, person.ErrWrong)
	}
	s.clk.Advance(time.Minute)
	if _, err := s.UseRecoveryCode(ctx, step.Flow, codes[0], peer); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestRecoveryCodesWorkOnceEach(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	_, codes := s.withTOTP(t, a)
	b := s.joined(t, "bert")
	_, theirs := s.withTOTP(t, b)
	if len(codes) != 10 || slices.Contains(theirs, codes[0]) {
		t.Fatalf("codes %q", codes)
	}
	use := func(c string) (person.Step, error) { return s.UseRecoveryCode(ctx, s.in(t, "anna").Flow, c, peer) }
	for _, c := range []string{"", theirs[0], codes[0][:18], "aaaa-aaaa-aaaa-aaaa"} {
		_, err := use(c)
		wants(t, c, err, person.ErrWrong)
		s.clk.Advance(time.Minute)
	}
	step, err := use(strings.ToUpper(strings.ReplaceAll(codes[3], "-", " ")))
	if err != nil || step.ACR != person.ACR2 || !step.Done {
		t.Errorf("as it is read aloud: %+v, %v", step, err)
	}
	_, err = use(codes[3])
	wants(t, "again", err, person.ErrWrong)
	if now, _ := s.Account(ctx, a.ID); now.RecoveryCodes != 9 {
		t.Errorf("%d are left, want 9", now.RecoveryCodes)
	}
	if len(s.box.all("anna@ehr.example", person.NoticeRecovery)) != 1 {
		t.Error("anna was not told")
	}
	fresh, _, err := s.NewRecoveryCodes(ctx, a.ID)
	if err != nil || len(fresh) != 10 {
		t.Fatalf("new codes: %q, %v", fresh, err)
	}
	_, err = use(codes[4])
	wants(t, "one of the old", err, person.ErrWrong)
	if _, err := use(fresh[4]); err != nil {
		t.Errorf("one of the new: %v", err)
	}
}

// TestWhoMustEnrolDoesSoFirst: by their account's word or a role's.
func TestWhoMustEnrolDoesSoFirst(t *testing.T) {
	o := options()
	o.SecondFactor = []string{"physician"}
	s := newWorld().site(t, o)
	a := s.joinedAs(t, person.Newcomer{Login: "anna", Email: "anna@ehr.example", Roles: []person.RoleGrant{{Role: "physician"}}})
	step := s.in(t, "anna")
	if !step.Enrol || step.Done {
		t.Fatalf("step %+v, want to enrol", step)
	}
	e, err := s.EnrolTOTP(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	bert := s.joined(t, "bert")
	theirs, err := s.EnrolTOTP(ctx, bert.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.ConfirmTOTP(ctx, bert.ID, step.Flow, code(t, theirs.Secret, s.clk.Now()), peer)
	wants(t, "in another's sign-in", err, person.ErrExpired)
	got, event, err := s.ConfirmTOTP(ctx, a.ID, step.Flow, code(t, e.Secret, s.clk.Now()), peer)
	if err != nil || event.Kind != person.FactorAdded || len(got.Codes) != 10 {
		t.Fatalf("confirm: %+v, %+v, %v", got, event, err)
	}
	if got.Step.Enrol || !got.Step.Done || got.Step.ACR != person.ACR2 || got.Step.Epoch != got.Account.Epoch {
		t.Errorf("the sign-in goes on with %+v", got.Step)
	}
	if _, err := s.Flow(ctx, step.Flow); err != nil {
		t.Errorf("the flow is over: %v", err)
	}
	if len(s.box.all("anna@ehr.example", person.NoticeFactor)) != 1 {
		t.Error("anna was not told")
	}
	_, _, err = s.RemoveTOTP(ctx, a.ID)
	wants(t, "the last second factor", err, person.ErrState)
}

// TestAResetLeavesTheSecondFactor: a mailbox is not enough.
func TestAResetLeavesTheSecondFactor(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	s.withTOTP(t, a)
	_ = s.AskReset(ctx, "anna", peer)
	if _, _, err := s.Reset(ctx, s.token(t, "anna@ehr.example", person.LetterReset), other, peer); err != nil {
		t.Fatal(err)
	}
	step, err := s.SignIn(ctx, "anna", other, peer)
	if err != nil || step.Done || !slices.Contains(step.Can, person.TOTP) {
		t.Errorf("step %+v, %v; want the code too", step, err)
	}
}

func TestWithoutASecondFactorThereAreNoRecoveryCodes(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	_, _, err := s.NewRecoveryCodes(ctx, a.ID)
	wants(t, "codes for nothing", err, person.ErrState)
	_, codes := s.withTOTP(t, a)
	if _, _, err := s.RemoveTOTP(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	step := s.in(t, "anna")
	if !step.Done || len(step.Can) != 0 {
		t.Errorf("step %+v", step)
	}
	_, err = s.UseRecoveryCode(ctx, step.Flow, codes[0], peer)
	wants(t, "a code of a factor that is gone", err, person.ErrWrong)
}

// TestARightPasswordOpensNoLockOfAnother: the password was being looked at when a
// wrong code closed the account.
func TestARightPasswordOpensNoLockOfAnother(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	s.withTOTP(t, a)
	for range 3 {
		if _, err := s.Charge(ctx, a.ID); err != nil {
			t.Fatal(err)
		}
	}
	forgive, err := s.Charge(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Charge(ctx, a.ID); err != nil { // the fifth
		t.Fatal(err)
	}
	if err := forgive(); err != nil {
		t.Fatal(err)
	}
	_, err = s.SignIn(ctx, "anna", good, peer)
	wants(t, "while closed", err, person.ErrWrong)
	s.clk.Advance(30 * time.Second)
	s.in(t, "anna")
}
