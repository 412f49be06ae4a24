package person

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"image/png"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"firebreak/vault"
)

// One-time codes are RFC 6238's with SHA-1, 6 digits and 30 seconds: what every
// authenticator app can do. RFC 6238 §1.2 and RFC 4226 §B.2 say why SHA-1 is
// sound in an HMAC.
const (
	totpPeriod = 30 // seconds
	totpSkew   = 1  // steps on either side (RFC 6238 §5.2)
	totpSecret = 20 // bytes (RFC 4226 §4, R6)
	enrolLife  = 10 * time.Minute
)

// totpKey is an account's secret and the last time step that was used.
type totpKey struct {
	Secret string // base32
	Step   int64
	Since  time.Time
}

// totpOffer is a secret that was shown and is not confirmed. It ends with the
// session it was shown in, also when the session was somebody else's.
type totpOffer struct {
	Secret string
	Epoch  uint64
}

var totpEnrolments = vault.Of[totpOffer]("person.totp") // by account

// TOTPEnrolment is what an authenticator app must be given: by the picture, or
// typed. It is shown once.
type TOTPEnrolment struct {
	URI    string // otpauth://totp/…
	Secret string // base32
	PNG    []byte // URI as a QR code
}

// Enrolled is the result of a new second factor.
type Enrolled struct {
	Account Account
	Codes   []string // recovery codes, shown once, when the account had none
	Step    Step     // of the sign-in it happened in, if it did
}

// EnrolTOTP begins to give an account one-time codes; those it has still work
// until the new ones are confirmed.
func (d *Directory) EnrolTOTP(ctx context.Context, id ID) (TOTPEnrolment, error) {
	e, err := d.load(ctx, id)
	if err != nil {
		return TOTPEnrolment{}, err
	}
	if !e.Value.mayProve() {
		return TOTPEnrolment{}, ErrState
	}
	name := e.Value.Login
	if name == "" {
		name = string(id)
	}
	// A colon parts the site from the name in the label.
	label := strings.NewReplacer(":", " ").Replace
	key, err := totp.Generate(totp.GenerateOpts{Issuer: label(d.opt.Site), AccountName: label(name), SecretSize: totpSecret,
		Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return TOTPEnrolment{}, fmt.Errorf("make a secret: %w", err)
	}
	img, err := key.Image(240, 240)
	if err != nil {
		return TOTPEnrolment{}, fmt.Errorf("draw a QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return TOTPEnrolment{}, fmt.Errorf("draw a QR code: %w", err)
	}
	err = d.vault.Apply(ctx, totpEnrolments.Set(string(id), totpOffer{key.Secret(), e.Value.Epoch}, d.clock.Now().Add(enrolLife)))
	return TOTPEnrolment{URI: key.URL(), Secret: key.Secret(), PNG: b.Bytes()}, err
}

// ConfirmTOTP makes new one-time codes count, by one of them. flow is the sign-in
// it happens in, or "": that sign-in is then one of two factors. Who signs in
// with a password alone and must enrol is believed to be the owner, once; the
// owner is told by mail. Errors: ErrWrong, ErrExpired, *Throttled.
func (d *Directory) ConfirmTOTP(ctx context.Context, id ID, flow, code, peer string) (Enrolled, Event, error) {
	if err := d.peers.spend(peer); err != nil {
		return Enrolled{}, Event{}, err
	}
	if err := d.ownFlow(ctx, flow, id); err != nil {
		return Enrolled{}, Event{}, err
	}
	e, err := totpEnrolments.Load(ctx, d.vault, string(id))
	if errors.Is(err, vault.ErrAbsent) {
		err = ErrExpired
	}
	if err != nil {
		return Enrolled{}, Event{}, err
	}
	now := d.clock.Now()
	step, ok := stepOfCode(code, totpKey{Secret: e.Value.Secret}, now)
	if !ok {
		return Enrolled{}, Event{Kind: Refused, Account: id, By: id, Detail: "wrong code at enrolment"}, ErrWrong
	}
	d.peers.refund(peer)
	return d.enrol(ctx, offer{id, e.Value.Epoch, flow}, "totp", []string{"otp"}, func(r *record) error {
		r.TOTP = &totpKey{Secret: e.Value.Secret, Step: step, Since: now}
		return nil
	}, totpEnrolments.Remove(e))
}

// ownFlow checks that a sign-in, if there is one, is the account's.
func (d *Directory) ownFlow(ctx context.Context, flow string, id ID) error {
	if flow == "" {
		return nil
	}
	f, _, err := d.flow(ctx, flow)
	if err == nil && f.Value.Account != id {
		err = ErrExpired
	}
	return err
}

// offer is to whom a second factor was offered, when, and in which sign-in.
type offer struct {
	account ID
	epoch   uint64
	flow    string
}

// enrol adds a second factor, recovery codes if there are none, and the methods
// to the sign-in it happens in.
func (d *Directory) enrol(ctx context.Context, o offer, which string, amr []string, add func(*record) error, more ...vault.Op) (Enrolled, Event, error) {
	var codes []string
	r, err := d.change(ctx, o.account, func(r *record) error {
		if !r.mayProve() || r.Epoch != o.epoch {
			return ErrExpired
		}
		if err := add(r); err != nil {
			return err
		}
		if codes = nil; len(r.Recovery) == 0 {
			codes = d.recoveryCodes(r)
		}
		r.Epoch++
		return nil
	}, more...)
	if errors.Is(err, vault.ErrChanged) {
		err = ErrExpired
	}
	if err != nil {
		return Enrolled{}, Event{}, err
	}
	event := Event{Kind: FactorAdded, Account: r.ID, By: r.ID, Detail: which}
	out := Enrolled{Account: r.public(), Codes: codes}
	if o.flow != "" {
		f, err := d.raise(ctx, o.flow, r.Epoch, amr...)
		if err != nil {
			return out, event, err
		}
		out.Step = d.step(o.flow, f, r, event)
	}
	d.notify(r.Account, NoticeFactor)
	return out, event, nil
}

// VerifyTOTP goes on with a sign-in by a one-time code. Each is taken once, on
// all servers together. Errors: ErrWrong, ErrExpired, *Throttled.
func (d *Directory) VerifyTOTP(ctx context.Context, flow, code, peer string, at ...Browser) (Step, error) {
	return d.second(ctx, flow, peer, at, "totp", func(r *record) bool {
		if r.TOTP == nil {
			return false
		}
		step, ok := stepOfCode(code, *r.TOTP, d.clock.Now())
		if ok {
			key := *r.TOTP
			key.Step = step
			r.TOTP = &key
		}
		return ok
	})
}

// second proves a second factor; failures count as those of passwords do.
func (d *Directory) second(ctx context.Context, id, peer string, at []Browser, which string, right func(*record) bool) (Step, error) {
	if err := d.peers.spend(peer); err != nil {
		return Step{Event: Event{Kind: Refused, Detail: "peer throttled"}}, err
	}
	_, r, err := d.flow(ctx, id)
	if err != nil {
		return Step{}, err
	}
	refused := Step{Event: Event{Kind: Refused, Account: r.ID, Detail: "wrong " + which}}
	counter := r.counter(d, at...)
	_, closed, err := d.charge(ctx, counter)
	if err != nil {
		return refused, err
	}
	if closed {
		refused.Event.Detail = "too many failures"
		return refused, ErrWrong
	}
	epoch := r.Epoch
	r, err = d.change(ctx, r.ID, func(r *record) error {
		if r.Epoch != epoch || !r.mayProve() {
			return ErrExpired
		}
		if !right(r) {
			return ErrWrong
		}
		return nil
	}, failureKind.Drop(counter))
	if err != nil {
		return refused, err
	}
	d.peers.refund(peer)
	f, err := d.raise(ctx, id, r.Epoch, "otp")
	if err != nil {
		return refused, err
	}
	return d.step(id, f, r, Event{Kind: SignedIn, Account: r.ID, By: r.ID, Detail: which}), nil
}

// stepOfCode is the time step that a code is of, near now and after the last one
// used (RFC 6238 §5.2: a code is taken once).
func stepOfCode(code string, key totpKey, now time.Time) (step int64, ok bool) {
	code = strings.Join(strings.Fields(code), "")
	current := now.Unix() / totpPeriod
	for s := current - totpSkew; s <= current+totpSkew; s++ {
		if s <= key.Step || s < 0 {
			continue
		}
		want, err := hotp.GenerateCodeCustom(key.Secret, uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		// Constant time: want is secret until used.
		if err == nil && subtle.ConstantTimeCompare([]byte(code), []byte(want)) == 1 {
			return s, true
		}
	}
	return 0, false
}

// RemoveTOTP takes one-time codes away. ErrState when the account must have a
// second factor and this is the last.
func (d *Directory) RemoveTOTP(ctx context.Context, id ID) (Account, Event, error) {
	return d.removeFactor(ctx, id, "totp", func(r *record) bool {
		had := r.TOTP != nil
		r.TOTP = nil
		return had
	})
}

func (d *Directory) removeFactor(ctx context.Context, id ID, which string, remove func(*record) bool, more ...vault.Op) (Account, Event, error) {
	r, err := d.change(ctx, id, func(r *record) error {
		if !remove(r) || !r.second() && d.mustEnrol(r.Account) {
			return ErrState
		}
		if !r.second() {
			r.Recovery = nil // they stand in for a factor
		}
		r.Epoch++
		return nil
	}, more...)
	if err != nil {
		return Account{}, Event{}, err
	}
	d.notify(r.Account, NoticeFactor)
	return r.public(), Event{Kind: FactorRemoved, Account: id, By: id, Detail: which}, nil
}
