package smart

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// signInPage asks who the person is, or for more proof of it when the session
// that is there is not enough.
func (s *Server) signInPage(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], x session, p Person, signedIn bool) Answer {
	if e.Value.Half != "" {
		if step, err := s.opt.People.Flow(ctx, e.Value.Half); err == nil {
			return s.factorPage(req, e, step)
		}
	}
	v := &ui.SignIn{Common: s.common(req, e, Person{}), Local: true, Reset: true}
	if e.Value.Client != "" {
		if c, err := s.client(ctx, e.Value.Client); err == nil {
			v.App = c.Name
		}
	}
	if signedIn {
		v.Reason = "The application asks you to confirm that it is you."
	}
	v.Username = e.Value.Hint
	return s.flowPage(v, e.Value)
}

// signInHere is the sign-in to our own pages.
func (s *Server) signInHere(ctx context.Context, req transport.WebRequest) Answer {
	return s.start(ctx, flow{Return: s.url(ui.PathAccount), MaxAge: -1})
}

// signIn takes name and password.
func (s *Server) signIn(ctx context.Context, req transport.WebRequest) Answer {
	f, ok := readBody(req)
	if !ok {
		return s.lostPage(req)
	}
	e, err := s.posted(ctx, req, f)
	if err != nil {
		return s.orLost(req, err)
	}
	step, err := s.opt.People.SignIn(ctx, f["username"], f["password"], req.Peer)
	if err != nil {
		return s.wrong(req, e, f["username"], step, err)
	}
	return s.stepped(ctx, req, e, step)
}

// wrong is the one page for every sign-in that did not succeed.
func (s *Server) wrong(req transport.WebRequest, e vault.Entry[flow], username string, step person.Step, err error) Answer {
	event := personEvent(step.Event)
	event.Failed, event.Client = true, e.Value.Client
	v := &ui.SignIn{Common: s.common(req, e, Person{}), Local: true, Reset: true, Username: username}
	var throttled *person.Throttled
	switch {
	case errors.Is(err, person.ErrWrong), errors.Is(err, person.ErrExpired):
		v.Errors = []ui.FieldError{{Text: "The name or the password is not right. After several failures wait a little before you try again."}}
	case errors.As(err, &throttled):
		v.Errors = []ui.FieldError{{Text: "There were too many attempts from your network. Please wait a little."}}
		a := s.flowPage(v, e.Value)
		a.Reply.Status, a.Reply.RetryAfter = http.StatusTooManyRequests, throttled.After
		return a.with(event)
	default:
		return s.troublePage(err).with(event)
	}
	return s.flowPage(v, e.Value).with(event)
}

// stepped goes on after a factor was proved: to the next one, or to a session.
func (s *Server) stepped(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step) Answer {
	event := personEvent(step.Event)
	event.Client = e.Value.Client
	// Who has a second factor is always asked for it: a password that was phished
	// would do otherwise.
	if len(step.Can) > 0 && !slices.Contains(step.AMR, "mfa") && step.ACR == person.ACR1 {
		e.Value.Half = step.Flow
		return s.keepFlow(ctx, req, e).with(event)
	}
	if len(e.Value.ACR) > 0 && !s.reaches(step.ACR, e.Value.ACR) {
		return s.refuse(ctx, e, bad("unmet_authentication_requirements", "the account cannot sign in as strongly as is asked")).with(event)
	}
	return s.signedIn(ctx, req, e, step).with(event)
}

// signedIn begins the session.
func (s *Server) signedIn(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step) Answer {
	p, err := s.person(ctx, string(step.Account))
	if err != nil {
		return s.troublePage(err)
	}
	cookie, err := s.begin(ctx, req, session{Person: p.ID, Epoch: p.Epoch, ACR: step.ACR, AMR: step.AMR, AuthTime: s.now()})
	if err != nil {
		return s.troublePage(err)
	}
	if err := s.opt.People.End(ctx, step.Flow); err != nil {
		return s.troublePage(err)
	}
	e.Value.Signed, e.Value.Half = true, ""
	return s.keepFlow(ctx, req, e, cookie)
}

// factorPage asks for the second factor.
func (s *Server) factorPage(req transport.WebRequest, e vault.Entry[flow], step person.Step, wrong ...ui.FieldError) Answer {
	v := &ui.SecondFactor{Common: s.common(req, e, Person{}), TOTP: slices.Contains(step.Can, person.TOTP), Recovery: slices.Contains(step.Can, person.RecoveryCode)}
	v.Errors = wrong
	return s.flowPage(v, e.Value)
}

// factorHere: the page lives at /flow.
func (s *Server) factorHere(_ context.Context, req transport.WebRequest) Answer {
	return s.lostPage(req)
}

// factor takes a code.
func (s *Server) factor(ctx context.Context, req transport.WebRequest) Answer {
	f, ok := readBody(req)
	if !ok {
		return s.lostPage(req)
	}
	e, err := s.posted(ctx, req, f)
	if err != nil {
		return s.orLost(req, err)
	}
	var step person.Step
	if f["recovery"] != "" {
		step, err = s.opt.People.UseRecoveryCode(ctx, e.Value.Half, f["recovery"], req.Peer)
	} else {
		step, err = s.opt.People.VerifyTOTP(ctx, e.Value.Half, f["code"], req.Peer)
	}
	switch {
	case err == nil:
		return s.stepped(ctx, req, e, step)
	case errors.Is(err, person.ErrWrong):
		event := personEvent(step.Event)
		event.Failed, event.Client = true, e.Value.Client
		now, err := s.opt.People.Flow(ctx, e.Value.Half)
		if err != nil {
			break
		}
		return s.factorPage(req, e, now, ui.FieldError{Field: "code", Text: "That code is not right, or was used already. Wait for the next one."}).with(event)
	case !errors.Is(err, person.ErrExpired):
		return s.troublePage(err)
	}
	e.Value.Half = ""
	return s.keepFlow(ctx, req, e)
}

// personEvent is an event of the directory.
func personEvent(e person.Event) Event {
	out := Event{What: string(e.Kind), Person: string(e.By), Why: e.Detail}
	if e.Account != e.By {
		out.About = string(e.Account)
	}
	if out.Person == "" {
		out.Person, out.About = string(e.Account), ""
	}
	return out
}
