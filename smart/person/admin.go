package person

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"

	"firebreak/vault"

	"firebreak/fhir/r4"
)

// Newcomer is whom an administrator invites.
type Newcomer struct {
	Login, Display, Email  string
	FHIRUser, Organization string
	Roles                  []RoleGrant // Role, Until and Reason count
	MustEnrol              bool
}

// clinical reports whether an account is one that reads patients' records:
// whoever controls it reads them too.
func (d *Directory) clinical(a Account) bool {
	return a.FHIRUser != "" || slices.ContainsFunc(a.Roles, func(g RoleGrant) bool { return d.clinicalRole(g.Role) })
}

func (d *Directory) clinicalRole(role string) bool { return slices.Contains(d.opt.ClinicalRoles, role) }

// mustEnrol reports whether an account must have a second factor, by its own word
// or by a role it holds now.
func (d *Directory) mustEnrol(a Account) bool {
	return a.MustEnrol || slices.ContainsFunc(a.RolesAt(d.clock.Now()), func(role string) bool { return slices.Contains(d.opt.SecondFactor, role) })
}

// Invite makes an account and sends its owner a link to set the password with;
// the link is nobody else's, not the administrator's either. A clinical account
// takes two: ErrNeedsApproval otherwise, for an administrator could invite a
// clinician to a mailbox of their own. Errors: ErrTaken, ErrLogin, ErrEmail,
// ErrReference, ErrGrant too.
func (d *Directory) Invite(ctx context.Context, h Hands, n Newcomer) (Account, Event, error) {
	r, err := d.newcomer(h, n)
	if err != nil {
		return Account{}, Event{}, err
	}
	if d.clinical(r.Account) && !h.two() {
		return Account{}, Event{}, ErrNeedsApproval
	}
	if err := d.mayBeCalled(ctx, r); err != nil {
		return Account{}, Event{}, err
	}
	token, until, op := d.issue(Invitation, r.ID, r.Email, h.By, d.opt.InvitationLife)
	ops := []vault.Op{op, accounts.New(string(r.ID), r, vault.Never, d.tags(r)...),
		logins.New(d.vault.Blind("person.login", r.Login), r.ID, vault.Never)}
	if r.FHIRUser != "" {
		ops = append(ops, people.New(d.speaks(r.FHIRUser), r.ID, vault.Never))
	}
	err = d.vault.Apply(ctx, ops...)
	if errors.Is(err, vault.ErrChanged) {
		return Account{}, Event{}, ErrTaken
	}
	if err != nil {
		return Account{}, Event{}, err
	}
	d.post(Letter{To: r.Email, About: LetterInvitation, Login: r.Login, Link: d.opt.Link(Invitation, token), Until: until})
	return r.public(), Event{Kind: Invited, Account: r.ID, By: h.By, Detail: standing(r.Account)}, nil
}

// mayBeCalled refuses a login name that is somebody else's e-mail address: who asks
// for a new password by their address would be taken for the other one.
func (d *Directory) mayBeCalled(ctx context.Context, r record) error {
	if r.Login == fold(r.Email) {
		return nil
	}
	others, err := accounts.List(ctx, d.vault, d.vault.Blind("person.email", r.Login), "", 1)
	if err == nil && len(others) > 0 {
		return ErrTaken
	}
	return err
}

// standing is what an account is made with, on record: whom it speaks for, and with
// which roles.
func standing(a Account) string {
	parts := []string{a.FHIRUser, a.Organization}
	for _, g := range a.Roles {
		parts = append(parts, g.said())
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

func (d *Directory) speaks(user string) string { return d.vault.Blind("person.fhiruser", user) }

func (d *Directory) newcomer(h Hands, n Newcomer) (record, error) {
	login, err := loginName(n.Login)
	if err != nil {
		return record{}, err
	}
	email, err := address(n.Email)
	if err != nil {
		return record{}, err
	}
	if !fhirUser(n.FHIRUser) || !organization(n.Organization) {
		return record{}, ErrReference
	}
	a := Account{ID: newID(), Login: login, Display: display(n.Display), Email: email, FHIRUser: n.FHIRUser, Organization: n.Organization,
		MustEnrol: n.MustEnrol, Created: d.clock.Now(), CreatedBy: h.By, Epoch: 1}
	for _, g := range n.Roles {
		g, err := d.grant(h, a.ID, g)
		if err != nil {
			return record{}, err
		}
		a.Roles = append(a.Roles, g)
	}
	return record{Account: a}, nil
}

func organization(s string) bool {
	id, ok := strings.CutPrefix(s, "Organization/")
	return s == "" || ok && r4.IsID(id)
}

// display is a name for people to read, cut to a line.
func display(s string) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && !unicode.IsSpace(c) || unicode.Is(unicode.Bidi_Control, c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 120 {
		return string(r[:120])
	}
	return s
}

// InviteAgain sends a new link to an account that was not taken up, to the same
// address; the last link is void.
func (d *Directory) InviteAgain(ctx context.Context, h Hands, id ID) (Event, error) {
	e, err := d.load(ctx, id)
	if err != nil {
		return Event{}, err
	}
	if e.Value.Accepted || e.Value.Disabled {
		return Event{}, ErrState
	}
	token, until, op := d.issue(Invitation, id, e.Value.Email, h.By, d.opt.InvitationLife)
	if err := d.vault.Apply(ctx, op); err != nil {
		return Event{}, err
	}
	d.post(Letter{To: e.Value.Email, About: LetterInvitation, Login: e.Value.Login, Link: d.opt.Link(Invitation, token), Until: until})
	return Event{Kind: Invited, Account: id, By: h.By, Detail: "again"}, nil
}

// Profile is what an account says about its owner.
type Profile struct {
	Display, Email         string // Email counts for linked accounts only
	EmailVerified          bool   // by the other directory
	FHIRUser, Organization string
	Roles                  []string // count for linked accounts only
}

// Describe changes who an account is about. To give it another FHIRUser, or a
// clinician another organisation, takes two: it is to give other records. Nobody
// does that for themselves.
func (d *Directory) Describe(ctx context.Context, h Hands, id ID, p Profile) (Event, error) {
	if !fhirUser(p.FHIRUser) || !organization(p.Organization) {
		return Event{}, ErrReference
	}
	e, err := d.load(ctx, id)
	if err != nil {
		return Event{}, err
	}
	was := e.Value
	if was.Source.Linked() {
		return Event{}, ErrState // its own directory says it
	}
	other := p.FHIRUser != was.FHIRUser || p.Organization != was.Organization && d.clinical(was.Account)
	if other && (!h.two() || h.By == id || h.Second == id) {
		return Event{}, ErrNeedsApproval
	}
	var more []vault.Op
	if p.FHIRUser != was.FHIRUser {
		if was.FHIRUser != "" {
			more = append(more, people.Drop(d.speaks(was.FHIRUser)))
		}
		if p.FHIRUser != "" {
			more = append(more, people.New(d.speaks(p.FHIRUser), id, vault.Never))
		}
	}
	_, err = d.change(ctx, id, func(r *record) error {
		if r.FHIRUser != was.FHIRUser || r.Organization != was.Organization {
			return ErrState
		}
		if other {
			r.Epoch++
		}
		r.Display, r.FHIRUser, r.Organization = display(p.Display), p.FHIRUser, p.Organization
		return nil
	}, more...)
	if errors.Is(err, vault.ErrChanged) {
		err = ErrTaken
	}
	return done(Event{Kind: Changed, Account: id, By: h.By, Detail: "profile"}, err)
}

// Disable closes an account: its sessions end, its links are void.
func (d *Directory) Disable(ctx context.Context, h Hands, id ID) (Event, error) {
	_, err := d.change(ctx, id, func(r *record) error {
		r.Disabled = true
		r.Epoch++
		return nil
	}, void(id, Invitation, Reset, ConfirmEmail, AllowEmail)...)
	return done(Event{Kind: Disabled, Account: id, By: h.By}, err)
}

// Enable opens it again.
func (d *Directory) Enable(ctx context.Context, h Hands, id ID) (Event, error) {
	_, err := d.change(ctx, id, func(r *record) error {
		r.Disabled = false
		return nil
	})
	return done(Event{Kind: Enabled, Account: id, By: h.By}, err)
}

// RequireSecondFactor says whether an account must have one; see Step.Enrol. To
// let a clinical account go without takes two.
func (d *Directory) RequireSecondFactor(ctx context.Context, h Hands, id ID, must bool) (Event, error) {
	_, err := d.change(ctx, id, func(r *record) error {
		if !must && r.MustEnrol && d.clinical(r.Account) && !h.two() {
			return ErrNeedsApproval
		}
		r.MustEnrol = must
		return nil
	})
	return done(Event{Kind: Changed, Account: id, By: h.By, Detail: "second factor required or not"}, err)
}

// ClearFactors takes away all second factors of somebody who lost them, who must
// enrol anew at the next sign-in. For a clinical account it takes two.
func (d *Directory) ClearFactors(ctx context.Context, h Hands, id ID) (Event, error) {
	r, err := d.change(ctx, id, func(r *record) error {
		if d.clinical(r.Account) && !h.two() {
			return ErrNeedsApproval
		}
		r.TOTP, r.Keys, r.Recovery, r.MustEnrol = nil, nil, nil, true
		r.Epoch++
		return nil
	})
	if err != nil {
		return Event{}, err
	}
	d.notify(r.Account, NoticeFactor)
	return Event{Kind: FactorRemoved, Account: id, By: h.By, Detail: "all"}, nil
}

// Remove takes an account away; its login name may be given again, its id not.
func (d *Directory) Remove(ctx context.Context, h Hands, id ID) (Event, error) {
	e, err := d.load(ctx, id)
	if err != nil {
		return Event{}, err
	}
	r := e.Value
	ops := append(void(id, Invitation, Reset, ConfirmEmail, AllowEmail), accounts.Remove(e), totpEnrolments.Drop(string(id)))
	if r.Login != "" {
		ops = append(ops, logins.Drop(d.vault.Blind("person.login", r.Login)))
	}
	if r.FHIRUser != "" && !r.Source.Linked() {
		ops = append(ops, people.Drop(d.speaks(r.FHIRUser)))
	}
	if r.Source.Linked() {
		ops = append(ops, linked.Drop(d.linkedName(r.Source)))
	}
	for _, k := range r.Keys {
		ops = append(ops, passkeys.Drop(d.passkeyName(k.ID)))
	}
	ops = append(ops, d.end(id, d.rightsAfter(r))...)
	if err := d.vault.Apply(ctx, ops...); errors.Is(err, vault.ErrChanged) {
		return Event{}, ErrState
	} else if err != nil {
		return Event{}, err
	}
	return Event{Kind: Removed, Account: id, By: h.By}, nil
}
