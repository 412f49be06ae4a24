package smart

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
)

// A role that opens much is held for a time and for a reason. Tokens follow: none
// lives longer than the first role that ends, and when one is given back or taken
// away those that name it are worth nothing at once.

// mayAskRoles reports whether somebody may ask for a role at all: who is here as a
// patient, or for one, may not.
func (s *Server) mayAskRoles(p Person) bool {
	kind, _, _ := strings.Cut(p.FHIRUser, "/")
	return len(s.opt.RequestableRoles) > 0 && kind != "Patient" && kind != "RelatedPerson"
}

// rolesPage asks for one, and lists what was asked for.
func (s *Server) rolesPage(ctx context.Context, req transport.WebRequest) Answer {
	_, p, a, ok := s.ownPage(ctx, req)
	if !ok {
		return a
	}
	return s.rolesAgain(ctx, req, p, form{})
}

func (s *Server) rolesAgain(ctx context.Context, req transport.WebRequest, p Person, typed form, wrong ...ui.FieldError) Answer {
	v := &ui.RequestRole{Common: s.own(req, p), Reason: typed["reason"], Until: typed["until"],
		Latest: s.pages.Local(s.now().Add(s.opt.People.Limits().MaxJustInTime))}
	v.Errors = wrong
	if v.Until == "" {
		v.Until = s.pages.Local(s.now().Add(min(time.Hour, s.opt.People.Limits().MaxJustInTime)))
	}
	if s.mayAskRoles(p) {
		for _, role := range s.opt.RequestableRoles {
			v.Roles = append(v.Roles, ui.Choice{Value: role, Text: role, Selected: role == typed["role"]})
		}
	}
	var err error
	if v.Requests, err = s.rolesAsked(ctx, p); err != nil {
		return s.troublePage(err)
	}
	return s.page(http.StatusOK, v)
}

// rolesAsked are what waits, what is held for a time, and what was, the newest
// first.
func (s *Server) rolesAsked(ctx context.Context, p Person) ([]ui.RoleRequest, error) {
	waiting, err := s.opt.People.RoleRequests(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.opt.People.Account(ctx, person.ID(p.ID))
	if err != nil {
		return nil, err
	}
	var out []ui.RoleRequest
	for _, q := range waiting {
		if q.Account == a.ID {
			out = append(out, ui.RoleRequest{ID: q.ID, Role: q.Role, Reason: q.Reason, Asked: q.Asked, Until: q.Until, Status: "Waiting for a second person", Mark: ui.StatusWaiting, Waiting: true})
		}
	}
	for _, g := range a.Roles {
		if g.Until.IsZero() {
			continue
		}
		r := ui.RoleRequest{ID: g.Role, Role: g.Role, Reason: g.Reason, Asked: g.Since, Until: g.Until, Status: "Ended", Decided: s.whoIs(ctx, g.By, a.ID)}
		if s.now().Before(g.Until) {
			r.Status, r.Mark, r.Active = "Active", ui.StatusGood, s.mayGiveBack(a, g.Role)
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b ui.RoleRequest) int { return b.Asked.Compare(a.Asked) })
	return out, nil
}

// whoIs is the name of who decided; "" is the person.
func (s *Server) whoIs(ctx context.Context, id, self person.ID) string {
	switch id {
	case self:
		return ""
	case person.Operator:
		return "the operator"
	case person.Provider:
		return "where you sign in"
	}
	if a, err := s.opt.People.Account(ctx, id); err == nil {
		return a.Display
	}
	return "somebody who is not here any more"
}

// mayGiveBack: to give a role back ends every grant of it, so one that somebody
// also holds for good is none to give back.
func (s *Server) mayGiveBack(a person.Account, role string) bool {
	held := false
	for _, g := range a.Roles {
		if g.Role != role {
			continue
		}
		if g.Until.IsZero() {
			return false
		}
		held = held || s.now().Before(g.Until)
	}
	return held
}

// askRole asks for a role until a time, for a reason.
func (s *Server) askRole(ctx context.Context, req transport.WebRequest) Answer {
	f, _, p, a, ok := s.ownForm(ctx, req)
	if !ok {
		return a
	}
	if !s.mayAskRoles(p) || !slices.Contains(s.opt.RequestableRoles, f["role"]) {
		return s.rolesAgain(ctx, req, p, f, ui.FieldError{Field: "role", Text: "This is not a role that you may ask for."}).with(
			Event{What: string(person.RoleAsked), Failed: true, Person: p.ID, FHIRUser: p.FHIRUser, Why: "not a role to ask for"})
	}
	until, read := s.pages.ParseLocal(f["until"])
	most := s.now().Add(s.opt.People.Limits().MaxJustInTime)
	if !read || !until.After(s.now()) || until.After(most) {
		return s.rolesAgain(ctx, req, p, f, ui.FieldError{Field: "until", Text: "Choose an end in the future, and not too far."})
	}
	_, event, err := s.opt.People.RequestRole(ctx, person.ID(p.ID), f["role"], f["reason"], until)
	if errors.Is(err, person.ErrGrant) {
		return s.rolesAgain(ctx, req, p, f, ui.FieldError{Field: "reason", Text: "Say in a few words what you need it for."})
	}
	if err != nil {
		return s.troublePage(err)
	}
	return seeOther(s.url(ui.PathRoles)).with(eventsOf(event, "")...)
}

// giveBack ends a role that the person holds for a time. Tokens that name it are
// worth nothing from the next request on; what was granted stays, and gives
// tokens without it.
func (s *Server) giveBack(ctx context.Context, req transport.WebRequest) Answer {
	f, _, p, a, ok := s.ownForm(ctx, req)
	if !ok {
		return a
	}
	account, err := s.opt.People.Account(ctx, person.ID(p.ID))
	if err != nil {
		return s.troublePage(err)
	}
	if !s.mayGiveBack(account, f["request"]) {
		return seeOther(s.url(ui.PathRoles)) // it has ended, as was wanted
	}
	event, err := s.opt.People.TakeRole(ctx, person.Hands{By: account.ID}, account.ID, f["request"])
	if err != nil {
		return s.troublePage(err)
	}
	return seeOther(s.url(ui.PathRoles)).with(eventsOf(event, "")...)
}

// withdraw takes a request back that nobody has answered.
func (s *Server) withdraw(ctx context.Context, req transport.WebRequest) Answer {
	f, _, p, a, ok := s.ownForm(ctx, req)
	if !ok {
		return a
	}
	event, err := s.opt.People.WithdrawRole(ctx, person.ID(p.ID), f["request"])
	if errors.Is(err, person.ErrState) {
		return seeOther(s.url(ui.PathRoles)) // it waits no more, as was wanted
	}
	if err != nil {
		return s.troublePage(err)
	}
	return seeOther(s.url(ui.PathRoles)).with(eventsOf(event, "")...)
}
