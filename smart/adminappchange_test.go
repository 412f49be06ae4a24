package smart

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"firebreak/smart/client"
	"firebreak/ui"
)

// changed is the form of an application, as it stands, with other fields.
func changed(pairs ...string) []string {
	return append([]string{"app", "portal", "name", "Portal", "redirects", "https://portal.example/cb", "scopes", "openid patient/*.rs", "reason", "they moved"}, pairs...)
}

func TestAnApplicationIsChangedAndKeepsTheRest(t *testing.T) {
	o := newOffice(t)
	c := portal()
	c.Origins, c.Bound = []string{"https://page.example"}, client.BoundKey
	o.app(c)
	w := o.as("ada")
	w.get(showPath(ui.PathAdminAppChange, "portal"))
	w.wants(http.StatusOK, "https://portal.example/cb", "patient/*.rs")
	w.send(ui.PathAdminAppChange, "app", "portal", "name", "Portal 2", "redirects", "https://two.example/cb\nhttps://portal.example/cb", "scopes", "openid offline_access", "reason", "they moved")
	w.wants(http.StatusSeeOther, "done=changed")
	r, err := o.opt.Clients.Load(here, "portal")
	if err != nil || r.Client.Name != "Portal 2" || !slices.Equal(r.Client.RedirectURIs, []string{"https://two.example/cb", "https://portal.example/cb"}) ||
		!r.Client.Offline || r.Client.Bound != client.BoundKey || len(r.Client.Origins) != 1 || r.Client.ChangedBy != o.ids["ada"] || len(r.Secrets) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if e := w.recorded("application-changed", false); e.Client != "portal" || e.Reason != "they moved" {
		t.Errorf("on record: %+v", e)
	}
	w.filled(showPath(ui.PathAdminAppChange, "portal"), ui.PathAdminAppChange, "app", "portal", "name", "Portal", "redirects", "http://portal.example/cb", "scopes", "openid", "reason", "they moved")
	w.wants(http.StatusUnprocessableEntity, "redirect addresses, number 1", "Change an application")
}

func TestAChangeThatTakesTwoShowsAllOfIt(t *testing.T) {
	o := newOffice(t, "clients")
	o.app(portal())
	ada, bob := o.as("ada"), o.as("bob")
	ada.filled(showPath(ui.PathAdminAppChange, "portal"), ui.PathAdminAppChange,
		"app", "portal", "name", "Portal", "redirects", "https://two.example/cb", "scopes", "openid user/*.rs", "reason", "they moved")
	ada.wants(http.StatusSeeOther, "done=asked")
	change := bob.one()
	bob.wants(http.StatusOK, "Change the application Portal", `before: ["https://portal.example/cb"]`, `after: ["https://two.example/cb"]`, "Its scopes are wide: user/*.rs")
	if strings.Contains(bob.text(), "<dt>Name</dt>") {
		t.Error("what stays is shown as changed")
	}
	bob.decide(change, "approve")
	bob.wants(http.StatusSeeOther, "done=approved")
	if r, _ := o.opt.Clients.Load(here, "portal"); !slices.Equal(r.Client.RedirectURIs, []string{"https://two.example/cb"}) {
		t.Errorf("%+v", r.Client)
	}
}

func TestPowerfulApplicationsAreChangedByTwo(t *testing.T) {
	o := newOffice(t)
	c := portal()
	c.Trusted = true
	o.app(c)
	ada := o.as("ada")
	ada.filled(showPath(ui.PathAdminAppChange, "portal"), ui.PathAdminAppChange, changed("publisher", "Somebody else")...)
	ada.wants(http.StatusSeeOther, "done=asked")
	if r, _ := o.opt.Clients.Load(here, "portal"); r.Client.Publisher != "" || !r.Client.Trusted {
		t.Errorf("%+v", r.Client)
	}
}
