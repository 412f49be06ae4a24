package ui_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"reflect"
	"strings"
	"testing"
	"time"

	"firebreak/ui"
)

// specimen is a page with some content.
type specimen struct {
	name string // "consent", "consent-long"
	view ui.View
}

// hostile is text that tries to be more than text, in one of its directions.
const hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;{{.}}</textarea></title> \u202eevil\u202c עברית javascript:alert(1)"

// gallery is every page with realistic content, and each of those again with
// none, with very long and with hostile content.
func gallery(t testing.TB) []specimen {
	t.Helper()
	shown := realistic(t)
	var out []specimen
	for _, s := range shown {
		out = append(out, s)
		if strings.Contains(s.name, "-") {
			continue // a second state of a page
		}
		empty := reflect.New(reflect.TypeOf(s.view).Elem())
		long, bad := clone(s.view), clone(s.view)
		fill(long, strings.Repeat("Longname", 25))
		fill(bad, hostile)
		for suffix, v := range map[string]reflect.Value{"-empty": empty, "-long": long, "-hostile": bad} {
			out = append(out, specimen{s.name + suffix, v.Interface().(ui.View)})
		}
	}
	return out
}

func clone(v ui.View) reflect.Value {
	c := deep(reflect.ValueOf(v).Elem())
	p := reflect.New(c.Type())
	p.Elem().Set(c)
	return p
}

func deep(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(deep(v.Elem()))
			out.Set(p)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			break
		}
		for i := range v.NumField() {
			out.Field(i).Set(deep(v.Field(i)))
		}
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			s.Index(i).Set(deep(v.Index(i)))
		}
		out.Set(s)
	}
	return out
}

// fill sets every text of a view, but what other code chooses: the names of
// fields, the colour of a status and the browser's JSON.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() {
			fill(v.Elem(), text)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[ui.Passkey]() || v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if v.Type() == reflect.TypeFor[ui.FieldError]() && v.Type().Field(i).Name == "Field" {
				continue
			}
			fill(v.Field(i), text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.String:
		if v.Type() != reflect.TypeFor[ui.StatusKind]() {
			v.SetString(text)
		}
	}
}

// square is an image in place of a QR code.
func square(t testing.TB) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 41, 41))
	for y := range 41 {
		for x := range 41 {
			if (x*7+y*13+x*y)%5 < 3 || x < 4 || y < 4 || x > 36 || y > 36 {
				m.Set(x, y, color.White)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func at(s string) ui.Moment {
	m, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return m
}

func person(c ui.Common) ui.Common {
	c.CSRF, c.Flow = "csrf-token", "flow-id"
	return c
}

func adams() ui.Common {
	return person(ui.Common{Person: "Dr. Susan Adams", Menu: ui.Menu{Launch: true, Roles: true}})
}

func admin() ui.Common {
	return person(ui.Common{Person: "Robin Clark", Menu: ui.Menu{Roles: true, Admin: true, Waiting: 2}})
}

const (
	askOptions  = `{"publicKey":{"challenge":"YWJjZGVmZ2hpamtsbW5vcA","rpId":"localhost","userVerification":"required"}}`
	makeOptions = `{"publicKey":{"challenge":"YWJjZGVmZ2hpamtsbW5vcA","rp":{"id":"localhost","name":"North Hospital"},"user":{"id":"YW15","name":"amy","displayName":"Amy Shaw"},"pubKeyCredParams":[{"type":"public-key","alg":-7}]}}`
)

var patients = []ui.Patient{
	{ID: "amy", Name: "Amy V. Shaw", BirthDate: "1987-02-20", Gender: "female", Identifier: "MRN 1032702"},
	{ID: "k3v9xq2m7t", Name: "Amir Shawqi", BirthDate: "1955-11", Gender: "male", Identifier: "MRN 1098811"},
	{ID: "pp42mtx8yw", Name: "Ana-Sofía Shaw-Delgado", BirthDate: "2021-07-01", Gender: "other"},
}

// realistic is every page as people will meet it.
func realistic(t testing.TB) []specimen {
	t.Helper()
	out := append(signIns(), flows()...)
	out = append(out, accounts(t)...)
	return append(out, admins()...)
}

func signIns() []specimen {
	wrong := person(ui.Common{Errors: []ui.FieldError{{Text: "User name and password do not match, or the account can’t be used now. Try again, or wait some minutes."}}})
	return []specimen{
		{"signin", &ui.SignIn{Common: person(ui.Common{}), App: "Growth Chart", Username: "amy", Local: true, Reset: true,
			Providers: []ui.Provider{{ID: "kc", Name: "North Hospital staff"}, {ID: "okta", Name: "South Clinic (Okta)"}}, Passkey: &ui.Passkey{Options: askOptions}}},
		{"signin-wrong", &ui.SignIn{Common: wrong, App: "Growth Chart", Username: "amy", Local: true, Reset: true}},
		{"factor", &ui.SecondFactor{Common: person(ui.Common{Person: "Amy Shaw", Errors: []ui.FieldError{{Field: "code", Text: "This code is not right, or was used already"}}}),
			TOTP: true, Recovery: true, Passkey: &ui.Passkey{Options: askOptions}}},
		{"factor-passkey", &ui.SecondFactor{Common: person(ui.Common{}), Passkey: &ui.Passkey{Options: askOptions}}},
		{"invitation", &ui.Invitation{Common: person(ui.Common{Errors: []ui.FieldError{{Field: "password", Text: "This password is known from a break-in elsewhere: choose another"}}}),
			Token: "t0ken", Name: "Amy Shaw", Username: "amy", MinLength: 12}},
		{"invitation-fixed", &ui.Invitation{Common: person(ui.Common{}), Token: "t0ken", Name: "Amy Shaw", Username: "amy.shaw", Fixed: true, MinLength: 12}},
		{"reset", &ui.ResetRequest{Common: person(ui.Common{}), Email: "amy@example.org"}},
		{"reset-sent", &ui.ResetRequest{Common: person(ui.Common{}), Sent: true}},
		{"newpassword", &ui.ResetPassword{Common: person(ui.Common{Errors: []ui.FieldError{{Field: "repeat", Text: "The two passwords differ"}}}), Token: "t0ken", Username: "amy", MinLength: 12}},
		{"confirm", &ui.ConfirmEmail{Common: person(ui.Common{}), Token: "t0ken", Username: "amy.shaw", Email: "amy@example.org"}},
		{"confirm-allow", &ui.ConfirmEmail{Common: person(ui.Common{}), Token: "t0ken", Username: "dr-adams", Email: "adams@example.org", Allow: true}},
		{"signout", &ui.SignOut{Common: person(ui.Common{Person: "Amy Shaw"}), App: "Growth Chart"}},
		{"signedout", &ui.SignedOut{Common: person(ui.Common{}), App: "Growth Chart", ReturnTo: "https://app.example.org/bye"}},
		{"message", &ui.Message{Common: person(ui.Common{}), Title: "This application can’t be opened", Error: true, Visit: "01JD8Z6M3K4W9",
			Text: "The address it asked to return to is not registered.", Hint: "Tell those who run the application. Nothing of yours was shown to it.",
			Link: "/auth/account", LinkText: "Your account"}},
	}
}

func consent() *ui.Consent {
	return &ui.Consent{Common: person(ui.Common{Person: "Amy Shaw"}), App: "Growth Chart", Publisher: "Bright Apps Ltd", AppURI: "https://app.example.org",
		ReturnsTo: "app.example.org", Patient: &patients[0], Until: "for 90 days", Again: true,
		Groups: []ui.ScopeGroup{
			{Title: "Who you are", Choices: []ui.ScopeChoice{
				{ID: "openid", Text: "Know that it is you", Required: true},
				{ID: "fhirUser", Text: "Know your name and which record is yours", Checked: true}}},
			{Title: "Health record", Text: "Only of the patient named above.", Choices: []ui.ScopeChoice{
				{ID: "patient/Patient.rs", Text: "Read name, birth date and address", Checked: true},
				{ID: "patient/Condition.rs", Text: "Read conditions", Detail: "Illnesses and concerns", Checked: true, Parts: []ui.ScopeChoice{
					{ID: "patient/Condition.rs?category=p", Text: "Problems on the problem list", Checked: true},
					{ID: "patient/Condition.rs?category=e", Text: "Diagnoses of a visit", Checked: true},
					{ID: "patient/Condition.rs?category=h", Text: "Health concerns", Checked: true}}},
				{ID: "patient/Observation.rs", Text: "Read observations", Checked: true, Parts: []ui.ScopeChoice{
					{ID: "patient/Observation.rs?category=l", Text: "Laboratory results", Checked: true},
					{ID: "patient/Observation.rs?category=v", Text: "Vital signs", Detail: "Weight, blood pressure and the like", Checked: true},
					{ID: "patient/Observation.rs?category=s", Text: "Social history"}}},
				{ID: "patient/Observation.cu", Text: "Add and change observations", Detail: "Not asked for by most applications"}}},
		},
		Offline: &ui.ScopeChoice{ID: "offline_access", Text: "Keep access while you are away", Detail: "Until you take it back, without asking again", Checked: true}}
}

// everything is a consent whose parts have parts.
func everything() *ui.Consent {
	v := consent()
	v.Again, v.Until, v.Patient = false, "", nil
	v.Groups = []ui.ScopeGroup{{Title: "Health record", Choices: []ui.ScopeChoice{
		{ID: "*", Text: "See everything in your record", Checked: true, Parts: []ui.ScopeChoice{
			{ID: "c", Text: "Conditions", Checked: true, Parts: []ui.ScopeChoice{{ID: "c1", Text: "Problems", Checked: true}, {ID: "c2", Text: "Diagnoses of a visit"}}},
			{ID: "m", Text: "Medications", Checked: true},
			{ID: "o", Text: "Observations", Parts: []ui.ScopeChoice{{ID: "o1", Text: "Laboratory results"}, {ID: "o2", Text: "Vital signs"}}},
			{ID: "rest", Text: "All others, also kinds that are added later", Detail: "Only together with all of the above."}}}}}}
	return v
}

func flows() []specimen {
	found := ui.PatientSearch{Name: "sha", BirthDate: "1987-02-20", Identifier: "10", Done: true, Found: patients, Next: "n", Previous: "p"}
	return []specimen{
		{"consent", consent()},
		{"consent-everything", everything()},
		{"patient", &ui.ChoosePatient{Common: person(ui.Common{Person: "Dr. Susan Adams"}), App: "Growth Chart", Search: found}},
		{"patient-none", &ui.ChoosePatient{Common: person(ui.Common{Person: "Dr. Susan Adams"}), App: "Growth Chart", Search: ui.PatientSearch{Name: "zzz", Done: true}}},
		{"patient-few", &ui.ChoosePatient{Common: person(ui.Common{Person: "Amy Shaw"}), App: "Growth Chart", Few: true, Search: ui.PatientSearch{Found: patients[:2]}}},
		{"launch", &ui.Launch{Common: adams(), Patient: &patients[0], Encounters: []ui.Choice{{Value: "", Text: "None"}, {Value: "e1", Text: "Ward round, 20 November 2026", Selected: true}},
			Apps: []ui.LaunchApp{{ID: "growth", Name: "Growth Chart", Publisher: "Bright Apps Ltd", Text: "Height and weight over time."}, {ID: "demo", Name: "Sample application", Publisher: "Firebreak", Text: "Shows what an application gets."}}}},
		{"launch-find", &ui.Launch{Common: adams(), Search: found}},
	}
}

func accounts(t testing.TB) []specimen {
	fixed := adams()
	fixed.Errors = []ui.FieldError{{Field: "current", Text: "This is not your password"}}
	roles := adams()
	roles.Errors = []ui.FieldError{{Field: "until", Text: "Choose an end within eight hours"}, {Field: "reason", Text: "Give a reason"}}
	account := adams()
	account.Notice = "Access was taken back. It ended at once."
	again := adams()
	again.Errors = []ui.FieldError{{Field: "code", Text: "This code is not right"}}
	return []specimen{
		{"account", &ui.Account{Common: account,
			Grants: []ui.Grant{
				{ID: "g1", App: "Growth Chart", Publisher: "Bright Apps Ltd", May: []string{"Read name, birth date and address", "Read conditions: only problems on the problem list", "Read observations: only laboratory results, vital signs"},
					Patient: "Amy V. Shaw", Offline: true, Since: at("2026-08-02 09:12"), LastUsed: at("2026-11-21 18:40"), Until: at("2027-02-19 09:12")},
				{ID: "g2", App: "Ward Board", May: []string{"Read everything that you may read"}, Since: at("2026-11-20 07:00")}},
			Sessions: []ui.Session{
				{ID: "s1", Browser: "Firefox on Windows", Address: "10.20.30.40", Since: at("2026-11-22 07:55"), LastSeen: at("2026-11-22 11:03"), Current: true},
				{ID: "s2", Browser: "Safari on iPhone", Address: "2001:db8:85a3::8a2e:370:7334", Since: at("2026-11-19 20:10"), LastSeen: at("2026-11-21 22:47")}},
			Password: true, TOTP: true, Email: "s.adams@north.example.org", PasswordChanged: at("2026-03-01 10:00"), Recovery: 8,
			Passkeys: []ui.StoredPasskey{{ID: "p1", Name: "Work laptop", Added: at("2026-05-11 12:00"), LastUsed: at("2026-11-22 07:55")}}}},
		{"account-federated", &ui.Account{Common: adams(), Provider: "North Hospital staff", Sessions: []ui.Session{{ID: "s1", Browser: "Firefox on Windows", Current: true, Since: at("2026-11-22 07:55"), LastSeen: at("2026-11-22 11:03")}}}},
		{"password", &ui.ChangePassword{Common: fixed, Username: "dr-adams", MinLength: 12}},
		{"totp", &ui.SetUpTOTP{Common: adams(), Secret: "JBSW Y3DP EHPK 3PXP JBSW Y3DP", QR: square(t)}},
		{"totp-again", &ui.SetUpTOTP{Common: again}},
		{"totp-must", &ui.SetUpTOTP{Common: person(ui.Common{}), Must: true, Secret: "JBSW Y3DP EHPK 3PXP JBSW Y3DP", QR: square(t), Passkey: &ui.AskPasskey{Name: "Firefox on Windows", Passkey: ui.Passkey{Options: makeOptions}}}},
		{"recovery-flow", &ui.RecoveryCodes{Common: person(ui.Common{}), Within: true, Codes: []string{"4f7k-9d2m", "p3xz-77qa"}}},
		{"email", &ui.ChangeEmail{Common: adams(), Now: "s.adams@north.example.org", Email: "adams@north.example.org"}},
		{"email-sent", &ui.ChangeEmail{Common: adams(), Sent: "adams@north.example.org"}},
		{"passkey", &ui.AddPasskey{Common: adams(), Name: "Firefox on Windows", Passkey: ui.Passkey{Options: makeOptions}}},
		{"recovery", &ui.RecoveryCodes{Common: adams(), Codes: []string{"4f7k-9d2m", "p3xz-77qa", "h8vn-2c5t", "w6rj-e4yb", "m1ks-8gdu", "z9ta-3hqf", "c2we-6npx", "r5yl-v8oi"}}},
		{"roles", &ui.RequestRole{Common: roles, Roles: []ui.Choice{{Value: "auditor", Text: "Auditor"}, {Value: "admin", Text: "Administrator", Selected: true}}, Reason: "Quarterly review", Until: "2026-11-22T18:00", Latest: "2026-11-22T20:00",
			Requests: []ui.RoleRequest{
				{ID: "r1", Role: "Auditor", Reason: "Complaint 2026-118", Asked: at("2026-11-22 09:00"), Until: at("2026-11-22 17:00"), Status: "Active", Mark: ui.StatusGood, Decided: "Robin Clark", Active: true},
				{ID: "r2", Role: "Administrator", Reason: "Register the ward board", Asked: at("2026-11-21 09:00"), Until: at("2026-11-21 12:00"), Status: "Waiting for a second person", Mark: ui.StatusWaiting, Waiting: true},
				{ID: "r3", Role: "Administrator", Reason: "Trial", Asked: at("2026-10-01 09:00"), Until: at("2026-10-01 12:00"), Status: "Refused", Mark: ui.StatusBad, Decided: "Robin Clark"}}}},
	}
}
