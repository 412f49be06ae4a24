package smart

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// Administration: applications (adminapps.go), people (adminpeople.go) and what
// takes two persons (approvals.go). What can be changed, and what comes of it, is
// in change.go, which the operator's commands use too (operate.go). None of it
// gives anybody a token, a password, a link or a code of somebody else: there is
// no such thing to ask for.

// How old the sign-in may be of who opens a form, and of who sends it: a browser
// that was left open changes nothing. The first is less, so that what was typed
// is not lost.
const (
	signInForForm   = 5 * minute
	signInForChange = 15 * minute
	signInForLook   = time.Duration(-1) // however old
)

// administrator is who looks at a page of administration, or has posted a form.
type administrator struct {
	Person
	session session
	form    form                // the fields that came once, on one line
	fields  map[string][]string // all of them
}

// administers reports whether one of a person's roles is an administrator's.
func (s *Server) administers(p Person) bool {
	return slices.ContainsFunc(p.Roles, func(r string) bool { return slices.Contains(s.opt.Administrators, r) })
}

// adminPage admits to a page; fresh is how old the sign-in may be.
func (s *Server) adminPage(ctx context.Context, req transport.WebRequest, fresh time.Duration) (administrator, Answer, bool) {
	back := s.opt.Issuer + strings.TrimPrefix(req.Path, s.prefix)
	if q, ok := readQuery(req); ok && q["id"] != "" {
		back += "?id=" + url.QueryEscape(q["id"])
	}
	e, p, err := s.session(ctx, req)
	if errors.Is(err, vault.ErrAbsent) {
		return administrator{}, s.startFor(ctx, req, flow{Return: back, MaxAge: -1}), false
	}
	if err != nil {
		return administrator{}, s.troublePage(err), false
	}
	a := administrator{Person: p, session: e.Value}
	answer, ok := s.admit(ctx, req, a, fresh, back)
	return a, answer, ok
}

// adminForm admits a form; back is where to go on after a sign-in that must come
// first.
func (s *Server) adminForm(ctx context.Context, req transport.WebRequest, back string) (administrator, Answer, bool) {
	f, all, ok := readTicked(req)
	if !ok {
		return administrator{}, s.lostPage(req), false
	}
	e, p, answer, ok := s.ownPosted(ctx, req, f["csrf"])
	if !ok {
		return administrator{}, answer, false
	}
	a := administrator{Person: p, session: e.Value, form: f, fields: all}
	answer, ok = s.admit(ctx, req, a, signInForChange, s.url(back))
	return a, answer, ok
}

// admit lets in whoever has the role, by a sign-in that is strong and new enough;
// others are refused, which is on record, or asked to sign in.
func (s *Server) admit(ctx context.Context, req transport.WebRequest, a administrator, fresh time.Duration, back string) (Answer, bool) {
	if !s.administers(a.Person) {
		e := a.event("administration")
		e.Failed, e.Why = true, "the person has no role of an administrator"
		return s.page(http.StatusForbidden, &ui.Message{Common: s.own(req, a.Person), Title: "This is not open to you", Text: "Only administrators may see this page.", Visit: req.Visit}).with(e), false
	}
	if need := s.opt.AdminACR; need != "" && !s.reaches(a.session.ACR, []string{need}) {
		able, err := s.canReach(ctx, a.ID, need)
		switch {
		case err != nil:
			return s.troublePage(err), false
		case !able:
			e := a.event("administration")
			e.Failed, e.Why = true, "the account cannot sign in as strongly as is asked of administrators"
			return s.page(http.StatusForbidden, &ui.Message{Common: s.own(req, a.Person), Title: "A second factor is needed",
				Text: "Administrators sign in with more than a password here.", Hint: "Set up an authenticator app or a passkey in your account, then come back."}).with(e), false
		}
		return s.start(ctx, flow{Return: back, MaxAge: -1, ACR: []string{need}, Hint: s.login(ctx, a.ID)}), false
	}
	if fresh >= 0 && s.now().Sub(a.session.AuthTime) > fresh {
		return s.start(ctx, flow{Return: back, MaxAge: int(fresh.Seconds()), Hint: s.login(ctx, a.ID)}), false
	}
	return Answer{}, true
}

// canReach reports whether an account has what a strong sign-in takes. What
// another directory can do is for that to say.
func (s *Server) canReach(ctx context.Context, id, acr string) (bool, error) {
	a, err := s.opt.People.Account(ctx, person.ID(id))
	if err != nil {
		return false, err
	}
	return acr == ACRPassword || a.Source.Linked() || len(a.Passkeys) > 0 || a.HasTOTP && acr == ACRTwoFactors, nil
}

// login is an account's name to sign in with, to be shown to its owner.
func (s *Server) login(ctx context.Context, id string) string {
	a, err := s.opt.People.Account(ctx, person.ID(id))
	if err != nil {
		return ""
	}
	return a.Login
}

// administration is what every page of it carries. Its forms have a number in
// the field "flow", so that one that is sent again does nothing again.
func (s *Server) administration(ctx context.Context, req transport.WebRequest, a administrator) ui.Common {
	c := s.own(req, a.Person)
	c.Flow = handle()
	if q, ok := readQuery(req); ok && req.Method != http.MethodPost {
		c.Notice = notices[q["done"]]
	}
	if n, err := s.waiting(ctx, person.ID(a.ID)); err == nil {
		c.Menu.Waiting = n
	}
	return c
}

// notices are what is said after a change, by the name in the URL that the change
// leads to.
var notices = map[string]string{
	"asked":    "It waits for a second person, who finds it under Approvals.",
	"disabled": "The application is disabled. Its tokens have ended.",
	"enabled":  "The application is enabled.",
	"changed":  "The application is changed.",
	"invited":  "The invitation is on its way.",
	"locked":   "The account is locked. Its sessions and tokens have ended.",
	"unlocked": "The account is open again.",
	"given":    "The role is given.",
	"ended":    "The role has ended, and so have the tokens that were issued with it.",
	"email":    "A letter is on its way to the new address.",
	"approved": "The change is made.",
	"refused":  "The change will not be made.",
	"renewed":  "All keys are new. Every token that the old ones signed is worth nothing.",

	"taken-back":     "Access was taken back. It ended at once.",
	"signed-out":     "You are signed out there.",
	"password":       "Your password is changed. You are signed out everywhere else, and applications have to ask you again.",
	"factor-added":   "It is set up. You are asked for it when you sign in.",
	"factor-removed": "It is removed. You are signed out everywhere else, and applications have to ask you again.",
}

func (s *Server) seeDone(path, id, done string, cookies ...transport.Cookie) Answer {
	q := url.Values{"done": {done}}
	if id != "" {
		q.Set("id", id)
	}
	return seeOther(s.url(path)+"?"+q.Encode(), cookies...)
}

// first reports whether a form came for the first time: to reload the page that
// answered it must not register twice.
func (s *Server) first(ctx context.Context, a administrator) (bool, error) {
	if a.form["flow"] == "" {
		return false, nil
	}
	return s.vault.Once(ctx, "adminform", a.session.ID+"\x1f"+a.form["flow"], s.now().Add(7*day))
}

func (s *Server) sentAgain(req transport.WebRequest, a administrator) Answer {
	return s.page(http.StatusConflict, &ui.Message{Common: s.own(req, a.Person), Title: "This was sent before", Text: "Nothing was done a second time.", Visit: req.Visit})
}

func (s *Server) notThere(req transport.WebRequest, a administrator) Answer {
	return s.page(http.StatusNotFound, &ui.Message{Common: s.own(req, a.Person), Title: "There is nothing here", Text: "It may have been removed meanwhile.", Visit: req.Visit})
}

func (a administrator) event(what string) Event {
	return Event{What: what, Person: a.ID, FHIRUser: a.FHIRUser, Organization: a.Organization, Roles: a.Roles}
}

// stamp puts who did it, and why, on events.
func (a administrator) stamp(events []Event, reason string) []Event {
	out := slices.Clone(events)
	for i := range out {
		out[i].Person, out[i].FHIRUser, out[i].Organization, out[i].Roles = a.ID, a.FHIRUser, a.Organization, a.Roles
		out[i].Reason = reason
	}
	return out
}

// maxReason is in characters.
const maxReason = 300

// reason is why something is done: a line that can be read, or "".
func reason(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	r := []rune(strings.Join(strings.Fields(text), " "))
	return string(r[:min(len(r), maxReason)])
}

// text is a field as it was typed, lines and all.
func (a administrator) text(name string) string {
	if list := a.fields[name]; len(list) == 1 {
		return strings.ReplaceAll(list[0], "\r\n", "\n")
	}
	return ""
}

// words are a field's parts, one a line or separated by spaces.
func (a administrator) words(name string) []string { return strings.Fields(a.text(name)) }

// faults are what is wrong with a form, in words for the administrator who sent
// it; false: it is nothing that they can mend.
func faults(err error) ([]ui.FieldError, bool) {
	var invalid *client.Invalid
	if errors.As(err, &invalid) {
		var out []ui.FieldError
		for _, line := range invalid.Faults {
			out = append(out, ui.FieldError{Field: fieldOf(line), Text: labels.Replace(line)})
		}
		return out, true
	}
	for _, k := range []struct {
		err         error
		field, text string
	}{
		{client.ErrExists, "", "There is an application of this id already"},
		{person.ErrTaken, "username", "This name, or this person in the records, has an account already"},
		{person.ErrLogin, "username", "A user name has 2 to 64 letters, digits, or marks such as . - _ @, of one script, without spaces"},
		{person.ErrEmail, "email", "This is no e-mail address"},
		{person.ErrReference, "fhiruser", "Write references such as Practitioner/123 and Organization/1"},
		{person.ErrGrant, "role", "Somebody else gives a role, with a reason of 10 or more characters where it has an end; some roles end within hours"},
		{person.ErrState, "", "The account is not in a state for that"},
		{errOwn, "", "Nobody changes their own account here: ask another administrator"},
		{errMeanwhile, "", "It has changed meanwhile: look at it again, and ask again"},
	} {
		if errors.Is(err, k.err) {
			return []ui.FieldError{{Field: k.field, Text: k.text}}, true
		}
	}
	return nil, false
}

// labels are what the form calls the parts of a registration.
var labels = strings.NewReplacer("PostLogoutRedirectURIs", "addresses after signing out", "RedirectURIs", "redirect addresses", "BackchannelLogoutURI", "sign-out address",
	"LaunchURI", "launch address", "Keys or a KeysURL", "a key set or the address of one", "KeysURL", "address of the key set", "the Keys hold", "the key set holds", "Keys", "key set",
	"Scopes", "scopes", "an Organization", "an organisation", "the Organization", "the organisation", "Roles", "roles", "the Name", "the name", "the Publisher", "“Run by”",
	"the Contact", "its own page", "the Certificate", "the certificate")

// fieldOf is the form's field that a fault of a registration is about.
func fieldOf(line string) string {
	for _, k := range [...][2]string{{"Name", "name"}, {"Publisher", "publisher"}, {"RedirectURIs", "redirects"}, {"LaunchURI", "launch"},
		{"BackchannelLogoutURI", "signout"}, {"KeysURL", "jwks_uri"}, {"Keys", "jwks"}, {"Certificate", "certificate"}, {"Scopes", "scopes"},
		{"Organization", "organization"}, {"Roles", "roles"}, {"Kind", "kind"}} {
		if strings.Contains(line, k[0]) {
			return k[1]
		}
	}
	return ""
}
