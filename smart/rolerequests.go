package smart

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/go-json-experiment/json"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// A role that somebody asks for, for a time (rolepage.go), is an administrator's
// to give: it stands among the approvals. Whoever asked is one person, whoever
// gives it the other; where the role would make a clinician or an administrator
// of them, a second administrator must agree.

// roleRequestMark begins the names of requests among those of approvals.
const roleRequestMark = "role~"

// rolesWanted are the requests that nobody has answered, and for which no approval
// waits.
func (s *Server) rolesWanted(ctx context.Context, pending []vault.Entry[approval]) ([]person.RoleRequest, error) {
	all, err := s.opt.People.RoleRequests(ctx)
	return slices.DeleteFunc(all, func(q person.RoleRequest) bool {
		return slices.ContainsFunc(pending, func(e vault.Entry[approval]) bool {
			return e.Value.State == stateWaiting && e.Value.Change.Request == q.ID
		})
	}), err
}

func requestDigest(q person.RoleRequest) string {
	b, err := json.Marshal(q, json.Deterministic(true))
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// requested is a request as the change that answers it.
func (s *Server) requested(ctx context.Context, q person.RoleRequest) (change, error) {
	a, err := s.opt.People.Account(ctx, q.Account)
	return change{Kind: answerRole, Whom: whomOf(a), Request: q.ID, Role: person.RoleGrant{Role: q.Role, Until: q.Until, Reason: q.Reason}}, err
}

func (s *Server) shownRequest(ctx context.Context, q person.RoleRequest, names map[string]string) ui.Change {
	out := ui.Change{ID: roleRequestMark + q.ID + "." + requestDigest(q), By: s.nameOf(ctx, string(q.Account), names), Asked: q.Asked, Expires: q.Until, Reason: q.Reason, Mark: ui.StatusWaiting}
	c, err := s.requested(ctx, q)
	if err != nil {
		out.Title = "Give a role to an account that is not there any more"
		return out
	}
	out.Title, out.Facts = c.title(), s.facts(ctx, c)
	return out
}

// decideRole answers a request for a role.
func (s *Server) decideRole(ctx context.Context, req transport.WebRequest, a administrator, id, digest string) Answer {
	all, err := s.opt.People.RoleRequests(ctx)
	if err != nil {
		return s.troublePage(err)
	}
	i := slices.IndexFunc(all, func(q person.RoleRequest) bool { return q.ID == id })
	if i < 0 || !same(digest, requestDigest(all[i])) {
		return s.showApprovals(ctx, req, a, ui.FieldError{Text: "That change was decided already, or has lapsed"})
	}
	q, comment := all[i], reason(a.form["comment"])
	switch a.form["answer"] {
	case "refuse":
		e, err := s.refuseRequested(ctx, a, q)
		if errors.Is(err, person.ErrState) {
			return s.showApprovals(ctx, req, a, ui.FieldError{Text: "That change was decided already"})
		}
		if err != nil {
			return s.troublePage(err)
		}
		done := personEvent(e)
		done.About = string(q.Account)
		return s.seeDone(ui.PathApprovals, "", "refused").with(a.stamp([]Event{done}, comment)...)
	case "approve":
		return s.giveRequested(ctx, req, a, q)
	}
	return s.lostPage(req)
}

// refuseRequested: to refuse one's own request is to withdraw it.
func (s *Server) refuseRequested(ctx context.Context, a administrator, q person.RoleRequest) (person.Event, error) {
	if string(q.Account) == a.ID {
		return s.opt.People.WithdrawRole(ctx, q.Account, q.ID)
	}
	return s.opt.People.AnswerRole(ctx, hands(a), q.ID, person.Refuse)
}

func (s *Server) giveRequested(ctx context.Context, req transport.WebRequest, a administrator, q person.RoleRequest) Answer {
	c, err := s.requested(ctx, q)
	if err != nil {
		return s.troublePage(err)
	}
	out, err := s.attempt(ctx, a, c, q.Reason)
	if err != nil {
		if errors.Is(err, errOwn) {
			e := a.event("approval-granted")
			e.Failed, e.Why, e.About = true, "nobody approves what they asked for, or what is about themselves", string(q.Account)
			out.events = append(out.events, e)
		}
		wrong, mendable := faults(err)
		if !mendable {
			return s.troublePage(err).with(out.events...)
		}
		return s.showApprovals(ctx, req, a, wrong...).with(out.events...)
	}
	if out.pending != "" {
		return s.seeDone(ui.PathApprovals, "", "asked").with(out.events...)
	}
	return s.seeDone(ui.PathApprovals, "", "approved").with(out.events...)
}
