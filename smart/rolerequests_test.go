package smart

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"firebreak/smart/person"
	"firebreak/ui"
)

func (o *office) asks(login, role string) {
	o.t.Helper()
	if _, _, err := o.opt.People.RequestRole(here, person.ID(o.ids[login]), role, "complaint 2026-118", o.now().Add(4*time.Hour)); err != nil {
		o.t.Fatal(err)
	}
}

func TestARoleAskedForIsAnAdministratorsToGive(t *testing.T) {
	o := newOffice(t)
	o.asks("kim", "auditor")
	ada := o.as("ada")
	change := ada.one()
	ada.wants(http.StatusOK, "Give KIM the role auditor", "complaint 2026-118", "auditor, until 20 November 2026, 13:00 UTC")
	ada.decide(change+"x", "approve")
	ada.wants(http.StatusConflict)
	ada.decide(change, "approve")
	ada.wants(http.StatusSeeOther, "done=approved")
	if got := o.account("kim").RolesAt(o.now()); !slices.Equal(got, []string{"auditor"}) {
		t.Errorf("roles %v", got)
	}
	if got := o.account("kim").RolesAt(o.now().Add(4 * time.Hour)); len(got) != 0 {
		t.Errorf("after its end: %v", got)
	}
	if e := ada.recorded("role-granted", false); e.About != o.ids["kim"] || e.Person != o.ids["ada"] || e.Reason != "complaint 2026-118" {
		t.Errorf("on record: %+v", e)
	}
	ada.get(ui.PathApprovals)
	ada.decide(change, "approve")
	ada.wants(http.StatusConflict)
}

func TestARoleAskedForIsNotGivenToOneself(t *testing.T) {
	o := newOffice(t)
	o.asks("ada", "auditor")
	ada := o.as("ada")
	change := ada.one()
	ada.wants(http.StatusOK, "You asked for this yourself")
	ada.decide(change, "approve")
	ada.wants(http.StatusConflict)
	ada.recorded("approval-granted", true)
	if got := o.account("ada").RolesAt(o.now()); !slices.Equal(got, []string{"admin"}) {
		t.Errorf("roles %v", got)
	}
	ada.get(ui.PathApprovals)
	ada.decide(change, "refuse")
	ada.wants(http.StatusSeeOther, "done=refused")
	ada.recorded("role-request-withdrawn", false)
	if len(ada.asked()) != 0 {
		t.Error("it still waits")
	}
}

// What would make a clinician of somebody takes two administrators, whoever asks.
func TestAskingForAClinicalRoleTakesTwoAdministrators(t *testing.T) {
	o := newOffice(t)
	for _, role := range []string{"physician", "admin"} {
		o.asks("kim", role)
		ada, bob := o.as("ada"), o.as("bob")
		ada.decide(ada.one(), "approve")
		ada.wants(http.StatusSeeOther, "done=asked")
		if got := o.account("kim").RolesAt(o.now()); slices.Contains(got, role) {
			t.Fatalf("one administrator made roles %v", got)
		}
		change := ada.one() // the request itself waits no more
		ada.decide(change, "approve")
		ada.wants(http.StatusConflict, "Another person")
		if got := bob.one(); got != change {
			t.Fatalf("bob sees %s", got)
		}
		bob.decide(change, "approve")
		bob.wants(http.StatusSeeOther, "done=approved")
		if got := o.account("kim").RolesAt(o.now()); !slices.Contains(got, role) {
			t.Errorf("two administrators made roles %v", got)
		}
		if all, err := o.opt.People.RoleRequests(here); err != nil || len(all) != 0 {
			t.Errorf("%d requests are left, %v", len(all), err)
		}
	}
}
