package firebreak

import (
	"cmp"
	"context"
	"errors"
	"time"

	"firebreak/audit"
	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/vault"
)

// The operator may register applications and invite people; each such act is on
// record before its result is told. Nobody, the operator either, is given a token
// or a password of somebody else's.

// ErrNoIdentity is the answer when the server has no authorization server.
var ErrNoIdentity = errors.New("this server is no authorization server: smart.enabled is not set")

// ErrNoLetters is the answer to an invitation when no letter goes out: its link is
// shown to nobody else, so the account would be nobody's for good.
var ErrNoLetters = errors.New("this server sends no letters: smart.mail is not set")

// operatorName is who the journal says did it.
const operatorName = "operator"

// SetClient registers an application, or brings a registered one up to date. The
// secret of one that has one is returned at its registration, and never again.
func (i *Instance) SetClient(ctx context.Context, c client.Client) (secret string, err error) {
	if i.identity == nil {
		return "", ErrNoIdentity
	}
	what := "application-registered"
	was, err := i.identity.clients.Load(ctx, c.ID)
	switch {
	case err == nil:
		what = "application-changed"
		was.Client = c
		_, err = i.identity.clients.Replace(ctx, was, operatorName)
	case errors.Is(err, vault.ErrAbsent):
		_, secret, err = i.identity.clients.Register(ctx, c, operatorName)
	}
	if err != nil {
		return "", err
	}
	return secret, i.operated(ctx, audit.Record{Interaction: what, ClientID: c.ID, ClientName: c.Name})
}

// RotateSecret gives an application another secret; the one it has goes on for a
// while.
func (i *Instance) RotateSecret(ctx context.Context, id string, keepOld time.Duration) (secret string, err error) {
	if i.identity == nil {
		return "", ErrNoIdentity
	}
	if secret, err = i.identity.clients.RotateSecret(ctx, id, keepOld, operatorName); err != nil {
		return "", err
	}
	return secret, i.operated(ctx, audit.Record{Interaction: "application-secret", ClientID: id})
}

// Clients are the registered applications.
func (i *Instance) Clients(ctx context.Context) ([]client.Registration, error) {
	if i.identity == nil {
		return nil, ErrNoIdentity
	}
	return i.identity.clients.List(ctx)
}

// FindPerson is the account of a login name; person.ErrNoAccount when there is none.
func (i *Instance) FindPerson(ctx context.Context, login string) (person.Account, error) {
	if i.identity == nil {
		return person.Account{}, ErrNoIdentity
	}
	return i.identity.people.Find(ctx, login)
}

// Invite makes an account, whose owner is sent a letter with a link to set the
// password.
func (i *Instance) Invite(ctx context.Context, n person.Newcomer) (person.Account, error) {
	if i.identity == nil {
		return person.Account{}, ErrNoIdentity
	}
	a, e, err := i.identity.people.Invite(ctx, person.Hands{By: person.Operator}, n)
	if err != nil {
		return a, err
	}
	return a, i.operated(ctx, audit.Record{Interaction: string(e.Kind), Operation: "about=" + string(a.ID), FHIRUser: a.FHIRUser, Detail: e.Detail})
}

// Accept does what the owner of an invitation does with its token.
func (i *Instance) Accept(ctx context.Context, token, password string) error {
	if i.identity == nil {
		return ErrNoIdentity
	}
	a, e, err := i.identity.people.Accept(ctx, token, password, "operator")
	if err != nil {
		return err
	}
	return i.operated(ctx, audit.Record{Interaction: string(e.Kind), Operation: "about=" + string(a.ID)})
}

// Administer does what the operator's commands ask for; peer is who called, for
// the record. What was done is on record before anything of it is told, and while
// the journal cannot be written, nothing is done.
func (i *Instance) Administer(ctx context.Context, o smart.Operation, peer string) (smart.Operated, error) {
	if i.identity == nil {
		return smart.Operated{}, ErrNoIdentity
	}
	if err := i.journal.Failed(); err != nil {
		return smart.Operated{}, err
	}
	if (o.Task == smart.InvitePerson || o.Task == smart.InviteAgain) && !i.cfg.Smart.sendsLetters() {
		return smart.Operated{}, ErrNoLetters
	}
	out, err := i.identity.smart.Operate(ctx, o)
	for _, e := range out.Events {
		r := audit.Record{Interaction: e.What, ClientID: e.Client, Operation: operation(e), Detail: detail(e), Peer: peer}
		if e.Failed {
			r.Kind = audit.Denial
		}
		if err := i.operated(ctx, r); err != nil {
			return smart.Operated{}, err
		}
	}
	if err != nil {
		return smart.Operated{Known: out.Known}, err
	}
	return out, nil
}

// operated puts an act of the operator's on record.
func (i *Instance) operated(ctx context.Context, r audit.Record) error {
	r.Kind, r.Visit, r.Time, r.Tenant = cmp.Or(r.Kind, audit.Security), randomText(26), i.clock.Now(), i.cfg.Tenant
	r.Subject, r.Issuer, r.Server, r.Peer = operatorName, "urn:firebreak:operator", i.base, cmp.Or(r.Peer, "operator")
	q := inOrder{journal: i.journal}
	for _, part := range r.Fit() {
		q.begin(ctx, part.Append(nil))
	}
	return q.wait(context.WithoutCancel(ctx))
}
