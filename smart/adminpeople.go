package smart

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
)

func hands(a administrator) person.Hands { return person.Hands{By: person.ID(a.ID)} }

func showPath(path, id string) string { return path + "?id=" + url.QueryEscape(id) }

func (s *Server) adminPeople(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminPage(ctx, req, signInForLook)
	if !ok {
		return answer
	}
	return s.showPeople(ctx, req, a, "", 1)
}

// adminPeopleFind looks by name. It changes nothing, but goes by POST, so that no
// URL holds a name.
func (s *Server) adminPeopleFind(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminForm(ctx, req, ui.PathAdminPeople)
	if !ok {
		return answer
	}
	page, err := strconv.Atoi(a.form["page"])
	if err != nil || page < 1 {
		page = 1
	}
	return s.showPeople(ctx, req, a, a.form["find"], page)
}

const peoplePage = 50

func (s *Server) showPeople(ctx context.Context, req transport.WebRequest, a administrator, find string, page int) Answer {
	all, err := s.found(ctx, find)
	if err != nil {
		return s.troublePage(err)
	}
	v := &ui.AdminPeople{Common: s.administration(ctx, req, a), Find: find}
	from := min((page-1)*peoplePage, len(all))
	to := min(from+peoplePage, len(all))
	for _, p := range all[from:to] {
		line, err := s.personLine(ctx, p)
		if err != nil {
			return s.troublePage(err)
		}
		v.People = append(v.People, line)
	}
	if to < len(all) {
		v.Next = strconv.Itoa(page + 1)
	}
	if from > 0 {
		v.Previous = strconv.Itoa(page - 1)
	}
	return s.page(http.StatusOK, v)
}

// found are the accounts whose name or user name holds a text, by name. Names lie
// sealed, so each is looked at.
func (s *Server) found(ctx context.Context, find string) ([]person.Account, error) {
	find = strings.ToLower(strings.TrimSpace(find))
	var out []person.Account
	const some = 500
	for after := person.ID(""); ; {
		list, err := s.opt.People.Accounts(ctx, after, some)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			if strings.Contains(strings.ToLower(a.Display), find) || strings.Contains(strings.ToLower(a.Login), find) {
				out = append(out, a)
			}
			after = a.ID
		}
		if len(list) < some {
			break
		}
	}
	slices.SortFunc(out, func(x, y person.Account) int {
		return cmp.Or(strings.Compare(strings.ToLower(display(x)), strings.ToLower(display(y))), strings.Compare(string(x.ID), string(y.ID)))
	})
	return out, nil
}

func (s *Server) personLine(ctx context.Context, a person.Account) (ui.PersonLine, error) {
	l := ui.PersonLine{ID: string(a.ID), Name: display(a), Username: cmp.Or(a.Login, "signs in elsewhere"), FHIRUser: a.FHIRUser, Roles: a.RolesAt(s.now()),
		Status: "Active", Mark: ui.StatusGood}
	switch {
	case a.Disabled:
		l.Status, l.Mark = "Locked", ui.StatusBad
	case !a.Accepted:
		l.Status, l.Mark = "Invited", ui.StatusWaiting
	}
	open, err := sessions.All(ctx, s.vault, "person:"+string(a.ID))
	for _, x := range open {
		if x.Value.Seen.After(l.LastSeen) {
			l.LastSeen = x.Value.Seen
		}
	}
	return l, err
}

func (s *Server) adminInvite(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminPage(ctx, req, signInForForm)
	if !ok {
		return answer
	}
	return s.showInvite(ctx, req, a, nil)
}

func (s *Server) showInvite(ctx context.Context, req transport.WebRequest, a administrator, wrong []ui.FieldError) Answer {
	v := &ui.AdminInvite{Common: s.administration(ctx, req, a), Name: a.form["name"], Email: a.form["email"], Username: a.form["username"],
		FHIRUser: a.form["fhiruser"], Organization: a.form["organization"], Reason: a.form["reason"], TwoPersons: s.two("people")}
	for _, r := range s.opt.Roles {
		v.Roles = append(v.Roles, ui.Choice{Value: r, Text: roleName(r), Selected: slices.Contains(a.fields["role"], r)})
	}
	v.Errors = wrong
	if !s.opt.Mail {
		v.Notice = noInvitations
	}
	if len(wrong) > 0 {
		return s.page(http.StatusUnprocessableEntity, v)
	}
	return s.page(http.StatusOK, v)
}

const noInvitations = "This site sends no mail, so that nobody would get the link. Whoever runs it sets smart.mail first."

// adminInvited invites somebody. The letter with the link goes to them; nobody
// else sees it.
func (s *Server) adminInvited(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminForm(ctx, req, ui.PathAdminInvite)
	if !ok {
		return answer
	}
	why := reason(a.form["reason"])
	n := person.Newcomer{Login: cmp.Or(strings.TrimSpace(a.form["username"]), strings.TrimSpace(a.form["email"])), Display: reason(a.form["name"]),
		Email: strings.TrimSpace(a.form["email"]), FHIRUser: strings.TrimSpace(a.form["fhiruser"]), Organization: strings.TrimSpace(a.form["organization"])}
	var wrong []ui.FieldError
	for _, r := range a.fields["role"] {
		if !slices.Contains(s.opt.Roles, r) {
			wrong = append(wrong, ui.FieldError{Field: "role", Text: "Choose from the roles that there are"})
			continue
		}
		n.Roles = append(n.Roles, person.RoleGrant{Role: r, Reason: why})
	}
	if !s.opt.Mail {
		wrong = append(wrong, ui.FieldError{Text: noInvitations})
	}
	if n.Display == "" {
		wrong = append(wrong, ui.FieldError{Field: "name", Text: "Say who it is"})
	}
	if why == "" {
		wrong = append(wrong, ui.FieldError{Field: "reason", Text: "Say why"})
	}
	if len(wrong) > 0 {
		return s.showInvite(ctx, req, a, wrong)
	}
	out, err := s.attempt(ctx, a, change{Kind: invitePerson, Newcomer: n}, why)
	if err != nil {
		wrong, mendable := faults(err)
		if !mendable {
			return s.troublePage(err).with(out.events...)
		}
		return s.showInvite(ctx, req, a, wrong).with(out.events...)
	}
	if out.pending != "" {
		return s.seeDone(ui.PathApprovals, "", "asked").with(out.events...)
	}
	return s.seeDone(ui.PathAdminPerson, string(out.account.ID), "invited").with(out.events...)
}

// adminPerson shows one account.
func (s *Server) adminPerson(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminPage(ctx, req, signInForLook)
	if !ok {
		return answer
	}
	q, _ := readQuery(req)
	who, err := s.opt.People.Account(ctx, person.ID(q["id"]))
	if errors.Is(err, person.ErrNoAccount) {
		return s.notThere(req, a)
	}
	if err != nil {
		return s.troublePage(err)
	}
	return s.showPerson(ctx, req, a, who)
}

func (s *Server) showPerson(ctx context.Context, req transport.WebRequest, a administrator, who person.Account, wrong ...ui.FieldError) Answer {
	line, err := s.personLine(ctx, who)
	if err != nil {
		return s.troublePage(err)
	}
	v := &ui.AdminPerson{Common: s.administration(ctx, req, a), Person: line, Locked: who.Disabled, Until: a.form["until"], Reason: a.form["reason"], TwoPersons: s.two("people"),
		Email: a.form["email"], CanMail: !who.Source.Linked() && who.Accepted && !who.Disabled,
		Facts: []ui.Fact{{Label: "Signs in by", Values: factors(who)}, {Label: "E-mail address", Values: some(who.Email)}, {Label: "Organisation", Values: some(who.Organization)}}}
	names := map[string]string{}
	for _, g := range who.Roles {
		if g.Until.IsZero() || g.Until.After(s.now()) {
			v.Roles = append(v.Roles, ui.HeldRole{Role: g.Role, Since: g.Since, Until: g.Until, Reason: g.Reason, By: s.nameOf(ctx, string(g.By), names)})
		}
	}
	if a.ID != string(who.ID) {
		for _, r := range s.opt.Roles {
			v.Offer = append(v.Offer, ui.Choice{Value: r, Text: roleName(r), Selected: a.form["role"] == r})
		}
	}
	v.Errors = wrong
	if len(wrong) > 0 {
		return s.page(http.StatusUnprocessableEntity, v)
	}
	return s.page(http.StatusOK, v)
}

// factors are what somebody signs in with, in words.
func factors(a person.Account) []string {
	if a.Source.Linked() {
		return []string{"their own directory, " + a.Source.Provider}
	}
	out := []string{"password"}
	if a.HasTOTP {
		out = append(out, "authenticator app")
	}
	if n := len(a.Passkeys); n > 0 {
		out = append(out, strconv.Itoa(n)+" passkeys")
	}
	return out
}

// personForm is a form about one account.
func (s *Server) personForm(ctx context.Context, req transport.WebRequest) (administrator, person.Account, Answer, bool) {
	f, _, _ := readTicked(req)
	a, answer, ok := s.adminForm(ctx, req, showPath(ui.PathAdminPerson, f["person"]))
	if !ok {
		return a, person.Account{}, answer, false
	}
	who, err := s.opt.People.Account(ctx, person.ID(a.form["person"]))
	if errors.Is(err, person.ErrNoAccount) {
		return a, who, s.notThere(req, a), false
	}
	if err != nil {
		return a, who, s.troublePage(err), false
	}
	return a, who, Answer{}, true
}

func (s *Server) personDone(ctx context.Context, req transport.WebRequest, a administrator, who person.Account, out outcome, err error, done string) Answer {
	if err != nil {
		if errors.Is(err, errOwn) {
			e := a.event("administration")
			e.Failed, e.Why = true, "nobody changes their own account"
			out.events = append(out.events, e)
		}
		wrong, mendable := faults(err)
		if !mendable {
			return s.troublePage(err).with(out.events...)
		}
		return s.showPerson(ctx, req, a, who, wrong...).with(out.events...)
	}
	if out.pending != "" {
		done = "asked"
	}
	return s.seeDone(ui.PathAdminPerson, string(who.ID), done).with(out.events...)
}

// adminLock takes one person, and effect at once.
func (s *Server) adminLock(ctx context.Context, req transport.WebRequest) Answer {
	a, who, answer, ok := s.personForm(ctx, req)
	if !ok {
		return answer
	}
	why := reason(a.form["lockreason"])
	if why == "" {
		return s.showPerson(ctx, req, a, who, ui.FieldError{Field: "lockreason", Text: "Say why"})
	}
	events, err := s.lockPerson(ctx, hands(a), who.ID)
	return s.personDone(ctx, req, a, who, outcome{events: a.stamp(events, why)}, err, "locked")
}

func (s *Server) adminUnlock(ctx context.Context, req transport.WebRequest) Answer {
	a, who, answer, ok := s.personForm(ctx, req)
	if !ok {
		return answer
	}
	why := reason(a.form["lockreason"])
	if why == "" {
		return s.showPerson(ctx, req, a, who, ui.FieldError{Field: "lockreason", Text: "Say why"})
	}
	out, err := s.attempt(ctx, a, change{Kind: unlockPerson, Whom: whomOf(who)}, why)
	return s.personDone(ctx, req, a, who, out, err, "unlocked")
}

// adminRole gives a role, until a day or for ever.
func (s *Server) adminRole(ctx context.Context, req transport.WebRequest) Answer {
	a, who, answer, ok := s.personForm(ctx, req)
	if !ok {
		return answer
	}
	why, role := reason(a.form["reason"]), a.form["role"]
	until, err := s.lastDay(a.form["until"], role)
	switch {
	case err != nil:
		return s.showPerson(ctx, req, a, who, ui.FieldError{Field: "until", Text: "Enter a date that is not over"})
	case !slices.Contains(s.opt.Roles, role):
		return s.showPerson(ctx, req, a, who, ui.FieldError{Field: "role", Text: "Choose a role"})
	case why == "":
		return s.showPerson(ctx, req, a, who, ui.FieldError{Field: "reason", Text: "Say why"})
	}
	out, err := s.attempt(ctx, a, change{Kind: grantRole, Whom: whomOf(who), Role: person.RoleGrant{Role: role, Until: until, Reason: why}}, why)
	return s.personDone(ctx, req, a, who, out, err, "given")
}

// lastDay is when a role ends whose last day was typed: the end of that day, UTC,
// or, for a role that is only held for hours, so many hours from now. "" is no end.
func (s *Server) lastDay(text, role string) (time.Time, error) {
	longest := s.opt.People.Longest(role)
	if text == "" && longest == 0 {
		return time.Time{}, nil
	}
	until := s.now().Add(longest)
	if text != "" {
		d, err := time.Parse(time.DateOnly, text)
		if err != nil || d.Year() > 9998 { // the day after it must have a year of four digits
			return d, errors.New("not a day that can be kept")
		}
		if d = d.Add(day); longest == 0 || d.Before(until) {
			until = d
		}
	}
	if !until.After(s.now()) {
		return until, errors.New("the day is over")
	}
	return until.UTC().Truncate(time.Second), nil
}

func (s *Server) adminRoleEnd(ctx context.Context, req transport.WebRequest) Answer {
	a, who, answer, ok := s.personForm(ctx, req)
	if !ok {
		return answer
	}
	events, err := s.endRole(ctx, hands(a), who.ID, a.form["role"])
	return s.personDone(ctx, req, a, who, outcome{events: a.stamp(events, "")}, err, "ended")
}

// adminEmail asks for another address. It is a way into the account, so it takes
// two administrators, and the link to it goes to the new address.
func (s *Server) adminEmail(ctx context.Context, req transport.WebRequest) Answer {
	a, who, answer, ok := s.personForm(ctx, req)
	if !ok {
		return answer
	}
	why := reason(a.form["emailreason"])
	if why == "" {
		return s.showPerson(ctx, req, a, who, ui.FieldError{Field: "emailreason", Text: "Say why"})
	}
	out, err := s.attempt(ctx, a, change{Kind: changeEmail, Whom: whomOf(who), Email: strings.TrimSpace(a.form["email"])}, why)
	return s.personDone(ctx, req, a, who, out, err, "email")
}

// adminKeys makes all signing keys anew: for the day when one has leaked.
func (s *Server) adminKeys(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminForm(ctx, req, ui.PathApprovals)
	if !ok {
		return answer
	}
	why := reason(a.form["reason"])
	if why == "" {
		return s.showApprovals(ctx, req, a, ui.FieldError{Field: "reason", Text: "Say why"})
	}
	out, err := s.attempt(ctx, a, change{Kind: renewKeys}, why)
	switch {
	case err != nil:
		return s.troublePage(err).with(out.events...)
	case out.pending != "":
		return s.seeDone(ui.PathApprovals, "", "asked").with(out.events...)
	}
	return s.seeDone(ui.PathApprovals, "", "renewed").with(out.events...)
}
