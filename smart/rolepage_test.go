package smart_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/smart"
	"firebreak/smart/person"
	"firebreak/ui"
)

// TestARoleIsTakenForAWhileAndGivenBack: tokens follow, and at once.
func TestARoleIsTakenForAWhileAndGivenBack(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "anna", FHIRUser: "Practitioner/anna", Roles: []person.RoleGrant{{Role: "physician"}}})
	b.get("/auth/roles")
	b.titled("Ask for a role")
	b.post(ui.PathRoles, "role", "break-glass", "reason", "patient without consciousness", "until", "2026-11-22T09:20")
	b.happened("role-granted", false)
	b.sees("Active")
	granted := b.authorized("openid offline_access")
	if c := read(t, granted.Access); !slices.Equal(c.Roles, []string{"break-glass", "physician"}) {
		t.Fatalf("roles %v", c.Roles)
	}
	r.clk.Advance(time.Minute)
	b.get("/auth/roles")
	b.post(ui.PathRoleGiveBack, "request", "break-glass")
	b.happened("role-taken-away", false)
	if r.live(t, granted.Access) {
		t.Error("a token with the role is live")
	}
	r.clk.Advance(2 * time.Second)
	next := r.refreshed(t, granted.Refresh) // what was granted goes on, without the role
	if c := read(t, next.Access); !slices.Equal(c.Roles, []string{"physician"}) || !r.live(t, next.Access) {
		t.Errorf("roles %v after it was given back", c.Roles)
	}
	b.get("/auth/roles")
	b.titled("Ask for a role") // the session goes on
	b.sees("Ended")
	// A role that one has for good is not given back here.
	b.send("POST", "/auth/roles/giveback", url.Values{"csrf": {csrfOf(b)}, "request": {"physician"}})
	if now, _ := r.people.Account(t.Context(), a.ID); !slices.Equal(now.RolesAt(r.clk.Now()), []string{"physician"}) {
		t.Errorf("roles %v", now.RolesAt(r.clk.Now()))
	}
}

func TestARoleEndsByItself(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	b.get("/auth/roles")
	b.post(ui.PathRoles, "role", "break-glass", "reason", "patient without consciousness", "until", "2026-11-22T09:10")
	granted := b.authorized("openid offline_access")
	r.clk.Advance(10*time.Minute + time.Second)
	if c := read(t, r.refreshed(t, granted.Refresh).Access); len(c.Roles) > 0 {
		t.Errorf("roles %v", c.Roles)
	}
}

func TestARoleThatNeedsASecondPersonWaits(t *testing.T) {
	r := newOwnRig(t, func(_ *smart.Options, p *person.Options) { p.SecondFactor = nil })
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	b.get("/auth/roles")
	b.post(ui.PathRoles, "role", "auditor", "reason", "complaint 2026-118", "until", "2026-11-22T15:00")
	b.happened("role-asked", false)
	b.sees("Waiting for a second person")
	if now, _ := r.people.Account(t.Context(), a.ID); len(now.RolesAt(r.clk.Now())) > 0 {
		t.Errorf("roles %v", now.Roles)
	}
	all, err := r.people.RoleRequests(t.Context())
	if err != nil || len(all) != 1 || all[0].Role != "auditor" {
		t.Errorf("requests %+v, %v", all, err)
	}
	robin, _ := r.signedIn(t, person.Newcomer{Login: "robin", Roles: []person.RoleGrant{{Role: "admin"}}})
	robin.sees(`>1<span class="hide"> waiting for you`)
	_, _, err = r.people.RequestRole(t.Context(), all[0].Account, "auditor", "complaint 2026-119", r.clk.Now().Add(time.Hour))
	ok(t, err)
	me, err := r.people.Find(t.Context(), "robin")
	ok(t, err)
	_, _, err = r.people.RequestRole(t.Context(), me.ID, "auditor", "complaint 2026-120", r.clk.Now().Add(time.Hour))
	ok(t, err)
	robin.get("/auth/account")
	robin.sees(`>2<span class="hide"> waiting for you`) // one's own is not
	mallory, _ := r.signedIn(t, person.Newcomer{Login: "mallory"})
	mallory.get("/auth/roles")
	if strings.Contains(mallory.page, "2026-118") {
		t.Error("somebody else reads why")
	}
}

func TestOnlyRolesOfTheListAreAskedForAndSoon(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	b.get("/auth/roles")
	for _, c := range []struct{ name, role, reason, until, says string }{
		{"not of the list", "admin", "because I want to", "2026-11-22T10:00", "not a role that you may ask for"},
		{"no reason", "break-glass", "so", "2026-11-22T10:00", "what you need it for"},
		{"past", "break-glass", "because I want to", "2026-11-22T08:59", "an end in the future"},
		{"far", "break-glass", "because I want to", "2026-11-22T21:01", "an end in the future"},
		{"no time", "break-glass", "because I want to", "soon", "an end in the future"},
	} {
		b.post(ui.PathRoles, "role", c.role, "reason", c.reason, "until", c.until)
		b.titled("Error: Ask for a role")
		b.sees(c.says)
	}
	if now, _ := r.people.Account(t.Context(), a.ID); len(now.Roles) > 0 {
		t.Errorf("roles %+v", now.Roles)
	}
}

// TestPatientsAskForNoRole: what staff may take in an emergency is not a
// patient's to take.
func TestPatientsAskForNoRole(t *testing.T) {
	for _, who := range []string{"Patient/p1", "RelatedPerson/r1"} {
		r := newOwnRig(t)
		b, a := r.signedIn(t, person.Newcomer{Login: "amy", FHIRUser: who})
		if strings.Contains(b.page, "/auth/roles") {
			t.Errorf("%s: the menu offers roles", who)
		}
		b.get("/auth/roles")
		b.sees("There is no role that you may ask for.")
		b.send("POST", "/auth/roles", url.Values{"csrf": {csrfOf(b)}, "role": {"break-glass"}, "reason": {"because I want to"}, "until": {"2026-11-22T10:00"}})
		b.happened("role-asked", true)
		if now, _ := r.people.Account(t.Context(), a.ID); len(now.Roles) > 0 {
			t.Errorf("%s has %+v", who, now.Roles)
		}
	}
}

// TestARequestForARoleIsWithdrawnByWhoAsked, and by nobody else.
func TestARequestForARoleIsWithdrawnByWhoAsked(t *testing.T) {
	r := newOwnRig(t)
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	b.get("/auth/roles")
	b.post(ui.PathRoles, "role", "auditor", "reason", "complaint 2026-118", "until", "2026-11-22T15:00")
	all, err := r.people.RoleRequests(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("requests %+v, %v", all, err)
	}
	mallory, _ := r.signedIn(t, person.Newcomer{Login: "mallory"})
	mallory.send("POST", "/auth/roles/withdraw", url.Values{"csrf": {csrfOf(mallory)}, "request": {all[0].ID}})
	if left, _ := r.people.RoleRequests(t.Context()); len(left) != 1 || len(mallory.events) > 0 {
		t.Fatalf("somebody else withdrew it: %+v", mallory.events)
	}
	b.get("/auth/roles")
	b.post(ui.PathRoleWithdraw, "request", all[0].ID)
	b.happened("role-request-withdrawn", false)
	if left, _ := r.people.RoleRequests(t.Context()); len(left) != 0 {
		t.Errorf("it waits: %+v", left)
	}
	b.get("/auth/roles")
	b.sees("Nothing yet.")
	if _, err := r.people.AnswerRole(t.Context(), person.Hands{By: person.Operator}, all[0].ID, person.Grant); err != person.ErrState {
		t.Errorf("answered after that: %v", err)
	}
	if now, _ := r.people.Account(t.Context(), a.ID); len(now.Roles) > 0 {
		t.Errorf("roles %+v", now.Roles)
	}
}
