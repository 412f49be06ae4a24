package smart

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// setUpPage shows a new secret for an authenticator app.
func (s *Server) setUpPage(ctx context.Context, req transport.WebRequest) Answer {
	own, a, ok := s.freshPage(ctx, req)
	if !ok {
		return a
	}
	secret, err := s.opt.People.EnrolTOTP(ctx, own.account.ID)
	if err != nil {
		return s.troublePage(err)
	}
	return s.page(http.StatusOK, &ui.SetUpTOTP{Common: s.own(req, own.person), Secret: inFours(secret.Secret), QR: secret.PNG})
}

// inFours is a secret as people can type it; apps leave the spaces out.
func inFours(secret string) string {
	var b strings.Builder
	for i, c := range secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// setUp takes the code that shows that the app has the secret: of the person who
// is signed in, or within a sign-in that needs a second factor.
func (s *Server) setUp(ctx context.Context, req transport.WebRequest) Answer {
	if f, ok := readBody(req); ok && f["flow"] != "" {
		return s.enrolTOTP(ctx, req)
	}
	f, own, a, ok := s.freshForm(ctx, req, ui.PathTOTP)
	if !ok {
		return a
	}
	made, event, err := s.opt.People.ConfirmTOTP(ctx, own.account.ID, "", f["code"], req.Peer)
	if err != nil {
		a, known := s.notSetUp(err, &ui.SetUpTOTP{Common: s.own(req, own.person)}, nil)
		if !known {
			return s.troublePage(err)
		}
		return a.with(failed(eventsOf(event, ""))...)
	}
	return s.factorAdded(ctx, req, own, made, event)
}

// notSetUp asks for the code again. The secret was shown once, and is not again.
func (s *Server) notSetUp(err error, v *ui.SetUpTOTP, fl *flow) (Answer, bool) {
	return s.notAdded(err, func(text string) Answer {
		if errors.Is(err, person.ErrWrong) {
			text = "That code is not right. Wait for the next one."
		}
		v.Errors = []ui.FieldError{{Field: "code", Text: text}}
		if fl != nil {
			return s.flowPage(v, *fl)
		}
		return s.page(http.StatusOK, v)
	})
}

// factorAdded goes on after a new second factor: with the recovery codes, if they
// are new too, which are shown this once.
func (s *Server) factorAdded(ctx context.Context, req transport.WebRequest, own mine, made person.Enrolled, event person.Event) Answer {
	events := eventsOf(event, "")
	after, err := s.carryOn(ctx, req, own, made.Account.Epoch, keepGrants)
	events = append(events, after.events...)
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	if len(made.Codes) > 0 {
		return s.codesPage(after, own, made.Codes).with(events...)
	}
	return s.seeDone(ui.PathAccount, "", "factor-added", after.cookie).with(events...)
}

func (s *Server) codesPage(after onward, own mine, codes []string) Answer {
	a := s.page(http.StatusOK, &ui.RecoveryCodes{Common: s.own(after.req, own.person), Codes: codes})
	a.Reply.Cookies = append(a.Reply.Cookies, after.cookie)
	return a
}

// removeTOTP takes the authenticator app away.
func (s *Server) removeTOTP(ctx context.Context, req transport.WebRequest) Answer {
	_, own, a, ok := s.freshForm(ctx, req, ui.PathAccount)
	if !ok {
		return a
	}
	now, event, err := s.opt.People.RemoveTOTP(ctx, own.account.ID)
	return s.factorRemoved(ctx, req, own, now, event, err)
}

func (s *Server) factorRemoved(ctx context.Context, req transport.WebRequest, own mine, now person.Account, event person.Event, err error) Answer {
	if errors.Is(err, person.ErrState) {
		return s.cannot("This stays", "Your account must have a second factor, and this is the last one. Add another before you remove it.")
	}
	if err != nil {
		return s.troublePage(err)
	}
	events := eventsOf(event, "")
	after, err := s.carryOn(ctx, req, own, now.Epoch, endGrants)
	events = append(events, after.events...)
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	return s.seeDone(ui.PathAccount, "", "factor-removed", after.cookie).with(events...)
}

// recoveryCodes makes new ones, in place of those there are.
func (s *Server) recoveryCodes(ctx context.Context, req transport.WebRequest) Answer {
	_, own, a, ok := s.freshForm(ctx, req, ui.PathAccount)
	if !ok {
		return a
	}
	codes, event, err := s.opt.People.NewRecoveryCodes(ctx, own.account.ID)
	if errors.Is(err, person.ErrState) {
		return s.cannot("There is nothing to recover", "Recovery codes stand in for a second factor. Set one up first.")
	}
	if err != nil {
		return s.troublePage(err)
	}
	events := eventsOf(event, "")
	now, err := s.opt.People.Account(ctx, own.account.ID)
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	after, err := s.carryOn(ctx, req, own, now.Epoch, keepGrants)
	events = append(events, after.events...)
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	return s.codesPage(after, own, codes).with(events...)
}

// enrolPage is for who must have a second factor and has none: nothing else is
// done with the sign-in before. Who proved the password alone is believed to be
// the owner, this once.
func (s *Server) enrolPage(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step) Answer {
	secret, err := s.opt.People.EnrolTOTP(ctx, step.Account)
	if err != nil {
		return s.troublePage(err)
	}
	v := s.enrolView(ctx, req, e, step)
	v.Secret, v.QR = inFours(secret.Secret), secret.PNG
	return s.flowPage(v, e.Value)
}

func (s *Server) enrolView(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step) *ui.SetUpTOTP {
	v := &ui.SetUpTOTP{Common: s.common(req, e, Person{}), Must: true}
	if k, err := s.makePasskey(ctx, v.CSRF, step.Account, step.Flow); err == nil {
		v.Passkey = &ui.AskPasskey{Name: browserName(req.Agent), Passkey: k}
	} else if !errors.Is(err, person.ErrNoPasskeys) {
		s.log.Error("a page does without passkeys", "error", err)
	}
	return v
}

// enrolling is a form of enrolPage. Only who has no second factor yet may set one
// up with nothing but a password proved: for all others that would be a way
// around the one they have.
func (s *Server) enrolling(ctx context.Context, req transport.WebRequest) (form, vault.Entry[flow], person.Step, Answer, bool) {
	f, e, a, ok := s.flowForm(ctx, req)
	if !ok {
		return nil, e, person.Step{}, a, false
	}
	step, err := s.opt.People.Flow(ctx, e.Value.Half)
	if errors.Is(err, person.ErrExpired) || err == nil && !step.Enrol {
		return nil, e, step, seeOther(s.url(ui.PathFlow) + "?id=" + e.Name), false
	}
	if err != nil {
		return nil, e, step, s.troublePage(err), false
	}
	return f, e, step, Answer{}, true
}

func (s *Server) enrolTOTP(ctx context.Context, req transport.WebRequest) Answer {
	f, e, step, a, ok := s.enrolling(ctx, req)
	if !ok {
		return a
	}
	made, event, err := s.opt.People.ConfirmTOTP(ctx, step.Account, step.Flow, f["code"], req.Peer)
	if err != nil {
		return s.notEnrolled(ctx, req, e, step, event, err)
	}
	return s.enrolled(req, e, made, event)
}

func (s *Server) enrolPasskey(ctx context.Context, req transport.WebRequest) Answer {
	f, e, step, a, ok := s.enrolling(ctx, req)
	if !ok {
		return a
	}
	made, event, err := s.opt.People.FinishPasskeyEnrolment(ctx, s.ceremonyOf(f), f["name"], []byte(f["credential"]), req.Peer)
	if err != nil {
		return s.notEnrolled(ctx, req, e, step, event, err)
	}
	return s.enrolled(req, e, made, event)
}

func (s *Server) notEnrolled(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], step person.Step, event person.Event, err error) Answer {
	events := failed(eventsOf(event, e.Value.Client))
	a, known := s.notSetUp(err, s.enrolView(ctx, req, e, step), &e.Value)
	if !known {
		return s.troublePage(err).with(events...)
	}
	return a.with(events...)
}

// enrolled shows the recovery codes before the sign-in goes on: they are not
// shown again.
func (s *Server) enrolled(req transport.WebRequest, e vault.Entry[flow], made person.Enrolled, event person.Event) Answer {
	events := eventsOf(event, e.Value.Client)
	if len(made.Codes) == 0 {
		return seeOther(s.url(ui.PathFlow) + "?id=" + e.Name).with(events...)
	}
	return s.flowPage(&ui.RecoveryCodes{Common: s.common(req, e, Person{}), Codes: made.Codes, Within: true}, e.Value).with(events...)
}

// failed says of events that they are about something that was refused.
func failed(events []Event) []Event {
	for i := range events {
		events[i].Failed = true
	}
	return events
}
