package authz

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"firebreak/demo"
	"firebreak/fhir"
	"firebreak/gate"
)

// Each test below is one sentence of the policies that Firebreak comes with.

const north, south = "Organization/north", "Organization/south"

func physician() gate.Identity { return person("physician", "Practitioner/adams", north) }
func nurse() gate.Identity     { return person("nurse", "Practitioner/diaz", north) }
func officer() gate.Identity   { return person("security-officer", "Practitioner/officer", "") }
func admin() gate.Identity     { return person("admin", "Practitioner/admin", north) }
func amy() gate.Identity       { return person("patient", "Patient/p1", north) }
func ben() gate.Identity       { return person("patient", "Patient/p2", north) }

type change func(*gate.Header)

func inCareTeam(h *gate.Header) { h.Facts.CareTeam = true }
func linked(h *gate.Header)     { h.Class.Linked = true }
func asserted(h *gate.Header)   { h.Class.Asserted = true }
func restricted(h *gate.Header) { h.Class.Confidentiality = gate.Restricted }
func very(h *gate.Header)       { h.Class.Confidentiality = gate.VeryRestricted }
func by(author string) change   { return func(h *gate.Header) { h.Keys.Author = author } }
func nobodys(h *gate.Header)    { h.Keys.Subjects = nil }

type sentence struct {
	name    string
	who     gate.Identity
	typ     string
	org     string
	changes []change
	may     string // of "cruds"
}

func with(c ...change) []change { return c }

func TestDefaultPoliciesSayWhatTheyPromise(t *testing.T) {
	for _, group := range [][]sentence{clinicians(), everybody(), specialRoles(), labels()} {
		for _, s := range group {
			t.Run(s.name, func(t *testing.T) { s.check(t, defaults(t)) })
		}
	}
}

func (s sentence) check(t *testing.T, p *Policies) {
	who := gate.NewPrincipal(s.who)
	h := record(s.typ, s.org)
	for _, c := range s.changes {
		c(&h)
	}
	for _, a := range fhir.Actions {
		want := strings.Contains(s.may, letterName(a))
		if got := both(t, p, who, a, h, nil); got != want {
			t.Errorf("%s %s = %v, want %v", a, s.typ, got, want)
		}
	}
}

func clinicians() []sentence {
	noOrg := person("physician", "Practitioner/x", "")
	return []sentence{
		{"clinicians see and change what their organisation wrote", physician(), "Observation", north, nil, "cruds"},
		{"nurses too", nurse(), "Observation", north, nil, "cruds"},
		{"nobody crosses organisations", physician(), "Observation", south, nil, ""},
		{"but for patients in whose care team they are, reading only", physician(), "Observation", south, with(inCareTeam), "rs"},
		{"nurses in care teams too", nurse(), "Observation", south, with(inCareTeam), "rs"},
		{"no organisation is not an organisation", noOrg, "Observation", "", nil, ""},
		{"a clinician without one still has care teams", noOrg, "Observation", north, with(inCareTeam), "rs"},
		{"a care team without a clinical role gives nothing", person("clerk", "Practitioner/c", south), "Observation", north, with(inCareTeam), ""},
		{"clinicians create patients", physician(), "Patient", north, nil, "cruds"},
		{"clinicians don't write organisations", physician(), "Organization", north, nil, "rs"},
		{"nor practitioners", physician(), "Practitioner", north, nil, "rs"},
		{"nor their roles", physician(), "PractitionerRole", north, nil, "rs"},
		{"nor definitions", physician(), "ValueSet", north, nil, "rs"},
		{"they write medications", physician(), "Medication", north, nil, "cruds"},
		{"they don't see or write the audit trail", physician(), "AuditEvent", north, with(inCareTeam), ""},
		{"provenance is append-only", physician(), "Provenance", north, nil, "crs"},
		{"a care team of theirs is a record like others", physician(), "CareTeam", north, nil, "cruds"},
		{"one that counts is changed by asserters only", physician(), "CareTeam", north, with(asserted), "crs"},
		{"an imported chart stays with its clinicians", nurse(), "Patient", north, with(asserted), "cruds"},
		{"a group that counts is changed by asserters only", nurse(), "Group", north, with(asserted), "crs"},
		{"a linked directory record is a chart", physician(), "Medication", south, with(linked), ""},
		{"a linked directory record of their own", physician(), "Medication", north, with(linked), "cruds"},
	}
}

func everybody() []sentence {
	var out []sentence
	for _, typ := range []string{"Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService", "Endpoint",
		"Medication", "Substance", "ValueSet", "CodeSystem", "StructureDefinition", "Questionnaire", "PlanDefinition", "ActivityDefinition"} {
		out = append(out,
			sentence{"anybody signed in reads " + typ, person("", "Practitioner/guest", ""), typ, south, with(nobodys), "rs"},
			sentence{"a patient reads " + typ, ben(), typ, south, with(nobodys), "rs"},
			sentence{"unless linked: " + typ, person("", "Practitioner/guest", ""), typ, south, with(linked), ""})
	}
	return append(out,
		sentence{"a patient sees their own record, reading only", amy(), "Observation", south, nil, "rs"},
		sentence{"and what is linked to them", amy(), "Medication", south, with(linked), "rs"},
		sentence{"and nobody else's", ben(), "Observation", north, nil, ""},
		sentence{"not the audit trail", amy(), "AuditEvent", "", nil, ""},
		sentence{"provenance of their record", amy(), "Provenance", south, nil, "rs"},
		sentence{"a client without a role sees nothing", system("none"), "Observation", "", nil, ""},
		sentence{"and no directory", system("none"), "Practitioner", "", nil, ""},
		sentence{"a launch patient is not the patient who asks", func() gate.Identity {
			id := person("", "Practitioner/guest", "")
			id.Patient = "p1"
			return id
		}(), "Observation", south, nil, ""},
	)
}

func specialRoles() []sentence {
	return []sentence{
		{"the officer sees the audit trail", officer(), "AuditEvent", north, nil, "rs"},
		{"whatever its label", officer(), "AuditEvent", north, with(very), "rs"},
		{"the officer sees no charts", officer(), "Observation", north, nil, ""},
		{"nor provenance", officer(), "Provenance", north, nil, ""},
		{"a system reads everything", system("system"), "Observation", south, nil, "rs"},
		{"also V", system("system"), "Observation", south, with(very), "rs"},
		{"also the audit trail", system("system"), "AuditEvent", "", nil, "rs"},
		{"a person with the role system gains nothing", person("system", "Practitioner/x", ""), "Observation", south, nil, ""},
		{"administrators see no charts", admin(), "Observation", north, nil, ""},
		{"not their patients' either", admin(), "Patient", north, with(inCareTeam), ""},
		{"they keep the directory", admin(), "Organization", south, nil, "cruds"},
		{"also what counts", admin(), "Practitioner", south, with(asserted), "cruds"},
		{"and care teams", admin(), "CareTeam", south, with(asserted), "cruds"},
		{"and groups", admin(), "Group", "", nil, "cruds"},
		{"and roles", admin(), "PractitionerRole", "", with(asserted), "cruds"},
		{"not linked records", admin(), "Medication", north, with(linked), ""},
		{"importers create and update everything", system("importer"), "Observation", "", nil, "cu"},
		{"also V", system("importer"), "Observation", "", with(very), "cu"},
		{"also what counts", system("importer"), "Patient", "", with(asserted), "cu"},
		{"they find the directory", system("importer"), "Practitioner", "", nil, "crus"},
		{"but evidence is append-only", system("importer"), "AuditEvent", "", nil, "c"},
	}
}

func labels() []sentence {
	return []sentence{
		{"V is for the care team", physician(), "Observation", north, with(very), ""},
		{"which sees it", physician(), "Observation", north, with(very, inCareTeam), "cruds"},
		{"anywhere", physician(), "Observation", south, with(very, inCareTeam), "rs"},
		{"the author", physician(), "Observation", north, with(very, by("Practitioner/adams")), "cruds"},
		{"and the patient", amy(), "Observation", north, with(very), "rs"},
		{"R is for physicians", physician(), "Observation", north, with(restricted), "cruds"},
		{"not for every nurse", nurse(), "Observation", north, with(restricted), ""},
		{"not for its author, a nurse", nurse(), "Observation", north, with(restricted, by("Practitioner/diaz")), ""},
		{"for nurses in the care team", nurse(), "Observation", north, with(restricted, inCareTeam), "cruds"},
		{"for nurses who are physicians", person("nurse", "Practitioner/n", north, "physician"), "Observation", north, with(restricted), "cruds"},
		{"a level that is none counts as V", physician(), "Observation", north, with(func(h *gate.Header) { h.Class.Confidentiality = 0 }), ""},
	}
}

func TestRightsToAssertAndImport(t *testing.T) {
	p := defaults(t)
	types := []string{"CareTeam", "Group", "PractitionerRole", "Practitioner", "Organization", "Patient", "Consent", "Encounter", "StructureDefinition"}
	for _, c := range []struct {
		who     gate.Identity
		imports bool
		asserts string
	}{
		{physician(), false, ""},
		{nurse(), false, ""},
		{amy(), false, ""},
		{officer(), false, ""},
		{system("system"), false, ""},
		{admin(), false, "CareTeam Group PractitionerRole Practitioner Organization StructureDefinition"},
		{system("importer"), true, strings.Join(types, " ")},
	} {
		who := gate.NewPrincipal(c.who)
		if got, err := p.MayImport(who); err != nil || got != c.imports {
			t.Errorf("%v: MayImport = %v, %v, want %v", c.who.Roles, got, err, c.imports)
		}
		for _, typ := range types {
			want := strings.Contains(" "+c.asserts+" ", " "+typ+" ")
			if got, err := p.MayAssert(who, typ); err != nil || got != want {
				t.Errorf("%v: MayAssert(%s) = %v, %v, want %v", c.who.Roles, typ, got, err, want)
			}
		}
	}
}

func TestNobodyIsRefusedEverything(t *testing.T) {
	h := record("Practitioner", north)
	for _, l := range []gate.Authorizer{defaults(t), NewScopes(nil, "")} {
		for _, a := range fhir.Actions {
			if both(t, l, gate.Principal{}, a, h, nil) {
				t.Errorf("%s lets nobody %s", l.Layer(), a)
			}
		}
	}
}

// TestCompiledRulesOfTheDefaultPolicies is for an auditor: what each role's
// search is held to, per type.
func TestCompiledRulesOfTheDefaultPolicies(t *testing.T) {
	p := defaults(t)
	for name, id := range map[string]gate.Identity{"physician": physician(), "nurse": nurse(), "patient": amy(), "officer": officer(),
		"admin": admin(), "system": system("system"), "importer": system("importer")} {
		var b strings.Builder
		for _, typ := range []string{"Observation", "Patient", "CareTeam", "Practitioner", "Medication", "Provenance", "AuditEvent"} {
			for _, a := range fhir.Actions {
				r, err := p.Rule(gate.NewPrincipal(id), a, typ)
				if err != nil {
					t.Fatal(err)
				}
				b.WriteString(string(a) + " " + typ + "\n")
				for line := range strings.Lines(FormatRule(r)) {
					b.WriteString("    " + line)
				}
			}
		}
		golden(t, "rules-"+name+".txt", b.String())
	}
}

// TestEveryDefaultPolicyIsTested drops one policy at a time and expects some
// sentence above to fail.
func TestEveryDefaultPolicyIsTested(t *testing.T) {
	answers := func(p *Policies) string {
		var b strings.Builder
		for _, group := range [][]sentence{clinicians(), everybody(), specialRoles(), labels()} {
			for _, s := range group {
				h := record(s.typ, s.org)
				for _, c := range s.changes {
					c(&h)
				}
				for _, a := range fhir.Actions {
					fmt.Fprint(&b, both(t, p, gate.NewPrincipal(s.who), a, h, nil))
				}
			}
		}
		for _, id := range []gate.Identity{admin(), system("importer")} {
			imports, err1 := p.MayImport(gate.NewPrincipal(id))
			asserts, err2 := p.MayAssert(gate.NewPrincipal(id), "CareTeam")
			fmt.Fprint(&b, imports, asserts, err1, err2)
		}
		return b.String()
	}
	full := answers(defaults(t))
	for _, id := range defaults(t).Loaded().IDs() {
		set := *defaults(t).Loaded()
		set.net1 = slices.DeleteFunc(slices.Clone(set.net1), func(c compiled) bool { return c.id == id })
		set.net2 = slices.DeleteFunc(slices.Clone(set.net2), func(e judgeEntry) bool { return string(e.id) == id })
		p := &Policies{}
		p.live.Store(&livePolicies{set: &set, index: newIndex(&set), rules: newCache[gate.Rule](64), decisions: newCache[gate.Decision](64)})
		if answers(p) == full {
			t.Errorf("no test notices when %s is gone", id)
		}
	}
}

// What a demo user asks for by name is what the user may have: a scope that no
// policy permits would mislead who reads the demo's tokens.
func TestDemoScopesNameOnlyWhatPoliciesPermit(t *testing.T) {
	p, named := defaults(t), 0
	for _, u := range demo.Users() {
		who := gate.NewPrincipal(gate.Identity{Tenant: "t", Issuer: "i", Subject: u.Name, FHIRUser: u.FHIRUser, Organization: u.Organization, Roles: u.Roles})
		for _, scope := range strings.Fields(u.Scope) {
			_, rest, _ := strings.Cut(scope, "/")
			typ, _, _ := strings.Cut(rest, ".")
			if !known(typ) {
				continue
			}
			named++
			r, err := p.Rule(who, fhir.ActRead, typ)
			if err != nil {
				t.Fatal(err)
			}
			if _, never := r.(gate.Never); never {
				t.Errorf("%s holds %s, and no policy permits it", u.Name, scope)
			}
		}
	}
	if named == 0 {
		t.Error("no demo user asks for a type by name: this proves nothing")
	}
}

// TestNoTwoQuestionsShareACachedAnswer asks about pairs of versions that differ
// in one thing only, one after the other, under a policy that turns on it.
func TestNoTwoQuestionsShareACachedAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		condition string
		change    change
	}{
		"organization":    {`resource.organization == "Organization/south"`, func(h *gate.Header) { h.Class.Organization = south }},
		"custodian":       {`resource.custodian == "Organization/south"`, func(h *gate.Header) { h.Class.Custodian = south }},
		"swapped":         {`resource.custodian == "Organization/north"`, func(h *gate.Header) { h.Class.Organization, h.Class.Custodian = "", north }},
		"type":            {`resource.type == "Condition"`, func(h *gate.Header) { h.Type, h.Class.Type = "Condition", "Condition" }},
		"confidentiality": {`resource.confidentiality == 5`, restricted},
		"sensitivities":   {`resource.sensitivities.contains("PSY")`, func(h *gate.Header) { h.Class.Sensitivities = []string{"PSY"} }},
		"caveats":         {`resource.caveats.contains("NOAUTH")`, func(h *gate.Header) { h.Class.Caveats = []string{"NOAUTH"} }},
		"asserted":        {`resource.asserted`, asserted},
		"linked":          {`resource.linked`, linked},
		"isSubject":       {`resource.isSubject`, func(h *gate.Header) { h.Keys.Subjects = []string{"p2"} }},
		"inCareTeam":      {`resource.inCareTeam`, inCareTeam},
		"isAuthor":        {`resource.isAuthor`, by("Patient/p2")},
	} {
		t.Run(name, func(t *testing.T) {
			p, who := of(t, when(c.condition)), gate.NewPrincipal(ben())
			plain, changed := record("Observation", north), record("Observation", north)
			c.change(&changed)
			for range 2 {
				if both(t, p, who, fhir.ActRead, plain, nil) {
					t.Error("the plain version is permitted")
				}
				if !both(t, p, who, fhir.ActRead, changed, nil) {
					t.Error("the changed version is not")
				}
				if both(t, p, who, fhir.ActUpdate, changed, nil) {
					t.Error("another action is permitted")
				}
			}
		})
	}
	p := of(t, when(`resource.sensitivities.contains("PSY")`))
	h := record("Observation", north)
	h.Class.Caveats = []string{"PSY"}
	both(t, p, gate.NewPrincipal(ben()), fhir.ActRead, h, nil)
	h.Class.Caveats, h.Class.Sensitivities = nil, []string{"PSY"}
	if !both(t, p, gate.NewPrincipal(ben()), fhir.ActRead, h, nil) || both(t, p, gate.NewPrincipal(ben()), fhir.ActUpdate, h, nil) {
		t.Error("a caveat and a sensitivity share an answer")
	}
}
