package smart

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/smart/scope"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// errBrowser: the flow is another browser's, or there is none: the answer is one.
var errBrowser = errors.New("not this browser's flow")

// flowOf is the flow that a request names, in the browser that began it: the name
// alone, which is in URLs, opens nothing (login CSRF, RFC 9700 section 4.7).
func (s *Server) flowOf(ctx context.Context, req transport.WebRequest, id string) (vault.Entry[flow], error) {
	e, err := flows.Load(ctx, s.vault, id)
	if errors.Is(err, vault.ErrAbsent) || err == nil && !same(hashName(req.Cookies[flowPrefix+id]), e.Value.Browser) {
		return e, errBrowser
	}
	return e, err
}

// posted is the flow that a form of ours belongs to. It must come from a page of
// ours: the token in it is made of the flow and the browser's secret.
func (s *Server) posted(ctx context.Context, req transport.WebRequest, f form) (vault.Entry[flow], error) {
	e, err := s.flowOf(ctx, req, f["flow"])
	if err == nil && (!s.sameSite(req) || !same(f["csrf"], s.flowCSRF(req, e.Name))) {
		return e, errBrowser
	}
	return e, err
}

// flowForm is a form that a page of a flow has posted.
func (s *Server) flowForm(ctx context.Context, req transport.WebRequest) (form, vault.Entry[flow], Answer, bool) {
	f, ok := readBody(req)
	if !ok {
		return nil, vault.Entry[flow]{}, s.lostPage(req), false
	}
	e, err := s.posted(ctx, req, f)
	if err != nil {
		return nil, e, s.orLost(req, err), false
	}
	return f, e, Answer{}, true
}

func (s *Server) flowCSRF(req transport.WebRequest, id string) string {
	return s.vault.Blind("csrf", id+"\x1f"+req.Cookies[flowPrefix+id])
}

// sameSite refuses what a browser itself says another site sent.
func (s *Server) sameSite(req transport.WebRequest) bool {
	return (req.Site == "" || req.Site == "same-origin") && (req.Origin == "" || req.Origin == s.origin)
}

// common is what every page of a flow carries.
func (s *Server) common(req transport.WebRequest, e vault.Entry[flow], p Person) ui.Common {
	return ui.Common{Flow: e.Name, CSRF: s.flowCSRF(req, e.Name), Person: p.Name}
}

// flowPage shows a page of a flow, whose forms may lead back to the application.
func (s *Server) flowPage(v ui.View, f flow) Answer {
	var leads []string
	if in, ok := v.(*ui.SignIn); ok {
		in.Providers = s.providers()
	}
	if source, ok := ui.FormAction(f.RedirectURI); ok && f.Client != "" {
		leads = append(leads, source)
	}
	return s.page(http.StatusOK, v, leads...)
}

// further is GET /flow: whatever is next for the person.
func (s *Server) further(ctx context.Context, req transport.WebRequest) Answer {
	q, ok := readQuery(req)
	if !ok {
		return s.lostPage(req)
	}
	e, err := s.flowOf(ctx, req, q["id"])
	if err != nil {
		return s.orLost(req, err)
	}
	return s.proceed(ctx, req, e)
}

// proceed takes a flow as far as it goes without asking, and asks.
func (s *Server) proceed(ctx context.Context, req transport.WebRequest, e vault.Entry[flow]) Answer {
	f := e.Value
	sess, person, err := s.session(ctx, req)
	if err != nil && !errors.Is(err, vault.ErrAbsent) {
		return s.troublePage(err)
	}
	if err != nil || s.mustSignIn(f, sess.Value) {
		if f.asks("none") || err == nil && f.Signed && s.isAnother(f, sess.Value) {
			return s.refuse(ctx, e, bad("login_required", "the person has to sign in"))
		}
		return s.signInPage(ctx, req, e, sess.Value, person, err == nil)
	}
	if f.Client == "" {
		return seeOther(f.Return, forget(e.Name))
	}
	c, err := s.usableClient(ctx, f.Client)
	if err != nil {
		return s.orUnknown(req, err)
	}
	context_, ask, p := s.launchContext(ctx, e, c, person)
	switch {
	case p != nil && p.code == tooWeak && f.asks("none"):
		return s.refuse(ctx, e, bad("login_required", "the person has to sign in"))
	case p != nil && p.code == tooWeak:
		return s.raise(ctx, req, e, sess.Value)
	case p != nil:
		return s.refuse(ctx, e, p)
	case ask != nil && f.asks("none"):
		return s.refuse(ctx, e, bad("interaction_required", "the person has to choose a patient"))
	case ask != nil:
		return s.patientPage(ctx, req, e, c, person, ui.PatientSearch{})
	}
	asked, err := askedOf(f, person)
	if err != nil {
		return s.troublePage(err)
	}
	if asked.String() == "" {
		return s.refuse(ctx, e, bad("invalid_scope", "none of the scopes can be granted by this person"))
	}
	if c.Trusted && !f.asks("consent") {
		return s.grant(ctx, req, e, sess, person, c, context_, asked.String())
	}
	if f.asks("none") {
		return s.refuse(ctx, e, bad("consent_required", "the person has to agree"))
	}
	view, err := s.consentView(ctx, req, e, person, c, context_, asked)
	if err != nil {
		return s.troublePage(err)
	}
	return s.flowPage(view, f)
}

// askedOf is what a person can be asked for: who is nobody in the records has no
// fhirUser to tell (SMART App Launch 2.2, scopes-and-launch-context).
func askedOf(f flow, p Person) (scope.Request, error) {
	asked, err := scope.Parse(f.Scope)
	if p.FHIRUser == "" {
		asked.Identity = slices.DeleteFunc(asked.Identity, func(s string) bool { return s == "fhirUser" })
	}
	return asked, err
}

// mustSignIn reports whether the session that is there does not do for the flow.
func (s *Server) mustSignIn(f flow, x session) bool {
	return s.mustBegin(f, x) || len(f.ACR) > 0 && !s.reaches(x.ACR, f.ACR)
}

// raise asks the person of a flow for the next stronger sign-in than they have.
func (s *Server) raise(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], x session) Answer {
	next := stronger(x.ACR)
	if next == nil {
		return s.refuse(ctx, e, bad("access_denied", "there is no such patient"))
	}
	e.Value.ACR = next
	return s.keepFlow(ctx, req, e)
}

// stronger is the next strength above one; nil when there is none.
func stronger(acr string) []string {
	if at := slices.Index(acrs, acr) + 1; at < len(acrs) {
		return []string{acrs[at]}
	}
	return nil
}

// isAnother reports whether a session is of somebody else than the application
// means.
func (s *Server) isAnother(f flow, x session) bool { return f.Subject != "" && x.Person != f.Subject }

// mustBegin reports whether the person must sign in from the start: a further
// factor would not do.
func (s *Server) mustBegin(f flow, x session) bool {
	switch {
	case s.isAnother(f, x):
		return true
	case (f.asks("login") || f.asks("select_account")) && !f.Signed:
		return true
	case f.MaxAge >= 0 && s.now().Sub(x.AuthTime).Seconds() > float64(f.MaxAge) && !f.Signed:
		return true
	}
	return false
}

// reaches reports whether a sign-in was as strong as one of those asked for. Names
// that are not ours are met by no sign-in but one that says so itself.
func (s *Server) reaches(acr string, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool {
		at, need := slices.Index(acrs, acr), slices.Index(acrs, w)
		return w == acr || need >= 0 && at >= need
	})
}

// Strengths are the authentication contexts that are told, weakest first.
func Strengths() []string { return slices.Clone(acrs) }

// acrs are the strengths of a sign-in, weakest first.
var acrs = []string{ACRPassword, ACRTwoFactors, ACRPhishingResistant}

// The authentication contexts that are told (acr).
const (
	ACRPassword          = person.ACR1 // one factor
	ACRTwoFactors        = person.ACR2
	ACRPhishingResistant = person.ACR3 // a passkey, with the person verified
)

// refuse ends a flow and tells the application why.
func (s *Server) refuse(ctx context.Context, e vault.Entry[flow], p *problem) Answer {
	if e.Value.Client == "" { // a sign-in to our own pages: there is nobody to tell
		return s.page(p.status, &ui.Message{Title: "This cannot go on", Text: "What was asked for is not possible.", Error: true}).with(p.failed(Event{What: "authorize"}))
	}
	if err := s.vault.Apply(ctx, flows.Drop(e.Name)); err != nil {
		return s.troublePage(err)
	}
	a := s.backTo(e.Value.RedirectURI, url.Values{"error": {p.code}, "error_description": {p.text}}, e.Value.State)
	a.Reply.Cookies = append(a.Reply.Cookies, forget(e.Name))
	return a.with(p.failed(Event{What: "authorize", Client: e.Value.Client}))
}

func forget(flow string) transport.Cookie {
	return transport.Cookie{Name: flowPrefix + flow, Life: -1, Lax: true}
}

// grant ends a flow as the person wants it: what they granted is kept, and the
// application gets a code for it.
func (s *Server) grant(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], sess vault.Entry[session], p Person, c client.Client, launch Context, granted string) Answer {
	f, now := e.Value, s.now()
	if len(granted) > maxScope { // parts are longer than the whole
		return s.refuse(ctx, e, scopeTooLong())
	}
	id, secret := handle(), token()
	offline := has(granted, "offline_access")
	g := Grant{Client: c.ID, Person: p.ID, Session: sess.Value.ID, Scope: granted, Context: launch, ACR: sess.Value.ACR, AMR: sess.Value.AMR,
		AuthTime: sess.Value.AuthTime, Nonce: f.Nonce, Epoch: p.Epoch, Since: now, Online: has(granted, "online_access") && !offline}
	made := code{Grant: id, Client: c.ID, RedirectURI: f.RedirectURI, Challenge: f.Challenge, JKT: f.JKT, Offline: offline, Ends: now.Add(codeLife)}
	ops := []vault.Op{flows.Remove(e), grants.New(id, g, now.Add(maxAccessLife), g.tags()...), codes.New(hashName(secret), made, now.Add(codeLife))}
	if f.Launch != "" { // it is for one grant, also when two are made at once
		l, err := launches.Load(ctx, s.vault, hashName(f.Launch))
		if errors.Is(err, vault.ErrAbsent) {
			return s.lostPage(req)
		}
		if err != nil {
			return s.troublePage(err)
		}
		ops = append(ops, launches.Remove(l))
	}
	if err := s.vault.Apply(ctx, ops...); err != nil {
		if errors.Is(err, vault.ErrChanged) { // the form was sent twice
			return s.lostPage(req)
		}
		return s.troublePage(err)
	}
	a := s.backTo(f.RedirectURI, url.Values{"code": {secret}}, f.State)
	a.Reply.Cookies = append(a.Reply.Cookies, forget(e.Name))
	return a.with(Event{What: "grant", Person: p.ID, FHIRUser: p.FHIRUser, Organization: p.Organization, Roles: p.Roles, Client: c.ID, Grant: id,
		Scope: granted, Patient: launch.Patient})
}

// lostPage is for a flow that is over, or another browser's.
func (s *Server) lostPage(req transport.WebRequest) Answer {
	return s.page(http.StatusBadRequest, &ui.Message{Title: "Please start again", Text: "This page is from an earlier visit, or from another browser.",
		Hint: "If an application sent you here, go back to it and start from there.", Visit: req.Visit, Link: s.prefix + ui.PathAccount, LinkText: "Your account"})
}

func (s *Server) orLost(req transport.WebRequest, err error) Answer {
	if errors.Is(err, errBrowser) {
		return s.lostPage(req)
	}
	return s.troublePage(err)
}
