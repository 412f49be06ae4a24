package smart

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/ui"
	"firebreak/vault"
)

var shownSecret = regexp.MustCompile(`fbsecret_[A-Za-z0-9_-]{43}`)

func TestSecretIsShownOnceToWhoRegisters(t *testing.T) {
	o := newOffice(t)
	w := o.as("ada")
	form := w.filled(ui.PathAdminAppNew, ui.PathAdminAppNew, officeForm("secret")...)
	w.wants(http.StatusOK, "The application is registered.", "https://app.example/silent")
	if n := len(shownSecret.FindAll(form.Reply.Body, -1)); n != 1 {
		t.Fatalf("%d secrets on the page", n)
	}
	e := w.recorded("application-registered", false)
	if e.Person != o.ids["ada"] || e.Reason != "asked for by paediatrics" || e.Client == "" || shownSecret.MatchString(e.Why+e.Reason+e.About) {
		t.Errorf("on record: %+v", e)
	}
	for _, path := range []string{showPath(ui.PathAdminApp, e.Client), ui.PathAdminApps} {
		w.get(path)
		w.wants(http.StatusOK, "Growth Chart")
		if shownSecret.Match(w.page.Reply.Body) {
			t.Errorf("%s shows a secret", path)
		}
	}
}

func TestAFormSentAgainDoesNothingAgain(t *testing.T) {
	o := newOffice(t)
	w := o.as("ada")
	page := w.get(ui.PathAdminAppNew)
	w.send(ui.PathAdminAppNew, officeForm("secret")...)
	w.wants(http.StatusOK)
	w.page = page // the browser's "send again"
	w.send(ui.PathAdminAppNew, officeForm("secret")...)
	w.wants(http.StatusConflict, "This was sent before")
	if all, _ := o.opt.Clients.List(here); len(all) != 1 {
		t.Errorf("%d applications", len(all))
	}
}

// TestWhoRegistersKeysIsToldToKeepThemUpToDate: SMART App Launch 2.2,
// client-confidential-asymmetric, "Registering a client".
func TestWhoRegistersKeysIsToldToKeepThemUpToDate(t *testing.T) {
	w := newOffice(t).as("ada")
	w.get(ui.PathAdminAppNew)
	w.wants(http.StatusOK, "ask its owner to send the new set whenever a key changes")
}

func TestWrongRegistrationIsShownAgainWithItsFaults(t *testing.T) {
	o := newOffice(t)
	w := o.as("ada")
	w.filled(ui.PathAdminAppNew, ui.PathAdminAppNew, "name", "<b>Growth", "kind", "public", "redirects", "http://app.example/cb", "scopes", "openid", "reason", "asked for")
	w.wants(http.StatusUnprocessableEntity, "http://app.example/cb", "redirect addresses, number 1")
	if strings.Contains(string(w.page.Reply.Body), "<b>Growth") {
		t.Error("what was typed is not escaped")
	}
	// It can be mended and sent: what was wrong was not taken for sent.
	w.send(ui.PathAdminAppNew, officeForm("public")...)
	w.wants(http.StatusOK, "The application is registered.")
}

func TestDisablingAnApplicationEndsItsTokensAtOnce(t *testing.T) {
	o := newOffice(t)
	o.app(portal())
	o.app(client.Client{ID: "other", Name: "Other", Kind: client.Public, Method: client.None, RedirectURIs: []string{"https://other.example/cb"}, Scopes: []string{"openid"}})
	id, token := o.granted("portal", "doc")
	_, others := o.granted("other", "doc")
	o.clk.Advance(time.Minute)
	if !o.lives(token) || !o.lives(others) {
		t.Fatal("the tokens should live")
	}
	w := o.as("ada")
	w.filled(showPath(ui.PathAdminApp, "portal"), ui.PathAdminAppDisable, "app", "portal")
	w.wants(http.StatusUnprocessableEntity, "Say why")
	w.send(ui.PathAdminAppDisable, "app", "portal", "reason", "it was abused")
	w.wants(http.StatusSeeOther, "done=disabled")
	if o.lives(token) || !o.lives(others) {
		t.Errorf("tokens live: of the disabled application %t, of another %t", o.lives(token), o.lives(others))
	}
	if _, err := grants.Load(here, o.vault, id); err == nil {
		t.Error("the grant, and so its refresh token, is still there")
	}
	if e := w.recorded("application-disabled", false); e.Client != "portal" || e.Reason != "it was abused" || e.Person != o.ids["ada"] {
		t.Errorf("on record: %+v", e)
	}
	if e := w.recorded("revoke", false); e.Grant != id || e.About != o.ids["doc"] {
		t.Errorf("on record: %+v", e)
	}
	w.filled(showPath(ui.PathAdminApp, "portal"), ui.PathAdminAppEnable, "app", "portal", "reason", "mended")
	w.wants(http.StatusSeeOther, "done=enabled")
	if o.lives(token) {
		t.Error("enabling brought a token back")
	}
}

func TestNewSecretLeavesTheOldOneADay(t *testing.T) {
	o := newOffice(t)
	o.app(portal())
	w := o.as("ada")
	w.filled(showPath(ui.PathAdminApp, "portal"), ui.PathAdminAppSecret, "app", "portal")
	w.wants(http.StatusOK, "goes on for a day")
	if n := len(shownSecret.FindAll(w.page.Reply.Body, -1)); n != 1 {
		t.Fatalf("%d secrets on the page", n)
	}
	w.recorded("application-secret", false)
	r, err := o.opt.Clients.Load(here, "portal")
	if err != nil || len(r.Secrets) != 2 || !r.Secrets[1].Until.Equal(o.now().Add(24*time.Hour)) {
		t.Errorf("secrets %+v, %v", r.Secrets, err)
	}
}

func TestDangerousApplicationsSayWhy(t *testing.T) {
	for _, c := range []struct {
		name string
		is   client.Client
		want string
	}{
		{"system", client.Client{Kind: client.System}, "acts for itself"},
		{"trusted", client.Client{Kind: client.Public, Trusted: true}, "not asked"},
		{"introspection", client.Client{Kind: client.Confidential, Introspect: true}, "tokens of all"},
		{"every patient", client.Client{Scopes: []string{"user/*.rs"}}, "wide: user/*.rs"},
		{"changes of all types", client.Client{Scopes: []string{"patient/*.cruds"}}, "wide: patient/*.cruds"},
		{"version 1", client.Client{Scopes: []string{"patient/*.write"}}, "wide: patient/*.write"},
		{"mistyped", client.Client{Scopes: []string{"patient/Patient.rs", "patient/*.rss", "email"}}, "no scope here: patient/*.rss email"},
		{"one patient, reading", client.Client{Scopes: []string{"patient/*.rs", "patient/*.read", "patient/Observation.cruds", "openid"}}, ""},
	} {
		got := strings.Join(Dangers(c.is), "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	o := newOffice(t)
	c := portal()
	c.Scopes = []string{"user/*.cruds"}
	o.app(c)
	w := o.as("ada")
	w.get(ui.PathAdminApps)
	w.wants(http.StatusOK, "take care")
	w.get(showPath(ui.PathAdminApp, "portal"))
	w.wants(http.StatusOK, "Take care", "user/*.cruds")
}

func TestLockingAPersonEndsSessionsAndTokensAtOnce(t *testing.T) {
	o := newOffice(t)
	id, token := o.granted("portal", "doc")
	_, others := o.granted("portal", "kim")
	theirs := o.as("doc")
	o.clk.Advance(time.Minute)
	w := o.as("ada")
	w.filled(o.show("doc"), ui.PathAdminLock, "person", o.ids["doc"], "lockreason", "left the house")
	w.wants(http.StatusSeeOther, "done=locked")
	theirs.get(ui.PathAccount)
	theirs.wants(http.StatusSeeOther, "/auth/flow")
	if o.lives(token) || !o.lives(others) {
		t.Errorf("tokens live: of the locked person %t, of another %t", o.lives(token), o.lives(others))
	}
	if _, err := grants.Load(here, o.vault, id); err == nil {
		t.Error("the grant is still there")
	}
	if all, _ := sessions.All(here, o.vault, "person:"+o.ids["doc"]); len(all) != 0 {
		t.Errorf("%d sessions", len(all))
	}
	if e := w.recorded("account-disabled", false); e.About != o.ids["doc"] || e.Person != o.ids["ada"] || e.Reason != "left the house" {
		t.Errorf("on record: %+v", e)
	}
	w.filled(o.show("doc"), ui.PathAdminUnlock, "person", o.ids["doc"], "lockreason", "came back")
	w.wants(http.StatusSeeOther, "done=unlocked")
	theirs.get(ui.PathAccount)
	theirs.wants(http.StatusSeeOther, "/auth/flow")
	if o.lives(token) {
		t.Error("unlocking brought a token back")
	}
}

func TestRolesEndWithTheirDayAndTheirTokens(t *testing.T) {
	o := newOffice(t)
	w := o.as("ada")
	w.filled(o.show("kim"), ui.PathAdminRole, "person", o.ids["kim"], "role", "clerk", "until", "2026-11-19", "reason", "stands in for Lee")
	w.wants(http.StatusUnprocessableEntity, "not over")
	w.send(ui.PathAdminRole, "person", o.ids["kim"], "role", "clerk", "until", "9999-12-31", "reason", "stands in for Lee")
	w.wants(http.StatusUnprocessableEntity, "Enter a date")
	w.send(ui.PathAdminRole, "person", o.ids["kim"], "role", "clerk", "until", "2026-11-21", "reason", "")
	w.wants(http.StatusUnprocessableEntity, "Say why")
	w.send(ui.PathAdminRole, "person", o.ids["kim"], "role", "emperor", "reason", "stands in for Lee")
	w.wants(http.StatusUnprocessableEntity, "Choose a role")
	w.send(ui.PathAdminRole, "person", o.ids["kim"], "role", "clerk", "until", "2026-11-21", "reason", "stands in for Lee")
	w.wants(http.StatusSeeOther, "done=given")
	w.filled(o.show("kim"), ui.PathAdminRole, "person", o.ids["kim"], "role", "auditor", "until", "2026-11-30", "reason", "complaint 2026-118")
	w.wants(http.StatusSeeOther, "done=given")
	a, held := o.account("kim"), map[string]person.RoleGrant{}
	for _, g := range a.Roles {
		held[g.Role] = g
	}
	if g := held["clerk"]; !g.Until.Equal(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)) || g.Reason != "stands in for Lee" || string(g.By) != o.ids["ada"] {
		t.Errorf("clerk %+v", g)
	}
	if g := held["auditor"]; !g.Until.Equal(o.now().Add(12 * time.Hour)) { // it is only ever held for hours
		t.Errorf("auditor %+v", g)
	}
	_, token := o.granted("portal", "kim")
	o.clk.Advance(time.Minute)
	w.filled(o.show("kim"), ui.PathAdminRoleEnd, "person", o.ids["kim"], "role", "clerk")
	w.wants(http.StatusSeeOther, "done=ended")
	a = o.account("kim")
	if got := a.RolesAt(o.now()); !slices.Equal(got, []string{"auditor"}) || o.lives(token) {
		t.Errorf("roles %v; a token with the ended role lives: %t", got, o.lives(token))
	}
	w.recorded("role-taken-away", false)
}

func TestPeopleAreFoundByName(t *testing.T) {
	o := newOffice(t)
	w := o.as("ada")
	w.filled(ui.PathAdminPeople, ui.PathAdminPeople, "find", "DO")
	w.wants(http.StatusOK, "DOC")
	if strings.Contains(w.text(), "KIM") {
		t.Error("kim was found")
	}
	for n := range 60 {
		name := "person-" + string(rune('a'+n/26)) + string(rune('a'+n%26))
		if _, _, err := o.opt.People.Invite(here, operator, person.Newcomer{Login: name, Display: name, Email: name + "@office.example"}); err != nil {
			t.Fatal(err)
		}
	}
	w.filled(ui.PathAdminPeople, ui.PathAdminPeople, "find", "person-", "page", "2")
	w.wants(http.StatusOK, "person-ch", "Previous")
	if strings.Contains(w.text(), "person-aa") || strings.Contains(w.text(), "Next") {
		t.Error("the second page has what the first has")
	}
}

// TestEnablingBringsNothingBack, also where disabling was cut short after its first
// step, by a crash.
func TestEnablingBringsNothingBack(t *testing.T) {
	o := newOffice(t)
	o.app(portal())
	grant, _ := o.granted("portal", "kim")
	if err := o.opt.Clients.Disable(here, "portal", "operator"); err != nil {
		t.Fatal(err)
	}
	ada := o.as("ada")
	ada.filled(showPath(ui.PathAdminApp, "portal"), ui.PathAdminAppEnable, "app", "portal", "reason", "mended")
	ada.wants(http.StatusSeeOther, "done=enabled")
	if _, err := grants.Load(here, o.vault, grant); err != vault.ErrAbsent {
		t.Errorf("what was granted is there again: %v", err)
	}
	if e := ada.recorded("revoke", false); e.Grant != grant || e.Person != o.ids["ada"] {
		t.Errorf("on record: %+v", e)
	}
}

// TestWhatWasGrantedGoesWithItsApplication: another under the same id has none of it.
func TestWhatWasGrantedGoesWithItsApplication(t *testing.T) {
	o := newOffice(t)
	o.app(portal())
	grant, token := o.granted("portal", "kim")
	if err := o.opt.Clients.Remove(here, "portal"); err != nil {
		t.Fatal(err)
	}
	o.app(portal())
	if _, err := grants.Load(here, o.vault, grant); err != vault.ErrAbsent || o.lives(token) {
		t.Errorf("another application has the grant: %v, token lives %t", err, o.lives(token))
	}
}
