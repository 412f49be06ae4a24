package smart

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"firebreak/smart/client"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// adminApps lists the registered applications.
func (s *Server) adminApps(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminPage(ctx, req, signInForLook)
	if !ok {
		return answer
	}
	all, err := s.opt.Clients.List(ctx)
	if err != nil {
		return s.troublePage(err)
	}
	v := &ui.AdminApps{Common: s.administration(ctx, req, a)}
	for _, r := range all {
		v.Apps = append(v.Apps, s.appLine(r.Client))
	}
	slices.SortStableFunc(v.Apps, func(x, y ui.AppLine) int { return strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)) })
	return s.page(http.StatusOK, v)
}

func (s *Server) appLine(c client.Client) ui.AppLine {
	l := ui.AppLine{ID: c.ID, Name: c.Name, Publisher: c.Publisher, Kind: KindOf(c), Status: "Active", Mark: ui.StatusGood, Since: c.Created}
	switch {
	case c.Disabled:
		l.Status, l.Mark = "Disabled", ui.StatusBad
	case !c.Live(s.now()):
		l.Status, l.Mark = "Ended", ui.StatusBad
	case len(Dangers(c)) > 0:
		l.Status, l.Mark = "Active, take care", ui.StatusWaiting
	}
	return l
}

// appKinds are the kinds that a page registers. An application that people are
// not asked about (Trusted) is the operator's to register.
var appKinds = []struct {
	value, text string
	is          client.Client
}{
	{"public", "Public: an application in the browser or on a phone", client.Client{Kind: client.Public, Method: client.None}},
	{"secret", "Confidential, by secret in the header", client.Client{Kind: client.Confidential, Method: client.SecretBasic}},
	{"secret-post", "Confidential, by secret in the form", client.Client{Kind: client.Confidential, Method: client.SecretPost}},
	{"key", "Confidential, by key", client.Client{Kind: client.Confidential, Method: client.PrivateKeyJWT}},
	{"certificate", "Confidential, by certificate", client.Client{Kind: client.Confidential, Method: client.TLS}},
	{"system-key", "Backend service, by key", client.Client{Kind: client.System, Method: client.PrivateKeyJWT}},
	{"system-certificate", "Backend service, by certificate", client.Client{Kind: client.System, Method: client.TLS}},
	{"resource-server", "Resource server, by secret: asks about tokens", client.Client{Kind: client.Confidential, Method: client.SecretBasic, Introspect: true}},
}

func (s *Server) adminAppForm(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminPage(ctx, req, signInForForm)
	if !ok {
		return answer
	}
	return s.showAppForm(ctx, req, a, nil)
}

// showAppForm shows what was typed again, with what is wrong with it.
func (s *Server) showAppForm(ctx context.Context, req transport.WebRequest, a administrator, wrong []ui.FieldError) Answer {
	v := &ui.AdminAppForm{Common: s.administration(ctx, req, a), ID: a.form["app"], TwoPersons: s.two("clients"), Name: a.form["name"], Publisher: a.form["publisher"],
		Redirects: a.text("redirects"), Launch: a.form["launch"], SignOut: a.form["signout"], Scopes: a.text("scopes"), JWKSURI: a.form["jwks_uri"],
		JWKS: a.text("jwks"), Certificate: a.form["certificate"], Organization: a.form["organization"], Roles: a.form["roles"], Reason: a.form["reason"]}
	for _, k := range appKinds {
		v.Kinds = append(v.Kinds, ui.Choice{Value: k.value, Text: k.text, Selected: a.form["kind"] == k.value})
	}
	v.Errors = wrong
	if len(wrong) > 0 {
		return s.page(http.StatusUnprocessableEntity, v)
	}
	return s.page(http.StatusOK, v)
}

// adminAppNew registers an application. Its secret is in this answer and nowhere
// else.
func (s *Server) adminAppNew(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminForm(ctx, req, ui.PathAdminAppNew)
	if !ok {
		return answer
	}
	why := reason(a.form["reason"])
	c, wrong := a.typedApp()
	if why == "" {
		wrong = append(wrong, ui.FieldError{Field: "reason", Text: "Say why"})
	}
	if len(wrong) > 0 {
		return s.showAppForm(ctx, req, a, wrong)
	}
	if err := s.opt.Clients.Check(c); err != nil {
		return s.wrongApp(ctx, req, a, err)
	}
	if first, err := s.first(ctx, a); err != nil {
		return s.troublePage(err)
	} else if !first {
		return s.sentAgain(req, a)
	}
	out, err := s.attempt(ctx, a, change{Kind: registerClient, Client: c}, why)
	switch {
	case err != nil:
		return s.wrongApp(ctx, req, a, err).with(out.events...)
	case out.pending != "":
		return s.seeDone(ui.PathApprovals, "", "asked").with(out.events...)
	}
	return s.showApp(ctx, req, a, out.client, out.secret, "The application is registered.").with(out.events...)
}

func (s *Server) wrongApp(ctx context.Context, req transport.WebRequest, a administrator, err error) Answer {
	wrong, mendable := faults(err)
	if !mendable {
		return s.troublePage(err)
	}
	return s.showAppForm(ctx, req, a, wrong)
}

// newClientID is one of 64 random bits: it is no secret, but names nobody.
func newClientID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return "app-" + hex.EncodeToString(b)
}

// typedApp is the registration that a form describes.
func (a administrator) typedApp() (client.Client, []ui.FieldError) {
	var c client.Client
	for _, k := range appKinds {
		if k.value == a.form["kind"] {
			c = k.is
		}
	}
	if c.Kind == "" {
		return c, []ui.FieldError{{Field: "kind", Text: "Choose how it proves who it is"}}
	}
	c.ID = newClientID()
	return a.typedOver(c), nil
}

// typedOver is a registration with what a form says of it; what the form has no
// field for stays.
func (a administrator) typedOver(c client.Client) client.Client {
	c.Name, c.Publisher, c.Contact = strings.TrimSpace(a.form["name"]), strings.TrimSpace(a.form["publisher"]), strings.TrimSpace(a.form["uri"])
	c.RedirectURIs, c.Scopes = a.words("redirects"), a.words("scopes")
	c.LaunchURI, c.BackchannelLogoutURI = strings.TrimSpace(a.form["launch"]), strings.TrimSpace(a.form["signout"])
	c.KeysURL, c.Keys = strings.TrimSpace(a.form["jwks_uri"]), strings.TrimSpace(a.text("jwks"))
	if dn := strings.TrimSpace(a.form["certificate"]); dn != "" || c.Certificate.SubjectDN != "" {
		c.Certificate = client.CertificateRule{SubjectDN: dn}
	}
	c.Offline = slices.Contains(c.Scopes, "offline_access")
	c.Organization, c.Roles = strings.TrimSpace(a.form["organization"]), a.words("roles")
	return c
}

// adminApp shows one application.
func (s *Server) adminApp(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminPage(ctx, req, signInForLook)
	if !ok {
		return answer
	}
	q, _ := readQuery(req)
	c, err := s.client(ctx, q["id"])
	if errors.Is(err, vault.ErrAbsent) {
		return s.notThere(req, a)
	}
	if err != nil {
		return s.troublePage(err)
	}
	notice := ""
	if _, err := allowances.Load(ctx, s.vault, allowanceName(c.ID, a.ID)); err == nil {
		notice = "What you asked for is approved: make the new secret, which is shown to you once."
	}
	return s.showApp(ctx, req, a, c, "", notice)
}

func (s *Server) showApp(ctx context.Context, req transport.WebRequest, a administrator, c client.Client, secret, notice string, wrong ...ui.FieldError) Answer {
	by := s.nameOf(ctx, c.CreatedBy, map[string]string{})
	v := &ui.AdminApp{Common: s.administration(ctx, req, a), App: s.appLine(c), Secret: secret, HasSecret: bySecret(c), Disabled: c.Disabled,
		TwoPersons: c.Disabled && s.takesTwo(change{Kind: enableClient, Client: c}), Facts: append(Describe(c), ui.Fact{Label: "Registered by", Values: some(by)})}
	if notice != "" {
		v.Notice = notice
	}
	v.Errors, v.Reason = wrong, a.form["reason"]
	if len(wrong) > 0 {
		return s.page(http.StatusUnprocessableEntity, v)
	}
	return s.page(http.StatusOK, v)
}

// appForm is a form about one application.
func (s *Server) appForm(ctx context.Context, req transport.WebRequest) (administrator, client.Client, Answer, bool) {
	f, _, _ := readTicked(req)
	a, answer, ok := s.adminForm(ctx, req, showPath(ui.PathAdminApp, f["app"]))
	if !ok {
		return a, client.Client{}, answer, false
	}
	c, err := s.client(ctx, a.form["app"])
	if errors.Is(err, vault.ErrAbsent) {
		return a, c, s.notThere(req, a), false
	}
	if err != nil {
		return a, c, s.troublePage(err), false
	}
	return a, c, Answer{}, true
}

// adminAppDisable takes one person, and effect at once.
func (s *Server) adminAppDisable(ctx context.Context, req transport.WebRequest) Answer {
	a, c, answer, ok := s.appForm(ctx, req)
	if !ok {
		return answer
	}
	why := reason(a.form["reason"])
	if why == "" {
		return s.showApp(ctx, req, a, c, "", "", ui.FieldError{Field: "reason", Text: "Say why"})
	}
	events, err := s.disableClient(ctx, c.ID, a.ID)
	events = a.stamp(events, why)
	if err != nil {
		return s.troublePage(err).with(events...)
	}
	return s.seeDone(ui.PathAdminApp, c.ID, "disabled").with(events...)
}

func (s *Server) adminAppEnable(ctx context.Context, req transport.WebRequest) Answer {
	a, c, answer, ok := s.appForm(ctx, req)
	if !ok {
		return answer
	}
	why := reason(a.form["reason"])
	if why == "" {
		return s.showApp(ctx, req, a, c, "", "", ui.FieldError{Field: "reason", Text: "Say why"})
	}
	out, err := s.attempt(ctx, a, change{Kind: enableClient, Client: c}, why)
	return s.appDone(ctx, req, a, c, out, err, "enabled")
}

func (s *Server) appDone(ctx context.Context, req transport.WebRequest, a administrator, c client.Client, out outcome, err error, done string) Answer {
	if err != nil {
		wrong, mendable := faults(err)
		if !mendable {
			return s.troublePage(err).with(out.events...)
		}
		return s.showApp(ctx, req, a, c, "", "", wrong...).with(out.events...)
	}
	if out.pending != "" {
		done = "asked"
	}
	return s.seeDone(ui.PathAdminApp, c.ID, done).with(out.events...)
}

// adminAppSecret makes a new secret, shown in this answer and nowhere else. The
// one before goes on for a day.
func (s *Server) adminAppSecret(ctx context.Context, req transport.WebRequest) Answer {
	a, c, answer, ok := s.appForm(ctx, req)
	if !ok {
		return answer
	}
	if !bySecret(c) {
		return s.showApp(ctx, req, a, c, "", "", ui.FieldError{Text: "This application does not prove itself by a secret"})
	}
	if first, err := s.first(ctx, a); err != nil {
		return s.troublePage(err)
	} else if !first {
		return s.sentAgain(req, a)
	}
	what := change{Kind: newSecret, Client: c, Keep: secretKept}
	out, allowed, err := s.useAllowance(ctx, a, what)
	if err == nil && !allowed {
		out, err = s.attempt(ctx, a, what, "")
	}
	if err != nil || out.pending != "" {
		return s.appDone(ctx, req, a, c, out, err, "")
	}
	return s.showApp(ctx, req, a, out.client, out.secret, "The secret before this one goes on for a day.").with(out.events...)
}

// useAllowance makes a secret that was approved, once.
func (s *Server) useAllowance(ctx context.Context, a administrator, c change) (outcome, bool, error) {
	e, err := allowances.Load(ctx, s.vault, allowanceName(c.Client.ID, a.ID))
	if errors.Is(err, vault.ErrAbsent) {
		return outcome{}, false, nil
	}
	if err == nil {
		err = s.vault.Apply(ctx, allowances.Remove(e))
	}
	if errors.Is(err, vault.ErrChanged) {
		return outcome{}, false, nil
	}
	if err != nil {
		return outcome{}, false, err
	}
	out, err := s.make(ctx, hands(a), c)
	out.events = a.stamp(out.events, "approved before")
	return out, true, err
}
