package ui_test

import "firebreak/ui"

func admins() []specimen {
	growth := ui.AppLine{ID: "growth-chart", Name: "Growth Chart", Publisher: "Bright Apps Ltd", Kind: "Public", Status: "Active", Mark: ui.StatusGood, Since: at("2026-01-14 00:00")}
	warehouse := ui.AppLine{ID: "warehouse", Name: "Warehouse", Kind: "Backend service", Status: "Waiting for approval", Mark: ui.StatusWaiting, Since: at("2026-11-20 00:00")}
	amy := ui.PersonLine{ID: "u1", Name: "Dr. Susan Adams", Username: "dr-adams", FHIRUser: "Practitioner/dr-adams", Roles: []string{"physician"}, Status: "Active", Mark: ui.StatusGood, LastSeen: at("2026-11-22 07:55")}
	locked := ui.PersonLine{ID: "u2", Name: "Noor Diaz", Username: "nurse-diaz", FHIRUser: "Practitioner/nurse-diaz", Roles: []string{"nurse", "auditor"}, Status: "Locked", Mark: ui.StatusBad}
	form := admin()
	form.Errors = []ui.FieldError{{Field: "redirects", Text: "Each address begins with https://"}, {Field: "kind", Text: "Choose how it proves who it is"}}
	invite := admin()
	invite.Errors = []ui.FieldError{{Field: "email", Text: "This is no e-mail address"}, {Field: "role", Text: "Choose a role"}}
	made := admin()
	made.Notice = "The application is registered."
	roles := []ui.Choice{{Value: "physician", Text: "Physician", Selected: true}, {Value: "nurse", Text: "Nurse"}, {Value: "auditor", Text: "Auditor"}}
	return []specimen{
		{"adminapps", &ui.AdminApps{Common: admin(), Apps: []ui.AppLine{growth, warehouse, {ID: "old", Name: "Old Portal", Kind: "Confidential, by secret", Status: "Disabled", Mark: ui.StatusBad, Since: at("2025-02-03 00:00")}}}},
		{"adminappform", &ui.AdminAppForm{Common: form, Name: "Growth Chart", Publisher: "Bright Apps Ltd", URI: "https://app.example.org", Redirects: "http://app.example.org/cb",
			Kinds:  []ui.Choice{{Value: "public", Text: "Public (an app in the browser or on a phone)"}, {Value: "secret", Text: "Confidential, by secret"}, {Value: "key", Text: "Confidential, by key"}},
			Launch: "https://app.example.org/launch", Scopes: "launch/patient openid fhirUser patient/*.rs", Reason: "Asked for by paediatrics", TwoPersons: true}},
		{"adminappform-change", &ui.AdminAppForm{Common: admin(), ID: "growth-chart", Name: "Growth Chart", Redirects: "https://app.example.org/cb", Scopes: "openid"}},
		{"adminapp", &ui.AdminApp{Common: made, App: growth, Secret: "u7Jx-q2Lr-90sV-kd8M-3hTb-ZpQe", HasSecret: true, TwoPersons: true,
			Facts: []ui.Fact{{Label: "Redirects to", Values: []string{"https://app.example.org/cb", "https://app.example.org/silent"}}, {Label: "May ask for", Values: []string{"launch/patient", "openid", "fhirUser", "patient/*.rs"}}, {Label: "Key set", Values: nil}}}},
		{"adminapp-disabled", &ui.AdminApp{Common: admin(), App: warehouse, Disabled: true}},
		{"adminpeople", &ui.AdminPeople{Common: admin(), Find: "a", People: []ui.PersonLine{amy, locked, {ID: "u3", Name: "New Person", Username: "—", Status: "Invited", Mark: ui.StatusWaiting}}, Next: "n", Previous: "p"}},
		{"admininvite", &ui.AdminInvite{Common: invite, Name: "New Person", Email: "new.person", FHIRUser: "Practitioner/x", Organization: "Organization/north", Roles: roles, TwoPersons: true}},
		{"adminperson", &ui.AdminPerson{Common: admin(), Person: amy, Facts: []ui.Fact{{Label: "Signs in by", Values: []string{"password", "authenticator app"}}, {Label: "Organisation", Values: []string{"Organization/north"}}},
			Roles: []ui.HeldRole{{Role: "physician", Since: at("2025-01-01 00:00"), By: "Robin Clark"}, {Role: "auditor", Since: at("2026-11-22 09:00"), Until: at("2026-11-22 17:00"), Reason: "Complaint 2026-118", By: "Robin Clark"}},
			Offer: roles, Until: "2026-12-31", Reason: "Stand-in", TwoPersons: true, CanMail: true, Email: "susan@example.org"}},
		{"adminperson-locked", &ui.AdminPerson{Common: admin(), Person: locked, Locked: true}},
		{"approvals", &ui.Approvals{Common: admin(),
			Waiting: []ui.Change{
				{ID: "c1", Title: "Register the application Warehouse", By: "Dana Fox", Asked: at("2026-11-22 08:12"), Expires: at("2026-11-25 08:12"), Reason: "Nightly statistics", Facts: []ui.Fact{{Label: "Kind", Values: []string{"Backend service"}}, {Label: "May ask for", Values: []string{"system/*.rs"}}}},
				{ID: "c2", Title: "Give Noor Diaz the role auditor", By: "Robin Clark", Asked: at("2026-11-22 09:30"), Reason: "Complaint 2026-118", Mine: true},
				{ID: "c3", Title: "Replace the policies", By: "Dana Fox", Asked: at("2026-11-22 10:05"), Reason: "Research needs its own role", Facts: []ui.Fact{{Label: "Before", Values: []string{"14 policies, 9f3c…"}}, {Label: "After", Values: []string{"15 policies, 41ab…"}}}}},
			Decided: []ui.Change{{ID: "c0", Title: "Disable the application Old Portal", By: "Robin Clark", Asked: at("2026-11-01 10:00"), Status: "Approved by Dana Fox", Mark: ui.StatusGood}}}},
	}
}
