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
		People: people, Chart: noCharts{}, Pages: pages, Administrators: []string{"admin"}, TwoPersons: two, Mail: true, Roles: []string{"physician", "admin", "auditor", "clerk"}})
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
