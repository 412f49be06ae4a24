package smart

import (
	"context"
	"errors"
	"net/http"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
)

// The pages of links in letters, which are opened by people who are not signed
// in. To look at a page uses no link up: mail programs and their guards look at
// links too. The form does.

// formCookie proves that a form comes from a page that this browser was shown,
// where there is neither a flow nor a session: it holds chance, and the form a
// keyed hash of it.
const formCookie = "__Host-form"

const formLife = 60 * minute

// loose is a page for anybody: what it carries, and the cookie it needs.
func (s *Server) loose(req transport.WebRequest) (ui.Common, []transport.Cookie) {
	secret := req.Cookies[formCookie]
	if secret != "" {
		return ui.Common{CSRF: s.looseCSRF(secret)}, nil
	}
	secret = token()
	return ui.Common{CSRF: s.looseCSRF(secret)}, []transport.Cookie{{Name: formCookie, Value: secret, Life: formLife, Lax: true}}
}

func (s *Server) looseCSRF(secret string) string { return s.vault.Blind("csrf.form", secret) }

// looseForm is a form that such a page has posted.
func (s *Server) looseForm(req transport.WebRequest) (form, Answer, bool) {
	f, ok := readBody(req)
	secret := req.Cookies[formCookie]
	if !ok || secret == "" || !s.sameSite(req) || !same(f["csrf"], s.looseCSRF(secret)) {
		return nil, s.page(http.StatusBadRequest, &ui.Message{Title: "Please open the link again", Text: "This page was open for too long, or is from another browser.", Visit: req.Visit}), false
	}
	return f, Answer{}, true
}

func (s *Server) loosePage(status int, v ui.View, cookies []transport.Cookie) Answer {
	a := s.page(status, v)
	a.Reply.Cookies = append(a.Reply.Cookies, cookies...)
	return a
}

// linkPage is the answer to a link that is none, or none any more.
func (s *Server) linkPage() Answer {
	return s.page(http.StatusBadRequest, &ui.Message{Title: "This link is used up", Text: "It was used, it is too old, or a newer one was sent.",
		Hint: "Ask for a new one.", Link: s.prefix + ui.PathSignIn, LinkText: "Sign in"})
}

// noMail is the answer where no letter can be sent.
func (s *Server) noMail() Answer {
	return s.page(http.StatusServiceUnavailable, &ui.Message{Title: "This site sends no mail", Text: "A link by mail is needed for this, and none can be sent from here.",
		Hint: "Please ask those who run the site to help you.", Link: s.prefix + ui.PathSignIn, LinkText: "Sign in"})
}

// lookAt finds out what a link is about, for its page.
func (s *Server) lookAt(ctx context.Context, req transport.WebRequest, p person.Purpose) (token string, a person.Account, email string, _ Answer, ok bool) {
	q, ok := readQuery(req)
	if !ok {
		return "", a, "", s.linkPage(), false
	}
	a, email, err := s.opt.People.LookAtEmail(ctx, p, q["token"])
	if errors.Is(err, person.ErrLink) {
		return "", a, "", s.linkPage(), false
	}
	if err != nil {
		return "", a, "", s.troublePage(err), false
	}
	return q["token"], a, email, Answer{}, true
}

// invitationPage lets somebody who was invited choose a password.
func (s *Server) invitationPage(ctx context.Context, req transport.WebRequest) Answer {
	token, who, _, a, ok := s.lookAt(ctx, req, person.Invitation)
	if !ok {
		return a
	}
	return s.invitationAgain(req, token, who)
}

func (s *Server) invitationAgain(req transport.WebRequest, token string, who person.Account, wrong ...ui.FieldError) Answer {
	c, cookies := s.loose(req)
	c.Errors = wrong
	name := who.Display
	if name == "" {
		name = who.Login
	}
	return s.loosePage(http.StatusOK, &ui.Invitation{Common: c, Token: token, Name: name, Username: who.Login, Fixed: true, MinLength: s.opt.People.Limits().MinLength}, cookies)
}

// invitation takes an invitation up.
func (s *Server) invitation(ctx context.Context, req transport.WebRequest) Answer {
	return s.setByLink(ctx, req, person.Invitation, s.opt.People.Accept, s.invitationAgain, "Your account is open. Please sign in.")
}

// newPasswordPage lets somebody who asked for it choose a new password.
func (s *Server) newPasswordPage(ctx context.Context, req transport.WebRequest) Answer {
	token, who, _, a, ok := s.lookAt(ctx, req, person.Reset)
	if !ok {
		return a
	}
	return s.newPasswordAgain(req, token, who)
}

func (s *Server) newPasswordAgain(req transport.WebRequest, token string, who person.Account, wrong ...ui.FieldError) Answer {
	c, cookies := s.loose(req)
	c.Errors = wrong
	return s.loosePage(http.StatusOK, &ui.ResetPassword{Common: c, Token: token, Username: who.Login, MinLength: s.opt.People.Limits().MinLength}, cookies)
}

// newPassword sets it. Whoever was signed in as the person is so no more, and what
// was granted ends: perhaps it was not the person.
func (s *Server) newPassword(ctx context.Context, req transport.WebRequest) Answer {
	return s.setByLink(ctx, req, person.Reset, s.opt.People.Reset, s.newPasswordAgain, "Your password is changed. Please sign in.")
}

// byLink sets a password with a link's token.
type byLink func(ctx context.Context, token, password, peer string) (person.Account, person.Event, error)

func (s *Server) setByLink(ctx context.Context, req transport.WebRequest, p person.Purpose, set byLink,
	again func(transport.WebRequest, string, person.Account, ...ui.FieldError) Answer, notice string) Answer {
	f, a, ok := s.looseForm(req)
	if !ok {
		return a
	}
	who, err := s.opt.People.LookAt(ctx, p, f["token"])
	if err == nil && f["password"] != f["repeat"] {
		return again(req, f["token"], who, ui.FieldError{Field: "repeat", Text: differ})
	}
	now, event, err := set(ctx, f["token"], f["password"], req.Peer)
	var weak person.Weak
	if errors.As(err, &weak) {
		return again(req, f["token"], who, ui.FieldError{Field: "password", Text: sentence(weak)})
	}
	if err != nil {
		return s.linkRefused(string(p), err)
	}
	return s.signInAfter(ctx, string(now.ID), notice, eventsOf(event, ""))
}

// signInAfter sends somebody to sign in with what they have set: the link in a
// letter is no sign-in. All that was signed in or granted before ends.
func (s *Server) signInAfter(ctx context.Context, id, notice string, events []Event) Answer {
	more, err := s.endSessions(ctx, id, "")
	events = append(events, more...)
	if err == nil {
		more, err = s.endAllGrants(ctx, id)
		events = append(events, more...)
	}
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	return s.start(ctx, flow{Return: s.url(ui.PathAccount), MaxAge: -1, Prompt: []string{"login"}, Notice: notice}).with(events...)
}

// linkRefused is the answer to a form with a link that does not count.
func (s *Server) linkRefused(what string, err error) Answer {
	event := Event{What: "link-refused", Failed: true, Why: what}
	var throttled *person.Throttled
	switch {
	case errors.Is(err, person.ErrLink):
		return s.linkPage().with(event)
	case errors.As(err, &throttled):
		return s.slowDown(throttled).with(event)
	}
	return s.troublePage(err).with(event)
}

func (s *Server) slowDown(t *person.Throttled) Answer {
	a := s.page(http.StatusTooManyRequests, &ui.Message{Title: "Please wait a little", Text: tooManyAttempts, Error: true})
	a.Reply.RetryAfter = t.After
	return a
}

// resetPage asks whose password is forgotten.
func (s *Server) resetPage(_ context.Context, req transport.WebRequest) Answer {
	if !s.opt.Mail {
		return s.noMail()
	}
	c, cookies := s.loose(req)
	return s.loosePage(http.StatusOK, &ui.ResetRequest{Common: c}, cookies)
}

// reset has a letter sent, if there is anybody to send it to. The answer is given
// before that is known, so that nobody learns who has an account.
func (s *Server) reset(ctx context.Context, req transport.WebRequest) Answer {
	if !s.opt.Mail {
		return s.noMail()
	}
	f, a, ok := s.looseForm(req)
	if !ok {
		return a
	}
	event := Event{What: string(person.ResetAsked)}
	err := s.opt.People.AskReset(ctx, f["email"], req.Peer)
	var throttled *person.Throttled
	if errors.As(err, &throttled) {
		event.Failed, event.Why = true, "peer throttled"
		return s.slowDown(throttled).with(event)
	}
	if err != nil {
		return s.troublePage(err)
	}
	c, cookies := s.loose(req)
	return s.loosePage(http.StatusOK, &ui.ResetRequest{Common: c, Sent: true}, cookies).with(event)
}

// confirmEmailPage and allowEmailPage show what a link about an address would do.
func (s *Server) confirmEmailPage(ctx context.Context, req transport.WebRequest) Answer {
	return s.aboutEmail(ctx, req, person.ConfirmEmail)
}

func (s *Server) allowEmailPage(ctx context.Context, req transport.WebRequest) Answer {
	return s.aboutEmail(ctx, req, person.AllowEmail)
}

func (s *Server) aboutEmail(ctx context.Context, req transport.WebRequest, p person.Purpose) Answer {
	token, who, email, a, ok := s.lookAt(ctx, req, p)
	if !ok {
		return a
	}
	c, cookies := s.loose(req)
	return s.loosePage(http.StatusOK, &ui.ConfirmEmail{Common: c, Token: token, Username: who.Login, Email: email, Allow: p == person.AllowEmail}, cookies)
}

// confirmEmail makes the address that the link went to the account's.
func (s *Server) confirmEmail(ctx context.Context, req transport.WebRequest) Answer {
	f, a, ok := s.looseForm(req)
	if !ok {
		return a
	}
	now, event, err := s.opt.People.ConfirmEmail(ctx, f["token"], req.Peer)
	if err != nil {
		return s.linkRefused(string(person.ConfirmEmail), err)
	}
	return s.signInAfter(ctx, string(now.ID), "Your e-mail address is changed. Please sign in.", eventsOf(event, ""))
}

// allowEmail lets a change go on that an administrator asked for.
func (s *Server) allowEmail(ctx context.Context, req transport.WebRequest) Answer {
	f, a, ok := s.looseForm(req)
	if !ok {
		return a
	}
	event, err := s.opt.People.AllowEmail(ctx, f["token"], req.Peer)
	if err != nil {
		return s.linkRefused(string(person.AllowEmail), err)
	}
	return s.page(http.StatusOK, &ui.Message{Title: "You allowed the change", Text: "A link is on its way to the new address. The change is made when it is followed.",
		Link: s.prefix + ui.PathSignIn, LinkText: "Sign in"}).with(eventsOf(event, "")...)
}
