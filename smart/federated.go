package smart

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"firebreak/smart/federation"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// federatedPlace are the places of the other providers: each comes back to one of
// its own, so that an answer tells who it is from (RFC 9700 section 4.4.2).
func (s *Server) federatedPlace(path string) (place, bool) {
	rest, ok := strings.CutPrefix(path, "/signin/")
	if !ok || s.opt.Federation == nil {
		return place{}, false
	}
	id, what, _ := strings.Cut(rest, "/")
	if s.opt.Federation.RedirectURI(id) == "" {
		return place{}, false
	}
	switch what {
	case "callback":
		return place{get: func(ctx context.Context, req transport.WebRequest) Answer { return s.comeBack(ctx, req, id) }}, true
	case "logout":
		return place{post: func(ctx context.Context, req transport.WebRequest) Answer { return s.toldOfLogout(ctx, req, id) }}, true
	}
	return place{}, false
}

// providers are the buttons of the sign-in page.
func (s *Server) providers() (buttons []ui.Provider) {
	if s.opt.Federation == nil {
		return nil
	}
	for _, b := range s.opt.Federation.Buttons() {
		buttons = append(buttons, ui.Provider{ID: b.ID, Name: b.Name})
	}
	return buttons
}

// leads are where the forms of a page may lead, besides to us: where the page
// says, and to where the other providers sign people in and out, by what they
// publish. Browsers hold the redirect that answers a form to it, and every page of
// somebody signed in has a form that signs them out, there too.
func (s *Server) leads(of []string) []string {
	if s.opt.Federation == nil {
		return of
	}
	for _, uri := range s.opt.Federation.Leads() {
		if source, ok := ui.FormAction(uri); ok && !slices.Contains(of, source) {
			of = append(of, source)
		}
	}
	return of
}

// goAway sends the browser to sign in elsewhere.
func (s *Server) goAway(ctx context.Context, req transport.WebRequest) Answer {
	f, ok := readBody(req)
	if !ok || s.opt.Federation == nil {
		return s.lostPage(req)
	}
	e, err := s.posted(ctx, req, f)
	if err != nil {
		return s.orLost(req, err)
	}
	var throttled *person.Throttled
	if errors.As(s.begins.Begin(req.Peer), &throttled) {
		return s.slowDown(throttled).with(Event{What: "sign-in", Failed: true, Client: e.Value.Client, Why: "peer throttled"})
	}
	ask := federation.Ask{Fresh: e.Value.wantsFresh(), Login: e.Value.Hint}
	for _, class := range acrs { // the weakest of those that would do
		if slices.Contains(e.Value.ACR, class) {
			ask.ACR = class
			break
		}
	}
	to, err := s.opt.Federation.Begin(ctx, f["provider"], federation.Flow{ID: e.Name, Secret: req.Cookies[flowPrefix+e.Name]}, ask)
	switch {
	case errors.Is(err, federation.ErrUnknown):
		return s.lostPage(req)
	case err != nil:
		return s.elsewherePage(req, err)
	}
	return seeOther(to)
}

// elsewherePage is for a provider that cannot be reached.
func (s *Server) elsewherePage(req transport.WebRequest, err error) Answer {
	s.log.Warn("a sign-in elsewhere failed", "visit", req.Visit, "error", err)
	return s.page(http.StatusServiceUnavailable, &ui.Message{Title: "The sign-in there does not work now", Text: "The other place to sign in at cannot be reached, or does not answer as it should.",
		Hint: "Please try again in a while, or sign in another way.", Error: true, Visit: req.Visit})
}

// comeBack is where a provider sends the browser back to.
func (s *Server) comeBack(ctx context.Context, req transport.WebRequest, id string) Answer {
	params, err := url.ParseQuery(req.Query)
	if err != nil {
		return s.lostPage(req)
	}
	of, there, err := s.opt.Federation.Finish(ctx, id, func(flow string) string { return req.Cookies[flowPrefix+flow] }, params)
	e, lost := s.flowOf(ctx, req, of)
	if lost != nil {
		return s.orLost(req, lost)
	}
	if err != nil {
		return s.notSignedIn(ctx, req, id, e, err)
	}
	account, event, err := s.opt.People.Linked(ctx, id, there.Issuer, there.Subject, person.Profile{Display: there.Name, Email: there.Email,
		EmailVerified: there.EmailVerified, FHIRUser: there.FHIRUser, Organization: there.Organization, Roles: there.Roles})
	if errors.Is(err, person.ErrWrong) || errors.Is(err, person.ErrReference) {
		failed := personEvent(event)
		failed.Failed, failed.Client = true, e.Value.Client
		return s.failedThere(req, e, failed)
	}
	if err != nil {
		return s.troublePage(err)
	}
	if a, ok := s.strongEnough(ctx, req, e, account, there.ACR); !ok {
		return a.with(personEvent(event))
	}
	p, err := s.person(ctx, string(account.ID))
	if err != nil {
		return s.troublePage(err)
	}
	if e.Value.wantsFresh() && there.AuthTime.Before(e.Value.Began.Add(-minute)) { // clocks may differ by that
		return s.failedThere(req, e, Event{What: "sign-in-refused", Failed: true, Person: p.ID, Client: e.Value.Client, Why: "the provider did not ask again who it is"})
	}
	left, err := s.makeWay(ctx, req, p.ID)
	if err != nil {
		return s.troublePage(err)
	}
	cookie, err := s.begin(ctx, req, session{Person: p.ID, Epoch: p.Epoch, ACR: there.ACR, AMR: []string{"fed"}, AuthTime: there.AuthTime,
		Provider: id, Upstream: there.SessionID, Subject: there.Subject, IDToken: there.IDToken})
	if err != nil {
		return s.troublePage(err)
	}
	e.Value.Signed, e.Value.Half, e.Value.Raises = true, "", ""
	return s.keepFlow(ctx, req, e, cookie).with(left...).with(personEvent(event),
		Event{What: "signed-in", Person: p.ID, FHIRUser: p.FHIRUser, Organization: p.Organization, Roles: p.Roles, Client: e.Value.Client, Why: "at a provider"})
}

// notSignedIn goes on after a provider, or what came from there, signed nobody in.
func (s *Server) notSignedIn(ctx context.Context, req transport.WebRequest, id string, e vault.Entry[flow], err error) Answer {
	var refused *federation.Refused
	switch {
	case errors.Is(err, federation.ErrCancelled): // by the person, or by a provider that has no place for them here
		e.Value.Notice = "You were not signed in at the other place: the sign-in was cancelled there, or you have no access to this site."
		return s.proceed(ctx, req, e) // they may sign in another way
	case errors.Is(err, federation.ErrUnmet) && len(e.Value.ACR) > 0:
		return s.refuse(ctx, e, tooWeakThere())
	case errors.Is(err, federation.ErrUnmet):
		return s.factorMissingThere(req, e, "")
	case errors.As(err, &refused):
		s.log.Warn("a sign-in elsewhere was refused", "visit", req.Visit, "provider", id, "why", refused.Why)
		return s.failedThere(req, e, Event{What: "sign-in-refused", Failed: true, Client: e.Value.Client, Why: "the provider's answer is not accepted"})
	case errors.Is(err, federation.ErrUnavailable):
		return s.elsewherePage(req, err)
	}
	return s.troublePage(err)
}

func tooWeakThere() *problem {
	return bad("unmet_authentication_requirements", "the sign-in elsewhere was not as strong as is asked")
}

// factorMissingThere is for who must show two factors and did not, elsewhere; the
// account is "" when it is not known.
func (s *Server) factorMissingThere(req transport.WebRequest, e vault.Entry[flow], account person.ID) Answer {
	return s.page(http.StatusForbidden, &ui.Message{Title: "A second factor is needed", Text: "Your account here takes two factors to sign in, and the other place did not ask you for a second one, or does not say so.",
		Hint: "Ask those who run this site.", Error: true, Visit: req.Visit, Link: s.prefix + "/flow?id=" + e.Name, LinkText: "Sign in another way"}).with(
		Event{What: "sign-in-refused", Failed: true, Person: string(account), Client: e.Value.Client, Why: "the provider tells of no second factor"})
}

// strongEnough reports whether a sign-in elsewhere was as strong as the application
// asks, and as the account itself must be proved.
func (s *Server) strongEnough(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], account person.Account, acr string) (Answer, bool) {
	if len(e.Value.ACR) > 0 && !s.reaches(acr, e.Value.ACR) {
		return s.refuse(ctx, e, tooWeakThere()), false
	}
	if !s.opt.People.NeedsSecondFactor(account) || s.reaches(acr, []string{ACRTwoFactors}) {
		return Answer{}, true
	}
	return s.factorMissingThere(req, e, account.ID), false
}

func (s *Server) failedThere(req transport.WebRequest, e vault.Entry[flow], event Event) Answer {
	return s.page(http.StatusForbidden, &ui.Message{Title: "You could not be signed in", Text: "The other place signed you in, but you have no access here, or its answer was not as it must be.",
		Hint: "Ask those who run this site.", Error: true, Visit: req.Visit, Link: s.prefix + "/flow?id=" + e.Name, LinkText: "Sign in another way"}).with(event)
}

// toldOfLogout ends the sessions of somebody who signed out at the provider
// (OpenID Connect Back-Channel Logout 1.0 section 2.5 and 2.8).
func (s *Server) toldOfLogout(ctx context.Context, req transport.WebRequest, id string) Answer {
	f, ok := readBody(req)
	if !ok || f["logout_token"] == "" {
		return bad("invalid_request", "the body must be a form with a logout_token").answer()
	}
	out, err := s.opt.Federation.Backchannel(ctx, id, f["logout_token"])
	var refused *federation.Refused
	switch {
	case errors.As(err, &refused):
		s.log.Warn("a logout token was refused", "visit", req.Visit, "provider", id, "why", refused.Why)
		return bad("invalid_request", "the logout token is not accepted").answer().with(Event{What: "logout-token", Failed: true, Why: "not accepted"})
	case err != nil:
		return s.trouble(err).answer()
	}
	all, err := s.upstream(ctx, id, out)
	if err != nil {
		return s.trouble(err).answer()
	}
	done := Answer{Reply: transport.WebReply{Status: http.StatusOK}}
	for _, x := range all {
		events, err := s.leave(ctx, x)
		done = done.with(events...)
		if err != nil {
			return s.trouble(err).answer().with(done.Events...)
		}
	}
	return done
}

// upstream are the sessions that a logout there is about: the one it names, or all
// of the person's. Where ID tokens said no sid it cannot be told which session of
// the person it was, so that those end too.
func (s *Server) upstream(ctx context.Context, id string, out federation.Logout) ([]vault.Entry[session], error) {
	all, err := sessions.All(ctx, s.vault, upstreamTag(id, out.SessionID, out.Subject))
	if err != nil || out.SessionID == "" || out.Subject == "" {
		return all, err
	}
	theirs, err := sessions.All(ctx, s.vault, upstreamTag(id, "", out.Subject))
	for _, x := range theirs {
		if x.Value.Upstream == "" {
			all = append(all, x)
		}
	}
	return all, err
}

// upstreamTag finds sessions by what a provider calls them: one session, or all
// of a person's.
func upstreamTag(provider, session, subject string) string {
	if session != "" {
		return "at:" + provider + ":sid:" + session
	}
	return "at:" + provider + ":sub:" + subject
}

// signedOutThere is where the browser goes to be signed out at the provider too;
// "" when there is nowhere. It comes back with the state.
func (s *Server) signedOutThere(ctx context.Context, x session, state string) string {
	if x.Provider == "" || s.opt.Federation == nil {
		return ""
	}
	to, err := s.opt.Federation.LogoutURL(ctx, x.Provider, x.IDToken, s.url("/signedout"), state)
	if err != nil {
		s.log.Warn("a person is signed out here only", "error", err)
		return ""
	}
	return to
}

// signedOut is where a provider sends the browser back to, and from there on to
// the application that asked, if one did.
func (s *Server) signedOut(ctx context.Context, req transport.WebRequest) Answer {
	if q, ok := readQuery(req); ok && q["state"] != "" {
		d, err := s.departure(ctx, q["state"])
		if err != nil {
			return s.troublePage(err)
		}
		if d.Left && d.Back != "" {
			return seeOther(d.Back)
		}
	}
	return s.page(http.StatusOK, &ui.SignedOut{})
}
