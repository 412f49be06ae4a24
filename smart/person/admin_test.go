package person_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/smart/person"
)

var doctor = person.Newcomer{Login: "anna", Email: "anna@ehr.example", Display: "Dr. Anna Weiß", FHIRUser: "Practitioner/anna",
	Organization: "Organization/ward", Roles: []person.RoleGrant{{Role: "physician"}}}

// TestAnAdministratorCannotMakeAClinician: not by inviting one to a mailbox of
// their own, not by making an account that is there into one.
func TestAnAdministratorCannotMakeAClinician(t *testing.T) {
	s := newSite(t)
	clerk := s.joined(t, "clerk")
	doc := s.joinedAs(t, person.Newcomer{Login: "doc", Email: "doc@ehr.example", FHIRUser: "Practitioner/doc", Organization: "Organization/ward", MustEnrol: true})
	pat := s.joinedAs(t, person.Newcomer{Login: "pat", Email: "pat@ehr.example", FHIRUser: "Patient/pat", Organization: "Organization/ward"})
	tries := map[string]func(h person.Hands) error{
		"give a patient a clinical role for an hour": func(h person.Hands) error {
			_, err := s.GrantRole(ctx, h, pat.ID, person.RoleGrant{Role: "physician", Until: s.clk.Now().Add(time.Hour), Reason: "covers the ward tonight"})
			return err
		},
		"give a clinician another clinical role": func(h person.Hands) error {
			_, err := s.GrantRole(ctx, h, doc.ID, person.RoleGrant{Role: "physician", Until: s.clk.Now().Add(time.Hour), Reason: "covers the ward tonight"})
			return err
		},
		"move a clinician to another organisation": func(h person.Hands) error {
			_, err := s.Describe(ctx, h, doc.ID, person.Profile{FHIRUser: "Practitioner/doc", Organization: "Organization/other"})
			return err
		},
		"let a clinician go without a second factor": func(h person.Hands) error {
			_, err := s.RequireSecondFactor(ctx, h, doc.ID, false)
			return err
		},
		"invite with a FHIRUser": func(h person.Hands) error {
			_, _, err := s.Invite(ctx, h, person.Newcomer{Login: "bb", Email: "b@ehr.example", FHIRUser: "Practitioner/b"})
			return err
		},
		"invite with a clinical role": func(h person.Hands) error {
			_, _, err := s.Invite(ctx, h, person.Newcomer{Login: "cc", Email: "c@ehr.example", Roles: []person.RoleGrant{{Role: "physician"}}})
			return err
		},
		"give a FHIRUser": func(h person.Hands) error {
			_, err := s.Describe(ctx, h, clerk.ID, person.Profile{FHIRUser: "Practitioner/x"})
			return err
		},
		"give a clinical role for ever": func(h person.Hands) error {
			_, err := s.GrantRole(ctx, h, clerk.ID, person.RoleGrant{Role: "physician"})
			return err
		},
		"give a clinical role for an hour": func(h person.Hands) error {
			_, err := s.GrantRole(ctx, h, clerk.ID, person.RoleGrant{Role: "physician", Until: s.clk.Now().Add(time.Hour), Reason: "covers the ward tonight"})
			return err
		},
	}
	for name, try := range tries {
		wants(t, name, try(alone), person.ErrNeedsApproval)
		wants(t, name+", the same twice", try(person.Hands{By: "admin-1", Second: "admin-1"}), person.ErrNeedsApproval)
	}
	if now, _ := s.Account(ctx, clerk.ID); now.FHIRUser != "" || len(now.Roles) != 0 || len(s.box.all("b@ehr.example", person.LetterInvitation)) != 0 {
		t.Errorf("something was done: %+v", now)
	}
	_, err := s.Describe(ctx, person.Hands{By: clerk.ID, Second: "admin-2"}, clerk.ID, person.Profile{FHIRUser: "Practitioner/y"})
	wants(t, "for oneself", err, person.ErrNeedsApproval)
}

func TestTwoAdministratorsCan(t *testing.T) {
	s := newSite(t)
	a, event, err := s.Invite(ctx, together, doctor)
	if err != nil || event.Kind != person.Invited || !strings.HasPrefix(event.Detail, doctor.FHIRUser+", ") || !strings.HasSuffix(event.Detail, "physician") || !slices.Equal(a.RolesAt(s.clk.Now()), []string{"physician"}) {
		t.Fatalf("invite: %+v, %+v, %v", a, event, err)
	}
	clerk := s.joined(t, "clerk")
	was := clerk.Epoch
	_, err = s.Describe(ctx, together, clerk.ID, person.Profile{Display: "C", FHIRUser: "Practitioner/anna"})
	wants(t, "somebody else's FHIRUser", err, person.ErrTaken)
	if _, err := s.Describe(ctx, together, clerk.ID, person.Profile{Display: "C", FHIRUser: "Practitioner/clerk"}); err != nil {
		t.Error(err)
	}
	if now, _ := s.Account(ctx, clerk.ID); now.FHIRUser != "Practitioner/clerk" || now.Epoch == was {
		t.Errorf("account %+v, want a new epoch", now)
	}
	if _, err := s.Describe(ctx, together, clerk.ID, person.Profile{Display: "C"}); err != nil {
		t.Error(err)
	}
	if _, err := s.Remove(ctx, alone, a.ID); err != nil {
		t.Fatal(err)
	}
	_, err = s.Account(ctx, a.ID)
	wants(t, "a removed account", err, person.ErrNoAccount)
	if _, _, err := s.Invite(ctx, together, doctor); err != nil {
		t.Errorf("the names are free again: %v", err)
	}
}

func TestReferencesAreToPeople(t *testing.T) {
	s := newSite(t)
	for _, user := range []string{"Practitioner", "Practitioner/", "Practitioner/a/b", "Device/x", "https://else.example/Patient/1", "Patient/a b", "Patient/../x"} {
		_, _, err := s.Invite(ctx, operator, person.Newcomer{Login: "anna", Email: "a@ehr.example", FHIRUser: user})
		wants(t, user, err, person.ErrReference)
	}
	for _, email := range []string{"", "anna", "anna@", "Anna <anna@ehr.example>", "anna@ehr.example\r\nBcc: all@ehr.example", "a@b,c@d", "\"a b\"@ehr.example"} {
		_, _, err := s.Invite(ctx, operator, person.Newcomer{Login: "anna", Email: email})
		wants(t, email, err, person.ErrEmail)
	}
}

// TestAClinicianKeepsTheMailbox: an administrator alone cannot move it.
func TestAClinicianKeepsTheMailbox(t *testing.T) {
	s := newSite(t)
	a := s.joinedAs(t, doctor)
	state, event, err := s.AskEmail(ctx, alone, a.ID, "new@ehr.example")
	if err != nil || state != person.NeedsApproval || event.Kind != person.EmailAsked {
		t.Fatalf("ask: %s, %+v, %v", state, event, err)
	}
	if len(s.box.all("new@ehr.example", person.LetterConfirm)) != 0 {
		t.Error("a link went to the new address")
	}
	for _, h := range []person.Hands{alone, {By: "admin-1", Second: "admin-1"}, {By: a.ID, Second: "admin-1"}, {By: "admin-1", Second: a.ID}} {
		_, err := s.ApplyEmailChange(ctx, h, a.ID, "new@ehr.example")
		wants(t, "one person", err, person.ErrNeedsApproval)
	}
	token := s.token(t, "anna@ehr.example", person.LetterAllow)
	_, _, err = s.ConfirmEmail(ctx, token, peer)
	wants(t, "the old address's link as the new one's", err, person.ErrLink)
	if who, to, err := s.LookAtEmail(ctx, person.AllowEmail, token); err != nil || who.ID != a.ID || to != "new@ehr.example" {
		t.Errorf("the link is looked at: %q, %q, %v", who.Login, to, err)
	}
	if _, err := s.AllowEmail(ctx, token, peer); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.LookAtEmail(ctx, person.AllowEmail, token)
	wants(t, "a used link is looked at", err, person.ErrLink)
	_, err = s.AllowEmail(ctx, token, peer)
	wants(t, "again", err, person.ErrLink)
	now, event, err := s.ConfirmEmail(ctx, s.token(t, "new@ehr.example", person.LetterConfirm), peer)
	if err != nil || now.Email != "new@ehr.example" || now.Epoch == a.Epoch || event.Kind != person.EmailChanged {
		t.Errorf("confirm: %+v, %+v, %v", now, event, err)
	}
	for _, about := range []string{person.NoticeEmail, person.NoticeEmailDone} {
		if len(s.box.all("anna@ehr.example", about)) != 1 {
			t.Errorf("%s did not go to the old address", about)
		}
	}
	_ = s.AskReset(ctx, "anna@ehr.example", peer)
	_ = s.AskReset(ctx, "new@ehr.example", peer)
	s.Settle()
	if len(s.box.all("anna@ehr.example", person.LetterReset)) != 0 || len(s.box.all("new@ehr.example", person.LetterReset)) != 1 {
		t.Error("resets go to another address than the one confirmed")
	}
}

func TestASecondAdministratorMayAllowAnAddress(t *testing.T) {
	s := newSite(t)
	a := s.joinedAs(t, doctor)
	if _, _, err := s.AskEmail(ctx, alone, a.ID, "new@ehr.example"); err != nil {
		t.Fatal(err)
	}
	old := s.token(t, "anna@ehr.example", person.LetterAllow)
	event, err := s.ApplyEmailChange(ctx, together, a.ID, "new@ehr.example")
	if err != nil || event.Kind != person.EmailAllowed || event.By != "admin-2" {
		t.Fatalf("apply: %+v, %v", event, err)
	}
	_, err = s.AllowEmail(ctx, old, peer)
	wants(t, "the link to the old address", err, person.ErrLink)
	if _, _, err := s.ConfirmEmail(ctx, s.token(t, "new@ehr.example", person.LetterConfirm), peer); err != nil {
		t.Error(err)
	}
}

// TestOnesOwnAddress: by the link to the new one; a reset takes the change back.
func TestOnesOwnAddress(t *testing.T) {
	s := newSite(t)
	a := s.joinedAs(t, doctor)
	own := person.Hands{By: a.ID}
	state, _, err := s.AskEmail(ctx, own, a.ID, "new@ehr.example")
	if err != nil || state != person.ConfirmSent {
		t.Fatalf("ask: %s, %v", state, err)
	}
	hijacked := s.token(t, "new@ehr.example", person.LetterConfirm)
	_ = s.AskReset(ctx, "anna", peer)
	if _, _, err := s.Reset(ctx, s.token(t, "anna@ehr.example", person.LetterReset), other, peer); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.ConfirmEmail(ctx, hijacked, peer)
	wants(t, "asked for before the reset", err, person.ErrLink)
	_, _, err = s.AskEmail(ctx, own, a.ID, "not an address")
	wants(t, "no address", err, person.ErrEmail)
}

func TestClearingFactorsTakesTwo(t *testing.T) {
	s := newSite(t)
	a := s.joinedAs(t, doctor)
	s.withTOTP(t, a)
	_, err := s.ClearFactors(ctx, alone, a.ID)
	wants(t, "alone", err, person.ErrNeedsApproval)
	if _, err := s.ClearFactors(ctx, together, a.ID); err != nil {
		t.Fatal(err)
	}
	if step := s.in(t, "anna"); !step.Enrol || step.Done || len(step.Can) != 0 {
		t.Errorf("step %+v, want to enrol", step)
	}
}

func TestRolesEnd(t *testing.T) {
	s := newSite(t)
	a := s.joinedAs(t, doctor)
	now := s.clk.Now()
	until := now.Add(2 * time.Hour)
	if e, err := s.GrantRole(ctx, alone, a.ID, person.RoleGrant{Role: "auditor", Until: until, Reason: "audit of November"}); err != nil || e.Detail != "auditor until 2026-11-20T11:00:00Z" {
		t.Fatal(e, err)
	}
	a, _ = s.Account(ctx, a.ID)
	for at, want := range map[time.Duration][]string{
		-time.Hour:                nil,
		0:                         {"auditor", "physician"},
		2*time.Hour - 1:           {"auditor", "physician"},
		2 * time.Hour:             {"physician"},
		10 * 365 * 24 * time.Hour: {"physician"},
	} {
		if got := a.RolesAt(now.Add(at)); !slices.Equal(got, want) {
			t.Errorf("after %v: %v, want %v", at, got, want)
		}
	}
	if g := a.Roles[1]; g.By != "admin-1" || g.Reason != "audit of November" || !g.Since.Equal(now) {
		t.Errorf("grant %+v", g)
	}
	if _, err := s.TakeRole(ctx, alone, a.ID, "physician"); err != nil {
		t.Fatal(err)
	}
	a, _ = s.Account(ctx, a.ID)
	if got := a.RolesAt(now.Add(time.Second)); !slices.Equal(got, []string{"auditor"}) {
		t.Errorf("after taking away: %v", got)
	}
}

func TestGrantsThatAreNone(t *testing.T) {
	s := newSite(t)
	a := s.joinedAs(t, doctor)
	soon, why := s.clk.Now().Add(time.Hour), "covers the ward tonight"
	for name, c := range map[string]struct {
		h person.Hands
		g person.RoleGrant
	}{
		"to oneself":                    {person.Hands{By: a.ID}, person.RoleGrant{Role: "auditor", Until: soon, Reason: why}},
		"to oneself, as the second":     {person.Hands{By: "admin-1", Second: a.ID}, person.RoleGrant{Role: "auditor", Until: soon, Reason: why}},
		"just in time without an end":   {alone, person.RoleGrant{Role: "auditor", Reason: why}},
		"just in time for a day":        {alone, person.RoleGrant{Role: "auditor", Until: soon.Add(24 * time.Hour), Reason: why}},
		"without a reason":              {alone, person.RoleGrant{Role: "auditor", Until: soon}},
		"with a reason of blanks":       {alone, person.RoleGrant{Role: "auditor", Until: soon, Reason: "  a         b  "}},
		"over before it began":          {alone, person.RoleGrant{Role: "clerk", Until: s.clk.Now(), Reason: why}},
		"beyond the calendar":           {alone, person.RoleGrant{Role: "clerk", Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Reason: why}},
		"of nothing":                    {alone, person.RoleGrant{Role: " ", Until: soon, Reason: why}},
		"by oneself without an end":     {person.Hands{By: a.ID}, person.RoleGrant{Role: "break-glass", Reason: why}},
		"by oneself without any reason": {person.Hands{By: a.ID}, person.RoleGrant{Role: "break-glass", Until: soon}},
	} {
		_, err := s.GrantRole(ctx, c.h, a.ID, c.g)
		wants(t, name, err, person.ErrGrant)
	}
	if _, event, err := s.RequestRole(ctx, a.ID, "break-glass", "patient unconscious in bay 3", soon); err != nil || event.Kind != person.RoleGranted || event.By != a.ID {
		t.Errorf("a role for oneself: %+v, %v", event, err)
	}
}

func TestARequestIsAnsweredOnce(t *testing.T) {
	s := newSite(t)
	a := s.joinedAs(t, doctor)
	until := s.clk.Now().Add(3 * time.Hour)
	for name, c := range map[string]struct {
		reason string
		until  time.Time
	}{"no reason": {"please", until}, "too long": {"audit of November", until.Add(12 * time.Hour)}, "over": {"audit of November", s.clk.Now()}} {
		_, _, err := s.RequestRole(ctx, a.ID, "auditor", c.reason, c.until)
		wants(t, name, err, person.ErrGrant)
	}
	ask := func() string {
		t.Helper()
		q, event, err := s.RequestRole(ctx, a.ID, "auditor", "audit of November", until)
		if err != nil || event.Kind != person.RoleAsked {
			t.Fatalf("request: %+v, %v", event, err)
		}
		return q.ID
	}
	id := ask()
	if list, err := s.RoleRequests(ctx); err != nil || len(list) != 1 || list[0].Role != "auditor" || list[0].Account != a.ID {
		t.Errorf("requests %+v, %v", list, err)
	}
	_, err := s.AnswerRole(ctx, person.Hands{By: a.ID}, id, person.Grant)
	wants(t, "one's own request", err, person.ErrGrant)
	if event, err := s.AnswerRole(ctx, alone, id, person.Grant); err != nil || event.Kind != person.RoleGranted {
		t.Errorf("grant: %+v, %v", event, err)
	}
	_, err = s.AnswerRole(ctx, alone, id, person.Grant)
	wants(t, "again", err, person.ErrState)
	refused := ask()
	if event, err := s.AnswerRole(ctx, alone, refused, person.Refuse); err != nil || event.Kind != person.RoleRefused {
		t.Errorf("refuse: %+v, %v", event, err)
	}
	late := ask()
	s.clk.Set(until)
	_, err = s.AnswerRole(ctx, alone, late, person.Grant)
	wants(t, "when it is over", err, person.ErrState)
	now, _ := s.Account(ctx, a.ID)
	if got := now.RolesAt(s.clk.Now()); !slices.Equal(got, []string{"physician"}) {
		t.Errorf("roles %v, want the request's to be over", got)
	}
}

func TestWhoSignsInElsewhereIsOneAccount(t *testing.T) {
	w := newWorld()
	s, two := w.site(t, options()), w.site(t, options())
	p := person.Profile{Display: "Carla", Email: "carla@ehr.example", EmailVerified: true, FHIRUser: "Practitioner/carla", Roles: []string{"physician"}}
	a, event, err := s.Linked(ctx, "keycloak", "https://idp.example", "subject-1", p)
	if err != nil || event.Detail != "new" || a.Login != "" || !slices.Equal(a.RolesAt(s.clk.Now()), []string{"physician"}) {
		t.Fatalf("linked: %+v, %+v, %v", a, event, err)
	}
	for name, at := range map[string][3]string{"another subject": {"keycloak", "https://idp.example", "subject-2"}, "another issuer": {"keycloak", "https://idp.evil", "subject-1"},
		"another provider": {"okta", "https://idp.example", "subject-1"}, "a seam moved": {"keycloak", "https://idp.examplesubject", "-1"}} {
		if b, _, err := s.Linked(ctx, at[0], at[1], at[2], p); err != nil || b.ID == a.ID {
			t.Errorf("%s is %s, %v", name, b.ID, err)
		}
	}
	if _, err := s.GrantRole(ctx, alone, a.ID, person.RoleGrant{Role: "auditor", Until: s.clk.Now().Add(time.Hour), Reason: "audit of November"}); err != nil {
		t.Fatal(err)
	}
	p.Display, p.Roles, p.FHIRUser = "Carla C.", []string{"nurse"}, "Practitioner/other"
	b, event, err := two.Linked(ctx, "keycloak", "https://idp.example", "subject-1", p)
	if err != nil || b.ID != a.ID || b.Display != "Carla C." || event.Detail != "refreshed" || b.Epoch == a.Epoch ||
		!slices.Equal(b.RolesAt(s.clk.Now()), []string{"auditor", "nurse"}) {
		t.Errorf("again: %+v, %+v, %v", b, event, err)
	}
	if _, event, err := two.Linked(ctx, "keycloak", "https://idp.example", "subject-1", p); err != nil || event.Detail != "known" {
		t.Errorf("unchanged: %+v, %v", event, err)
	}
	_ = s.AskReset(ctx, "carla@ehr.example", peer)
	s.Settle()
	if n := len(s.box.all("carla@ehr.example", person.LetterReset)); n != 0 {
		t.Error("a reset for an account without a password")
	}
	_, _, err = s.AskEmail(ctx, together, a.ID, "x@ehr.example")
	wants(t, "an address of another directory", err, person.ErrState)
	if _, err := s.Disable(ctx, alone, a.ID); err != nil {
		t.Fatal(err)
	}
	_, event, err = s.Linked(ctx, "keycloak", "https://idp.example", "subject-1", p)
	wants(t, "disabled here", err, person.ErrWrong)
	if event.Kind != person.Refused || event.Account != a.ID {
		t.Errorf("the trail gets %+v", event)
	}
}

// TestNobodyIsLinkedByAnAddress: who claims another's address elsewhere is
// somebody else here.
func TestNobodyIsLinkedByAnAddress(t *testing.T) {
	s := newSite(t)
	a := s.joined(t, "anna")
	for i := range 200 { // nor crowds anna out
		b, _, err := s.Linked(ctx, "okta", "https://idp.example", fmt.Sprint("anna", i), person.Profile{Email: "anna@ehr.example", EmailVerified: true})
		if err != nil || b.ID == a.ID {
			t.Fatalf("linked %s, %v", b.ID, err)
		}
	}
	_ = s.AskReset(ctx, "anna@ehr.example", peer)
	s.Settle()
	if n := len(s.box.all("anna@ehr.example", person.LetterReset)); n != 1 {
		t.Errorf("%d letters, want 1", n)
	}
}
