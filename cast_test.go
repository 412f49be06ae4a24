package firebreak_test

import (
	"math/rand/v2"

	"firebreak/gate"
)

// scopes are what tokens say; the first are the common ones.
var scopes = map[string][]string{
	"user": {"user/*.cruds", "user/*.cruds", "user/*.cruds", "user/*.cruds", "user/*.cruds", "user/*.cruds user/Observation.rs", "user/*.rs", "user/*.rs user/Observation.cud", "user/Observation.rs user/Patient.r", "user/Observation.cu",
		"user/Observation.cud user/Patient.rs user/Condition.rs", "user/Observation.rs?category=laboratory user/Patient.rs user/Encounter.rs",
		"user/Observation.cruds?category=laboratory user/Condition.cruds?category=problem-list-item user/Patient.rs user/DiagnosticReport.rs user/Organization.rs",
		"user/Condition.rs?category=problem-list-item user/*.cu user/Observation.s", "user/*.s user/Observation.r", "user/*.r", "user/*.cud", "user/*.cud user/Observation.rs",
		"user/Observation.cruds?category=vital-signs user/Condition.cruds?category=problem-list-item user/Patient.cruds user/Encounter.rs user/DiagnosticReport.rs user/CareTeam.rs",
		"user/Observation.cruds?category=laboratory user/Observation.rs?category=vital-signs user/Patient.rs user/Encounter.cruds user/Practitioner.rs user/Organization.rs", "user/*.cruds patient/*.rs"},
	"patient": {"patient/*.rs", "patient/*.cruds", "patient/Observation.rs patient/Patient.r patient/Practitioner.rs", "patient/*.rs?category=laboratory patient/Patient.rs",
		"patient/Observation.rs?category=vital-signs patient/*.r"},
	"system": {"system/*.rs", "system/Observation.rs system/Patient.rs", "system/Observation.rs?category=laboratory system/Patient.rs system/Encounter.r system/Condition.s"},
}

// cast are the people of a world; their scopes are drawn.
func cast(r *rand.Rand) people {
	p := standard()
	set := func(name, user, org, kind string, roles ...string) {
		p[name] = gate.Identity{Tenant: "main", Issuer: "https://idp.invalid", Subject: name, ClientID: "app", FHIRUser: user,
			Organization: org, Roles: roles, Scope: pick(r, scopes[kind]), Purpose: "TREAT"}
	}
	set("adams", "Practitioner/adams", "Organization/north", "user", "physician")
	set("nora", "Practitioner/nora", "Organization/north", "user", "nurse")
	set("chen", "Practitioner/chen", "Organization/south", "user", "physician")
	set("wu", "Practitioner/wu", "Organization/west", "user", "physician", "nurse")
	set("amy", "Patient/"+short("Patient")+"1", "", "patient", "patient")
	set("launched", "Practitioner/adams", "Organization/north", "patient", "physician")
	set("warehouse", "", "", "system", "system")
	for _, name := range []string{"amy", "launched"} {
		id := p[name]
		id.Patient = short("Patient") + "1"
		p[name] = id
	}
	for _, name := range []string{"officer", "admin", "roleless"} {
		id := p[name]
		id.Scope = pick(r, scopes["user"])
		p[name] = id
	}
	delete(p, "baker")
	delete(p, "importerS")
	return p
}

// asking is whom a world is made for, by weight.
var asking = []string{"adams", "adams", "adams", "nora", "nora", "chen", "chen", "wu", "amy", "amy", "launched", "warehouse", "officer", "admin", "roleless"}
