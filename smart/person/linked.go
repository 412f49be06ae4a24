package person

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"firebreak/vault"
)

var linked = vault.Of[ID]("person.linked") // by blind name of provider, issuer and subject

// linkedName: the lengths keep two of them apart, and the provider keeps one
// that says another's issuer from being it.
func (d *Directory) linkedName(s Source) string {
	return d.vault.Blind("person.linked", fmt.Sprintf("%d:%s%d:%s%s", len(s.Provider), s.Provider, len(s.Issuer), s.Issuer, s.Subject))
}

// Linked is the account of somebody who signed in at another directory, made at
// the first time and brought up to date at each: what that directory says counts,
// but not that an account disabled here is open (ErrWrong). Nobody is linked by
// an e-mail address or a login name: those can be had by others.
func (d *Directory) Linked(ctx context.Context, provider, issuer, subject string, p Profile) (Account, Event, error) {
	s := Source{Provider: provider, Issuer: issuer, Subject: subject}
	if provider == "" || issuer == "" || subject == "" || !fhirUser(p.FHIRUser) || !organization(p.Organization) {
		return Account{}, Event{}, ErrReference
	}
	for range 20 {
		e, err := linked.Load(ctx, d.vault, d.linkedName(s))
		if err == nil {
			return d.refresh(ctx, e.Value, s, p)
		}
		if !errors.Is(err, vault.ErrAbsent) {
			return Account{}, Event{}, err
		}
		a := Account{ID: newID(), Source: s, Accepted: true, Created: d.clock.Now(), CreatedBy: Provider, Epoch: 1}
		d.say(&a, p)
		r := record{Account: a}
		err = d.vault.Apply(ctx, linked.New(d.linkedName(s), a.ID, vault.Never), accounts.New(string(a.ID), r, vault.Never, d.tags(r)...))
		if err == nil {
			return r.public(), Event{Kind: LinkedIn, Account: a.ID, By: a.ID, Detail: "new"}, nil
		}
		if !errors.Is(err, vault.ErrChanged) {
			return Account{}, Event{}, err
		}
	}
	return Account{}, Event{}, fmt.Errorf("link an account: %w too often", vault.ErrChanged)
}

// NeedsSecondFactor reports whether who signs in to an account must show two
// factors: by its own word or by a role it holds now. Where another directory asks
// for them, it must have.
func (d *Directory) NeedsSecondFactor(a Account) bool { return d.mustEnrol(a) }

func (d *Directory) refresh(ctx context.Context, id ID, s Source, p Profile) (Account, Event, error) {
	e, err := d.load(ctx, id)
	if err != nil {
		return Account{}, Event{}, err
	}
	r := e.Value
	if r.Disabled || r.Source != s {
		return Account{}, Event{Kind: Refused, Account: id, Detail: "account closed"}, ErrWrong
	}
	event := Event{Kind: LinkedIn, Account: id, By: id, Detail: "known"}
	now := r.Account
	if !d.say(&now, p) {
		return r.public(), event, nil
	}
	r, err = d.change(ctx, id, func(r *record) error {
		if r.Disabled {
			return ErrWrong
		}
		d.say(&r.Account, p)
		return nil
	})
	if err != nil {
		return Account{}, Event{Kind: Refused, Account: id, Detail: "account closed"}, err
	}
	event.Detail = "refreshed"
	return r.public(), event, nil
}

// say puts a profile into an account and reports whether that changed anything.
// Roles granted here stay.
func (d *Directory) say(a *Account, p Profile) bool {
	was := *a
	email, err := address(p.Email)
	if err != nil {
		email = "" // an address that is none is no reason to refuse somebody
	}
	a.Display, a.Email, a.EmailVerified = display(p.Display), email, p.EmailVerified && email != ""
	a.FHIRUser, a.Organization = p.FHIRUser, p.Organization
	if was.FHIRUser != a.FHIRUser {
		a.Epoch++ // a session must not go on as somebody else
	}
	now, changed := d.clock.Now(), false
	a.Roles = slices.DeleteFunc(slices.Clone(a.Roles), func(g RoleGrant) bool {
		gone := g.By == Provider && !slices.Contains(p.Roles, g.Role)
		changed = changed || gone
		return gone
	})
	for _, role := range p.Roles {
		if role == "" || slices.ContainsFunc(a.Roles, func(g RoleGrant) bool { return g.By == Provider && g.Role == role }) {
			continue
		}
		a.Roles = append(a.Roles, RoleGrant{Role: role, By: Provider, Since: now})
		changed = true
	}
	return changed || was.Display != a.Display || was.Email != a.Email || was.EmailVerified != a.EmailVerified ||
		was.FHIRUser != a.FHIRUser || was.Organization != a.Organization
}
