package smart

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// own is what every page of a signed-in person carries.
func (s *Server) own(req transport.WebRequest, p Person) ui.Common {
	c := ui.Common{CSRF: s.ownCSRF(req), Person: p.Name}
	if c.Person == "" {
		c.Person = "you" // the form to sign out stands beside it
	}
	c.Menu.Launch = strings.HasPrefix(p.FHIRUser, "Practitioner")
	c.Menu.Roles = s.mayAskRoles(p)
	c.Menu.Admin = s.administers(p)
	return c
}

func (s *Server) ownCSRF(req transport.WebRequest) string {
	return s.vault.Blind("csrf", req.Cookies[sessionCookie])
}

// ownPage is who looks at a page of their own; who is not signed in is sent to do
// so, and comes back.
func (s *Server) ownPage(ctx context.Context, req transport.WebRequest) (vault.Entry[session], Person, Answer, bool) {
	e, p, err := s.session(ctx, req)
	if errors.Is(err, vault.ErrAbsent) {
		return e, p, s.startFor(ctx, req, flow{Return: req.Path, MaxAge: -1}), false
	}
	if err != nil {
		return e, p, s.troublePage(err), false
	}
	return e, p, Answer{}, true
}

// ownForm is a form that a page of the person's own has posted.
func (s *Server) ownForm(ctx context.Context, req transport.WebRequest) (form, vault.Entry[session], Person, Answer, bool) {
	f, ok := readBody(req)
	if !ok {
		return nil, vault.Entry[session]{}, Person{}, s.lostPage(req), false
	}
	e, p, a, ok := s.ownPosted(ctx, req, f["csrf"])
	return f, e, p, a, ok
}

// ownPosted is who has posted a form of their own pages, which carries this token.
func (s *Server) ownPosted(ctx context.Context, req transport.WebRequest, csrf string) (vault.Entry[session], Person, Answer, bool) {
	e, p, err := s.session(ctx, req)
	if errors.Is(err, vault.ErrAbsent) {
		return e, p, s.page(http.StatusBadRequest, &ui.Message{Title: "You are not signed in any more", Text: "What you have just sent was not done.",
			Hint: "Sign in, and do it again.", Link: s.prefix + ui.PathAccount, LinkText: "Sign in"}), false
	}
	if err == nil && (!s.sameSite(req) || !same(csrf, s.ownCSRF(req))) {
		return e, p, s.lostPage(req), false
	}
	if err != nil {
		return e, p, s.troublePage(err), false
	}
	return e, p, Answer{}, true
}

// account shows what was granted and how to take it back.
func (s *Server) account(ctx context.Context, req transport.WebRequest) Answer {
	e, p, a, ok := s.ownPage(ctx, req)
	if !ok {
		return a
	}
	v, err := s.accountView(ctx, req, e, p)
	if err != nil {
		return s.troublePage(err)
	}
	if q, ok := readQuery(req); ok {
		v.Notice = notices[q["done"]]
	}
	return s.page(http.StatusOK, v)
}

func (s *Server) accountView(ctx context.Context, req transport.WebRequest, e vault.Entry[session], p Person) (*ui.Account, error) {
	v := &ui.Account{Common: s.own(req, p)}
	if err := s.waysIn(ctx, v, p); err != nil {
		return nil, err
	}
	all, err := grants.All(ctx, s.vault, "person:"+p.ID)
	if err != nil {
		return nil, err
	}
	// Names are random, and so would be the order; the latest is looked for most.
	slices.SortFunc(all, func(a, b vault.Entry[Grant]) int { return b.Value.Since.Compare(a.Value.Since) })
	v.Grants = s.granted(ctx, all, p)
	here, err := sessions.All(ctx, s.vault, "person:"+p.ID)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(here, func(a, b vault.Entry[session]) int { return b.Value.Began.Compare(a.Value.Began) })
	for _, x := range here {
		if x.Value.Epoch == p.Epoch {
			v.Sessions = append(v.Sessions, ui.Session{ID: x.Value.ID, Browser: x.Value.Browser, Address: x.Value.Address, Since: x.Value.Began, LastSeen: x.Value.Seen,
				Current: x.Name == e.Name})
		}
	}
	return v, nil
}

// waysIn fills in how the person signs in, and what waits for them.
func (s *Server) waysIn(ctx context.Context, v *ui.Account, p Person) error {
	a, err := s.opt.People.Account(ctx, person.ID(p.ID))
	if err != nil {
		return err
	}
	if v.Menu.Admin {
		if v.Menu.Waiting, err = s.waiting(ctx, a.ID); err != nil {
			return err
		}
	}
	if a.Source.Linked() {
		v.Provider = a.Source.Provider
		return nil
	}
	v.Password, v.TOTP, v.Recovery, v.Email = true, a.HasTOTP, a.RecoveryCodes, a.Email
	for _, k := range a.Passkeys {
		name := k.Name
		if name == "" {
			name = "without a name"
		}
		if k.Suspended {
			name += ": not taken any more, there may be a copy of it"
		}
		v.Passkeys = append(v.Passkeys, ui.StoredPasskey{ID: k.ID, Name: name, Added: k.Created, LastUsed: k.Used})
	}
	return nil
}

// waiting is how many changes and roles others ask for.
func (s *Server) waiting(ctx context.Context, self person.ID) (n int, err error) {
	all, err := approvals.All(ctx, s.vault, waiting)
	if err != nil {
		return 0, err
	}
	for _, e := range all {
		if e.Value.By != string(self) {
			n++
		}
	}
	asked, err := s.rolesWanted(ctx, all)
	for _, q := range asked {
		if q.Account != self {
			n++
		}
	}
	return n, err
}

// granted are the applications that may do something for the person, each once:
// one that was opened several times has as many grants, and is taken back whole.
func (s *Server) granted(ctx context.Context, all []vault.Entry[Grant], p Person) []ui.Grant {
	var out []ui.Grant
	at, whose := map[string]int{}, map[string]bool{}
	for _, e := range all {
		g := e.Value
		if g.Used.IsZero() { // a code that was never exchanged gave nothing
			continue
		}
		i, there := at[g.Client]
		if !there {
			i, at[g.Client] = len(out), len(out)
			out = append(out, ui.Grant{ID: g.Client, App: g.Client, Since: g.Since})
			if r, err := s.client(ctx, g.Client); err == nil {
				out[i].App, out[i].Publisher = r.Name, r.Publisher
			}
		}
		to, patient := &out[i], g.Context.Patient
		own := p.FHIRUser == "Patient/"+patient
		if patient != "" && !own && !whose[g.Client+" "+patient] {
			whose[g.Client+" "+patient] = true
			if found, err := s.opt.Chart.Patient(ctx, p, patient); err == nil {
				to.Patient = strings.TrimPrefix(to.Patient+", "+found.Name, ", ")
			}
		}
		for _, may := range words(g.Scope, own) {
			if !slices.Contains(to.May, may) {
				to.May = append(to.May, may)
			}
		}
		to.Offline = to.Offline || g.Renews > 0
		if g.Since.Before(to.Since) {
			to.Since = g.Since
		}
		if g.Used.After(to.LastUsed) {
			to.LastUsed = g.Used
		}
		if e.Until.After(to.Until) {
			to.Until = e.Until
		}
	}
	return out
}

// takeBack ends all that the person granted an application, for the page promises
// that it can read nothing more. Their tokens are worth nothing from the next
// request on. The form names the application: a grant of its, of when the page was
// shown, may have ended by now where others go on.
func (s *Server) takeBack(ctx context.Context, req transport.WebRequest) Answer {
	f, _, p, a, ok := s.ownForm(ctx, req)
	if !ok {
		return a
	}
	all, err := grants.All(ctx, s.vault, "person:"+p.ID)
	if err != nil {
		return s.troublePage(err)
	}
	out := s.seeDone(ui.PathAccount, "", "taken-back") // also when nothing is left: that was wanted
	all = slices.DeleteFunc(all, func(g vault.Entry[Grant]) bool { return g.Value.Client != f["app"] })
	if len(all) == 0 {
		return out
	}
	var about []string
	for _, g := range all {
		about = append(about, aboutGrant(g.Name))
		out = out.with(Event{What: "revoke", Person: p.ID, FHIRUser: p.FHIRUser, Client: g.Value.Client, Grant: g.Name, Why: "the person took it back"})
	}
	if err := s.vault.Apply(ctx, append(s.revoke(about...), without(all)...)...); err != nil {
		return s.troublePage(err)
	}
	return out
}

// endOther ends another session of the person, or all but this one.
func (s *Server) endOther(ctx context.Context, req transport.WebRequest) Answer {
	f, e, p, a, ok := s.ownForm(ctx, req)
	if !ok {
		return a
	}
	all, err := sessions.All(ctx, s.vault, "person:"+p.ID)
	if err != nil {
		return s.troublePage(err)
	}
	out := s.seeDone(ui.PathAccount, "", "signed-out")
	for _, x := range all {
		if f["session"] == "others" && x.Name == e.Name || f["session"] != "others" && x.Value.ID != f["session"] {
			continue
		}
		events, err := s.leave(ctx, x)
		out = out.with(events...)
		if err != nil {
			return s.troublePage(err).with(out.Events...)
		}
	}
	return out
}
