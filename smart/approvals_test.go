package smart

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
)

var changeField = regexp.MustCompile(`name="change" value="([^"]*)"`)

// asked are the names of what waits, as the page of approvals has them.
func (w *window) asked() []string {
	w.o.t.Helper()
	w.get(ui.PathApprovals)
	w.wants(http.StatusOK)
	var out []string
	for _, m := range changeField.FindAllSubmatch(w.page.Reply.Body, -1) {
		out = append(out, html.UnescapeString(string(m[1])))
	}
	return out
}

func (w *window) decide(change, answer string) Answer {
	return w.send(ui.PathApprovalsDecide, "change", change, "answer", answer, "comment", "looked at it")
}

// one wants one change that waits.
func (w *window) one() string {
	w.o.t.Helper()
	all := w.asked()
	if len(all) != 1 {
		w.o.t.Fatalf("%d changes wait", len(all))
	}
	return all[0]
}

func (o *office) apps() int {
	o.t.Helper()
	all, err := o.opt.Clients.List(here)
	if err != nil {
		o.t.Fatal(err)
	}
	return len(all)
}

func TestASecondPersonMakesTheChange(t *testing.T) {
	o := newOffice(t, "clients")
	ada, bob := o.as("ada"), o.as("bob")
	ada.filled(ui.PathAdminAppNew, ui.PathAdminAppNew, officeForm("public")...)
	ada.wants(http.StatusSeeOther, "done=asked")
	ada.recorded("approval-asked", false)
	if o.apps() != 0 {
		t.Fatal("it was registered without a second person")
	}
	change := ada.one()
	ada.wants(http.StatusOK, "You asked for this yourself")
	ada.decide(change, "approve")
	ada.wants(http.StatusConflict, "Another person must approve this")
	ada.recorded("approval-granted", true)

	if got := bob.one(); got != change {
		t.Fatalf("bob is shown %s", got)
	}
	bob.wants(http.StatusOK, "Register the application Growth Chart", "https://app.example/silent", "patient/Observation.rs", "asked for by paediatrics", "ADA")
	id, digest, _ := strings.Cut(change, ".")
	bob.decide(id+"."+strings.ToUpper(digest), "approve")
	bob.wants(http.StatusConflict, "not the change that you were shown")
	if o.apps() != 0 {
		t.Fatal("registered by another digest")
	}
	bob.decide(change, "approve")
	bob.wants(http.StatusSeeOther, "done=approved")
	bob.asked()
	bob.wants(http.StatusOK, "Approved by BOB: looked at it")
	if e := bob.recorded("application-registered", false); e.Person != o.ids["bob"] || e.Reason != "asked for by paediatrics" {
		t.Errorf("on record: %+v", e)
	}
	name := ada.recorded("approval-asked", false).Change
	if e := bob.recorded("application-registered", false); name == "" || e.Change != name || e.AskedBy != o.ids["ada"] {
		t.Errorf("on record, of %s by ada: %+v", name, e)
	}
	if e := bob.recorded("approval-granted", false); e.Reason != "looked at it" || e.Change != name || e.AskedBy != o.ids["ada"] {
		t.Errorf("on record: %+v", e)
	}
	bob.decide(change, "approve")
	bob.wants(http.StatusConflict, "decided already")
	all, _ := o.opt.Clients.List(here)
	if len(all) != 1 || all[0].Client.CreatedBy != o.ids["ada"] {
		t.Errorf("applications %+v", all)
	}
}

func TestWhatIsRefusedOrWithdrawnIsNotMade(t *testing.T) {
	for _, c := range []struct{ by, event, says string }{{"bob", "approval-refused", "Refused by BOB"}, {"ada", "approval-withdrawn", "Withdrawn"}} {
		o := newOffice(t, "clients")
		o.as("ada").filled(ui.PathAdminAppNew, ui.PathAdminAppNew, officeForm("public")...)
		w := o.as(c.by)
		change := w.one()
		w.decide(change, "refuse")
		w.wants(http.StatusSeeOther, "done=refused")
		w.recorded(c.event, false)
		bob := o.as("bob")
		if len(bob.asked()) != 0 {
			t.Error("it still waits")
		}
		bob.wants(http.StatusOK, c.says)
		bob.decide(change, "approve")
		bob.wants(http.StatusConflict)
		if o.apps() != 0 {
			t.Errorf("%s: it was made", c.by)
		}
	}
}

// The menu tells how much waits for the person, on every page that has the number.
func TestTheMenuCountsChangesAndRequests(t *testing.T) {
	o := newOffice(t, "clients")
	o.asks("kim", "auditor")
	o.as("ada").filled(ui.PathAdminAppNew, ui.PathAdminAppNew, officeForm("public")...)
	for login, want := range map[string]string{"ada": ">1<", "bob": ">2<"} { // ada's own does not wait for her
		for _, path := range []string{ui.PathAccount, ui.PathApprovals} {
			w := o.as(login)
			w.get(path)
			w.wants(http.StatusOK, want+`span class="hide"> waiting for you`)
		}
	}
}

func TestAnApprovalLapses(t *testing.T) {
	o := newOffice(t, "clients")
	o.as("ada").filled(ui.PathAdminAppNew, ui.PathAdminAppNew, officeForm("public")...)
	change := o.as("bob").one()
	o.clk.Advance(72 * time.Hour)
	bob := o.as("bob")
	if len(bob.asked()) != 0 {
		t.Error("it still waits")
	}
	bob.decide(change, "approve")
	bob.wants(http.StatusConflict)
	if o.apps() != 0 {
		t.Error("it was made")
	}
}

// Two administrators have looked at a change before either has decided.
func TestTwoApproversMakeItOnce(t *testing.T) {
	o := newOffice(t, "keys")
	o.as("ada").filled(ui.PathApprovals, ui.PathAdminKeys, "reason", "a copy was lost")
	id, _, _ := strings.Cut(o.as("bob").one(), ".")
	e, err := approvals.Load(here, o.vault, id)
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.person(here, o.ids["bob"])
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for range 3 {
		a := o.approve(here, transport.WebRequest{}, administrator{Person: p}, e, Event{})
		if slices.ContainsFunc(a.Events, func(e Event) bool { return e.What == "keys-renewed" }) {
			made++
		}
	}
	if made != 1 {
		t.Errorf("made %d times", made)
	}
}

func TestTheSecretOfAnApprovedApplicationIsForWhoAsked(t *testing.T) {
	o := newOffice(t, "clients")
	ada, bob := o.as("ada"), o.as("bob")
	ada.filled(ui.PathAdminAppNew, ui.PathAdminAppNew, officeForm("secret")...)
	ada.wants(http.StatusSeeOther, "done=asked")
	bob.decide(bob.one(), "approve")
	bob.wants(http.StatusSeeOther, "done=approved")
	id := bob.recorded("application-registered", false).Client
	bob.get(ui.PathApprovals)
	if shownSecret.Match(bob.page.Reply.Body) {
		t.Error("the approver was shown a secret")
	}
	// The approver would need a second person for a secret; who asked has leave, once.
	bob.filled(showPath(ui.PathAdminApp, id), ui.PathAdminAppSecret, "app", id)
	bob.wants(http.StatusSeeOther, "done=asked")
	ada.filled(showPath(ui.PathAdminApp, id), ui.PathAdminAppSecret, "app", id)
	ada.wants(http.StatusOK)
	if !shownSecret.Match(ada.page.Reply.Body) {
		t.Error("who asked was shown no secret")
	}
	ada.filled(showPath(ui.PathAdminApp, id), ui.PathAdminAppSecret, "app", id)
	ada.wants(http.StatusSeeOther, "done=asked")
}

func TestWhatHasChangedMeanwhileIsNotMade(t *testing.T) {
	o := newOffice(t, "clients", "people")
	o.app(portal())
	if err := o.opt.Clients.Disable(here, "portal", "operator"); err != nil {
		t.Fatal(err)
	}
	ada := o.as("ada")
	ada.filled(showPath(ui.PathAdminApp, "portal"), ui.PathAdminAppEnable, "app", "portal", "reason", "mended")
	ada.wants(http.StatusSeeOther, "done=asked")
	r, _ := o.opt.Clients.Load(here, "portal")
	r.Client.RedirectURIs = []string{"https://elsewhere.example/cb"}
	if _, err := o.opt.Clients.Replace(here, r, "operator"); err != nil {
		t.Fatal(err)
	}
	bob := o.as("bob")
	bob.decide(bob.one(), "approve")
	bob.wants(http.StatusConflict, "changed meanwhile")
	bob.recorded("approval-granted", true)
	if r, _ := o.opt.Clients.Load(here, "portal"); !r.Client.Disabled {
		t.Error("another registration than the approved one was enabled")
	}
	bob.get(ui.PathApprovals)
	bob.wants(http.StatusOK, "but it could not be made")

	// An account that has become somebody else's.
	ada.filled(o.show("kim"), ui.PathAdminRole, "person", o.ids["kim"], "role", "clerk", "reason", "works at the desk")
	ada.wants(http.StatusSeeOther, "done=asked")
	if _, err := o.opt.People.Describe(here, operator, person.ID(o.ids["kim"]), person.Profile{Display: "KIM", FHIRUser: "Practitioner/kim"}); err != nil {
		t.Fatal(err)
	}
	bob.decide(bob.one(), "approve")
	bob.wants(http.StatusConflict, "changed meanwhile")
	if a := o.account("kim"); len(a.Roles) != 0 {
		t.Errorf("roles %v", a.Roles)
	}
}

func TestWhoLostTheRoleAsksForNothing(t *testing.T) {
	o := newOffice(t, "clients")
	o.as("ada").filled(ui.PathAdminAppNew, ui.PathAdminAppNew, officeForm("public")...)
	if _, err := o.opt.People.TakeRole(here, operator, person.ID(o.ids["ada"]), "admin"); err != nil {
		t.Fatal(err)
	}
	bob := o.as("bob")
	bob.decide(bob.one(), "approve")
	bob.wants(http.StatusConflict)
	if o.apps() != 0 {
		t.Error("it was made")
	}
}

func TestAnAdministratorAloneMakesNoClinicianAndNoAdministrator(t *testing.T) {
	for name, form := range map[string][]string{
		"a clinician":               {ui.PathAdminInvite, ui.PathAdminInvite, "name", "New", "email", "mine@evil.example", "fhiruser", "Practitioner/doc2", "reason", "joins the office"},
		"a clinical role":           {ui.PathAdminInvite, ui.PathAdminInvite, "name", "New", "email", "mine@evil.example", "role", "physician", "reason", "joins the office"},
		"an administrator":          {ui.PathAdminInvite, ui.PathAdminInvite, "name", "New", "email", "mine@evil.example", "role", "admin", "reason", "joins the office"},
		"a role of administrators":  {"kim", ui.PathAdminRole, "role", "admin", "reason", "helps the office"},
		"a clinical role to kim":    {"kim", ui.PathAdminRole, "role", "physician", "until", "2026-11-21", "reason", "helps the office"},
		"a way into another's":      {"bob", ui.PathAdminEmail, "email", "mine@evil.example", "emailreason", "moved"},
		"a way into a clinician's":  {"doc", ui.PathAdminEmail, "email", "mine@evil.example", "emailreason", "moved"},
		"a system with a role":      append([]string{ui.PathAdminAppNew, ui.PathAdminAppNew, "name", "Export", "kind", "system-key", "scopes", "system/*.rs", "roles", "system", "reason", "statistics", "jwks"}, officeKeys),
		"a reader of others tokens": {ui.PathAdminAppNew, ui.PathAdminAppNew, "name", "RS", "kind", "resource-server", "reason", "laboratory"},
	} {
		o := newOffice(t)
		w := o.as("ada")
		page, fields := form[0], form[2:]
		if id, ok := o.ids[page]; ok {
			page, fields = showPath(ui.PathAdminPerson, id), append(fields, "person", id)
		}
		letters, apps := len(o.letters), o.apps()
		w.filled(page, form[1], fields...)
		w.wants(http.StatusSeeOther, "done=asked")
		w.one()
		if o.apps() != apps || len(o.letters) != letters || len(o.account("kim").Roles) != 0 {
			t.Errorf("%s: made by one", name)
		}
		bob := o.as("bob")
		bob.decide(bob.one(), "approve")
		if name == "a way into another's" { // bob's own: he is not the one to say
			bob.wants(http.StatusConflict, "Another person must approve this")
			continue
		}
		bob.wants(http.StatusSeeOther, "done=approved")
		if o.apps() == apps && len(o.letters) == letters && len(o.account("kim").Roles) == 0 {
			t.Errorf("%s: not made by two", name)
		}
	}
}

const officeKeys = `{"keys":[{"kty":"EC","kid":"k","crv":"P-256","alg":"ES256","use":"sig","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

func TestKeysAreRenewedByTwoWhereThatIsAsked(t *testing.T) {
	kid := func(o *office) string {
		set, err := o.keys.Public(here)
		if err != nil || len(set.Keys) == 0 {
			t.Fatal(err)
		}
		return set.Keys[0].KeyID
	}
	o := newOffice(t)
	was := kid(o)
	o.as("ada").filled(ui.PathApprovals, ui.PathAdminKeys, "reason", "a copy was lost")
	if kid(o) == was {
		t.Error("one person did not renew the keys")
	}
	o = newOffice(t, "keys")
	was = kid(o)
	ada, bob := o.as("ada"), o.as("bob")
	ada.filled(ui.PathApprovals, ui.PathAdminKeys, "reason", "a copy was lost")
	ada.wants(http.StatusSeeOther, "done=asked")
	if kid(o) != was {
		t.Fatal("one person renewed the keys")
	}
	bob.decide(bob.one(), "approve")
	bob.wants(http.StatusSeeOther, "done=approved")
	bob.recorded("keys-renewed", false)
	if kid(o) == was {
		t.Error("two persons did not renew the keys")
	}
}

func TestPoliciesWaitUntilTheyAreApproved(t *testing.T) {
	o := newOffice(t, "policies")
	first := PolicyTexts{Hash: "1", Files: map[string]string{"a.cedar": "x"}, Policies: map[string]string{"stays": "s", "goes": "g", "alters": "old"}}
	if err := o.FirstPolicies(here, first); err != nil {
		t.Fatal(err)
	}
	next := PolicyTexts{Hash: "2", Instead: "1", Files: map[string]string{"b.cedar": "y"}, Policies: map[string]string{"stays": "s", "comes": "c", "alters": "new"}}
	for n, want := range []bool{true, false} {
		if asked, err := o.ProposePolicies(here, next); err != nil || asked != want {
			t.Fatalf("proposed %d: %t, %v", n, asked, err)
		}
	}
	if err := o.FirstPolicies(here, next); err != nil {
		t.Fatal(err)
	}
	if p, _ := o.ApprovedPolicies(here); p.Hash != "1" {
		t.Fatalf("approved %s without a person", p.Hash)
	}
	bob := o.as("bob")
	change := bob.one()
	for _, want := range []string{"Policies added</dt><dd><bdi>comes", "Policies removed</dt><dd><bdi>goes", "Policies changed</dt><dd><bdi>alters", "b.cedar"} {
		if !strings.Contains(bob.text(), want) {
			t.Errorf("no %q in %s", want, bob.text())
		}
	}
	bob.decide(change, "approve")
	bob.wants(http.StatusSeeOther, "done=approved")
	if p, _ := o.ApprovedPolicies(here); p.Hash != "2" || p.Files["b.cedar"] != "y" {
		t.Errorf("approved %+v", p)
	}
	if e := bob.recorded("policies-approved", false); e.About != "2" {
		t.Errorf("on record: %+v", e)
	}
	// What was compared with others than those in force is not taken.
	stale := PolicyTexts{Hash: "3", Instead: "1", Files: map[string]string{}}
	if _, err := o.ProposePolicies(here, stale); err != nil {
		t.Fatal(err)
	}
	bob.decide(bob.one(), "approve")
	bob.wants(http.StatusConflict, "changed meanwhile")
	if p, _ := o.ApprovedPolicies(here); p.Hash != "2" {
		t.Errorf("approved %s", p.Hash)
	}
}

func TestTheOperatorCountsAsTwo(t *testing.T) {
	o := newOffice(t, "clients", "people", "keys")
	c := client.Client{ID: "export", Name: "Export", Kind: client.System, Method: client.PrivateKeyJWT, Keys: officeKeys, Scopes: []string{"system/*.rs"}, Roles: []string{"system"}}
	for _, op := range []Operation{
		{Task: AddClient, Client: c}, {Task: DisableClient, ID: "export"}, {Task: EnableClient, ID: "export"},
		{Task: InvitePerson, Newcomer: person.Newcomer{Login: "eve", Email: "eve@office.example", FHIRUser: "Practitioner/eve", Roles: []person.RoleGrant{{Role: "physician"}}}},
		{Task: GrantRole, ID: "kim", Role: person.RoleGrant{Role: "admin", Reason: "the first one"}}, {Task: RenewKeys},
	} {
		op.Reason = "by hand"
		out, err := o.Operate(here, op)
		if err != nil || len(out.Events) == 0 || out.Events[0].Person != "operator" || out.Events[0].Reason != "by hand" {
			t.Errorf("%s: %+v, %v", op.Task, out, err)
		}
	}
	if all, _ := approvals.All(here, o.vault, ""); len(all) != 0 {
		t.Errorf("%d changes wait", len(all))
	}
	if _, err := o.Operate(here, Operation{Task: GrantRole, ID: "kim", Role: person.RoleGrant{Role: "emperor"}}); err != ErrRole {
		t.Errorf("an unknown role: %v", err)
	}
	if _, err := o.Operate(here, Operation{Task: ShowClient, ID: "nobody"}); err != ErrNoClient {
		t.Errorf("an unknown application: %v", err)
	}
}
