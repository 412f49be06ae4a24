package person

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// BeginPasskey begins a sign-in by a passkey: as the second factor of a sign-in
// under way, or, with flow "", as the only one, where the browser knows whose
// passkeys it has and this side knows nothing yet. It costs the peer nothing, and
// leaves nothing behind: it is done for every sign-in page that is looked at, and
// proves nothing. Errors: ErrExpired, ErrNoPasskeys.
func (d *Directory) BeginPasskey(ctx context.Context, flow string) (Ceremony, error) {
	if d.web == nil {
		return Ceremony{}, ErrNoPasskeys
	}
	if flow == "" {
		options, s, err := d.web.BeginDiscoverableLogin()
		if err != nil {
			return Ceremony{}, fmt.Errorf("begin a sign-in: %w", err)
		}
		return d.keep(ceremony{Challenge: s.Challenge}, options)
	}
	_, r, err := d.flow(ctx, flow)
	if err != nil {
		return Ceremony{}, err
	}
	if len(owner{r}.WebAuthnCredentials()) == 0 {
		return Ceremony{}, ErrWrong
	}
	options, s, err := d.web.BeginLogin(owner{r})
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin a sign-in: %w", err)
	}
	return d.keep(ceremony{Challenge: s.Challenge, Account: r.ID, Flow: flow, Allowed: s.AllowedCredentialIDs}, options)
}

// FinishPasskey takes the browser's response (PublicKeyCredential's JSON). Lockout
// after wrong passwords does not concern it: there is nothing to guess. Errors:
// ErrWrong, ErrExpired, *Throttled.
func (d *Directory) FinishPasskey(ctx context.Context, id string, response []byte, peer string) (Step, error) {
	if d.web == nil {
		return Step{}, ErrNoPasskeys
	}
	if err := d.peers.spend(peer); err != nil {
		return Step{Event: Event{Kind: Refused, Detail: "peer throttled"}}, err
	}
	c, err := d.take(ctx, id, false)
	if err != nil {
		return Step{}, err
	}
	r, used, err := d.asserted(ctx, c, response)
	refused := Step{Event: Event{Kind: Refused, Account: r.ID, Detail: "wrong passkey"}}
	if err != nil {
		return refused, err
	}
	r, suspended, err := d.count(ctx, r, used)
	if err != nil {
		return refused, err
	}
	if suspended {
		d.notify(r.Account, NoticePasskey)
		refused.Event = Event{Kind: PasskeySuspended, Account: r.ID, Detail: "its counter went back"}
		return refused, ErrWrong
	}
	d.peers.refund(peer)
	return d.reached(ctx, c, r, used)
}

// reached is the sign-in that a passkey was used in, or a new one.
func (d *Directory) reached(ctx context.Context, c ceremony, r record, used *webauthn.Credential) (Step, error) {
	amr := []string{credential{Eligible: used.Flags.BackupEligible}.amr(), "user", "mfa"}
	event := Event{Kind: SignedIn, Account: r.ID, By: r.ID, Detail: "passkey"}
	if c.Flow == "" {
		return d.begin(ctx, r, event, amr...)
	}
	f, err := d.raise(ctx, c.Flow, r.Epoch, amr...)
	if err != nil {
		return Step{Event: event}, err
	}
	return d.step(c.Flow, f, r, event), nil
}

// asserted verifies a response (WebAuthn §7.2): the challenge, the origin, the
// relying party, user presence and verification, the signature. What is wrong
// with it is ErrWrong; other errors are ours.
func (d *Directory) asserted(ctx context.Context, c ceremony, response []byte) (record, *webauthn.Credential, error) {
	if len(response) > longestResponse {
		return record{}, nil, ErrWrong
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return record{}, nil, ErrWrong
	}
	if c.Flow != "" {
		_, r, err := d.flow(ctx, c.Flow)
		if err != nil {
			return record{}, nil, err
		}
		used, err := d.web.ValidateLogin(owner{r}, d.session(c), parsed)
		if err != nil {
			return r, nil, ErrWrong
		}
		return r, used, nil
	}
	// The handle comes from outside; it is looked up and believed only when one of
	// that account's passkeys signed.
	e, err := d.load(ctx, ID(parsed.Response.UserHandle))
	if errors.Is(err, ErrNoAccount) {
		return record{}, nil, ErrWrong
	}
	if err != nil {
		return record{}, nil, err
	}
	// Who belongs to another directory is asked for there: it may have let them go.
	if !e.Value.mayProve() || e.Value.Source.Linked() {
		return e.Value, nil, ErrWrong
	}
	_, used, err := d.web.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return owner{e.Value}, nil }, d.session(c), parsed)
	if err != nil {
		return e.Value, nil, ErrWrong
	}
	return e.Value, used, nil
}

// count keeps a passkey's counter. One that does not grow, where there is one,
// says that there are two of it (WebAuthn §6.1.1): the passkey is suspended, until
// its owner removes it.
func (d *Directory) count(ctx context.Context, was record, used *webauthn.Credential) (r record, suspended bool, err error) {
	r, err = d.change(ctx, was.ID, func(r *record) error {
		if r.Epoch != was.Epoch || !r.mayProve() {
			return ErrWrong
		}
		i := slices.IndexFunc(r.Keys, func(k credential) bool { return bytes.Equal(k.ID, used.ID) && !k.Suspended })
		if i < 0 {
			return ErrWrong
		}
		r.Keys = slices.Clone(r.Keys)
		k := &r.Keys[i]
		// The library compared with what was read before; somebody else may have
		// been quicker with the same count.
		n := used.Authenticator.SignCount
		if suspended = used.Authenticator.CloneWarning || k.Count != 0 && n <= k.Count; suspended {
			k.Suspended = true
			return nil
		}
		k.Count, k.Used, k.Backed = n, d.clock.Now(), used.Flags.BackupState
		return nil
	})
	return r, suspended, err
}
