package person

import (
	"context"
	"errors"
	"slices"
	"time"

	"firebreak/vault"
)

// CheckInvite says what Invite would, and does nothing: a change that waits for a
// second administrator should not wait for nothing. ErrNeedsApproval is not said.
func (d *Directory) CheckInvite(ctx context.Context, h Hands, n Newcomer) error {
	r, err := d.newcomer(h, n)
	if err != nil {
		return err
	}
	if err := d.mayBeCalled(ctx, r); err != nil {
		return err
	}
	_, err = logins.Load(ctx, d.vault, d.vault.Blind("person.login", r.Login))
	if errors.Is(err, vault.ErrAbsent) && r.FHIRUser != "" {
		_, err = people.Load(ctx, d.vault, d.speaks(r.FHIRUser))
	}
	switch {
	case err == nil:
		return ErrTaken
	case errors.Is(err, vault.ErrAbsent):
		return nil
	}
	return err
}

// CheckGrant says what GrantRole would, and does nothing. ErrNeedsApproval is not
// said.
func (d *Directory) CheckGrant(ctx context.Context, h Hands, id ID, g RoleGrant) error {
	if _, err := d.load(ctx, id); err != nil {
		return err
	}
	_, err := d.grant(h, id, g)
	return err
}

// CheckEmail says what ApplyEmailChange would of an address, and does nothing.
func (d *Directory) CheckEmail(ctx context.Context, id ID, email string) error {
	_, _, err := d.mayHave(ctx, id, email)
	return err
}

// Longest is for how long a role may be held at most; 0: for ever.
func (d *Directory) Longest(role string) time.Duration {
	if slices.Contains(d.opt.JustInTime, role) {
		return d.opt.MaxJustInTime
	}
	return 0
}
