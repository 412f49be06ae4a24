package authz

import (
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
)

func newTestScopes() *Scopes { return NewScopes(search.NewExtractor(testBase), testBase) }

func TestScopeLetters(t *testing.T) {
	all := "create read update delete search"
	for _, c := range []struct{ name, scope, want string }{
		{"version 2, all", "user/Observation.cruds", all},
		{"version 2, some", "user/Observation.rs", "read search"},
		{"version 2, one", "user/Observation.d", "delete"},
		{"version 1 read", "user/Observation.read", "read search"},
		{"version 1 write", "user/Observation.write", "create update delete"},
		{"version 1 all", "user/Observation.*", all},
		{"every type", "user/*.r", "read"},
		{"URI form", "http://smarthealthit.org/fhir/scopes/user/Observation.rs", "read search"},
		{"union", "user/Observation.r user/*.s", "read search"},
		{"other scopes say nothing", "openid fhirUser launch/patient offline_access user/Observation.r", "read"},
		{"letters out of order", "user/Observation.sr", ""},
		{"a letter twice", "user/Observation.rr", ""},
		{"dus is out of order", "user/Observation.dus", ""},
		{"no letters", "user/Observation.", ""},
		{"no dot", "user/Observation", ""},
		{"an unknown letter", "user/Observation.rx", ""},
		{"upper case", "user/Observation.RS", ""},
		{"more after the letters", "user/Observation.rs.x", ""},
		{"an unknown type", "user/Observatoin.rs", ""},
		{"an abstract type", "user/DomainResource.rs", ""},
		{"another type", "user/Condition.rs", ""},
		{"an unknown context", "practitioner/Observation.rs", ""},
		{"another URI", "https://example.org/scopes/user/Observation.rs", ""},
		{"version 1 with arguments", "user/Observation.read?status=final", ""},
		{"no arguments after ?", "user/Observation.rs?", ""},
		{"nothing", "", ""},
		{"too long to read", "user/Observation.rs " + strings.Repeat("x", maxScope), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := person("", "Practitioner/1", "")
			id.Scope = c.scope
			var got []string
			for _, a := range fhir.Actions {
				if both(t, newTestScopes(), gate.NewPrincipal(id), a, record("Observation", ""), nil) {
					got = append(got, string(a))
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%q grants %v, want %q", c.scope, got, c.want)
			}
		})
	}
}

func TestScopeContexts(t *testing.T) {
	user := person("", "Practitioner/1", "")
	launched := user
	launched.Patient = "p1"
	elsewhere := user
	elsewhere.Patient = "p2"
	client := system("")
	clientWithPatient := client
	clientWithPatient.Patient = "p1"
	obs, doctor, medication := record("Observation", ""), record("Practitioner", ""), record("Medication", "")
	medication.Class.Linked = true
	doctor.Keys.Subjects = nil
	device := record("Device", "")
	for _, c := range []struct {
		name  string
		id    gate.Identity
		scope string
		h     gate.Header
		want  string // letters
	}{
		{"patient/ is the launch patient's record", launched, "patient/*.cruds", obs, "cruds"},
		{"and no other's", elsewhere, "patient/*.cruds", obs, ""},
		{"without a launch patient it is nothing", user, "patient/*.cruds", obs, ""},
		{"also for directory types", user, "patient/*.cruds", doctor, ""},
		{"the directory is for reading", launched, "patient/*.cruds", doctor, "rs"},
		{"a linked medication of the patient", launched, "patient/*.cruds", medication, "rs"},
		{"a linked medication of another", elsewhere, "patient/*.cruds", medication, ""},
		{"a type outside the compartment goes by its subject", launched, "patient/Device.rs", device, "rs"},
		{"user/ needs a person", client, "user/*.cruds", obs, ""},
		{"user/ with a person", user, "user/*.cruds", obs, "cruds"},
		{"system/ needs no person", user, "system/*.cruds", obs, ""},
		{"system/ for a client", client, "system/*.cruds", obs, "cruds"},
		{"patient/ for an application without identity", clientWithPatient, "patient/*.rs", obs, "rs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.id.Scope = c.scope
			for _, a := range fhir.Actions {
				if got, want := both(t, newTestScopes(), gate.NewPrincipal(c.id), a, c.h, nil), strings.Contains(c.want, letterName(a)); got != want {
					t.Errorf("%s = %v, want %v", a, got, want)
				}
			}
		})
	}
}

func TestScopeArguments(t *testing.T) {
	lab, vital := []byte(someBodies[0]), []byte(someBodies[1])
	for _, c := range []struct {
		name, args      string
		onLab, onVitals bool
	}{
		{"a code", "category=laboratory", true, false},
		{"a system and code", "category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory", true, false},
		{"percent-encoded", "category=http%3A%2F%2Fterminology.hl7.org%2FCodeSystem%2Fobservation-category%7Claboratory", true, false},
		{"alternatives", "category=laboratory,vital-signs", true, true},
		{"two parameters", "category=laboratory&status=preliminary", false, false},
		{"the same twice", "category=laboratory&category=vital-signs", false, false},
		{"a date", "date=ge2024-01-01", false, true},
		{"an id", "_id=1", true, true},
		{"a modifier", "category:not=vital-signs", false, false},
		{"missing", "date:missing=true", false, false},
		{"a chain", "subject.name=x", false, false},
		{"_has", "_has:Provenance:target:agent=x", false, false},
		{"a result parameter", "category=laboratory&_count=1", false, false},
		{"sorting", "category=laboratory&_sort=date", false, false},
		{"an unknown parameter", "category=laboratory&nonsense=1", false, false},
		{"another type's parameter", "clinical-status=active", false, false},
		{"near the present", "date=ap2024-02-01", false, false},
		{"an empty value", "category=", false, false},
		{"an empty pair", "category=laboratory&", false, false},
		{"a plus sign", "date=ge2024-01-01T00:00:00+00:00", false, false},
		{"a broken escape", "category=%zz", false, false},
		{"text", "_content=final", false, false},
		{"a filter", "_filter=status eq final", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := person("", "Practitioner/1", "")
			id.Scope = "user/Observation.cruds?" + c.args
			for _, a := range fhir.Actions {
				if got := both(t, newTestScopes(), gate.NewPrincipal(id), a, record("Observation", ""), lab); got != c.onLab {
					t.Errorf("%s of the laboratory's = %v, want %v", a, got, c.onLab)
				}
				if got := both(t, newTestScopes(), gate.NewPrincipal(id), a, record("Observation", ""), vital); got != c.onVitals {
					t.Errorf("%s of the vital sign = %v, want %v", a, got, c.onVitals)
				}
			}
		})
	}
}

func TestArgumentsThatGrantNothingFoldToNever(t *testing.T) {
	id := person("", "Practitioner/1", "")
	id.Scope = "user/Observation.rs?category:not=laboratory"
	r, err := newTestScopes().Rule(gate.NewPrincipal(id), fhir.ActSearch, "Observation")
	if _, never := r.(gate.Never); err != nil || !never {
		t.Errorf("Rule = %#v, %v, want Never, so that the request is refused openly", r, err)
	}
}

func TestAWholeScopeAbsorbsItsParts(t *testing.T) {
	id := person("", "Practitioner/1", "")
	id.Scope = "user/Observation.rs?category=laboratory user/*.rs"
	r, err := newTestScopes().Rule(gate.NewPrincipal(id), fhir.ActSearch, "Observation")
	if _, always := r.(gate.Always); err != nil || !always {
		t.Errorf("Rule = %#v, %v, want Always", r, err)
	}
}

func TestContentThatCannotBeReadDeniesByArguments(t *testing.T) {
	id := person("", "Practitioner/1", "")
	id.Scope = "user/Observation.rs?category=laboratory"
	d, err := newTestScopes().Decide(gate.NewPrincipal(id), fhir.ActRead, record("Observation", ""), gate.NewContent([]byte("{")))
	if err == nil || d.Effect != gate.Denies {
		t.Errorf("Decide = %v, %v, want an error that denies", d, err)
	}
	d, err = newTestScopes().Decide(gate.NewPrincipal(id), fhir.ActRead, record("Observation", ""), nil)
	if err != nil || d.Effect != gate.Denies {
		t.Errorf("Decide without content = %v, %v, want a denial", d, err)
	}
}

func TestScopesHaveNoOpinionOnRights(t *testing.T) {
	s, who := newTestScopes(), gate.NewPrincipal(system(""))
	if ok, err := s.MayAssert(who, "CareTeam"); !ok || err != nil {
		t.Errorf("MayAssert = %v, %v", ok, err)
	}
	if ok, err := s.MayImport(who); !ok || err != nil {
		t.Errorf("MayImport = %v, %v", ok, err)
	}
}

func TestEveryTypeOfTheDirectoryExists(t *testing.T) {
	for _, typ := range []string{"Practitioner", "Organization", "ValueSet", "Medication", "Location"} {
		if !Directory(typ) || !known(typ) {
			t.Errorf("%s is no directory type", typ)
		}
	}
	for _, typ := range []string{"Patient", "Observation", "Device", "Binary", "AuditEvent", "Task", "Group", "CareTeam", "RelatedPerson", "Person"} {
		if Directory(typ) {
			t.Errorf("%s is a directory type", typ)
		}
	}
}
