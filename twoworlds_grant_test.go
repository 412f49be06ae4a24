package firebreak_test

import (
	"net/url"
	"slices"
	"strings"

	"firebreak/transport"
)

// Of verifier and challenge one pair does for all: both worlds are to be asked
// the same.
const (
	proof     = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
	challenge = "g0tuZ6q412zO9IRkeAUs8HN6MQeXPsGce37J3Rsc8wQ"
)

// asks are the scopes that applications ask for.
var asks = []string{
	"openid fhirUser profile launch/patient patient/*.rs", "openid fhirUser online_access patient/Observation.rs patient/Patient.rs", "patient/Patient.read patient/Observation.read offline_access launch/patient",
	"openid offline_access patient/*.cruds user/*.rs", "patient/Observation.rs?category=laboratory patient/Patient.r patient/Encounter.rs openid", "launch/patient openid fhirUser user/Patient.rs user/Observation.rs",
	"openid fhirUser profile online_access user/*.rs", "user/Observation.s user/Encounter.r openid",
}

// opens has an application ask for access, launched or not, and answers what is
// asked. What it comes by is used, and goes on being used when the patient is
// not to be seen any more.
func (v *visitor) opens(app, launch string) {
	m, scope := v.ask, v.ask.one(asks...)
	v.at[0].token, v.at[1].token = "", ""
	with := url.Values{"response_type": {"code"}, "client_id": {app}, "redirect_uri": {"https://app.invalid/cb"}, "state": {"state-1"}, "nonce": {"nonce-1"}, "aud": {base},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "scope": {strings.TrimSpace(launch + " " + scope)}}
	begin := func(b *browser) string {
		if launch != "" {
			with.Set("launch", b.launch)
		}
		return b.open("/authorize", with)
	}
	v.alike("authorize", with.Encode(), begin)
	v.signsIn()
	if v.at[0].shows("/patient") {
		v.chooses()
	}
	if v.at[0].shows("/consent") {
		v.consents()
	}
	if v.Failed() {
		return
	}
	if v.at[0].to.Get("code") == "" {
		v.tally.kinds["refused"]++
		return
	}
	v.alike("tokens", app, func(b *browser) string {
		return b.takes(url.Values{"grant_type": {"authorization_code"}, "code": {b.to.Get("code")}, "redirect_uri": {"https://app.invalid/cb"}, "code_verifier": {proof},
			"client_id": {app}, "client_secret": {v.g.secret[app]}})
	})
	if patient := v.at[0].patient; patient != "" && !v.opensTo(patient) && !v.Failed() {
		v.Errorf("%s, request %d as %s: an application is told of Patient/%s, the oracle says no", v.name, v.compare, v.who, patient)
	}
	v.uses(app)
	if launch != "" && m.chance(30) {
		v.alike("authorize", "once more", begin) // a launch is for one grant
	}
	if v.at[0].patient != "" && m.chance(60) && v.loses(v.at[0].patient) {
		v.turn()
		v.uses(app)
	}
}

// chooses finds a patient, and chooses one that may have been found or not.
func (v *visitor) chooses() {
	for range v.ask.number(0, 2) {
		v.searches("/patient/find")
	}
	id := v.ask.id("Patient")
	opens := v.may("read", "Patient", id)
	v.post("choose", "/patient", url.Values{"patient": {id}})
	v.told(id, opens, v.at[0].to.Get("error") == "")
}

// consents grants some of what is asked.
func (v *visitor) consents() {
	m, fields := v.ask, url.Values{"answer": {"allow"}}
	for _, id := range v.at[0].values(offeredScope) {
		if m.chance(80) {
			fields.Add("scope", id)
		}
	}
	for _, take := range v.at[0].values(offeredTake) {
		fields.Set(take, m.one("all", "all", "all", "some", "none"))
	}
	if m.chance(5) {
		fields.Set("answer", "refuse")
	}
	v.post("consent", "/consent", fields)
}

// uses does with tokens what can be done with them.
func (v *visitor) uses(app string) {
	m := v.ask
	for range m.number(2, 5) {
		v.reads()
	}
	v.alike("userinfo", "", func(b *browser) string {
		_, said := b.d.web(transport.WebRequest{Method: "GET", Path: "/auth/userinfo", Authorization: "Bearer " + b.token})
		return said
	})
	asker := m.one("lab", app)
	v.alike("introspection", asker, func(b *browser) string {
		return b.call("/introspect", url.Values{"token": {b.token}, "client_id": {asker}, "client_secret": {v.g.secret[asker]}})
	})
	if v.at[0].refresh != "" && m.chance(70) {
		v.alike("refresh", app, func(b *browser) string {
			return b.takes(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {b.refresh}, "client_id": {app}, "client_secret": {v.g.secret[app]}})
		})
		v.reads()
	}
	if m.chance(50) {
		v.alike("account", "GET /account", func(b *browser) string { return b.open("/account", nil) })
	}
}

// reads is one question with the token, of the patient in context or of anything.
func (v *visitor) reads() {
	m, patient := v.ask, v.at[0].patient
	q := request{method: "POST"}
	for q.method != "GET" {
		q = m.ask()
	}
	if patient != "" && m.chance(50) {
		q.url = m.one("Patient/"+patient, "Observation?patient="+patient, "Patient/"+patient+"/$everything", "Patient?_id="+patient+"&_revinclude=*", "Encounter?subject.name="+m.given(),
			"Patient?_has:Observation:patient:code="+m.code(), "Patient/"+patient+"/_history", "Encounter/"+m.id("Encounter"))
	}
	var first answer
	v.alike("read", q.String(), func(b *browser) string {
		a := b.d.fhir.do(b.token, "GET", q.url, "", q.header...)
		if b == v.at[0] {
			first = a
		}
		return b.d.tell.same(a.String())
	})
	if !v.Failed() {
		v.shown(request{method: "GET", url: q.url}, first)
	}
}

// loses has others write a patient's record so that the person may not see it any
// more: B has then never held it, and the grant is there nevertheless.
func (v *visitor) loses(id string) bool {
	v.holdsV()
	m, o, now := v.ask.maker, v.oracle(v.who), v.a.clock.Now()
	at := slices.IndexFunc(v.records, func(r *record) bool { return r.typ == "Patient" && r.id == id })
	if at < 0 || v.records[at].current().deleted {
		return false
	}
	r := v.records[at]
	n, moment := len(r.versions), v.moment()
	for range 40 {
		if m.relabel(r, moment); !o.inV(r, n) {
			v.write(r)
			v.a.clock.Set(now)
			v.align(m)
			v.tally.kinds["(lost)"]++
			return true
		}
		r.versions = r.versions[:n]
	}
	return false
}
