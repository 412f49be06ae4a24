package smart

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"firebreak/smart/client"
	"firebreak/smart/scope"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// consentView puts to the person what the application asks for.
func (s *Server) consentView(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], p Person, c client.Client, launch Context, asked scope.Request) (*ui.Consent, error) {
	v := &ui.Consent{Common: s.common(req, e, p), App: c.Name, Publisher: c.Publisher}
	// Who is at the screen is part of what the answer is to: another person's
	// sign-in meanwhile, or another patient, makes the page worthless.
	v.CSRF = s.consentCSRF(req, e)
	if u, err := url.Parse(e.Value.RedirectURI); err == nil {
		v.ReturnsTo = u.Host
		if u.Host == "" {
			v.ReturnsTo = u.Scheme
		}
	}
	own := launch.Patient != "" && p.FHIRUser == "Patient/"+launch.Patient
	if launch.Patient != "" && !own {
		found, err := s.opt.Chart.Patient(ctx, p, launch.Patient)
		if err != nil {
			return nil, err
		}
		v.Patient = &found
	}
	for _, g := range scope.Choices(asked, scope.Reader{Own: own}) {
		group := ui.ScopeGroup{Title: g.Title}
		for _, ch := range g.Choices {
			shown := choice(ch)
			if ch.ID == "offline_access" {
				v.Offline = &shown
				continue
			}
			group.Choices = append(group.Choices, shown)
		}
		if len(group.Choices) > 0 {
			v.Groups = append(v.Groups, group)
		}
	}
	return v, nil
}

func choice(c scope.Choice) ui.ScopeChoice {
	out := ui.ScopeChoice{ID: c.ID, Text: c.Text, Detail: c.Detail, Checked: c.Default, Required: c.Required}
	for _, p := range c.Parts {
		out.Parts = append(out.Parts, choice(p))
	}
	return out
}

func (s *Server) consentCSRF(req transport.WebRequest, e vault.Entry[flow]) string {
	return s.vault.Blind("csrf", e.Name+"\x1f"+req.Cookies[flowPrefix+e.Name]+"\x1f"+req.Cookies[sessionCookie]+"\x1f"+e.Value.Patient)
}

// consent is the answer to a consent page.
func (s *Server) consent(ctx context.Context, req transport.WebRequest) Answer {
	f, all, ok := readTicked(req)
	if !ok {
		return s.lostPage(req)
	}
	e, err := s.flowOf(ctx, req, f["flow"])
	if err == nil && (!s.sameSite(req) || !same(f["csrf"], s.consentCSRF(req, e))) {
		err = errBrowser
	}
	if err != nil {
		return s.orLost(req, err)
	}
	if f["answer"] != "allow" {
		return s.refuse(ctx, e, bad("access_denied", "the person refused"))
	}
	sess, person, err := s.session(ctx, req)
	if errors.Is(err, vault.ErrAbsent) || err == nil && s.mustSignIn(e.Value, sess.Value) {
		return s.proceed(ctx, req, e) // it has ended meanwhile
	}
	if err != nil {
		return s.troublePage(err)
	}
	c, err := s.usableClient(ctx, e.Value.Client)
	if err != nil {
		return s.orUnknown(req, err)
	}
	launch, ask, p := s.launchContext(ctx, e, c, person)
	if p != nil && p.code == tooWeak {
		return s.proceed(ctx, req, e)
	}
	if p != nil {
		return s.refuse(ctx, e, p)
	}
	asked, err := askedOf(e.Value, person)
	if err != nil || ask != nil {
		return s.proceed(ctx, req, e)
	}
	view, err := s.consentView(ctx, req, e, person, c, launch, asked)
	if err != nil {
		return s.troublePage(err)
	}
	granted := scope.Grant(asked, view.Granted(all))
	if granted == "" {
		return s.refuse(ctx, e, bad("access_denied", "the person granted nothing"))
	}
	return s.grant(ctx, req, e, sess, person, c, launch, granted)
}

// words are a scope text in plain words, for the page of what was granted.
func words(granted string, own bool) []string {
	asked, err := scope.Parse(granted)
	if err != nil {
		return nil
	}
	var out []string
	for _, g := range scope.Choices(asked, scope.Reader{Own: own}) {
		for _, c := range g.Choices {
			if c.ID == "offline_access" {
				continue // told by how long it lasts
			}
			out = append(out, strings.TrimSuffix(c.Text, "."))
		}
	}
	return out
}
