package person

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"firebreak/vault"
)

// ErrGrant says that a role cannot be held as asked.
var ErrGrant = errors.New("a role is granted by somebody else, with a reason of 10 or more characters, and, just in time, with an end that is near")

const leastReason = 10 // characters

// RoleRequest is a role that somebody asks for, for a time.
type RoleRequest struct {
	ID      string
	Account ID
	Role    string
	Reason  string
	Until   time.Time
	Asked   time.Time
}

var roleRequests = vault.Of[RoleRequest]("person.rolerequest")

// grant checks a grant to an account and completes it. A grant with an end says
// why; one of a role that is just in time has an end, and soon.
func (d *Directory) grant(h Hands, to ID, g RoleGrant) (RoleGrant, error) {
	now := d.clock.Now()
	g.Role, g.Reason, g.By, g.Since = strings.TrimSpace(g.Role), display(g.Reason), h.By, now
	justInTime := slices.Contains(d.opt.JustInTime, g.Role)
	self := h.By == to || h.Second == to
	switch {
	case g.Role == "" || len(g.Role) > 100 || g.Until.Year() > 9999: // RFC 3339 has no later year
		return g, ErrGrant
	case self && !slices.Contains(d.opt.SelfService, g.Role):
		return g, ErrGrant
	case justInTime && (g.Until.IsZero() || g.Until.After(now.Add(d.opt.MaxJustInTime))):
		return g, ErrGrant
	case !g.Until.IsZero() && (!g.Until.After(now) || utf8.RuneCountInString(g.Reason) < leastReason):
		return g, ErrGrant
	}
	return g, nil
}

// GrantRole gives an account a role. A clinical role takes two, ErrNeedsApproval,
// but for one of Options.SelfService that a clinician takes. Error: ErrGrant.
func (d *Directory) GrantRole(ctx context.Context, h Hands, id ID, g RoleGrant) (Event, error) {
	g, err := d.grant(h, id, g)
	if err != nil {
		return Event{}, err
	}
	_, err = d.change(ctx, id, func(r *record) error {
		if d.clinicalRole(g.Role) && !h.two() && (h.By != id || !d.clinician(r.Account)) {
			return ErrNeedsApproval
		}
		d.add(r, g)
		return nil
	})
	return done(Event{Kind: RoleGranted, Account: id, By: h.By, Detail: g.said()}, err)
}

// said is a grant on record.
func (g RoleGrant) said() string {
	if g.Until.IsZero() {
		return g.Role
	}
	return g.Role + " until " + g.Until.UTC().Format(time.RFC3339)
}

// clinician reports whether somebody treats patients already: a further role makes
// none of them. Who only stands in the records, as a patient or as an administrator
// with a Practitioner of their own, is none.
func (d *Directory) clinician(a Account) bool {
	return slices.ContainsFunc(a.RolesAt(d.clock.Now()), d.clinicalRole)
}

// add puts a grant in the place of those of the same role that end no later.
func (d *Directory) add(r *record, g RoleGrant) {
	const keep = 90 * 24 * time.Hour // for who reads the account; the audit trail has all
	r.Roles = slices.DeleteFunc(slices.Clone(r.Roles), func(old RoleGrant) bool {
		if !old.Until.IsZero() && old.Until.Before(g.Since) {
			return old.Until.Before(g.Since.Add(-keep))
		}
		longer := g.Until.IsZero() || !old.Until.IsZero() && !old.Until.After(g.Until)
		return old.Role == g.Role && old.By != Provider && longer
	})
	r.Roles = append(r.Roles, g)
}

// TakeRole ends all grants of a role to an account.
func (d *Directory) TakeRole(ctx context.Context, h Hands, id ID, role string) (Event, error) {
	now := d.clock.Now()
	_, err := d.change(ctx, id, func(r *record) error {
		r.Roles = slices.Clone(r.Roles)
		for i, g := range r.Roles {
			if g.Role == role && (g.Until.IsZero() || g.Until.After(now)) {
				r.Roles[i].Until = now
			}
		}
		return nil
	})
	return done(Event{Kind: RoleTaken, Account: id, By: h.By, Detail: role}, err)
}

// RequestRole asks for a role until a time, at most Options.MaxJustInTime away.
// A role of Options.SelfService is granted at once, and the request is zero; a
// clinical one only to a clinician, so that nobody becomes one by themselves.
func (d *Directory) RequestRole(ctx context.Context, id ID, role, reason string, until time.Time) (RoleRequest, Event, error) {
	now := d.clock.Now()
	q := RoleRequest{ID: string(newID()), Account: id, Role: strings.TrimSpace(role), Reason: display(reason), Until: until, Asked: now}
	if slices.Contains(d.opt.SelfService, q.Role) {
		event, err := d.GrantRole(ctx, Hands{By: id}, id, RoleGrant{Role: q.Role, Reason: q.Reason, Until: until})
		if !errors.Is(err, ErrNeedsApproval) {
			return RoleRequest{}, event, err
		}
	}
	if q.Role == "" || len(q.Role) > 100 || utf8.RuneCountInString(q.Reason) < leastReason || !until.After(now) || until.After(now.Add(d.opt.MaxJustInTime)) {
		return RoleRequest{}, Event{}, ErrGrant
	}
	e, err := d.load(ctx, id)
	if err != nil {
		return RoleRequest{}, Event{}, err
	}
	if !e.Value.mayProve() {
		return RoleRequest{}, Event{}, ErrState
	}
	// Over when the role would be.
	if err := d.vault.Apply(ctx, roleRequests.New(q.ID, q, until)); err != nil {
		return RoleRequest{}, Event{}, err
	}
	return q, Event{Kind: RoleAsked, Account: id, By: id, Detail: q.Role}, nil
}

// RoleRequests are those that nobody answered, the oldest first.
func (d *Directory) RoleRequests(ctx context.Context) ([]RoleRequest, error) {
	entries, err := roleRequests.All(ctx, d.vault, "")
	out := make([]RoleRequest, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Value)
	}
	slices.SortFunc(out, func(a, b RoleRequest) int { return a.Asked.Compare(b.Asked) })
	return out, err
}

// Answer is what is said to a request.
type Answer bool

// Answers.
const (
	Grant  Answer = true
	Refuse Answer = false
)

// WithdrawRole takes a request back, by who asked. ErrState when it is answered,
// over, or somebody else's.
func (d *Directory) WithdrawRole(ctx context.Context, id ID, request string) (Event, error) {
	e, err := roleRequests.Load(ctx, d.vault, request)
	if errors.Is(err, vault.ErrAbsent) || err == nil && e.Value.Account != id {
		return Event{}, ErrState
	}
	if err == nil {
		err = d.vault.Apply(ctx, roleRequests.Remove(e))
	}
	if errors.Is(err, vault.ErrChanged) {
		err = ErrState
	}
	return done(Event{Kind: RoleWithdrawn, Account: id, By: id, Detail: e.Value.Role}, err)
}

// AnswerRole grants or refuses a request, once. ErrState when it is answered or
// over.
func (d *Directory) AnswerRole(ctx context.Context, h Hands, id string, answer Answer) (Event, error) {
	e, err := roleRequests.Load(ctx, d.vault, id)
	if errors.Is(err, vault.ErrAbsent) {
		return Event{}, ErrState
	}
	if err != nil {
		return Event{}, err
	}
	q := e.Value
	if answer == Refuse {
		err = d.vault.Apply(ctx, roleRequests.Remove(e))
		if errors.Is(err, vault.ErrChanged) {
			err = ErrState
		}
		return done(Event{Kind: RoleRefused, Account: q.Account, By: h.By, Detail: q.Role}, err)
	}
	g, err := d.grant(h, q.Account, RoleGrant{Role: q.Role, Reason: q.Reason, Until: q.Until})
	if err != nil {
		return Event{}, err
	}
	_, err = d.change(ctx, q.Account, func(r *record) error {
		// Who asked is one, who answers the other; to make a clinician takes a third.
		if d.clinicalRole(g.Role) && !h.two() && !d.clinician(r.Account) {
			return ErrNeedsApproval
		}
		d.add(r, g)
		return nil
	}, roleRequests.Remove(e))
	if errors.Is(err, vault.ErrChanged) {
		err = ErrState
	}
	return done(Event{Kind: RoleGranted, Account: q.Account, By: h.By, Detail: g.said()}, err)
}
