package smart

import (
	"context"
	"errors"
	"slices"
	"time"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/ui"
	"firebreak/vault"
)

// Task is what the operator can have done: whoever owns the machine, and so counts
// as two persons (person.Operator). They are not given a token, a password or a
// link of somebody else's either.
type Task string

// The tasks; with each, the fields of Operation that count.
const (
	AddClient     Task = "client add"     // Client
	ListClients   Task = "client list"    //
	ShowClient    Task = "client show"    // ID
	ChangeClient  Task = "client change"  // ID, Client: as ShowClient told it, with what is to be other
	DisableClient Task = "client disable" // ID, Reason
	EnableClient  Task = "client enable"  // ID, Reason
	RotateSecret  Task = "client secret"  // ID, Keep
	InvitePerson  Task = "person invite"  // Newcomer, Reason
	InviteAgain   Task = "person again"   // ID: login name or account id; Reason
	ListPeople    Task = "person list"    // ID: part of a name
	LockPerson    Task = "person lock"    // ID: login name or account id; Reason
	UnlockPerson  Task = "person unlock"  // ID, Reason
	ClearFactors  Task = "person factors" // ID, Reason
	GrantRole     Task = "person grant"   // ID, Role
	EndRole       Task = "person revoke"  // ID, Role.Role
	RenewKeys     Task = "keys renew"     // Reason
	ListApprovals Task = "approvals list" //
)

// Operation is one task of the operator's.
type Operation struct {
	Task     Task
	ID       string
	Client   client.Client
	Newcomer person.Newcomer
	Role     person.RoleGrant
	Keep     client.Seconds // how long the secret before a new one goes on
	Reason   string
}

// Operated is what came of it.
type Operated struct {
	Clients []client.Client  // by id
	Secret  string           // of the first of them; nowhere else
	People  []person.Account // by name
	Waiting []ui.Change
	Known   []string // the roles that can be given

	Events []Event // to be on record before the rest is told
}

// Errors of the operator's, for their eyes.
var (
	ErrNoClient = errors.New("there is no application of this id")
	ErrNoTask   = errors.New("this server does not know that task")
	ErrRole     = errors.New("there is no such role")
	// ErrMeanwhile: it was changed by somebody else since it was shown.
	ErrMeanwhile = errMeanwhile
)

// Operate does a task of the operator's.
func (s *Server) Operate(ctx context.Context, o Operation) (Operated, error) {
	out, err := s.operate(ctx, o)
	for i := range out.Events {
		out.Events[i].Person, out.Events[i].Reason = string(person.Operator), reason(o.Reason)
	}
	return out, err
}

func (s *Server) operate(ctx context.Context, o Operation) (Operated, error) {
	switch o.Task {
	case AddClient:
		if o.Client.ID == "" {
			o.Client.ID = newClientID()
		}
		return s.operated(s.make(ctx, operator, change{Kind: registerClient, Client: o.Client}))
	case ListClients, ShowClient, ChangeClient, DisableClient, EnableClient, RotateSecret:
		return s.operateClient(ctx, o)
	case InvitePerson:
		for _, g := range o.Newcomer.Roles {
			if !slices.Contains(s.opt.Roles, g.Role) {
				return Operated{Known: s.opt.Roles}, ErrRole
			}
		}
		return s.operated(s.make(ctx, operator, change{Kind: invitePerson, Newcomer: o.Newcomer}))
	case ListPeople:
		list, err := s.found(ctx, o.ID)
		return Operated{People: list}, err
	case InviteAgain, ClearFactors, LockPerson, UnlockPerson, GrantRole, EndRole:
		return s.operatePerson(ctx, o)
	case RenewKeys:
		return s.operated(s.make(ctx, operator, change{Kind: renewKeys}))
	case ListApprovals:
		return s.operateApprovals(ctx)
	}
	return Operated{}, ErrNoTask
}

func (s *Server) operateApprovals(ctx context.Context) (Operated, error) {
	all, err := approvals.All(ctx, s.vault, waiting)
	if err != nil {
		return Operated{}, err
	}
	slices.SortFunc(all, func(x, y vault.Entry[approval]) int { return x.Value.Asked.Compare(y.Value.Asked) })
	out, names := Operated{}, map[string]string{}
	for _, e := range all {
		out.Waiting = append(out.Waiting, s.shown(ctx, e, names))
	}
	asked, err := s.rolesWanted(ctx, all)
	for _, q := range asked {
		out.Waiting = append(out.Waiting, s.shownRequest(ctx, q, names))
	}
	return out, err
}

var operator = person.Hands{By: person.Operator}

func (s *Server) operated(out outcome, err error) (Operated, error) {
	o := Operated{Secret: out.secret, Events: out.events}
	if out.client.ID != "" {
		o.Clients = []client.Client{out.client}
	}
	if out.account.ID != "" {
		o.People = []person.Account{out.account}
	}
	return o, err
}

func (s *Server) operateClient(ctx context.Context, o Operation) (Operated, error) {
	if o.Task == ListClients {
		all, err := s.opt.Clients.List(ctx)
		var out Operated
		for _, r := range all {
			out.Clients = append(out.Clients, r.Client)
		}
		return out, err
	}
	c, err := s.client(ctx, o.ID)
	if errors.Is(err, vault.ErrAbsent) {
		return Operated{}, ErrNoClient
	}
	if err != nil {
		return Operated{}, err
	}
	switch o.Task {
	case ChangeClient:
		if !o.Client.Changed.Equal(c.Changed) {
			return Operated{}, ErrMeanwhile
		}
		return s.operated(s.make(ctx, operator, change{Kind: alterClient, Client: c, To: o.Client}))
	case DisableClient:
		events, err := s.disableClient(ctx, c.ID, string(person.Operator))
		return Operated{Clients: []client.Client{c}, Events: events}, err
	case EnableClient:
		return s.operated(s.make(ctx, operator, change{Kind: enableClient, Client: c}))
	case RotateSecret:
		return s.operated(s.make(ctx, operator, change{Kind: newSecret, Client: c, Keep: o.Keep}))
	}
	return Operated{Clients: []client.Client{c}}, nil
}

func (s *Server) operatePerson(ctx context.Context, o Operation) (Operated, error) {
	a, err := s.opt.People.Find(ctx, o.ID)
	if errors.Is(err, person.ErrNoAccount) {
		a, err = s.opt.People.Account(ctx, person.ID(o.ID))
	}
	if err != nil {
		return Operated{}, err
	}
	out := Operated{Known: s.opt.Roles}
	switch o.Task {
	case InviteAgain, ClearFactors:
		do := s.opt.People.InviteAgain
		if o.Task == ClearFactors {
			do = s.opt.People.ClearFactors
		}
		var e person.Event
		if e, err = do(ctx, operator, a.ID); err == nil {
			out.Events = []Event{personEvent(e)}
			out.Events[0].About = string(a.ID)
		}
	case LockPerson:
		out.Events, err = s.lockPerson(ctx, operator, a.ID)
	case UnlockPerson:
		out, err = s.operated(s.make(ctx, operator, change{Kind: unlockPerson, Whom: whomOf(a)}))
	case GrantRole:
		if !slices.Contains(s.opt.Roles, o.Role.Role) {
			return out, ErrRole
		}
		if most := s.opt.People.Longest(o.Role.Role); most > 0 && o.Role.Until.IsZero() {
			o.Role.Until = s.now().Add(most).UTC().Truncate(time.Second)
		}
		out, err = s.operated(s.make(ctx, operator, change{Kind: grantRole, Whom: whomOf(a), Role: o.Role}))
	case EndRole:
		if !slices.ContainsFunc(a.Roles, func(g person.RoleGrant) bool { return g.Role == o.Role.Role }) {
			return out, ErrRole
		}
		out.Events, err = s.endRole(ctx, operator, a.ID, o.Role.Role)
	}
	if err != nil {
		return out, err
	}
	a, err = s.opt.People.Account(ctx, a.ID)
	out.People = []person.Account{a}
	return out, err
}
