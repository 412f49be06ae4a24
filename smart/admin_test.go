package smart

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
)

// adminPlaces are the paths of administration.
func adminPlaces(s *Server) map[string]place {
	out := s.places()
	for path := range out {
		if !strings.HasPrefix(path, "/admin/") {
			delete(out, path)
		}
	}
	return out
}

func TestOnlyAdministratorsMayAdminister(t *testing.T) {
	o := newOffice(t)
	if n := len(adminPlaces(o.Server)); n < 15 {
		t.Fatalf("%d places only", n)
	}
	for path, p := range adminPlaces(o.Server) {
		w := o.as("doc")
		w.get(ui.PathAccount)
		if p.post != nil {
			w.send(path, "person", o.ids["kim"], "reason", "curiosity", "lockreason", "curiosity", "app", "portal")
			w.wants(http.StatusForbidden)
			w.recorded("administration", true)
		}
		if p.get != nil {
			w.events = nil
			w.get(path)
			w.wants(http.StatusForbidden)
			w.recorded("administration", true)
		}
	}
	if o.account("kim").Disabled {
		t.Error("kim was locked")
	}
	w := o.as("ada")
	for path, p := range adminPlaces(o.Server) {
		if p.get != nil && path != ui.PathAdminApp && path != ui.PathAdminAppChange && path != ui.PathAdminPerson {
			w.get(path)
			w.wants(http.StatusOK)
		}
	}
}

func TestAdministrationTakesAStrongSignIn(t *testing.T) {
	o := newOffice(t)
	o.opt.AdminACR = ACRTwoFactors
	w := o.as("ada")
	w.get(ui.PathAdminApps)
	w.wants(http.StatusForbidden, "A second factor is needed")
	w.recorded("administration", true)
	// Who has one is asked for it.
	e, err := o.opt.People.EnrolTOTP(here, person.ID(o.ids["ada"]))
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(e.Secret, o.now())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.opt.People.ConfirmTOTP(here, person.ID(o.ids["ada"]), "", code, "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	w = o.as("ada")
	w.get(ui.PathAdminApps)
	w.wants(http.StatusSeeOther, "/auth/flow?id=")
	_, id, _ := strings.Cut(w.page.Reply.Location, "?id=")
	if f, err := flows.Load(here, o.vault, id); err != nil || !slices.Equal(f.Value.ACR, []string{ACRTwoFactors}) || f.Value.Return != "https://id.example/auth"+ui.PathAdminApps {
		t.Errorf("sent to sign in by %+v, %v", f.Value, err)
	}
	w = o.as("ada", ACRTwoFactors)
	w.get(ui.PathAdminApps)
	w.wants(http.StatusOK)
	w = o.as("ada", ACRPhishingResistant)
	w.get(ui.PathAdminApps)
	w.wants(http.StatusOK)
}

func TestChangesTakeAFreshSignIn(t *testing.T) {
	o := newOffice(t)
	w := o.as("ada")
	w.get(o.show("kim"))
	o.clk.Advance(16 * time.Minute)
	w.send(ui.PathAdminLock, "person", o.ids["kim"], "lockreason", "left")
	w.wants(http.StatusSeeOther, "/auth/flow?id=")
	if o.account("kim").Disabled {
		t.Error("an old sign-in locked an account")
	}
	w.get(ui.PathAdminInvite)
	w.wants(http.StatusSeeOther, "/auth/flow?id=")
	w.get(o.show("kim"))
	w.wants(http.StatusOK)

	w = o.as("ada")
	w.get(o.show("kim"))
	o.clk.Advance(14 * time.Minute)
	w.send(ui.PathAdminLock, "person", o.ids["kim"], "lockreason", "left")
	w.wants(http.StatusSeeOther, "done=locked")
	if !o.account("kim").Disabled {
		t.Error("kim is not locked")
	}
}

func TestForgedFormsAdministerNothing(t *testing.T) {
	o := newOffice(t)
	w := o.as("ada")
	fields := url.Values{"person": {o.ids["kim"]}, "lockreason": {"left"}}
	for name, req := range map[string]transport.WebRequest{
		"no token":      {},
		"another token": {Query: "csrf"},
		"another site":  {Site: "cross-site"},
		"another page":  {Origin: "https://evil.example"},
	} {
		w.get(o.show("kim"))
		body := url.Values{"person": fields["person"], "lockreason": fields["lockreason"]}
		switch {
		case req.Query != "":
			body.Set("csrf", o.as("ada").cookie)
			req.Query = ""
		case req.Site+req.Origin != "":
			body.Set("csrf", o.ownCSRF(transport.WebRequest{Cookies: map[string]string{sessionCookie: w.cookie}}))
		}
		req.Method, req.Path, req.ContentType, req.Body = "POST", ui.PathAdminLock, formType, []byte(body.Encode())
		w.do(req)
		if w.page.Reply.Status != http.StatusBadRequest || o.account("kim").Disabled {
			t.Errorf("%s: status %d, locked %t", name, w.page.Reply.Status, o.account("kim").Disabled)
		}
	}
}

func TestNobodyChangesTheirOwnAccount(t *testing.T) {
	for name, form := range map[string][]string{
		"lock":     {ui.PathAdminLock, "lockreason", "tired of it"},
		"role":     {ui.PathAdminRole, "role", "physician", "until", "2026-11-21", "reason", "I would like to see"},
		"role end": {ui.PathAdminRoleEnd, "role", "admin"},
		"email":    {ui.PathAdminEmail, "email", "new@office.example", "emailreason", "moved"},
	} {
		o := newOffice(t)
		was := o.account("ada")
		w := o.as("ada")
		w.filled(o.show("ada"), form[0], append(form[1:], "person", o.ids["ada"])...)
		w.wants(http.StatusUnprocessableEntity)
		now := o.account("ada")
		if now.Disabled || now.Email != was.Email || !slices.Equal(now.RolesAt(o.now().Add(time.Second)), []string{"admin"}) {
			t.Errorf("%s: %+v", name, now)
		}
		if all, _ := approvals.All(here, o.vault, ""); len(all) > 0 {
			t.Errorf("%s: it waits for approval", name)
		}
	}
}

// TestNobodyIsInvitedWhereNoLetterGoesOut: their login would be taken, for nobody.
func TestNobodyIsInvitedWhereNoLetterGoesOut(t *testing.T) {
	o := newOffice(t)
	o.opt.Mail = false
	w := o.as("ada")
	w.filled(ui.PathAdminInvite, ui.PathAdminInvite, "name", "New Clerk", "email", "new@office.example", "role", "clerk", "reason", "joins the office")
	w.wants(http.StatusUnprocessableEntity, noInvitations)
	if _, err := o.opt.People.Find(here, "new@office.example"); !errors.Is(err, person.ErrNoAccount) {
		t.Errorf("an account was made: %v", err)
	}
}

func TestNoAdministratorSeesAnothersCredentials(t *testing.T) {
	o := newOffice(t)
	w := o.as("ada")
	w.filled(ui.PathAdminInvite, ui.PathAdminInvite, "name", "New Clerk", "email", "new@office.example", "role", "clerk", "reason", "joins the office")
	w.wants(http.StatusSeeOther, "done=invited")
	invited := w.recorded("invited", false)
	if invited.Person != o.ids["ada"] || invited.About == "" || invited.Reason != "joins the office" {
		t.Errorf("on record: %+v", invited)
	}
	letter := o.letters[len(o.letters)-1]
	_, token, _ := strings.Cut(letter.Link, "token=")
	if letter.To != "new@office.example" || len(token) < 40 {
		t.Fatalf("letter %+v", letter)
	}
	_, secret, _ := strings.Cut(token, ".")
	seen := w.page.Reply.Location + w.text()
	for _, path := range []string{w.page.Reply.Location, ui.PathAdminPeople, ui.PathApprovals, o.show("doc")} {
		w.get(path)
		w.wants(http.StatusOK)
		seen += w.text()
	}
	for _, e := range w.events {
		seen += e.Why + e.Reason + e.About
	}
	if strings.Contains(seen, secret) || strings.Contains(seen, officePassword) {
		t.Error("an administrator was shown what is another's")
	}
}
