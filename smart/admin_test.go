package smart

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"firebreak/authn"
	"firebreak/clock"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// office is a server with two administrators, a clinician and a clerk, and the
// letters it has sent.
type office struct {
	*Server
	t       testing.TB
	clk     *clock.Fixed
	letters []person.Letter
	ids     map[string]string // by login
}

func (o *office) Post(l person.Letter) error {
	o.letters = append(o.letters, l)
	return nil
}

// noCharts: nobody opens a chart in the office.
type noCharts struct{}

func (noCharts) Patients(context.Context, Person, ui.PatientSearch, string) (ui.PatientSearch, error) {
	return ui.PatientSearch{}, nil
}
func (noCharts) Patient(context.Context, Person, string) (ui.Patient, error) {
	return ui.Patient{}, ErrNobody
}
func (noCharts) Encounters(context.Context, Person, string) ([]ui.Choice, error) { return nil, nil }

var here = context.Background()

const officePassword = "Ruhige Wolken über Erlangen"

func newOffice(t testing.TB, two ...string) *office {
	t.Helper()
	o := &office{t: t, clk: clock.NewFixed(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)), ids: map[string]string{}}
	v := vault.New(vault.NewMemory(), vault.RandomKeys(), o.clk)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	people, err := person.New(v, o.clk, o, person.Options{Cost: person.Cost{Memory: 64, Time: 1, Threads: 1}, ClinicalRoles: []string{"physician"},
		JustInTime: []string{"auditor"}, Link: func(p person.Purpose, token string) string {
			return "https://id.example/auth/" + string(p) + "?token=" + token
		}})
	must(err)
	t.Cleanup(func() { _ = people.Close() })
	clients := client.NewRegistry(v, o.clk, nil)
	auth, err := client.NewAuthenticator(clients)
	must(err)
	proofs, err := authn.NewProofs(authn.ProofConfig{Clock: o.clk})
	must(err)
	pages, err := ui.New(ui.Site{Name: "Office"})
	must(err)
	o.Server, err = New(Options{Issuer: "https://id.example/auth", Base: "https://id.example/fhir", Vault: v, Clock: o.clk, Clients: clients, Auth: auth, Proofs: proofs,
		People: people, Chart: noCharts{}, Pages: pages, Administrators: []string{"admin"}, TwoPersons: two, Roles: []string{"physician", "admin", "auditor", "clerk"}})
	must(err)
	for login, n := range map[string]person.Newcomer{"ada": {Roles: []person.RoleGrant{{Role: "admin"}}}, "bob": {Roles: []person.RoleGrant{{Role: "admin"}}},
		"doc": {FHIRUser: "Practitioner/doc", Roles: []person.RoleGrant{{Role: "physician"}}}, "kim": {}} {
		n.Login, n.Display, n.Email = login, strings.ToUpper(login), login+"@office.example"
		a, _, err := people.Invite(here, operator, n)
		must(err)
		_, token, _ := strings.Cut(o.letters[len(o.letters)-1].Link, "token=")
		_, _, err = people.Accept(here, token, officePassword, "192.0.2.1")
		must(err)
		o.ids[login] = string(a.ID)
	}
	return o
}

// window is a browser in which somebody is signed in.
type window struct {
	o      *office
	cookie string
	page   Answer // the last one
	events []Event
}

// as signs somebody in, by one factor unless acr says otherwise.
func (o *office) as(login string, acr ...string) *window {
	o.t.Helper()
	p, err := o.person(here, o.ids[login])
	if err != nil {
		o.t.Fatal(err)
	}
	x := session{Person: p.ID, Epoch: p.Epoch, ACR: ACRPassword, AuthTime: o.now()}
	if len(acr) > 0 {
		x.ACR = acr[0]
	}
	c, err := o.begin(here, transport.WebRequest{}, x)
	if err != nil {
		o.t.Fatal(err)
	}
	return &window{o: o, cookie: c.Value}
}

func (w *window) do(req transport.WebRequest) Answer {
	req.Path, req.Query, _ = strings.Cut("/auth"+strings.TrimPrefix(req.Path, "https://id.example/auth"), "?")
	req.Cookies = map[string]string{sessionCookie: w.cookie}
	w.page = w.o.Serve(here, req)
	w.events = append(w.events, w.page.Events...)
	return w.page
}

func (w *window) get(path string) Answer {
	return w.do(transport.WebRequest{Method: "GET", Path: path})
}

var hiddenField = regexp.MustCompile(`name="(csrf|flow)" value="([^"]*)"`)

// send posts fields with the hidden ones of the last page.
func (w *window) send(path string, pairs ...string) Answer {
	v := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(string(w.page.Reply.Body), -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return w.do(transport.WebRequest{Method: "POST", Path: path, ContentType: formType, Body: []byte(v.Encode())})
}

// filled opens a page and sends a form of it.
func (w *window) filled(page, path string, pairs ...string) Answer {
	w.o.t.Helper()
	if a := w.get(page); a.Reply.Status != http.StatusOK {
		w.o.t.Fatalf("GET %s: %d %s", page, a.Reply.Status, a.Reply.Location)
	}
	return w.send(path, pairs...)
}

func (w *window) text() string { return html.UnescapeString(string(w.page.Reply.Body)) }

func (w *window) wants(status int, texts ...string) {
	w.o.t.Helper()
	if w.page.Reply.Status != status {
		w.o.t.Fatalf("status %d (%s), want %d: %s", w.page.Reply.Status, w.page.Reply.Location, status, w.text())
	}
	for _, s := range texts {
		if !strings.Contains(w.text()+w.page.Reply.Location, s) {
			w.o.t.Errorf("no %q in %s%s", s, w.page.Reply.Location, w.text())
		}
	}
}

// recorded wants an event, of this kind and about this.
func (w *window) recorded(what string, failed bool) Event {
	w.o.t.Helper()
	i := slices.IndexFunc(w.events, func(e Event) bool { return e.What == what && e.Failed == failed })
	if i < 0 {
		w.o.t.Fatalf("no event %s (failed %t) in %+v", what, failed, w.events)
	}
	return w.events[i]
}

func (o *office) show(login string) string { return showPath(ui.PathAdminPerson, o.ids[login]) }

func (o *office) account(login string) person.Account {
	o.t.Helper()
	a, err := o.opt.People.Account(here, person.ID(o.ids[login]))
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

// app registers an application behind everybody's back.
func (o *office) app(c client.Client) client.Client {
	o.t.Helper()
	r, _, err := o.opt.Clients.Register(here, c, "operator")
	if err != nil {
		o.t.Fatal(err)
	}
	return r.Client
}

func portal() client.Client {
	return client.Client{ID: "portal", Name: "Portal", Kind: client.Confidential, Method: client.SecretBasic, RedirectURIs: []string{"https://portal.example/cb"}, Scopes: []string{"openid", "patient/*.rs"}}
}

// granted is a grant with an access token of it, as of now.
func (o *office) granted(clientID, login string) (string, *authn.Token) {
	o.t.Helper()
	id, g := handle(), Grant{Client: clientID, Person: o.ids[login], Session: "none", Scope: "openid", Since: o.now(), Renews: 3600}
	if err := o.vault.Apply(here, grants.New(id, g, o.now().Add(time.Hour), g.tags()...)); err != nil {
		o.t.Fatal(err)
	}
	return id, &authn.Token{Grant: id, JTI: handle(), ClientID: clientID, Subject: o.ids[login], IssuedAt: o.now()}
}

func (o *office) lives(t *authn.Token) bool {
	o.t.Helper()
	ok, err := o.Live(here, t)
	if err != nil {
		o.t.Fatal(err)
	}
	return ok
}

// officeForm is a registration as an administrator types it.
func officeForm(kind string) []string {
	return []string{"name", "Growth Chart", "kind", kind, "redirects", "https://app.example/cb\r\nhttps://app.example/silent", "scopes", "openid patient/Observation.rs", "reason", "asked for by paediatrics"}
}

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
