package smart

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"firebreak/smart/client"
	"firebreak/transport"
	"firebreak/vault"
)

// session is one browser in which a person is signed in (single sign-on): every
// application that starts there finds it. Its name is the hash of the cookie.
type session struct {
	ID       string // sid: what tokens and logouts call it
	Person   string
	Epoch    string // the person's credentials when it began
	ACR      string
	AMR      []string
	AuthTime time.Time
	Began    time.Time
	Seen     time.Time
	Address  string
	Browser  string
	// Provider is where they signed in, when that was elsewhere, with that
	// sign-in's own session and token, for logging out there.
	Provider, Upstream, Subject, IDToken string
}

var sessions = vault.Of[session]("session")

const sessionCookie = "__Host-session"

func (x session) tags() []string {
	t := []string{"person:" + x.Person, "sid:" + x.ID}
	if x.Provider != "" {
		t = append(t, upstreamTag(x.Provider, "", x.Subject))
		if x.Upstream != "" {
			t = append(t, upstreamTag(x.Provider, x.Upstream, ""))
		}
	}
	return t
}

// sessionLook is how exactly it is known when a session was last used.
const sessionLook = minute

// session is the one a browser's cookie names, for who asks from there. ErrAbsent:
// there is none, or it has ended, or the person has other credentials since, or they
// have not been at this browser for a while, though an application may go on.
func (s *Server) session(ctx context.Context, req transport.WebRequest) (vault.Entry[session], Person, error) {
	e, p, err := s.held(ctx, req)
	if err != nil {
		return e, p, err
	}
	now := s.now()
	switch unused := now.Sub(e.Value.Seen); {
	case unused >= s.opt.SessionIdle:
		return e, p, vault.ErrAbsent
	case unused < sessionLook:
		return e, p, nil
	}
	return e, p, s.prolong(ctx, e.Name, now.Add(s.opt.SessionIdle), now)
}

// held is the session a browser's cookie names, also one that must be confirmed
// before it counts: it can be ended.
func (s *Server) held(ctx context.Context, req transport.WebRequest) (vault.Entry[session], Person, error) {
	cookie := req.Cookies[sessionCookie]
	if cookie == "" {
		return vault.Entry[session]{}, Person{}, vault.ErrAbsent
	}
	e, err := sessions.Load(ctx, s.vault, hashName(cookie))
	if err != nil {
		return e, Person{}, err
	}
	p, err := s.person(ctx, e.Value.Person)
	if errors.Is(err, ErrNobody) || err == nil && p.Epoch != e.Value.Epoch {
		return e, p, vault.ErrAbsent
	}
	p.ACR = e.Value.ACR
	return e, p, err
}

// untilRefreshed is how long after its token an application may take to refresh it.
const untilRefreshed = 5 * minute

// prolong keeps a session until then at least, and no longer than one may last; seen
// is when somebody was at its browser, unless zero. One that has ended stays so.
func (s *Server) prolong(ctx context.Context, name string, until, seen time.Time) error {
	_, err := sessions.Update(ctx, s.vault, name, session.tags, func(e *vault.Entry[session]) error {
		if whole := e.Value.Began.Add(s.opt.SessionLife); until.After(whole) {
			until = whole
		}
		if until.After(e.Until) {
			e.Until = until
		}
		if seen.After(e.Value.Seen) {
			e.Value.Seen = seen
		}
		return nil
	})
	if errors.Is(err, vault.ErrAbsent) {
		return nil
	}
	return err
}

func (s *Server) sessionEnd(x session, now time.Time) time.Time {
	idle, whole := now.Add(s.opt.SessionIdle), x.Began.Add(s.opt.SessionLife)
	if whole.Before(idle) {
		return whole
	}
	return idle
}

// begin starts a session, or goes on with the one of its ID, under a name that
// nobody knew before: one that was set in the browser beforehand is worth nothing
// (session fixation). What was there ends; when it was the same person's, it goes
// on under its sid, for they have only shown once more who they are.
func (s *Server) begin(ctx context.Context, req transport.WebRequest, x session) (transport.Cookie, error) {
	secret, now, old, until := token(), s.now(), "", time.Time{}
	if cookie := req.Cookies[sessionCookie]; cookie != "" {
		old = hashName(cookie)
		switch e, err := sessions.Load(ctx, s.vault, old); {
		case err == nil && x.ID == "" && e.Value.Person == x.Person && e.Value.Epoch == x.Epoch:
			x.ID, until = e.Value.ID, e.Until
		case err == nil && x.ID == e.Value.ID:
			until = e.Until // an application may count on it
		case err != nil && !errors.Is(err, vault.ErrAbsent):
			return transport.Cookie{}, err
		}
	}
	if x.ID == "" {
		x.ID = handle()
	}
	told, err := visitors.All(ctx, s.vault, "sid:"+x.ID)
	if err != nil {
		return transport.Cookie{}, err
	}
	x.Began, x.Seen, x.Address, x.Browser = now, now, req.Peer, browserName(req.Agent)
	if end := s.sessionEnd(x, now); end.After(until) {
		until = end
	}
	ops := []vault.Op{sessions.New(hashName(secret), x, until, x.tags()...)}
	for _, v := range told { // it may last longer than before
		ops = append(ops, s.visitor(x.ID, v.Value.Client))
	}
	if old != "" {
		ops = append(ops, sessions.Drop(old))
	}
	if err := s.vault.Apply(ctx, ops...); err != nil {
		return transport.Cookie{}, err
	}
	return transport.Cookie{Name: sessionCookie, Value: secret, Lax: true}, nil
}

// ofGrant is the session that an online grant hangs on; nil when it has ended.
func (s *Server) ofGrant(ctx context.Context, g Grant, p Person) (*vault.Entry[session], error) {
	list, err := sessions.List(ctx, s.vault, "sid:"+g.Session, "", 1)
	if err != nil || len(list) == 0 || list[0].Value.Person != p.ID || list[0].Value.Epoch != p.Epoch {
		return nil, err
	}
	return &list[0], nil
}

// leave ends a session and what hangs on it: grants for as long as the person is
// there. Those for when they are away stay. Applications that asked for it are
// told.
func (s *Server) leave(ctx context.Context, e vault.Entry[session]) ([]Event, error) {
	within, err := grants.All(ctx, s.vault, "session:"+e.Value.ID)
	if err != nil {
		return nil, err
	}
	told, err := visitors.All(ctx, s.vault, "sid:"+e.Value.ID)
	if err != nil {
		return nil, err
	}
	ops := []vault.Op{sessions.Drop(e.Name)}
	events := []Event{{What: "sign-out", Person: e.Value.Person}}
	tell := map[string]bool{}
	for _, v := range told {
		tell[v.Value.Client] = true
		ops = append(ops, visitors.Drop(v.Name))
	}
	for _, g := range within {
		tell[g.Value.Client] = true
		if g.Value.Renews == 0 {
			ops = append(ops, s.end(g)...)
			events = append(events, Event{What: "revoke", Person: g.Value.Person, Client: g.Value.Client, Grant: g.Name, Why: "the person signed out"})
		}
	}
	if err := s.vault.Apply(ctx, ops...); err != nil {
		return nil, err
	}
	s.tell(ctx, e.Value, tell)
	return events, nil
}

// visitor is an application that was told who signed in, and wants to know when
// the session ends: also after its grant has, for what it made of the id token may
// go on (OpenID Connect Back-Channel Logout 1.0 section 2.5).
type visitor struct{ Client string }

var visitors = vault.Of[visitor]("session.client")

// visited keeps in mind that an application got an id token.
func (s *Server) visited(g Grant, c client.Client, granted string) []vault.Op {
	if c.BackchannelLogoutURI == "" || g.Session == "" || !has(granted, "openid") {
		return nil
	}
	return []vault.Op{s.visitor(g.Session, c.ID)}
}

// visitor keeps an application in mind for as long as a session may last from now.
func (s *Server) visitor(sid, client string) vault.Op {
	return visitors.Set(sid+" "+client, visitor{client}, s.now().Add(s.opt.SessionLife), "sid:"+sid)
}

// makeWay ends the session that is there when it is somebody else's.
func (s *Server) makeWay(ctx context.Context, req transport.WebRequest, next string) ([]Event, error) {
	e, err := sessions.Load(ctx, s.vault, hashName(req.Cookies[sessionCookie]))
	if errors.Is(err, vault.ErrAbsent) || err == nil && e.Value.Person == next {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.leave(ctx, e)
}

// hashName is the name of what a secret opens: the table does not hold the secret.
func hashName(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// same compares secrets in a time that does not depend on where they differ.
func same(a, b string) bool {
	return len(a) == len(b) && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
