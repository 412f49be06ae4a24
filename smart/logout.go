package smart

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"firebreak/smart/client"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// signOutPage asks.
func (s *Server) signOutPage(ctx context.Context, req transport.WebRequest) Answer {
	return s.askToLeave(ctx, req, "", "")
}

func (s *Server) askToLeave(ctx context.Context, req transport.WebRequest, app, back string) Answer {
	_, p, err := s.session(ctx, req)
	if errors.Is(err, vault.ErrAbsent) {
		return s.page(http.StatusOK, &ui.SignedOut{App: app, ReturnTo: back})
	}
	if err != nil {
		return s.troublePage(err)
	}
	return s.page(http.StatusOK, &ui.SignOut{Common: s.own(req, p), App: app})
}

// signOut ends the session, when a page of ours asks.
func (s *Server) signOut(ctx context.Context, req transport.WebRequest) Answer {
	if f, ok := readBody(req); ok && f["flow"] != "" {
		return s.signInAnew(ctx, req, f)
	}
	f, e, _, a, ok := s.ownForm(ctx, req)
	if !ok {
		return a
	}
	if f["answer"] == "stay" {
		return seeOther(s.url(ui.PathAccount))
	}
	return s.leaveTo(ctx, e, "", "")
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

func (s *Server) leaveTo(ctx context.Context, e vault.Entry[session], app, back string) Answer {
	events, err := s.leave(ctx, e)
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	a := s.page(http.StatusOK, &ui.SignedOut{App: app, ReturnTo: back})
	if back != "" && app == "" {
		a = seeOther(back)
	} else if there := s.signedOutThere(ctx, e.Value); there != "" {
		a = seeOther(there)
	}
	a.Reply.Cookies = append(a.Reply.Cookies, transport.Cookie{Name: sessionCookie, Life: -1, Lax: true})
	return a.with(events...)
}

// endSession is OpenID Connect RP-Initiated Logout 1.0. An id token of this
// browser's own session proves that the application may end it; else the person
// is asked. Back leads only where the application registered.
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
	hint, proven, err := s.readIDToken(ctx, f["id_token_hint"])
	if err != nil {
		return s.troublePage(err)
	}
	id := f["client_id"]
	if proven {
		if id != "" && id != hint.Audience {
			return s.refusePage(req, "client_id is not the application that the id token is for")
		}
		id = hint.Audience
	}
	back, app := "", ""
	if id != "" {
		r, err := s.client(ctx, id)
		if err != nil && !errors.Is(err, vault.ErrAbsent) {
			return s.troublePage(err)
		}
		if err == nil {
			app = r.Name
			if client.PostLogoutAllowed(r, f["post_logout_redirect_uri"]) {
				back = f["post_logout_redirect_uri"]
				if f["state"] != "" {
					back = addTo(back, url.Values{"state": {f["state"]}})
				}
			}
		}
	}
	e, _, err := s.session(ctx, req)
	if errors.Is(err, vault.ErrAbsent) {
		if back != "" && proven {
			return seeOther(back)
		}
		return s.page(http.StatusOK, &ui.SignedOut{App: app, ReturnTo: back})
	}
	if err != nil {
		return s.troublePage(err)
	}
	if !proven || hint.Session != e.Value.ID {
		return s.askToLeave(ctx, req, app, back)
	}
	if back != "" {
		return s.leaveTo(ctx, e, "", back)
	}
	return s.leaveTo(ctx, e, app, back)
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
		select {
		case s.telling <- struct{}{}:
			go func() {
				defer func() { <-s.telling }()
				s.post(c.BackchannelLogoutURI, token)
			}()
		default:
			s.log.Warn("an application is not told of a logout: too many wait", "client", id)
		}
	}
}

// tellingAtOnce is how many applications are told at the same time.
const tellingAtOnce = 16

func (s *Server) post(uri, token string) {
	resp, err := s.opt.Outbound.PostForm(uri, url.Values{"logout_token": {token}})
	if err != nil {
		s.log.Warn("an application could not be told of a logout")
		return
	}
	_ = resp.Body.Close()
}
