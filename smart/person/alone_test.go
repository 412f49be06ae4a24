package person_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/smart/person"
)

// TestNobodyBecomesAClinicianByThemselves: a clinical role that one may take is for
// those who are clinicians. Others ask for it, and two administrators give it.
func TestNobodyBecomesAClinicianByThemselves(t *testing.T) {
	o := options()
	o.ClinicalRoles = append(o.ClinicalRoles, "break-glass")
	s := newWorld().site(t, o)
	until := s.clk.Now().Add(time.Hour)
	for _, n := range []person.Newcomer{{Login: "boss", Email: "boss@ehr.example", FHIRUser: "Practitioner/boss", Roles: []person.RoleGrant{{Role: "admin"}}},
		{Login: "pat", Email: "pat@ehr.example", FHIRUser: "Patient/pat"}} {
		a := s.joinedAs(t, n)
		q, event, err := s.RequestRole(ctx, a.ID, "break-glass", "patient unconscious in bay 3", until)
		if err != nil || event.Kind != person.RoleAsked {
			t.Fatalf("%s: %+v, %v", n.Login, event, err)
		}
		_, err = s.AnswerRole(ctx, alone, q.ID, person.Grant)
		wants(t, n.Login+", by one administrator", err, person.ErrNeedsApproval)
		if now, _ := s.Account(ctx, a.ID); slices.Contains(now.RolesAt(s.clk.Now()), "break-glass") {
			t.Errorf("%s has %v", n.Login, now.Roles)
		}
		if _, err := s.AnswerRole(ctx, together, q.ID, person.Grant); err != nil {
			t.Errorf("%s, by two: %v", n.Login, err)
		}
	}
	doc := s.joinedAs(t, doctor)
	if _, event, err := s.RequestRole(ctx, doc.ID, "break-glass", "patient unconscious in bay 3", until); err != nil || event.Kind != person.RoleGranted {
		t.Errorf("a clinician: %+v, %v", event, err)
	}
}

// TestNobodyIsCalledByAnothersAddress: a reset that is asked for by an address goes to
// its owner, whoever is invited after them.
func TestNobodyIsCalledByAnothersAddress(t *testing.T) {
	s := newSite(t)
	s.joinedAs(t, doctor)
	mine := person.Newcomer{Login: strings.ToUpper(doctor.Email), Email: "mine@evil.example"}
	_, _, err := s.Invite(ctx, alone, mine)
	wants(t, "the address of a clinician as a login name", err, person.ErrTaken)
	wants(t, "before it waits", s.CheckInvite(ctx, alone, mine), person.ErrTaken)
	if _, _, err := s.Invite(ctx, alone, person.Newcomer{Login: "mine@evil.example", Email: "mine@evil.example"}); err != nil {
		t.Errorf("one's own: %v", err)
	}
}
