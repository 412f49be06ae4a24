package person_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"firebreak/smart/person"
	"firebreak/vault"
)

// withPasskey gives an account a passkey.
func (s *site) withPasskey(t testing.TB, id person.ID) *authenticator {
	t.Helper()
	a := newAuthenticator(t)
	c, err := s.BeginPasskeyEnrolment(ctx, id, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.FinishPasskeyEnrolment(ctx, c.ID, "my phone", a.create(t, c), peer); err != nil {
		t.Fatal(err)
	}
	return a
}

// begin is a new ceremony; flow "" is one without a name.
func (s *site) begin(t testing.TB, flow string) person.Ceremony {
	t.Helper()
	c, err := s.BeginPasskey(ctx, flow)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheBrowserIsAskedForTheRightPasskey(t *testing.T) {
	s := newSite(t)
	a := s.joinedAs(t, person.Newcomer{Login: "anna", Email: "anna@ehr.example", Display: "Dr. Anna Weiß"})
	key := s.withPasskey(t, a.ID)
	c, err := s.BeginPasskeyEnrolment(ctx, a.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	o := read(t, c).PublicKey
	handle, _ := b64.DecodeString(o.User.ID)
	if o.RP.ID != "ehr.example" || o.RP.Name != "Firebreak" || o.User.Name != "anna" || o.User.DisplayName != "Dr. Anna Weiß" || string(handle) != string(a.ID) ||
		o.AuthenticatorSelection.ResidentKey != "preferred" || o.AuthenticatorSelection.UserVerification != "required" ||
		o.Attestation != "none" && o.Attestation != "" || o.Timeout != 300_000 || o.PubKeyCredParams[0].Alg != -7 {
		t.Errorf("options %s", c.Options)
	}
	if challenge, err := b64.DecodeString(o.Challenge); err != nil || len(challenge) < 16 {
		t.Errorf("challenge %q", o.Challenge)
	}
	if len(o.ExcludeCredentials) != 1 || o.ExcludeCredentials[0].ID != b64.EncodeToString(key.id) {
		t.Errorf("excluded %v", o.ExcludeCredentials)
	}
	if bytes.Contains(c.Options, []byte("null")) {
		t.Errorf("browsers refuse null: %s", c.Options)
	}
	c = s.begin(t, "")
	o = read(t, c).PublicKey
	if len(o.AllowCredentials) != 0 || o.RPID != "ehr.example" || o.UserVerification != "required" || strings.Contains(string(c.Options), "anna") {
		t.Errorf("options without a name %s", c.Options)
	}
	o = read(t, s.begin(t, s.in(t, "anna").Flow)).PublicKey
	if len(o.AllowCredentials) != 1 || o.AllowCredentials[0].ID != b64.EncodeToString(key.id) {
		t.Errorf("allowed %v", o.AllowCredentials)
	}
}

func TestAPasskeyIsTheHighestClass(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	key := s.withPasskey(t, a.ID)
	for _, c := range []struct {
		name, flow string
		want       []string
	}{
		{"alone", "", []string{"hwk", "user", "mfa"}},
		{"after a password", s.in(t, "anna").Flow, []string{"pwd", "hwk", "user", "mfa"}},
	} {
		begun := s.begin(t, c.flow)
		step, err := s.FinishPasskey(ctx, begun.ID, key.get(t, begun), peer)
		if err != nil || step.Account != a.ID || step.ACR != person.ACR3 || !step.Done || !slices.Equal(step.AMR, c.want) || len(step.Can) != 0 {
			t.Errorf("%s: %+v, %v", c.name, step, err)
		}
	}
	synced := newAuthenticator(t)
	synced.flags |= eligible | backed
	begun, err := s.BeginPasskeyEnrolment(ctx, a.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.FinishPasskeyEnrolment(ctx, begun.ID, "cloud", synced.create(t, begun), peer); err != nil {
		t.Fatal(err)
	}
	begun = s.begin(t, "")
	step, err := s.FinishPasskey(ctx, begun.ID, synced.get(t, begun), peer)
	if err != nil || !slices.Contains(step.AMR, "swk") {
		t.Errorf("one that is synced: %+v, %v", step, err)
	}
	for range 9 { // there is nothing to guess
		_, _ = s.SignIn(ctx, "anna", "wrong", peer)
	}
	begun = s.begin(t, "")
	if _, err := s.FinishPasskey(ctx, begun.ID, key.get(t, begun), peer); err != nil {
		t.Errorf("while passwords are closed: %v", err)
	}
}

// TestForgedAssertionsAreWrong: each is right but for one thing.
func TestForgedAssertionsAreWrong(t *testing.T) {
	s := newSite(t)
	a, b := s.joined(t, "anna"), s.joined(t, "bert")
	mine, theirs := s.withPasskey(t, a.ID), s.withPasskey(t, b.ID)
	for _, c := range []struct {
		name  string
		forge func(*authenticator)
	}{
		{"another origin", func(k *authenticator) { k.origin = "https://ehr.example.evil.example" }},
		{"another port", func(k *authenticator) { k.origin = "https://ehr.example:8443" }},
		{"without TLS", func(k *authenticator) { k.origin = "http://ehr.example" }},
		{"another relying party", func(k *authenticator) { k.rpID = "example" }},
		{"another ceremony", func(k *authenticator) { k.kind = "webauthn.create" }},
		{"in a frame elsewhere", func(k *authenticator) { k.crossOrigin = true }},
		{"user not verified", func(k *authenticator) { k.flags = present }},
		{"user not present", func(k *authenticator) { k.flags = verified }},
		{"another's key", func(k *authenticator) { k.key = theirs.key }},
		{"another's handle", func(k *authenticator) { k.handle = theirs.handle }},
		{"no handle", func(k *authenticator) { k.handle = nil }},
		{"an unknown handle", func(k *authenticator) { k.handle = []byte("AAAAAAAAAAAAAAAAAAAAAA") }},
		{"an unknown passkey", func(k *authenticator) { k.id = []byte("0123456789abcdef0123456789abcdef") }},
		{"became a synced one", func(k *authenticator) { k.flags |= eligible }},
	} {
		forged := *mine
		c.forge(&forged)
		begun := s.begin(t, "")
		step, err := s.FinishPasskey(ctx, begun.ID, forged.get(t, begun), peer)
		wants(t, c.name, err, person.ErrWrong)
		if step.Flow != "" || step.ACR != "" {
			t.Errorf("%s: %+v", c.name, step)
		}
	}
	for name, response := range map[string][]byte{"nothing": nil, "not JSON": []byte("{"), "huge": bytes.Repeat([]byte(" "), 1<<20), "empty": []byte("{}")} {
		begun := s.begin(t, "")
		_, err := s.FinishPasskey(ctx, begun.ID, response, peer)
		wants(t, name, err, person.ErrWrong)
	}
	// Bert's passkey is no second factor of Anna's sign-in.
	begun := s.begin(t, s.in(t, "anna").Flow)
	_, err := s.FinishPasskey(ctx, begun.ID, theirs.get(t, begun), peer)
	wants(t, "another's passkey", err, person.ErrWrong)
	begun = s.begin(t, "")
	if _, err := s.FinishPasskey(ctx, begun.ID, mine.get(t, begun), peer); err != nil {
		t.Errorf("the true one: %v", err)
	}
}

func TestACeremonyIsFinishedOnceAndSoon(t *testing.T) {
	w := newWorld()
	s, other := w.site(t, options()), w.site(t, options())
	a := s.joined(t, "anna")
	key := s.withPasskey(t, a.ID)
	begun := s.begin(t, "")
	response := key.get(t, begun)
	if _, err := other.FinishPasskey(ctx, begun.ID, response, peer); err != nil {
		t.Fatalf("on another server: %v", err)
	}
	_, err := s.FinishPasskey(ctx, begun.ID, response, peer)
	wants(t, "again", err, person.ErrExpired)
	second := s.begin(t, "")
	_, err = s.FinishPasskey(ctx, second.ID, response, peer)
	wants(t, "an old response to a new challenge", err, person.ErrWrong)
	_, err = s.FinishPasskey(ctx, second.ID, key.get(t, second), peer)
	wants(t, "a second try", err, person.ErrExpired)
	late := s.begin(t, "")
	w.clk.Advance(5 * time.Minute)
	_, err = s.FinishPasskey(ctx, late.ID, key.get(t, late), peer)
	wants(t, "after five minutes", err, person.ErrExpired)
	enrol, err := s.BeginPasskeyEnrolment(ctx, a.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.FinishPasskey(ctx, enrol.ID, key.get(t, enrol), peer)
	wants(t, "a ceremony of the other kind", err, person.ErrExpired)
}

// TestAPasskeyWhoseCounterGoesBackIsSuspended: there may be two of it.
func TestAPasskeyWhoseCounterGoesBackIsSuspended(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	key := s.withPasskey(t, a.ID)
	use := func(count uint32) (person.Step, error) {
		key.count = count
		begun := s.begin(t, "")
		return s.FinishPasskey(ctx, begun.ID, key.get(t, begun), peer)
	}
	for _, count := range []uint32{0, 0, 5, 6} {
		if _, err := use(count); err != nil {
			t.Fatalf("count %d: %v", count, err)
		}
	}
	step, err := use(6)
	wants(t, "the same count", err, person.ErrWrong)
	if step.Event.Kind != person.PasskeySuspended || step.Event.Account != a.ID {
		t.Errorf("the trail gets %+v", step.Event)
	}
	_, err = use(100)
	wants(t, "after that", err, person.ErrWrong)
	now, err := s.Account(ctx, a.ID)
	if err != nil || len(now.Passkeys) != 1 || !now.Passkeys[0].Suspended {
		t.Errorf("passkeys %+v, %v", now.Passkeys, err)
	}
	if len(s.box.all("anna@ehr.example", person.NoticePasskey)) != 1 {
		t.Error("anna was not told")
	}
	if step := s.in(t, "anna"); slices.Contains(step.Can, person.PasskeyUse) {
		t.Errorf("it is offered: %+v", step)
	}
	if _, _, err := s.RemovePasskey(ctx, a.ID, now.Passkeys[0].ID); err != nil {
		t.Fatal(err)
	}
	s.withPasskey(t, a.ID)
}

func TestForgedEnrolmentsAreWrong(t *testing.T) {
	s := newSite(t)
	a, b := s.joined(t, "anna"), s.joined(t, "bert")
	theirs := s.withPasskey(t, b.ID)
	for name, forge := range map[string]func(*authenticator){
		"another origin":        func(k *authenticator) { k.origin = "https://evil.example" },
		"another relying party": func(k *authenticator) { k.rpID = "evil.example" },
		"user not verified":     func(k *authenticator) { k.flags = present },
		"another ceremony":      func(k *authenticator) { k.kind = "webauthn.get" },
	} {
		key := newAuthenticator(t)
		forge(key)
		c, err := s.BeginPasskeyEnrolment(ctx, a.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.FinishPasskeyEnrolment(ctx, c.ID, name, key.create(t, c), peer)
		wants(t, name, err, person.ErrWrong)
	}
	c, err := s.BeginPasskeyEnrolment(ctx, a.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	copied := *theirs
	_, _, err = s.FinishPasskeyEnrolment(ctx, c.ID, "another's", copied.create(t, c), peer)
	wants(t, "a passkey that somebody has", err, person.ErrExpired)
	if now, _ := s.Account(ctx, a.ID); len(now.Passkeys) != 0 {
		t.Errorf("anna has %+v", now.Passkeys)
	}
}

// TestEnrollingAPasskeyIsNotSigningInWithIt: it makes two factors, not the class
// of a passkey.
func TestEnrollingAPasskeyIsNotSigningInWithIt(t *testing.T) {
	s := newSite(t)
	a := s.joinedAs(t, person.Newcomer{Login: "anna", Email: "anna@ehr.example", MustEnrol: true})
	step := s.in(t, "anna")
	key := newAuthenticator(t)
	c, err := s.BeginPasskeyEnrolment(ctx, a.ID, step.Flow)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := s.FinishPasskeyEnrolment(ctx, c.ID, "phone", key.create(t, c), peer)
	if err != nil || got.Step.ACR != person.ACR2 || !got.Step.Done || len(got.Codes) != 10 {
		t.Errorf("enrolled: %+v, %v", got, err)
	}
	now, _ := s.Account(ctx, a.ID)
	_, _, err = s.RemovePasskey(ctx, a.ID, now.Passkeys[0].ID)
	wants(t, "the last second factor", err, person.ErrState)
}

func TestPasskeysAreOfOneSite(t *testing.T) {
	w := newWorld()
	for origin, rp := range map[string]string{"http://ehr.example": "", "https://ehr.example/": "", "https://ehr.example": "evil.example", "https://notehr.example": "ehr.example", "ehr.example": "", "https://u@ehr.example": ""} {
		o := options()
		o.Origin, o.RPID = origin, rp
		if _, err := person.New(nil, w.clk, w.box, o); err == nil {
			t.Errorf("origin %q with %q is taken", origin, rp)
		}
	}
	o := options()
	o.Origin = ""
	s := w.site(t, o)
	_, err := s.BeginPasskey(ctx, "")
	wants(t, "without an origin", err, person.ErrNoPasskeys)
}

func TestADisabledAccountHasNoPasskeys(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	key := s.withPasskey(t, a.ID)
	if _, err := s.Disable(ctx, alone, a.ID); err != nil {
		t.Fatal(err)
	}
	begun := s.begin(t, "")
	_, err := s.FinishPasskey(ctx, begun.ID, key.get(t, begun), peer)
	wants(t, "disabled", err, person.ErrWrong)
}

// counted is a table that counts what it is told to keep.
type counted struct {
	vault.Table
	changes atomic.Int64
}

func (c *counted) Apply(ctx context.Context, changes []vault.Change, now int64) error {
	c.changes.Add(int64(len(changes)))
	return c.Table.Apply(ctx, changes, now)
}

// TestLookingAtASignInPageCostsNothing: a hospital behind one address opens as
// many pages as it likes; only what goes wrong counts. Nor does it leave anything
// behind: nobody fills the store by looking.
func TestLookingAtASignInPageCostsNothing(t *testing.T) {
	w := newWorld()
	table := &counted{Table: w.table}
	w.table = table
	o := options()
	o.PeerBurst, o.PeerPerMinute = 3, 6
	s := w.site(t, o)
	a := s.joined(t, "anna")
	key := s.withPasskey(t, a.ID)
	before := table.changes.Load()
	for range 20 {
		s.begin(t, "")
	}
	if n := table.changes.Load() - before; n != 0 {
		t.Errorf("twenty pages left %d changes in the store", n)
	}
	for range 5 {
		c := s.begin(t, "")
		if _, err := s.FinishPasskey(ctx, c.ID, key.get(t, c), peer); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		_, err := s.FinishPasskey(ctx, s.begin(t, "").ID, []byte("{}"), peer)
		wants(t, "no passkey", err, person.ErrWrong)
	}
	c := s.begin(t, "")
	var throttled *person.Throttled
	if _, err := s.FinishPasskey(ctx, c.ID, key.get(t, c), peer); !errors.As(err, &throttled) {
		t.Errorf("after failures: %v, want throttled", err)
	}
}

// TestAResetEndsEnrolmentsUnderWay: whoever began them in a session that is over.
func TestAResetEndsEnrolmentsUnderWay(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	e, err := s.EnrolTOTP(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.BeginPasskeyEnrolment(ctx, a.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	_ = s.AskReset(ctx, "anna", peer)
	if _, _, err := s.Reset(ctx, s.token(t, "anna@ehr.example", person.LetterReset), other, peer); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.ConfirmTOTP(ctx, a.ID, "", code(t, e.Secret, s.clk.Now()), peer)
	wants(t, "one-time codes", err, person.ErrExpired)
	_, _, err = s.FinishPasskeyEnrolment(ctx, c.ID, "thief's", newAuthenticator(t).create(t, c), peer)
	wants(t, "a passkey", err, person.ErrExpired)
}
