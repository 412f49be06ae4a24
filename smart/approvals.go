package smart

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// A change that takes two persons is kept as it was asked for, sealed, until
// another administrator approves it. What is applied is what is kept and nothing
// else: nobody can alter it, and the form that approves it names its digest. It is
// taken out of waiting before it is made, so it is made once at most.

// approval is such a change.
type approval struct {
	Change change
	By     string // account id; person.Operator for what the machine's owner did
	Asked  time.Time
	Reason string
	Due    time.Time // it waits until then

	State   state
	Second  string // who decided
	Decided time.Time
	Comment string
}

// state is how far an approval came.
type state string

const (
	stateWaiting   state = "waiting"
	stateTaken     state = "taken" // approved, and being made: after a crash nobody knows whether it was
	stateDone      state = "done"
	stateFailed    state = "failed"
	stateRefused   state = "refused"
	stateWithdrawn state = "withdrawn"
)

const (
	approvalLife = 72 * time.Hour
	decidedLife  = 30 * day // for who looks back; the audit trail has all
)

var approvals = vault.Of[approval]("approval")

// waiting is the tag of those that nobody has decided.
const waiting = "waiting"

func (a approval) tags() []string {
	if a.State == stateWaiting {
		return []string{waiting}
	}
	return nil
}

// digest names an approval's content, all that its approver is shown.
func (a approval) digest() string {
	b, err := json.Marshal([]any{a.Change, a.By, a.Asked, a.Reason}, json.Deterministic(true))
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// allowance is leave to make a new secret, once, without asking again: the secret
// is shown to who asked and never to who approved.
type allowance struct{ By string }

var allowances = vault.Of[allowance]("approval.secret")

func allowanceName(clientID, by string) string { return clientID + "." + by }

// attempt makes a change, or keeps it where it takes two.
func (s *Server) attempt(ctx context.Context, a administrator, c change, why string) (outcome, error) {
	h := person.Hands{By: person.ID(a.ID)}
	if !s.takesTwo(c) {
		out, err := s.make(ctx, h, c)
		if !errors.Is(err, person.ErrNeedsApproval) {
			out.events = a.stamp(out.events, why)
			return out, err
		}
	}
	if err := s.sound(ctx, h, c); err != nil {
		return outcome{}, err
	}
	id, kept := handle(), s.toWait(approval{Change: c, By: a.ID, Reason: why})
	if err := s.vault.Apply(ctx, approvals.New(id, kept, kept.Due, kept.tags()...)); err != nil {
		return outcome{}, err
	}
	e := a.event("approval-asked")
	e.Why, e.Change, e.Reason, e.Client, e.About = string(c.Kind), id, why, c.Client.ID, cmp.Or(string(c.Whom.ID), c.Newcomer.FHIRUser)
	return outcome{pending: id, events: []Event{e}}, nil
}

// toWait is a change that waits from now on.
func (s *Server) toWait(a approval) approval {
	a.Asked = s.now().UTC().Truncate(time.Millisecond)
	a.Due, a.State = a.Asked.Add(approvalLife), stateWaiting
	return a
}

// approvalsPage lists what waits, and what was decided of late.
func (s *Server) approvalsPage(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminPage(ctx, req, signInForLook)
	if !ok {
		return answer
	}
	return s.showApprovals(ctx, req, a)
}

func (s *Server) showApprovals(ctx context.Context, req transport.WebRequest, a administrator, wrong ...ui.FieldError) Answer {
	all, err := approvals.All(ctx, s.vault, "")
	if err != nil {
		return s.troublePage(err)
	}
	v := &ui.Approvals{Common: s.administration(ctx, req, a), TwoPersons: s.two("keys")}
	v.Errors = wrong
	slices.SortFunc(all, func(x, y vault.Entry[approval]) int { return x.Value.Asked.Compare(y.Value.Asked) })
	names := map[string]string{}
	for _, e := range all {
		c := s.shown(ctx, e, names)
		c.Mine = e.Value.By == a.ID
		if e.Value.State == stateWaiting {
			v.Waiting = append(v.Waiting, c)
			continue
		}
		v.Decided = append([]ui.Change{c}, v.Decided...)
	}
	v.Decided = v.Decided[:min(50, len(v.Decided))]
	asked, err := s.rolesWanted(ctx, all)
	if err != nil {
		return s.troublePage(err)
	}
	for _, q := range asked {
		c := s.shownRequest(ctx, q, names)
		c.Mine = string(q.Account) == a.ID
		v.Waiting = append(v.Waiting, c)
	}
	status := http.StatusOK
	if len(wrong) > 0 {
		status = http.StatusConflict
	}
	return s.page(status, v)
}

// shown is an approval as its approver sees it: everything that will be applied.
func (s *Server) shown(ctx context.Context, e vault.Entry[approval], names map[string]string) ui.Change {
	v := e.Value
	out := ui.Change{ID: e.Name + "." + v.digest(), Title: v.Change.title(), By: s.nameOf(ctx, v.By, names), Asked: v.Asked, Expires: v.Due, Reason: v.Reason, Mark: ui.StatusWaiting}
	if v.State == stateWaiting {
		out.Facts = s.facts(ctx, v.Change)
		return out
	}
	second := s.nameOf(ctx, v.Second, names)
	switch v.State {
	case stateDone:
		out.Status, out.Mark = "Approved by "+second, ui.StatusGood
	case stateTaken:
		out.Status, out.Mark = "Approved by "+second+"; look whether it was made", ui.StatusBad
	case stateFailed:
		out.Status, out.Mark = "Approved by "+second+", but it could not be made", ui.StatusBad
	case stateRefused:
		out.Status, out.Mark = "Refused by "+second, ui.StatusBad
	case stateWithdrawn:
		out.Status, out.Mark = "Withdrawn", ui.StatusPlain
	}
	if v.Comment != "" {
		out.Status += ": " + v.Comment
	}
	return out
}

// nameOf is an account's name, for people to read.
func (s *Server) nameOf(ctx context.Context, id string, known map[string]string) string {
	switch person.ID(id) {
	case "":
		return ""
	case person.Operator:
		return "the operator"
	case person.Provider:
		return "the directory where they sign in"
	}
	if name, ok := known[id]; ok {
		return name
	}
	name := id
	if a, err := s.opt.People.Account(ctx, person.ID(id)); err == nil {
		name = display(a)
	}
	known[id] = name
	return name
}

func display(a person.Account) string {
	if a.Display != "" {
		return a.Display
	}
	if a.Login != "" {
		return a.Login
	}
	return string(a.ID)
}

// decide approves or refuses.
func (s *Server) decide(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminForm(ctx, req, ui.PathApprovals)
	if !ok {
		return answer
	}
	id, digest, _ := strings.Cut(a.form["change"], ".")
	if request, ok := strings.CutPrefix(id, roleRequestMark); ok {
		return s.decideRole(ctx, req, a, request, digest)
	}
	e, err := approvals.Load(ctx, s.vault, id)
	if err != nil && !errors.Is(err, vault.ErrAbsent) {
		return s.troublePage(err)
	}
	if err != nil || e.Value.State != stateWaiting {
		return s.showApprovals(ctx, req, a, ui.FieldError{Text: "That change was decided already, or has lapsed"})
	}
	event := a.event("approval-refused")
	event.Why, event.Client, event.About, event.Reason = string(e.Value.Change.Kind), e.Value.Change.Client.ID, string(e.Value.Change.Whom.ID), reason(a.form["comment"])
	event.Change, event.AskedBy = e.Name, e.Value.By
	mine := e.Value.By == a.ID
	switch {
	case !same(digest, e.Value.digest()):
		return s.showApprovals(ctx, req, a, ui.FieldError{Text: "That is not the change that you were shown: look again"})
	case a.form["answer"] == "approve" && (mine || e.Value.Change.aboutSelf(person.ID(a.ID))):
		event.Failed, event.What, event.Why = true, "approval-granted", "nobody approves what they asked for, or what is about themselves"
		return s.showApprovals(ctx, req, a, ui.FieldError{Text: "Another person must approve this"}).with(event)
	case a.form["answer"] == "approve":
		return s.approve(ctx, req, a, e, event)
	case a.form["answer"] != "refuse":
		return s.lostPage(req)
	}
	to := stateRefused
	if mine {
		to, event.What = stateWithdrawn, "approval-withdrawn"
	}
	if _, err := s.settle(ctx, e, to, a.ID, event.Reason); errors.Is(err, vault.ErrChanged) {
		return s.showApprovals(ctx, req, a, ui.FieldError{Text: "That change was decided already"})
	} else if err != nil {
		return s.troublePage(err)
	}
	return s.seeDone(ui.PathApprovals, "", "refused").with(event)
}

// settle decides an approval, unless somebody else was quicker.
func (s *Server) settle(ctx context.Context, e vault.Entry[approval], to state, second, comment string) (vault.Entry[approval], error) {
	e.Value.State, e.Value.Second, e.Value.Comment, e.Value.Decided = to, second, comment, s.now()
	e.Until = s.now().Add(decidedLife)
	if err := s.vault.Apply(ctx, approvals.Replace(e, e.Value.tags()...)); err != nil {
		return e, err
	}
	return approvals.Load(ctx, s.vault, e.Name)
}

func (s *Server) approve(ctx context.Context, req transport.WebRequest, a administrator, e vault.Entry[approval], event Event) Answer {
	event.What = "approval-granted"
	e, err := s.settle(ctx, e, stateTaken, a.ID, event.Reason)
	if errors.Is(err, vault.ErrChanged) {
		return s.showApprovals(ctx, req, a, ui.FieldError{Text: "That change was decided already"})
	}
	if err != nil {
		return s.troublePage(err)
	}
	out, err := s.agreed(ctx, person.Hands{By: person.ID(e.Value.By), Second: person.ID(a.ID)}, e.Value.Change)
	to := stateDone
	if err != nil {
		to = stateFailed
	}
	if _, settled := s.settle(ctx, e, to, a.ID, event.Reason); settled != nil {
		s.log.Error("an approval's end was not kept", "error", settled)
	}
	made := a.stamp(out.events, e.Value.Reason)
	for i := range made {
		made[i].Change, made[i].AskedBy = event.Change, event.AskedBy
	}
	if err != nil { // some of it may have been done
		event.Failed = true
		wrong, mendable := faults(err)
		if !mendable {
			return s.troublePage(err).with(event).with(made...)
		}
		return s.showApprovals(ctx, req, a, wrong...).with(event).with(made...)
	}
	return s.seeDone(ui.PathApprovals, "", "approved").with(event).with(made...)
}

// agreed makes a change that two have agreed to. Who asked must still be an
// administrator. A secret is nobody's here: who asked is let make it.
func (s *Server) agreed(ctx context.Context, h person.Hands, c change) (outcome, error) {
	if h.By != person.Operator {
		p, err := s.person(ctx, string(h.By))
		if errors.Is(err, ErrNobody) || err == nil && !s.administers(p) {
			return outcome{}, errMeanwhile
		}
		if err != nil {
			return outcome{}, err
		}
	}
	if c.Kind == newSecret {
		if err := s.sound(ctx, h, c); err != nil {
			return outcome{}, err
		}
		return outcome{}, s.allowSecret(ctx, c.Client.ID, string(h.By))
	}
	out, err := s.make(ctx, h, c)
	if err == nil && c.Kind == registerClient && bySecret(out.client) {
		out.secret = ""
		err = s.allowSecret(ctx, out.client.ID, string(h.By))
	}
	return out, err
}

func bySecret(c client.Client) bool {
	return c.Method == client.SecretBasic || c.Method == client.SecretPost
}

func (s *Server) allowSecret(ctx context.Context, clientID, by string) error {
	return s.vault.Apply(ctx, allowances.Set(allowanceName(clientID, by), allowance{by}, s.now().Add(approvalLife)))
}
