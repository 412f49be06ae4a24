package person

import (
	"context"
	"errors"
	"time"

	"firebreak/vault"
)

// EmailState is how far a change of an e-mail address came.
type EmailState string

// States.
const (
	// ConfirmSent: a link went to the new address; the old one is told.
	ConfirmSent EmailState = "confirm-sent"
	// NeedsApproval: the owner, at the old address, or a second administrator
	// must agree first.
	NeedsApproval EmailState = "needs-approval"
)

const emailLife = 24 * time.Hour

// AskEmail asks for another address of an account, by its owner or by an
// administrator. It is changed when the link to the new address is followed. For
// a clinical account an administrator's word is not enough: who has the mailbox
// can reset the password. Errors: ErrEmail, ErrState.
func (d *Directory) AskEmail(ctx context.Context, h Hands, id ID, email string) (EmailState, Event, error) {
	email, r, err := d.mayHave(ctx, id, email)
	if err != nil {
		return "", Event{}, err
	}
	asked := Event{Kind: EmailAsked, Account: id, By: h.By}
	if h.By == id || h.two() || !d.clinical(r.Account) {
		err := d.sendConfirm(ctx, r, email, h.By, nil)
		asked, err = done(asked, err)
		return ConfirmSent, asked, err
	}
	token, until, op := d.issue(AllowEmail, id, email, h.By, emailLife)
	if err := d.vault.Apply(ctx, op); err != nil {
		return "", Event{}, err
	}
	d.post(Letter{To: r.Email, About: LetterAllow, Login: r.Login, Link: d.opt.Link(AllowEmail, token), Until: until})
	asked.Detail = "needs approval"
	return NeedsApproval, asked, nil
}

// ApplyEmailChange goes on with a change that a second administrator agreed to:
// the link goes to the new address. Neither of the two is the account's owner.
func (d *Directory) ApplyEmailChange(ctx context.Context, h Hands, id ID, email string) (Event, error) {
	if !h.two() || h.By == id || h.Second == id {
		return Event{}, ErrNeedsApproval
	}
	email, r, err := d.mayHave(ctx, id, email)
	if err != nil {
		return Event{}, err
	}
	err = d.sendConfirm(ctx, r, email, h.By, void(id, AllowEmail))
	return done(Event{Kind: EmailAllowed, Account: id, By: h.Second, Detail: "by a second administrator"}, err)
}

// AllowEmail goes on with a change that an administrator asked for and that the
// owner agreed to by the link to the old address. Errors: ErrLink, *Throttled.
func (d *Directory) AllowEmail(ctx context.Context, token, peer string) (Event, error) {
	if err := d.peers.spend(peer); err != nil {
		return Event{}, err
	}
	id, l, err := d.redeem(ctx, AllowEmail, token)
	if err != nil {
		return Event{}, err
	}
	email, r, err := d.mayHave(ctx, id, l.Value.Email)
	if errors.Is(err, ErrNoAccount) || errors.Is(err, ErrState) {
		err = ErrLink
	}
	if err == nil {
		err = d.sendConfirm(ctx, r, email, l.Value.By, []vault.Op{links.Remove(l)})
	}
	if err != nil {
		return Event{}, err
	}
	d.peers.refund(peer)
	return Event{Kind: EmailAllowed, Account: id, By: id, Detail: "at the old address"}, nil
}

// mayHave is an address that an account of this directory may get.
func (d *Directory) mayHave(ctx context.Context, id ID, email string) (string, record, error) {
	email, err := address(email)
	if err != nil {
		return "", record{}, err
	}
	e, err := d.load(ctx, id)
	if err != nil {
		return "", record{}, err
	}
	if !e.Value.mayProve() || e.Value.Source.Linked() {
		return "", record{}, ErrState
	}
	return email, e.Value, nil
}

func (d *Directory) sendConfirm(ctx context.Context, r record, email string, by ID, more []vault.Op) error {
	token, until, op := d.issue(ConfirmEmail, r.ID, email, by, emailLife)
	if err := d.vault.Apply(ctx, append(more, op)...); errors.Is(err, vault.ErrChanged) {
		return ErrLink
	} else if err != nil {
		return err
	}
	d.post(Letter{To: email, About: LetterConfirm, Link: d.opt.Link(ConfirmEmail, token), Until: until})
	d.notify(r.Account, NoticeEmail)
	return nil
}

// ConfirmEmail makes an address the account's, by the link to it. Sessions end,
// for the address is a way back into the account. Errors: ErrLink, *Throttled.
func (d *Directory) ConfirmEmail(ctx context.Context, token, peer string) (Account, Event, error) {
	if err := d.peers.spend(peer); err != nil {
		return Account{}, Event{}, err
	}
	id, l, err := d.redeem(ctx, ConfirmEmail, token)
	if err != nil {
		return Account{}, Event{}, err
	}
	var was Account
	r, err := d.change(ctx, id, func(r *record) error {
		if !r.mayProve() {
			return ErrLink
		}
		was = r.Account
		r.Email, r.EmailVerified = l.Value.Email, true
		r.Epoch++
		return nil
	}, append(void(id, Reset, AllowEmail), links.Remove(l))...)
	if errors.Is(err, vault.ErrChanged) || errors.Is(err, ErrNoAccount) {
		err = ErrLink
	}
	if err != nil {
		return Account{}, Event{}, err
	}
	d.peers.refund(peer)
	d.notify(was, NoticeEmailDone)
	return r.public(), Event{Kind: EmailChanged, Account: id, By: id}, nil
}
