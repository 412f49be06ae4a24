package smart

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// signInPage asks who the person is, or for more proof of it when the session
// that is there is not enough.
func (s *Server) signInPage(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], x session, p Person, signedIn bool) Answer {
	if e.Value.Half != "" && (e.Value.Raises == "" || signedIn && e.Value.Raises == x.ID) {
		step, err := s.opt.People.Flow(ctx, e.Value.Half)
		if err == nil {
			return s.stepPage(ctx, req, e, step)
		}
		if !errors.Is(err, person.ErrExpired) {
			return s.troublePage(err)
		}
	}
	if signedIn && s.needsMore(e.Value, x) {
		if step, err := s.opt.People.StepUp(ctx, person.ID(p.ID), x.AMR); err == nil && s.mayRaise(step, e.Value.ACR) {
			e.Value.Half, e.Value.Since, e.Value.Raises = step.Flow, x.AuthTime, x.ID
			return s.keepFlow(ctx, req, e)
		}
	}
	v := s.signInView(ctx, req, e)
	if signedIn && e.Value.Notice == "" && !e.Value.Anew {
		v.Reason = "Please confirm that it is you."
	}
	return s.flowPage(v, e.Value)
}

// signInView is the page, and what may be said on it before anybody signed in.
func (s *Server) signInView(ctx context.Context, req transport.WebRequest, e vault.Entry[flow]) *ui.SignIn {
	v := &ui.SignIn{Common: s.common(req, e, Person{}), Local: true, Reset: true, Username: e.Value.Hint}
	v.Notice = e.Value.Notice
	if e.Value.Client != "" {
		if c, err := s.client(ctx, e.Value.Client); err == nil {
			v.App = c.Name
		}
	}
	v.Passkey = s.askPasskey(ctx, v.CSRF, "")
	return v
}

// needsMore reports whether all that a session lacks for a flow is strength.
func (s *Server) needsMore(f flow, x session) bool {
	wanted := f.ACR
	f.ACR = nil
	return !f.Anew && !s.mustSignIn(f, x) && len(wanted) > 0 && !s.reaches(x.ACR, wanted)
}

// mayRaise reports whether another factor of the person brings a sign-in to what
// is asked for.
func (s *Server) mayRaise(step person.Step, wanted []string) bool {
	return len(wanted) > 0 && !s.reaches(step.ACR, wanted) && len(step.Can) > 0 &&
		(s.reaches(ACRPhishingResistant, wanted) && slices.Contains(step.Can, person.PasskeyUse) || s.reaches(ACRTwoFactors, wanted))
}

// signInHere is the sign-in to our own pages.
func (s *Server) signInHere(ctx context.Context, req transport.WebRequest) Answer {
	return s.startFor(ctx, req, flow{Return: s.url(ui.PathAccount), MaxAge: -1})
}

// signIn takes name and password.
func (s *Server) signIn(ctx context.Context, req transport.WebRequest) Answer {
	f, e, a, ok := s.flowForm(ctx, req)
	if !ok {
		return a
	}
	step, err := s.opt.People.SignIn(ctx, f["username"], f["password"], req.Peer, known(req))
	if err != nil {
		return s.wrong(ctx, req, e, f["username"], step, err)
	}
	return s.stepped(ctx, req, e, step)
}

// wrong is the one page for every sign-in that did not succeed.
func (s *Server) wrong(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], username string, step person.Step, err error) Answer {
	event := personEvent(step.Event)
	event.Failed, event.Client = true, e.Value.Client
	v := s.signInView(ctx, req, e)
	v.Username, v.Notice = username, ""
	var throttled *person.Throttled
	switch {
	case errors.Is(err, person.ErrWrong), errors.Is(err, person.ErrExpired):
		v.Errors = []ui.FieldError{{Text: "The name or the password is not right. After several failures wait a little before you try again."}}
	case errors.As(err, &throttled):
		v.Errors = []ui.FieldError{{Text: tooManyAttempts}}
		a := s.flowPage(v, e.Value)
		a.Reply.Status, a.Reply.RetryAfter = http.StatusTooManyRequests, throttled.After
		return a.with(event)
	default:
		return s.troublePage(err).with(event)
	}
	return s.flowPage(v, e.Value).with(event)
}

const tooManyAttempts = "There were too many attempts from your network. Please wait a little."

// stepped goes on after a factor was proved: to the next one, or to a session.
func (s *Server) stepped(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step) Answer {
	events := eventsOf(step.Event, e.Value.Client)
	if step.Flow != e.Value.Half {
		e.Value.Since, e.Value.Raises = time.Time{}, "" // everything was proved now
	}
	// Who has a second factor is always asked for it: a password that was phished
	// would do otherwise. Who must get one does so first.
	if step.Flow != "" && (!step.Done || s.mayRaise(step, e.Value.ACR)) {
		e.Value.Half = step.Flow
		return s.keepFlow(ctx, req, e).with(events...)
	}
	if len(e.Value.ACR) > 0 && !s.reaches(step.ACR, e.Value.ACR) {
		return s.refuse(ctx, e, bad("unmet_authentication_requirements", "the account cannot sign in as strongly as is asked")).with(events...)
	}
	// First what was proved, then what came of it.
	a := s.signedIn(ctx, req, e, step)
	a.Events = append(events, a.Events...)
	return a
}

// signedIn begins the session. One that the person has in this browser goes on in
// it, with another cookie; another person's ends.
func (s *Server) signedIn(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step) Answer {
	p, err := s.person(ctx, string(step.Account))
	if err != nil {
		return s.troublePage(err)
	}
	x := session{Person: p.ID, Epoch: p.Epoch, ACR: step.ACR, AMR: step.AMR, AuthTime: s.now()}
	if !e.Value.Since.IsZero() && step.ACR != person.ACR3 {
		x.AuthTime = e.Value.Since // a code alone does not renew what the password proved
	}
	if e.Value.Raises != "" {
		if now, _, err := s.session(ctx, req); err != nil || now.Value.ID != e.Value.Raises {
			return s.lostPage(req) // what was to be raised has ended
		}
	}
	var events []Event
	switch old, q, err := s.held(ctx, req); {
	case err == nil && q.ID == p.ID:
		x.ID = old.Value.ID
	case err == nil:
		if events, err = s.leave(ctx, old); err != nil {
			return s.troublePage(err)
		}
	case !errors.Is(err, vault.ErrAbsent):
		return s.troublePage(err)
	}
	cookie, err := s.begin(ctx, req, x)
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	if err := s.opt.People.End(ctx, step.Flow); err != nil {
		return s.troublePage(err).with(events...)
	}
	browser, err := s.opt.People.Known(ctx, step.Account, known(req))
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	e.Value.Signed, e.Value.Half, e.Value.Raises = true, "", ""
	return s.keepFlow(ctx, req, e, cookie, transport.Cookie{Name: browserCookie, Value: string(browser), Life: browserLife}).with(events...)
}

// browserCookie is what a browser keeps of who has signed in with it.
const (
	browserCookie = "__Host-browser"
	browserLife   = 180 * day
)

func known(req transport.WebRequest) person.Browser {
	return person.Browser(req.Cookies[browserCookie])
}

// stepPage goes on with a sign-in that has one factor.
func (s *Server) stepPage(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step) Answer {
	switch {
	case step.Enrol:
		return s.enrolPage(ctx, req, e, step)
	case step.Done && !s.mayRaise(step, e.Value.ACR):
		return s.stepped(ctx, req, e, step)
	}
	return s.factorPage(ctx, req, e, step)
}

// factorPage asks for the second factor.
func (s *Server) factorPage(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step, wrong ...ui.FieldError) Answer {
	v := &ui.SecondFactor{Common: s.common(req, e, Person{}), TOTP: slices.Contains(step.Can, person.TOTP), Recovery: slices.Contains(step.Can, person.RecoveryCode)}
	v.Errors = wrong
	if slices.Contains(step.Can, person.PasskeyUse) {
		v.Passkey = s.askPasskey(ctx, v.CSRF, step.Flow)
	}
	if len(step.Can) == 0 { // such as a passkey that is suspended
		v.Errors = append(v.Errors, ui.FieldError{Text: "Your second factor cannot be used any more. Please ask those who run this site for help."})
	}
	return s.flowPage(v, e.Value)
}

// factorHere: the page lives at /flow.
func (s *Server) factorHere(_ context.Context, req transport.WebRequest) Answer {
	return s.lostPage(req)
}

// factor takes a code.
func (s *Server) factor(ctx context.Context, req transport.WebRequest) Answer {
	f, e, a, ok := s.flowForm(ctx, req)
	if !ok {
		return a
	}
	var step person.Step
	var err error
	field := "code"
	if f["recovery"] != "" {
		field = "recovery"
		step, err = s.opt.People.UseRecoveryCode(ctx, e.Value.Half, f["recovery"], req.Peer, known(req))
	} else {
		step, err = s.opt.People.VerifyTOTP(ctx, e.Value.Half, f["code"], req.Peer, known(req))
	}
	if err != nil {
		return s.wrongFactor(ctx, req, e, step, err, ui.FieldError{Field: field, Text: "That code is not right, or was used already. Wait for the next one."})
	}
	return s.stepped(ctx, req, e, step)
}

// wrongFactor is for a second factor that was not proved.
func (s *Server) wrongFactor(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step, err error, wrong ui.FieldError) Answer {
	events := failed(eventsOf(step.Event, e.Value.Client))
	var throttled *person.Throttled
	if errors.As(err, &throttled) {
		wrong = ui.FieldError{Text: tooManyAttempts}
	} else if !errors.Is(err, person.ErrWrong) && !errors.Is(err, person.ErrExpired) {
		return s.troublePage(err).with(events...)
	}
	now, gone := s.opt.People.Flow(ctx, e.Value.Half)
	if gone != nil {
		e.Value.Half = ""
		return s.keepFlow(ctx, req, e).with(events...)
	}
	a := s.factorPage(ctx, req, e, now, wrong)
	if throttled != nil {
		a.Reply.Status, a.Reply.RetryAfter = http.StatusTooManyRequests, throttled.After
	}
	return a.with(events...)
}

// eventsOf is the directory's event, if there is one.
func eventsOf(e person.Event, client string) []Event {
	if e.Kind == "" {
		return nil
	}
	out := personEvent(e)
	out.Client = client
	return []Event{out}
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
