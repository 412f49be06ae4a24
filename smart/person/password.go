package person

import (
	"context"
	"errors"
	"slices"
	"time"

	"firebreak/vault"
)

// resetPause and resetsADay bound the letters that others can have sent to an
// account's owner.
const (
	resetPause = 2 * time.Minute
	resetsADay = 5
)

// asked are the times at which resets were asked for, the last day's.
type asked struct{ At []time.Time }

var resets = vault.Of[asked]("person.resets")

// Accept takes up an invitation: it sets the first password, and shows that the
// e-mail address is the person's. Errors: ErrLink, Weak, *Throttled, ErrBusy.
func (d *Directory) Accept(ctx context.Context, token, password, peer string) (Account, Event, error) {
	return d.setByLink(ctx, Invitation, token, password, peer)
}

// Reset sets a password by a link that was asked for. All sessions end; second
// factors stay. Errors: ErrLink, Weak, *Throttled, ErrBusy.
func (d *Directory) Reset(ctx context.Context, token, password, peer string) (Account, Event, error) {
	return d.setByLink(ctx, Reset, token, password, peer)
}

func (d *Directory) setByLink(ctx context.Context, p Purpose, token, password, peer string) (Account, Event, error) {
	if err := d.peers.spend(peer); err != nil {
		return Account{}, Event{}, err
	}
	id, l, err := d.redeem(ctx, p, token)
	if err != nil {
		return Account{}, Event{}, err
	}
	e, err := d.load(ctx, id)
	if errors.Is(err, ErrNoAccount) {
		err = ErrLink
	}
	if err != nil {
		return Account{}, Event{}, err
	}
	hash, err := d.hashNew(ctx, password, e.Value.Account)
	if err != nil {
		d.peers.refund(peer) // the link was right, and another password may be
		return Account{}, Event{}, err
	}
	// The link goes with the change or the change does not happen: it works once.
	more := append(void(id, ConfirmEmail), links.Remove(l), failureKind.Drop(e.Value.counter(d)))
	r, err := d.change(ctx, id, func(r *record) error {
		if r.Disabled || r.Source.Linked() || r.Email != l.Value.Email || (p == Invitation) == r.Accepted {
			return ErrLink
		}
		r.Hash, r.Accepted, r.EmailVerified = hash, true, true
		r.Epoch++
		return nil
	}, more...)
	if errors.Is(err, vault.ErrChanged) || errors.Is(err, ErrNoAccount) {
		err = ErrLink
	}
	if err != nil {
		return Account{}, Event{}, err
	}
	d.peers.refund(peer)
	kind := Accepted
	if p == Reset {
		kind = PasswordReset
		d.notify(r.Account, NoticePassword)
	}
	return r.public(), Event{Kind: kind, Account: id, By: id}, nil
}

// hashNew judges a new password and hashes it.
func (d *Directory) hashNew(ctx context.Context, password string, a Account) (string, error) {
	text, err := d.rules.judge(password, a)
	if err != nil {
		return "", err
	}
	release, err := d.hash.slot(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return d.hash.make(text), nil
}

// AskReset has a letter sent to whom a login name or an e-mail address belongs,
// if anybody. The answer comes before anything is looked up. Errors: *Throttled,
// ErrBusy.
func (d *Directory) AskReset(_ context.Context, who, peer string) error {
	if err := d.peers.spend(peer); err != nil {
		return err
	}
	name := typed(who)
	return d.aside(func(ctx context.Context) error {
		found, err := d.byNameOrEmail(ctx, name)
		if err == nil && len(found) == 0 {
			d.opt.Aside(Event{Kind: ResetAsked, Detail: "unknown"}, nil)
		}
		for _, r := range found {
			err = errors.Join(err, d.sendReset(ctx, r))
		}
		return err
	})
}

// byNameOrEmail are the accounts that a reset may be for: one by its login name,
// else the few that have an address. Who joined has confirmed it.
func (d *Directory) byNameOrEmail(ctx context.Context, name string) ([]record, error) {
	const few = 5
	e, err := d.find(ctx, name)
	if err == nil {
		return []record{e.Value}, nil
	}
	if !errors.Is(err, ErrNoAccount) {
		return nil, err
	}
	entries, err := accounts.List(ctx, d.vault, d.vault.Blind("person.email", name), "", few)
	var out []record
	for _, e := range entries {
		out = append(out, e.Value)
	}
	return out, err
}

func (d *Directory) sendReset(ctx context.Context, r record) error {
	event := Event{Kind: ResetAsked, Account: r.ID}
	if !r.mayProve() || r.Source.Linked() || r.Hash == "" {
		event.Detail = "not for this account"
		d.opt.Aside(event, nil)
		return nil
	}
	often, err := d.askedOften(ctx, r.ID)
	if err != nil {
		return err
	}
	if often {
		event.Detail = "too often"
		d.opt.Aside(event, nil)
		return nil
	}
	token, until, op := d.issue(Reset, r.ID, r.Email, r.ID, d.opt.ResetLife)
	if err := d.vault.Apply(ctx, op); err != nil {
		return err
	}
	event.Detail = "letter sent"
	d.opt.Aside(event, nil)
	d.post(Letter{To: r.Email, About: LetterReset, Login: r.Login, Link: d.opt.Link(Reset, token), Until: until})
	return nil
}

// askedOften counts a request and reports whether there were too many.
func (d *Directory) askedOften(ctx context.Context, id ID) (bool, error) {
	now := d.clock.Now()
	e, err := resets.Load(ctx, d.vault, string(id))
	absent := errors.Is(err, vault.ErrAbsent)
	if err != nil && !absent {
		return false, err
	}
	at := slices.DeleteFunc(e.Value.At, func(t time.Time) bool { return now.Sub(t) >= 24*time.Hour })
	if len(at) >= resetsADay || len(at) > 0 && now.Sub(at[len(at)-1]) < resetPause {
		return true, nil
	}
	e.Name, e.Value.At, e.Until = string(id), append(at, now), now.Add(24*time.Hour)
	op := resets.Replace(e)
	if absent {
		op = resets.New(e.Name, e.Value, e.Until)
	}
	err = d.vault.Apply(ctx, op)
	if errors.Is(err, vault.ErrChanged) {
		return true, nil // somebody asked at the same instant
	}
	return false, err
}

// ChangePassword sets a new password for somebody who is signed in and knows the
// old one. All other sessions end: the caller gives its own the new Epoch.
// Errors: ErrWrong for the old one, Weak for the new one, *Throttled, ErrBusy.
func (d *Directory) ChangePassword(ctx context.Context, id ID, old, password, peer string, at ...Browser) (Account, Event, error) {
	if err := d.peers.spend(peer); err != nil {
		return Account{}, Event{}, err
	}
	a, err := d.load(ctx, id)
	if err != nil {
		return Account{}, Event{}, err
	}
	if a.Value.Source.Linked() || a.Value.Login == "" {
		return Account{}, Event{}, ErrState
	}
	e, event, err := d.prove(ctx, a.Value.Login, old, at)
	if err != nil {
		return Account{}, event, err
	}
	d.peers.refund(peer)
	hash, err := d.hashNew(ctx, password, e.Value.Account)
	if err != nil {
		return Account{}, Event{}, err
	}
	r, err := d.change(ctx, id, func(r *record) error {
		if r.Epoch != e.Value.Epoch {
			return ErrExpired
		}
		r.Hash = hash
		r.Epoch++
		return nil
	}, void(id, Reset, ConfirmEmail)...)
	if err != nil {
		return Account{}, Event{}, err
	}
	d.notify(r.Account, NoticePassword)
	return r.public(), Event{Kind: PasswordChanged, Account: id, By: id}, nil
}
