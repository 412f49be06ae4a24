package smart

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// departure is a request to sign out that an application has sent (OpenID Connect
// RP-Initiated Logout 1.0 section 2), as it was found to be.
type departure struct {
	App     string // its name; "" when it is not known
	Session string // sid of the id token that came with it; "" when none did
	Back    string // where it leads, as registered, with state
	Left    bool   // the person has signed out here, and does so where they signed in
}

var departures = vault.Of[departure]("departure")

// departure is the one of a name; one that is not there is of nobody.
func (s *Server) departure(ctx context.Context, name string) (departure, error) {
	e, err := departures.Load(ctx, s.vault, name)
	if errors.Is(err, vault.ErrAbsent) {
		return departure{}, nil
	}
	return e.Value, err
}

// signOutPage signs out, when the application that asks for it has proved that it
// is about this session, and asks the person otherwise.
func (s *Server) signOutPage(ctx context.Context, req transport.WebRequest) Answer {
	q, ok := readQuery(req)
	if !ok {
		return s.lostPage(req)
	}
	d, err := s.departure(ctx, q["id"])
	if err != nil {
		return s.troublePage(err)
	}
	e, p, err := s.held(ctx, req)
	switch {
	case errors.Is(err, vault.ErrAbsent) && d.Back != "" && d.Session != "":
		return seeOther(d.Back)
	case errors.Is(err, vault.ErrAbsent):
		return s.page(http.StatusOK, &ui.SignedOut{App: d.App, ReturnTo: d.Back})
	case err != nil:
		return s.troublePage(err)
	case d.Session != "" && d.Session == e.Value.ID:
		return s.leaveTo(ctx, e, q["id"], d)
	}
	var leads []string
	if source, ok := ui.FormAction(d.Back); ok {
		leads = append(leads, source)
	}
	return s.page(http.StatusOK, &ui.SignOut{Common: s.own(req, p), App: d.App, Departure: q["id"]}, leads...)
}

// signOut ends the session, when a page of ours asks.
func (s *Server) signOut(ctx context.Context, req transport.WebRequest) Answer {
	f, ok := readBody(req)
	if !ok {
		return s.lostPage(req)
	}
	if f["flow"] != "" {
		return s.signInAnew(ctx, req, f)
	}
	e, _, err := s.held(ctx, req)
	switch {
	case errors.Is(err, vault.ErrAbsent): // it has ended by itself
		return seeOther(s.url(ui.PathSignOut) + "?id=" + url.QueryEscape(f["departure"]))
	case err != nil:
		return s.troublePage(err)
	case !s.sameSite(req) || !same(f["csrf"], s.ownCSRF(req)):
		return s.lostPage(req)
	}
	if f["answer"] == "stay" {
		return seeOther(s.url(ui.PathAccount))
	}
	d, err := s.departure(ctx, f["departure"])
	if err != nil {
		return s.troublePage(err)
	}
	return s.leaveTo(ctx, e, f["departure"], d)
}

// signInAnew gives up a sign-in that is half done: somebody else wants to sign in.
func (s *Server) signInAnew(ctx context.Context, req transport.WebRequest, f form) Answer {
	e, err := s.posted(ctx, req, f)
	if err != nil {
		return s.orLost(req, err)
	}
	if err := s.opt.People.End(ctx, e.Value.Half); err != nil {
		return s.troublePage(err)
	}
	e.Value.Half, e.Value.Since, e.Value.Raises, e.Value.Anew, e.Value.Hint = "", time.Time{}, "", true, ""
	return s.keepFlow(ctx, req, e)
}

// leaveTo ends a session and sends the person on: to where they signed in, to sign
// out there too, and back to the application.
func (s *Server) leaveTo(ctx context.Context, e vault.Entry[session], name string, d departure) Answer {
	events, err := s.leave(ctx, e)
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	state := ""
	if d.Back != "" {
		state = name
	}
	a := s.page(http.StatusOK, &ui.SignedOut{})
	if there := s.signedOutThere(ctx, e.Value, state); there != "" {
		if d.Left = true; d.Back != "" {
			err = s.vault.Apply(ctx, departures.Set(name, d, s.now().Add(flowLife)))
		}
		a = seeOther(there)
	} else if d.Back != "" {
		a = seeOther(d.Back)
	}
	if err != nil {
		a = s.troublePage(err)
	}
	a.Reply.Cookies = append(a.Reply.Cookies, transport.Cookie{Name: sessionCookie, Life: -1, Lax: true})
	return a.with(events...)
}

// endSession is OpenID Connect RP-Initiated Logout 1.0. It takes the request down
// and sends the browser on, as authorize does: the form of another site, which may
// ask by POST too, comes without the cookies, and would find nobody signed in.
func (s *Server) endSession(ctx context.Context, req transport.WebRequest) Answer {
	var f form
	var ok bool
	if req.Method == http.MethodPost {
		f, ok = readBody(req)
	} else {
		f, ok = readQuery(req)
	}
	if !ok {
		return s.lostPage(req)
	}
	d, p := s.departing(ctx, f)
	switch {
	case p != nil && p.status == http.StatusBadRequest:
		return s.refusePage(req, p.text)
	case p != nil:
		return s.troublePage(p)
	case d == departure{}:
		return seeOther(s.url(ui.PathSignOut))
	}
	// It is kept for whoever asks: nobody need be signed in to sign out.
	var throttled *person.Throttled
	if errors.As(s.begins.Begin(req.Peer), &throttled) {
		return s.slowDown(throttled).with(Event{What: "sign-out", Failed: true, Why: "peer throttled"})
	}
	name := handle()
	if err := s.vault.Apply(ctx, departures.New(name, d, s.now().Add(flowLife))); err != nil {
		return s.troublePage(err)
	}
	return seeOther(s.url(ui.PathSignOut) + "?id=" + name)
}

// departing reads a request to sign out. An id token proves that the application
// had to do with the session; that or client_id tells which application asks, and
// back leads only where that one registered (section 3).
func (s *Server) departing(ctx context.Context, f form) (d departure, _ *problem) {
	hint, proven, err := s.readIDToken(ctx, f["id_token_hint"])
	if err != nil {
		return d, s.trouble(err)
	}
	if len(f["state"]) > maxState {
		return d, bad("invalid_request", "state is too long")
	}
	id := f["client_id"]
	if proven {
		if id != "" && id != hint.Audience {
			return d, bad("invalid_request", "client_id is not the application that the id token is for")
		}
		id, d.Session = hint.Audience, hint.Session
	}
	c, err := s.usableClient(ctx, id)
	if errors.Is(err, vault.ErrAbsent) {
		return d, nil
	}
	if err != nil {
		return d, s.trouble(err)
	}
	d.App = c.Name
	if uri := f["post_logout_redirect_uri"]; client.PostLogoutAllowed(c, uri) {
		if d.Back = uri; f["state"] != "" {
			d.Back = addTo(uri, url.Values{"state": {f["state"]}})
		}
	}
	return d, nil
}

// readIDToken reads one that this server signed. It may have ended: it is a hint
// about a session, and opens nothing.
func (s *Server) readIDToken(ctx context.Context, raw string) (idClaims, bool, error) {
	payload, ok, err := s.keys.verify(ctx, raw, typeID, jose.RS256)
	var c idClaims
	if !ok || err != nil || json.Unmarshal(payload, &c) != nil || c.Issuer != s.opt.Issuer {
		return idClaims{}, false, err
	}
	return c, true, nil
}

// logoutClaims are those of a logout token (OpenID Connect Back-Channel Logout
// 1.0 section 2.4).
type logoutClaims struct {
	Issuer   string              `json:"iss"`
	Subject  string              `json:"sub"`
	Audience string              `json:"aud"`
	Issued   int64               `json:"iat"`
	Expires  int64               `json:"exp"`
	ID       string              `json:"jti"`
	Session  string              `json:"sid"`
	Events   map[string]struct{} `json:"events"`
}

// tell lets applications know that a session has ended, those that registered an
// address for it. It waits for none: what they hold is worth nothing already.
func (s *Server) tell(ctx context.Context, x session, clients map[string]bool) {
	for id := range clients {
		c, err := s.client(ctx, id)
		if err != nil || c.BackchannelLogoutURI == "" || s.opt.Outbound == nil {
			continue
		}
		now := s.now()
		payload, err := json.Marshal(logoutClaims{Issuer: s.opt.Issuer, Subject: x.Person, Audience: id, Issued: now.Unix(), Expires: now.Add(2 * minute).Unix(),
			ID: handle(), Session: x.ID, Events: map[string]struct{}{"http://schemas.openid.net/event/backchannel-logout": {}}})
		if err != nil {
			continue
		}
		token, err := s.keys.sign(ctx, jose.RS256, typeLogout, payload)
		if err != nil {
			s.log.Error("an application is not told of a logout", "error", err)
			continue
		}
		if !s.telling.begin(id) {
			s.log.Warn("an application is not told of a logout: too many wait", "client", id)
			continue
		}
		go func() {
			defer s.telling.end(id)
			s.post(id, c.BackchannelLogoutURI, token)
		}()
	}
}

// telling counts what is being told to applications now.
type telling struct {
	mu  sync.Mutex
	all int
	to  map[string]int
}

// How much is told at the same time. One that takes its time to answer keeps only
// itself from hearing more.
const (
	tellingAtOnce = 64
	tellingOne    = 8
)

func (t *telling) begin(client string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == tellingAtOnce || t.to[client] == tellingOne {
		return false
	}
	t.all++
	t.to[client]++
	return true
}

func (t *telling) end(client string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all--
	if t.to[client]--; t.to[client] == 0 {
		delete(t.to, client)
	}
}

// post tells one; what it says to it is of use to whoever runs this server alone
// (OpenID Connect Back-Channel Logout 1.0 section 2.8).
func (s *Server) post(id, uri, token string) {
	resp, err := s.opt.Outbound.PostForm(uri, url.Values{"logout_token": {token}})
	if err != nil {
		s.log.Warn("an application could not be told of a logout", "client", id)
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		s.log.Warn("an application that was told of a logout says that it failed there", "client", id, "status", resp.StatusCode)
	}
}
