package smart

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// freshFor is how long ago somebody may have signed in who changes how they sign
// in: a browser left open is not its owner (OWASP ASVS 4.0.3, 3.7.1).
const freshFor = 10 * minute

// mine is who changes something about their own account.
type mine struct {
	session vault.Entry[session]
	person  Person
	account person.Account
}

// freshPage is ownPage for a page on which credentials are changed: who signed in
// a while ago does so again, and comes back.
func (s *Server) freshPage(ctx context.Context, req transport.WebRequest) (mine, Answer, bool) {
	e, p, a, ok := s.ownPage(ctx, req)
	if !ok {
		return mine{}, a, false
	}
	return s.fresh(ctx, e, p, req.Path)
}

// freshForm is ownForm for a form that changes credentials. back is the page to
// come back to after signing in again: what was posted is not kept.
func (s *Server) freshForm(ctx context.Context, req transport.WebRequest, back string) (form, mine, Answer, bool) {
	f, e, p, a, ok := s.ownForm(ctx, req)
	if !ok {
		return nil, mine{}, a, false
	}
	own, a, ok := s.fresh(ctx, e, p, s.prefix+back)
	return f, own, a, ok
}

func (s *Server) fresh(ctx context.Context, e vault.Entry[session], p Person, back string) (mine, Answer, bool) {
	account, err := s.opt.People.Account(ctx, person.ID(p.ID))
	if err != nil {
		return mine{}, s.troublePage(err), false
	}
	if account.Source.Linked() {
		return mine{}, s.cannot("This is kept elsewhere", "You sign in at another place, which keeps your password, your second factor and your address."), false
	}
	if s.now().Sub(e.Value.AuthTime) > freshFor {
		return mine{}, s.start(ctx, flow{Return: back, MaxAge: int(freshFor.Seconds()), Hint: account.Login}), false
	}
	return mine{e, p, account}, Answer{}, true
}

// cannot says why something is not done.
func (s *Server) cannot(title, text string) Answer {
	return s.page(http.StatusConflict, &ui.Message{Title: title, Text: text, Link: s.prefix + ui.PathAccount, LinkText: "Your account"})
}

// fate is what becomes of what a person granted when they change how they sign in.
type fate int

const (
	// keepGrants: something was added. Applications go on.
	keepGrants fate = iota
	// endGrants: something was changed or taken away, perhaps because somebody
	// else has it, and then applications may be theirs too.
	endGrants
)

// onward is how the session at hand goes on after a change of credentials.
type onward struct {
	cookie transport.Cookie
	req    transport.WebRequest // as if it had come with the cookie
	events []Event
}

// carryOn takes the session at hand over to the epoch that a change of credentials
// began, under a new name. All others of the person end.
func (s *Server) carryOn(ctx context.Context, req transport.WebRequest, own mine, epoch uint64, f fate) (onward, error) {
	secret, x := token(), own.session.Value
	was := x.Epoch
	x.Epoch, x.Seen = strconv.FormatUint(epoch, 10), s.now()
	if err := s.vault.Apply(ctx, sessions.Drop(own.session.Name), sessions.New(hashName(secret), x, s.sessionEnd(x, s.now()), x.tags()...)); err != nil {
		return onward{}, err
	}
	out := onward{cookie: transport.Cookie{Name: sessionCookie, Value: secret, Lax: true}, req: req}
	out.req.Cookies = map[string]string{sessionCookie: secret}
	events, err := s.endSessions(ctx, own.person.ID, hashName(secret))
	out.events = events
	if err != nil {
		return out, err
	}
	if f == keepGrants {
		return out, s.takeGrantsOver(ctx, own.person.ID, was, x.Epoch)
	}
	events, err = s.endAllGrants(ctx, own.person.ID)
	out.events = append(out.events, events...)
	return out, err
}

// endSessions ends the sessions of a person, but for one.
func (s *Server) endSessions(ctx context.Context, id, keep string) ([]Event, error) {
	all, err := sessions.All(ctx, s.vault, "person:"+id)
	if err != nil {
		return nil, err
	}
	var out []Event
	for _, x := range all {
		if x.Name == keep {
			continue
		}
		events, err := s.leave(ctx, x)
		out = append(out, events...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// endAllGrants takes back all that a person granted. Access tokens are worth
// nothing since the change that it is for (person.Directory.Ends).
func (s *Server) endAllGrants(ctx context.Context, id string) ([]Event, error) {
	all, err := grants.All(ctx, s.vault, "person:"+id)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var ops []vault.Op
	var out []Event
	for _, g := range all {
		ops = append(ops, grants.Drop(g.Name))
		out = append(out, Event{What: "revoke", Person: id, Client: g.Value.Client, Grant: g.Name, Why: "the person's credentials changed"})
	}
	return out, s.vault.Apply(ctx, ops...)
}

// takeGrantsOver lets what a person granted at one epoch count at another.
func (s *Server) takeGrantsOver(ctx context.Context, id, was, now string) error {
	all, err := grants.All(ctx, s.vault, "person:"+id)
	if err != nil {
		return err
	}
	for _, g := range all {
		_, err := grants.Update(ctx, s.vault, g.Name, Grant.tags, func(e *vault.Entry[Grant]) error {
			if e.Value.Epoch == was {
				e.Value.Epoch = now
			}
			return nil
		})
		if err != nil && !errors.Is(err, vault.ErrAbsent) { // taken back meanwhile
			return err
		}
	}
	return nil
}

// passwordPage asks for the old and the new password.
func (s *Server) passwordPage(ctx context.Context, req transport.WebRequest) Answer {
	own, a, ok := s.freshPage(ctx, req)
	if !ok {
		return a
	}
	return s.passwordAgain(req, own)
}

func (s *Server) passwordAgain(req transport.WebRequest, own mine, wrong ...ui.FieldError) Answer {
	v := &ui.ChangePassword{Common: s.own(req, own.person), Username: own.account.Login, MinLength: s.opt.People.Limits().MinLength}
	v.Errors = wrong
	return s.page(http.StatusOK, v)
}

// changePassword sets another one, for who knows the old one.
func (s *Server) changePassword(ctx context.Context, req transport.WebRequest) Answer {
	f, own, a, ok := s.freshForm(ctx, req, ui.PathPassword)
	if !ok {
		return a
	}
	if f["password"] != f["repeat"] {
		return s.passwordAgain(req, own, ui.FieldError{Field: "repeat", Text: differ})
	}
	now, event, err := s.opt.People.ChangePassword(ctx, own.account.ID, f["current"], f["password"], req.Peer, known(req))
	var throttled *person.Throttled
	var weak person.Weak
	switch {
	case err == nil:
	case errors.Is(err, person.ErrWrong):
		return s.passwordAgain(req, own, ui.FieldError{Field: "current", Text: "This is not your password. After several failures wait a little before you try again."}).with(failed(eventsOf(event, ""))...)
	case errors.As(err, &weak):
		return s.passwordAgain(req, own, ui.FieldError{Field: "password", Text: sentence(weak)})
	case errors.As(err, &throttled):
		a := s.passwordAgain(req, own, ui.FieldError{Text: tooManyAttempts})
		a.Reply.Status, a.Reply.RetryAfter = http.StatusTooManyRequests, throttled.After
		return a.with(failed(eventsOf(event, ""))...)
	case errors.Is(err, person.ErrExpired):
		return s.lostPage(req)
	default:
		return s.troublePage(err)
	}
	events := eventsOf(event, "")
	after, err := s.carryOn(ctx, req, own, now.Epoch, endGrants)
	events = append(events, after.events...)
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	return s.seeDone(ui.PathAccount, "", "password", after.cookie).with(events...)
}

const differ = "The two passwords differ."

// sentence is a reason as a page says it.
func sentence(w person.Weak) string {
	text := string(w)
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// emailPage asks for another address.
func (s *Server) emailPage(ctx context.Context, req transport.WebRequest) Answer {
	own, a, ok := s.freshPage(ctx, req)
	if !ok {
		return a
	}
	return s.emailAgain(req, own, "")
}

func (s *Server) emailAgain(req transport.WebRequest, own mine, email string, wrong ...ui.FieldError) Answer {
	if !s.opt.Mail {
		return s.noMail()
	}
	v := &ui.ChangeEmail{Common: s.own(req, own.person), Now: own.account.Email, Verified: own.account.EmailVerified, Email: email}
	v.Errors = wrong
	return s.page(http.StatusOK, v)
}

// askEmail sends a link to the new address. Whether somebody else has it too is
// not told.
func (s *Server) askEmail(ctx context.Context, req transport.WebRequest) Answer {
	f, own, a, ok := s.freshForm(ctx, req, ui.PathEmail)
	if !ok {
		return a
	}
	if !s.opt.Mail {
		return s.noMail()
	}
	often, err := s.asksOften(ctx, own.person.ID)
	if err != nil {
		return s.troublePage(err)
	}
	if often {
		a := s.emailAgain(req, own, f["email"], ui.FieldError{Text: "You asked for many letters today. Please wait until tomorrow."})
		a.Reply.Status = http.StatusTooManyRequests
		return a
	}
	_, event, err := s.opt.People.AskEmail(ctx, person.Hands{By: own.account.ID}, own.account.ID, f["email"])
	if errors.Is(err, person.ErrEmail) {
		return s.emailAgain(req, own, f["email"], ui.FieldError{Field: "email", Text: "This is not an e-mail address."})
	}
	if err != nil {
		return s.troublePage(err)
	}
	return s.page(http.StatusOK, &ui.ChangeEmail{Common: s.own(req, own.person), Sent: f["email"]}).with(eventsOf(event, "")...)
}

// lettersADay bounds what a person can have sent to addresses of others.
const lettersADay = 10

// asksOften counts a letter, and reports whether there were too many.
func (s *Server) asksOften(ctx context.Context, id string) (bool, error) {
	for n := range lettersADay {
		free, err := s.vault.Once(ctx, "email.asked", id+"."+strconv.Itoa(n), s.now().Add(day))
		if err != nil || free {
			return false, err
		}
	}
	return true, nil
}
