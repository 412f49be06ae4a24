package smart

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
)

// ceremonyField is what a passkey's form carries: the ceremony, bound to the page
// it is for. An answer that somebody got for another page is none here, whatever
// it says (WebAuthn 3, section 13.4.3).
func (s *Server) ceremonyField(csrf, id string) string {
	return id + "." + s.vault.Blind("ceremony", csrf+"\x1f"+id)
}

// ceremonyOf is the ceremony of a form whose csrf was found to be right; "" is
// none that ever was.
func (s *Server) ceremonyOf(f form) string {
	id, _, _ := strings.Cut(f["ceremony"], ".")
	if !same(f["ceremony"], s.ceremonyField(f["csrf"], id)) {
		return ""
	}
	return id
}

// askPasskey is what a page asks the browser for a passkey with; nil when there
// can be none. step is the sign-in it is to go on with, or "".
func (s *Server) askPasskey(ctx context.Context, csrf, step string) *ui.Passkey {
	c, err := s.opt.People.BeginPasskey(ctx, step)
	if err != nil {
		if !errors.Is(err, person.ErrNoPasskeys) && !errors.Is(err, person.ErrExpired) && !errors.Is(err, person.ErrWrong) {
			s.log.Error("a page does without passkeys", "error", err)
		}
		return nil
	}
	return &ui.Passkey{Options: string(c.Options), Ceremony: s.ceremonyField(csrf, c.ID)}
}

// makePasskey is what a page asks the browser to make a passkey with.
func (s *Server) makePasskey(ctx context.Context, csrf string, id person.ID, step string) (ui.Passkey, error) {
	c, err := s.opt.People.BeginPasskeyEnrolment(ctx, id, step)
	if err != nil {
		return ui.Passkey{}, err
	}
	return ui.Passkey{Options: string(c.Options), Ceremony: s.ceremonyField(csrf, c.ID)}, nil
}

// signInPasskey signs in by a passkey alone.
func (s *Server) signInPasskey(ctx context.Context, req transport.WebRequest) Answer {
	f, e, a, ok := s.flowForm(ctx, req)
	if !ok {
		return a
	}
	step, err := s.opt.People.FinishPasskey(ctx, s.ceremonyOf(f), []byte(f["credential"]), req.Peer)
	if err == nil {
		return s.stepped(ctx, req, e, step)
	}
	events := failed(eventsOf(step.Event, e.Value.Client))
	v := s.signInView(ctx, req, e)
	v.Notice = ""
	var throttled *person.Throttled
	switch {
	case errors.As(err, &throttled):
		v.Errors = []ui.FieldError{{Text: tooManyAttempts}}
		a := s.flowPage(v, e.Value)
		a.Reply.Status, a.Reply.RetryAfter = http.StatusTooManyRequests, throttled.After
		return a.with(events...)
	case errors.Is(err, person.ErrWrong):
		v.Errors = []ui.FieldError{{Text: passkeyWrong}}
	case errors.Is(err, person.ErrExpired):
		v.Errors = []ui.FieldError{{Text: "That took too long. Please try again."}}
	case errors.Is(err, person.ErrNoPasskeys):
		return s.lostPage(req)
	default:
		return s.troublePage(err).with(events...)
	}
	return s.flowPage(v, e.Value).with(events...)
}

const passkeyWrong = "That passkey was not accepted. Try another one, or another way to sign in."

// factorPasskey goes on with a sign-in by a passkey.
func (s *Server) factorPasskey(ctx context.Context, req transport.WebRequest) Answer {
	f, e, a, ok := s.flowForm(ctx, req)
	if !ok {
		return a
	}
	step, err := s.opt.People.FinishPasskey(ctx, s.ceremonyOf(f), []byte(f["credential"]), req.Peer)
	if errors.Is(err, person.ErrNoPasskeys) {
		return s.lostPage(req)
	}
	if err != nil {
		return s.wrongFactor(ctx, req, e, step, err, ui.FieldError{Text: passkeyWrong})
	}
	return s.stepped(ctx, req, e, step)
}

// addPasskeyPage asks the browser to make one.
func (s *Server) addPasskeyPage(ctx context.Context, req transport.WebRequest) Answer {
	own, a, ok := s.freshPage(ctx, req)
	if !ok {
		return a
	}
	return s.addPasskeyAgain(ctx, req, own)
}

func (s *Server) addPasskeyAgain(ctx context.Context, req transport.WebRequest, own mine, wrong ...ui.FieldError) Answer {
	v := &ui.AddPasskey{Common: s.own(req, own.person), Name: browserName(req.Agent)}
	v.Errors = wrong
	var err error
	v.Passkey, err = s.makePasskey(ctx, v.CSRF, own.account.ID, "")
	switch {
	case errors.Is(err, person.ErrNoPasskeys):
		return s.cannot("There are no passkeys here", "This server is reached by an address. Passkeys need a name.")
	case errors.Is(err, person.ErrState):
		return s.cannot("You have enough passkeys", "Remove one before you add another.")
	case err != nil:
		return s.troublePage(err)
	}
	return s.page(http.StatusOK, v)
}

// addPasskey takes one that the browser made: for the person who is signed in, or
// within a sign-in that needs a second factor.
func (s *Server) addPasskey(ctx context.Context, req transport.WebRequest) Answer {
	if f, ok := readBody(req); ok && f["flow"] != "" {
		return s.enrolPasskey(ctx, req)
	}
	f, own, a, ok := s.freshForm(ctx, req, ui.PathPasskey)
	if !ok {
		return a
	}
	made, event, err := s.opt.People.FinishPasskeyEnrolment(ctx, s.ceremonyOf(f), f["name"], []byte(f["credential"]), req.Peer)
	if err != nil {
		a, known := s.notAdded(err, func(text string) Answer { return s.addPasskeyAgain(ctx, req, own, ui.FieldError{Text: text}) })
		if !known {
			return s.troublePage(err)
		}
		return a.with(failed(eventsOf(event, ""))...)
	}
	return s.factorAdded(ctx, req, own, made, event)
}

// notAdded words why a second factor was not added.
func (s *Server) notAdded(err error, again func(text string) Answer) (a Answer, known bool) {
	var throttled *person.Throttled
	switch {
	case errors.As(err, &throttled):
		a = again(tooManyAttempts)
		a.Reply.Status, a.Reply.RetryAfter = http.StatusTooManyRequests, throttled.After
		return a, true
	case errors.Is(err, person.ErrWrong):
		return again("That was not accepted. Please try again."), true
	case errors.Is(err, person.ErrExpired):
		return again("That took too long. Please try again."), true
	case errors.Is(err, person.ErrState):
		return again("There are too many of them. Remove one before you add another."), true
	}
	return a, false
}

// removePasskey takes one away.
func (s *Server) removePasskey(ctx context.Context, req transport.WebRequest) Answer {
	f, own, a, ok := s.freshForm(ctx, req, ui.PathAccount)
	if !ok {
		return a
	}
	now, event, err := s.opt.People.RemovePasskey(ctx, own.account.ID, f["passkey"])
	return s.factorRemoved(ctx, req, own, now, event, err)
}
