package smart

import (
	"context"
	"errors"
	"strings"

	"firebreak/smart/client"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// adminAppChangeForm is the form to change an application, filled in. Its kind,
// and how it proves itself, do not change: another is registered for that.
func (s *Server) adminAppChangeForm(ctx context.Context, req transport.WebRequest) Answer {
	a, answer, ok := s.adminPage(ctx, req, signInForForm)
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
	a.form, a.fields = form{"app": c.ID}, map[string][]string{}
	for name, value := range map[string]string{"name": c.Name, "publisher": c.Publisher, "uri": c.Contact, "redirects": strings.Join(c.RedirectURIs, "\n"),
		"launch": c.LaunchURI, "signout": c.BackchannelLogoutURI, "scopes": strings.Join(c.Scopes, "\n"), "jwks_uri": c.KeysURL, "jwks": c.Keys,
		"certificate": c.Certificate.SubjectDN, "organization": c.Organization, "roles": strings.Join(c.Roles, " ")} {
		a.form[name], a.fields[name] = value, []string{value}
	}
	return s.showAppForm(ctx, req, a, nil)
}

// adminAppChange changes an application. What people have granted it stays.
func (s *Server) adminAppChange(ctx context.Context, req transport.WebRequest) Answer {
	a, c, answer, ok := s.appForm(ctx, req)
	if !ok {
		return answer
	}
	why := reason(a.form["reason"])
	if why == "" {
		return s.showAppForm(ctx, req, a, []ui.FieldError{{Field: "reason", Text: "Say why"}})
	}
	to := a.typedOver(c)
	if sameClient(c, to) {
		return seeOther(s.url(showPath(ui.PathAdminApp, c.ID)))
	}
	out, err := s.attempt(ctx, a, change{Kind: alterClient, Client: c, To: to}, why)
	var invalid *client.Invalid
	if errors.As(err, &invalid) {
		return s.wrongApp(ctx, req, a, err)
	}
	return s.appDone(ctx, req, a, c, out, err, "changed")
}
