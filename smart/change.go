package smart

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/vault"
)

// changeKind is something that an administrator wants done and that gives rights.
// Taking them away takes one person and no waiting: see disableClient, lockPerson.
type changeKind string

// The kinds; with each, the fields of change that count.
const (
	registerClient changeKind = "client-register" // Client
	alterClient    changeKind = "client-change"   // Client, To
	enableClient   changeKind = "client-enable"   // Client
	newSecret      changeKind = "secret"          // Client, Keep
	invitePerson   changeKind = "person-invite"   // Newcomer
	unlockPerson   changeKind = "person-unlock"   // Whom
	grantRole      changeKind = "role-grant"      // Whom, Role
	answerRole     changeKind = "role-request"    // Whom, Role, Request
	changeEmail    changeKind = "email-change"    // Whom, Email
	renewKeys      changeKind = "keys-renew"
	takePolicies   changeKind = "policies" // Policies
)

// change is what is to be done. Client and Whom are what it is done to, as it was
// when it was asked for: what has changed meanwhile is not what was agreed to.
type change struct {
	Kind     changeKind
	Client   client.Client    `json:",omitzero"`
	To       client.Client    `json:",omitzero"`
	Keep     client.Seconds   `json:",omitzero"` // of the secret before the new one
	Newcomer person.Newcomer  `json:",omitzero"`
	Whom     whom             `json:",omitzero"`
	Role     person.RoleGrant `json:",omitzero"`
	Request  string           `json:",omitzero"` // of a role, by Whom
	Email    string           `json:",omitzero"`
	Policies PolicyTexts      `json:",omitzero"`
}

// whom is an account as an administrator has seen it.
type whom struct {
	ID                             person.ID
	Login, Display, Email          string
	FHIRUser, Organization         string
	Disabled                       bool
	Provider, Issuer, SubjectThere string
}

func whomOf(a person.Account) whom {
	return whom{a.ID, a.Login, a.Display, a.Email, a.FHIRUser, a.Organization, a.Disabled, a.Source.Provider, a.Source.Issuer, a.Source.Subject}
}

// outcome is what a change has made.
type outcome struct {
	client  client.Client
	secret  string // shown once, to who asked for it
	account person.Account
	pending string // it waits for a second person: its name
	events  []Event
}

var (
	errOwn       = errors.New("nobody changes their own account")
	errMeanwhile = errors.New("it has changed meanwhile")
)

// takesTwo reports whether a change takes a second person whoever asks for it.
// Whatever could let one administrator pass for two, or read records as a system
// of their own making, always does.
func (s *Server) takesTwo(c change) bool {
	switch c.Kind {
	case registerClient, enableClient, newSecret:
		return s.two("clients") || powerful(c.Client)
	case alterClient:
		return s.two("clients") || powerful(c.Client) || powerful(c.To)
	case invitePerson:
		return s.two("people") || slices.ContainsFunc(c.Newcomer.Roles, s.ofAdministrators)
	case grantRole:
		return s.two("people") || s.ofAdministrators(c.Role)
	case answerRole: // who asked and who answers are two
		return s.ofAdministrators(c.Role)
	case unlockPerson:
		return s.two("people")
	case renewKeys:
		return s.two("keys")
	}
	// An address is a way into the account: changeEmail, and takePolicies, which
	// nobody would be asked about otherwise.
	return true
}

func (s *Server) two(what string) bool { return slices.Contains(s.opt.TwoPersons, what) }

func (s *Server) ofAdministrators(g person.RoleGrant) bool {
	return slices.Contains(s.opt.Administrators, g.Role)
}

// powerful are applications that one administrator could use to read what they
// may not: those that act for themselves, that nobody is asked about, or that see
// others' tokens.
func powerful(c client.Client) bool {
	return c.Kind == client.System || c.Trusted || c.Introspect
}

// aboutSelf reports whether a change is about somebody's own account.
func (c change) aboutSelf(id person.ID) bool { return c.Whom.ID != "" && c.Whom.ID == id }

// sound says what is wrong with a change before it is made, or waits.
func (s *Server) sound(ctx context.Context, h person.Hands, c change) error {
	if c.aboutSelf(h.By) || h.Second != "" && c.aboutSelf(h.Second) {
		return errOwn
	}
	if err := s.still(ctx, c); err != nil {
		return err
	}
	switch c.Kind {
	case registerClient:
		if _, err := s.opt.Clients.Load(ctx, c.Client.ID); err == nil {
			return client.ErrExists
		}
		return s.opt.Clients.Check(c.Client)
	case alterClient:
		return s.opt.Clients.Check(c.To)
	case invitePerson:
		return s.opt.People.CheckInvite(ctx, h, c.Newcomer)
	case grantRole, answerRole:
		return s.opt.People.CheckGrant(ctx, h, c.Whom.ID, c.Role)
	case changeEmail:
		return s.opt.People.CheckEmail(ctx, c.Whom.ID, c.Email)
	}
	return nil
}

// still reports errMeanwhile when what a change is done to is not what it was.
func (s *Server) still(ctx context.Context, c change) error {
	switch c.Kind {
	case enableClient, newSecret, alterClient:
		r, err := s.opt.Clients.Load(ctx, c.Client.ID)
		if errors.Is(err, vault.ErrAbsent) || err == nil && !sameClient(r.Client, c.Client) {
			return errMeanwhile
		}
		return err
	case unlockPerson, grantRole, answerRole, changeEmail:
		a, err := s.opt.People.Account(ctx, c.Whom.ID)
		if errors.Is(err, person.ErrNoAccount) || err == nil && whomOf(a) != c.Whom {
			return errMeanwhile
		}
		return err
	}
	return nil
}

// sameClient compares registrations as they are kept.
func sameClient(a, b client.Client) bool {
	x, err1 := json.Marshal(a, json.Deterministic(true))
	y, err2 := json.Marshal(b, json.Deterministic(true))
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// make makes a change, in the name of one or two persons. person.ErrNeedsApproval
// says that it takes two.
func (s *Server) make(ctx context.Context, h person.Hands, c change) (outcome, error) {
	if err := s.sound(ctx, h, c); err != nil {
		return outcome{}, err
	}
	switch c.Kind {
	case registerClient, alterClient, enableClient, newSecret:
		return s.makeClient(ctx, h, c)
	case renewKeys:
		err := s.keys.Renew(ctx)
		return outcome{events: []Event{{What: "keys-renewed", Failed: err != nil}}}, err
	case takePolicies:
		err := s.approvePolicies(ctx, c.Policies)
		return outcome{events: []Event{{What: "policies-approved", Failed: err != nil, About: c.Policies.Hash}}}, err
	}
	return s.makePerson(ctx, h, c)
}

func (s *Server) makeClient(ctx context.Context, h person.Hands, c change) (out outcome, err error) {
	by, id, what := string(h.By), c.Client.ID, ""
	switch c.Kind {
	case registerClient:
		what = "application-registered"
		var r client.Registration
		r, out.secret, err = s.opt.Clients.Register(ctx, c.Client, by)
		id = r.Client.ID
	case alterClient:
		what = "application-changed"
		err = s.replaceClient(ctx, c, by)
	case enableClient:
		what = "application-enabled"
		// What was granted went when it was disabled, unless that was cut short.
		if out.events, err = s.endGrantsTo(ctx, id); err == nil {
			err = s.opt.Clients.Enable(ctx, id, by)
		}
	case newSecret:
		what = "application-secret"
		out.secret, err = s.opt.Clients.RotateSecret(ctx, id, c.Keep.Duration(), by)
	}
	if err != nil { // what was ended on the way is ended
		return outcome{events: out.events}, err
	}
	out.events = append(out.events, Event{What: what, Client: id})
	r, err := s.opt.Clients.Load(ctx, id)
	out.client = r.Client
	return out, err
}

// replaceClient keeps a registration in the place of the one that was looked at.
func (s *Server) replaceClient(ctx context.Context, c change, by string) error {
	r, err := s.opt.Clients.Load(ctx, c.Client.ID)
	if err != nil {
		return err
	}
	if !sameClient(r.Client, c.Client) {
		return errMeanwhile
	}
	r.Client = c.To
	_, err = s.opt.Clients.Replace(ctx, r, by)
	if errors.Is(err, vault.ErrChanged) {
		return errMeanwhile
	}
	return err
}

func (s *Server) makePerson(ctx context.Context, h person.Hands, c change) (out outcome, err error) {
	var e person.Event
	switch c.Kind {
	case invitePerson:
		out.account, e, err = s.opt.People.Invite(ctx, h, c.Newcomer)
	case unlockPerson:
		e, err = s.opt.People.Enable(ctx, h, c.Whom.ID)
	case grantRole:
		e, err = s.opt.People.GrantRole(ctx, h, c.Whom.ID, c.Role)
	case answerRole:
		e, err = s.opt.People.AnswerRole(ctx, h, c.Request, person.Grant)
		if errors.Is(err, person.ErrState) {
			err = errMeanwhile // it was withdrawn, or answered
		}
	case changeEmail:
		if h.By == person.Operator {
			_, e, err = s.opt.People.AskEmail(ctx, h, c.Whom.ID, c.Email)
			break
		}
		e, err = s.opt.People.ApplyEmailChange(ctx, h, c.Whom.ID, c.Email)
	default:
		err = errors.New("no such change: " + string(c.Kind))
	}
	if err != nil {
		return outcome{}, err
	}
	out.events = []Event{personEvent(e)}
	out.events[0].About = string(e.Account)
	return out, nil
}

// disableClient keeps an application from everything at once: it gets no token any
// more, and those it has are worth nothing.
func (s *Server) disableClient(ctx context.Context, id, by string) ([]Event, error) {
	if err := s.opt.Clients.Disable(ctx, id, by); err != nil {
		return nil, err
	}
	ended, err := s.endGrantsTo(ctx, id, s.revoke(aboutClient(id))...)
	return append([]Event{{What: "application-disabled", Client: id}}, ended...), err
}

// endGrantsTo ends what was granted to an application that is disabled, with what
// goes with that.
func (s *Server) endGrantsTo(ctx context.Context, id string, with ...vault.Op) ([]Event, error) {
	all, err := grants.All(ctx, s.vault, "client:"+id)
	if err != nil {
		return nil, err
	}
	var events []Event
	for _, g := range all {
		events = append(events, Event{What: "revoke", About: g.Value.Person, Client: id, Grant: g.Name, Why: "the application was disabled"})
	}
	if with = append(with, without(all)...); len(with) == 0 {
		return nil, nil
	}
	return events, s.vault.Apply(ctx, with...)
}

// without are the changes by which grants are gone.
func without(all []vault.Entry[Grant]) []vault.Op {
	var ops []vault.Op
	for _, g := range all {
		ops = append(ops, grants.Drop(g.Name))
	}
	return ops
}

// lockPerson closes an account, and ends its sessions and all that it granted.
// Applications are told as at a sign-out.
func (s *Server) lockPerson(ctx context.Context, h person.Hands, id person.ID) ([]Event, error) {
	if h.By == id {
		return nil, errOwn
	}
	open, err := sessions.All(ctx, s.vault, "person:"+string(id))
	if err != nil {
		return nil, err
	}
	e, err := s.opt.People.Disable(ctx, h, id)
	if err != nil {
		return nil, err
	}
	done := personEvent(e)
	done.About = string(id)
	events := []Event{done}
	for _, x := range open {
		left, err := s.leave(ctx, x)
		for _, l := range left {
			l.About, l.Why = string(id), "the account was locked"
			events = append(events, l)
		}
		if err != nil {
			return events, err
		}
	}
	all, err := grants.All(ctx, s.vault, "person:"+string(id))
	if err != nil {
		return events, err
	}
	for _, g := range all {
		events = append(events, Event{What: "revoke", About: string(id), Client: g.Value.Client, Grant: g.Name, Why: "the account was locked"})
	}
	return events, s.vault.Apply(ctx, append(s.revoke(aboutPerson(string(id))), without(all)...)...)
}

// endRole ends a role; tokens that were issued while it was held end with it, and
// what an application gets for a refresh token is without it.
func (s *Server) endRole(ctx context.Context, h person.Hands, id person.ID, role string) ([]Event, error) {
	if h.By == id {
		return nil, errOwn
	}
	e, err := s.opt.People.TakeRole(ctx, h, id, role)
	if err != nil {
		return nil, err
	}
	done := personEvent(e)
	done.About = string(id)
	return []Event{done}, nil
}

// secretKept is how long the secret before a new one goes on, so that both sides
// need not change at the same moment.
const secretKept = client.Seconds(24 * time.Hour / time.Second)
