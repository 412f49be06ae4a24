package authz

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"firebreak/fhir"
	"firebreak/gate"
)

var (
	someTypes = []string{"Observation", "Patient", "Practitioner", "Medication", "AuditEvent", "CareTeam"}
	someOrgs  = []string{"", "Organization/a", "Organization/b"}
	someRoles = []string{"physician", "nurse", "admin"}
	someUsers = []string{"", "Practitioner/1", "Practitioner/2", "Patient/p1", "Patient/p2"}
	someCodes = map[string][]string{"resource.sensitivities": {"PSY", "HIV", "SUD"}, "resource.caveats": {"MASK", "NOAUTH", "unknown"}, "principal.roles": someRoles}
	someLists = [][]string{nil, {"PSY"}, {"HIV", "PSY"}, {"HIV", "PSY", "SUD"}}
	moreLists = [][]string{nil, {"MASK"}, {"MASK", "NOAUTH"}, {"MASK", "NOAUTH", "unknown"}}
)

func pick(t *rapid.T, what string, from []string) string {
	return rapid.SampledFrom(from).Draw(t, what)
}

func anyIdentity(t *rapid.T) gate.Identity {
	return gate.Identity{Tenant: "t", Issuer: pick(t, "issuer", []string{"i", "j"}), Subject: pick(t, "subject", []string{"s", "u"}),
		ClientID: "c", FHIRUser: pick(t, "fhirUser", someUsers), Organization: pick(t, "principal's organization", someOrgs),
		Roles:   rapid.SliceOfNDistinct(rapid.SampledFrom(someRoles), 0, 2, rapid.ID[string]).Draw(t, "roles"),
		Purpose: pick(t, "purpose", []string{"", "TREAT", "ETREAT"}), ACR: pick(t, "acr", []string{"", "mfa"}),
		Patient: pick(t, "launch patient", []string{"", "p1", "p2"})}
}

func anyHeader(t *rapid.T) gate.Header {
	typ := pick(t, "type", someTypes)
	return gate.Header{Type: typ, ID: "1", Version: "v",
		Class: gate.Class{Tenant: "t", Type: typ, Organization: pick(t, "organization", someOrgs), Custodian: pick(t, "custodian", someOrgs),
			Confidentiality: gate.Confidentiality(rapid.IntRange(0, 7).Draw(t, "confidentiality")),
			Sensitivities:   rapid.SampledFrom(someLists).Draw(t, "sensitivities"), Caveats: rapid.SampledFrom(moreLists).Draw(t, "caveats"),
			Asserted: rapid.Bool().Draw(t, "asserted"), Linked: rapid.Bool().Draw(t, "linked")},
		Keys: gate.Keys{Subjects: rapid.SampledFrom([][]string{nil, {"p1"}, {"p2"}, {"p1", "p2"}}).Draw(t, "subjects"),
			Author: pick(t, "author", someUsers)},
		Facts: gate.Facts{CareTeam: rapid.Bool().Draw(t, "care team")}}
}

// condition writes a condition that may be asked, up to a depth.
func condition(t *rapid.T, depth int) string {
	if depth > 0 {
		switch rapid.IntRange(0, 7).Draw(t, "shape") {
		case 0, 1:
			return "(" + condition(t, depth-1) + " && " + condition(t, depth-1) + ")"
		case 2, 3:
			return "(" + condition(t, depth-1) + " || " + condition(t, depth-1) + ")"
		case 4:
			return "!(" + condition(t, depth-1) + ")"
		case 5:
			return "(if " + condition(t, depth-1) + " then " + condition(t, depth-1) + " else " + condition(t, depth-1) + ")"
		case 6:
			return "((" + condition(t, depth-1) + ") == (" + condition(t, depth-1) + "))"
		}
	}
	return atom(t)
}

func atom(t *rapid.T) string {
	org := func() string {
		return pick(t, "an organisation", []string{"resource.organization", "resource.custodian", "principal.organization", `"Organization/a"`, `""`})
	}
	sets := []string{"resource.sensitivities", "resource.caveats", "principal.roles"}
	from := pick(t, "an attribute", sets) // whose codes are written, and no other's
	code := func() string { return `"` + pick(t, "code", someCodes[from]) + `"` }
	set := func() string {
		return pick(t, "a set", []string{from, from, "[" + code() + "]", "[" + code() + ", " + code() + "]"})
	}
	if rapid.IntRange(0, 3).Draw(t, "sets of several attributes") == 0 {
		set = func() string { return pick(t, "a set", sets) }
	}
	level := fmt.Sprint(rapid.IntRange(1, 6).Draw(t, "a level"))
	sign := pick(t, "a comparison", []string{"<", "<=", ">", ">=", "==", "!="})
	switch rapid.IntRange(0, 19).Draw(t, "atom") {
	case 0:
		return org() + pick(t, "sign", []string{" == ", " != "}) + org()
	case 1:
		return "resource.confidentiality " + sign + " " + level
	case 2:
		return level + " " + sign + " resource.confidentiality"
	case 3:
		return from + ".contains(" + code() + ")"
	case 4:
		return set() + pick(t, "of sets", []string{".containsAll(", ".containsAny("}) + set() + ")"
	case 5:
		return set() + ".isEmpty()"
	case 6:
		return set() + " == " + set()
	case 7:
		return `principal in Role::"` + pick(t, "role", someRoles) + `"`
	case 8:
		return `principal in [Role::"physician", Role::"` + pick(t, "role", someRoles) + `"]`
	case 9:
		return "principal is " + pick(t, "entity type", []string{"User", "Client", `User in Role::"nurse"`}) + pick(t, "and", []string{"", " && resource is Record"})
	case 10:
		return `resource.type == "` + pick(t, "type", someTypes) + `"`
	case 11:
		return `["` + pick(t, "type", someTypes) + `", "Binary"].contains(resource.type)`
	case 12:
		return `action == Action::"` + string(rapid.SampledFrom(fhir.Actions[:]).Draw(t, "action")) + `"`
	case 13:
		return `action in [Action::"read", Action::"update"]`
	case 14:
		return "[" + org() + ", " + org() + "].contains(" + org() + ")"
	case 15:
		return "context.purpose == " + pick(t, "a purpose", []string{`"TREAT"`, "principal.purpose", `""`})
	case 16:
		return "(if " + pick(t, "a condition", []string{"resource.linked", "resource.asserted", "resource.directory"}) + " then 4 else 6) " + sign + " resource.confidentiality"
	case 17:
		return pick(t, "an identity", []string{`principal == User::"i|s"`, `principal.fhirUser == "Patient/p1"`, `principal.userType == "Patient"`, `principal.acr != ""`})
	default:
		return "resource." + pick(t, "flag", []string{"asserted", "linked", "directory", "isSubject", "inCareTeam", "isAuthor"})
	}
}

func anyPolicy(t *rapid.T, id string, effect string) string {
	who := pick(t, "head's principal", []string{"principal", "principal", `principal == Client::"i|c"`, "principal is User", `principal in Role::"nurse"`, `principal is User in Role::"physician"`})
	does := pick(t, "head's action", []string{`action in [Action::"create", Action::"read", Action::"update", Action::"delete", Action::"search"]`,
		`action == Action::"read"`, `action in Action::"read"`, `action in [Action::"read", Action::"search"]`})
	what := pick(t, "head's resource", []string{"resource", "resource is Record"})
	text := fmt.Sprintf("@id(%q)\n%s (%s, %s, %s)", id, effect, who, does, what)
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		text += "\n" + pick(t, "clause", []string{"when", "unless"}) + " { " + condition(t, 3) + " }"
	}
	return text + ";\n"
}

func anyPolicies(t *rapid.T) string {
	var b strings.Builder
	for i := range rapid.IntRange(1, 6).Draw(t, "policies") {
		b.WriteString(anyPolicy(t, fmt.Sprintf("p%d", i), pick(t, "effect", []string{"permit", "permit", "forbid"})))
	}
	return b.String()
}

// load makes the layer, with small caches so that eviction is tried too. All
// that condition writes must load.
func load(t *rapid.T, text string) *Policies {
	set, err := LoadPolicies(folder(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	p := &Policies{}
	p.live.Store(&livePolicies{set: set, index: newIndex(set), rules: newCache[gate.Rule](64), decisions: newCache[gate.Decision](64)})
	return p
}

func nets(t *rapid.T, l gate.Authorizer, who gate.Principal, a fhir.Action, h gate.Header, body []byte) (net1, net2 bool, r gate.Rule) {
	r, err := l.Rule(who, a, h.Type)
	if err != nil {
		t.Fatal(err)
	}
	d, err := l.Decide(who, a, h, gate.NewContent(body))
	if err != nil {
		t.Fatal(err)
	}
	return holds(t, r, h, body), d.Effect == gate.Permits, r
}

func TestThePolicyNetsAgree(t *testing.T) {
	permitted := 0
	rapid.Check(t, func(t *rapid.T) {
		text := anyPolicies(t)
		p := load(t, text)
		for range 8 {
			who, h := gate.NewPrincipal(anyIdentity(t)), anyHeader(t)
			for _, a := range fhir.Actions {
				net1, net2, r := nets(t, p, who, a, h, nil)
				if net1 != net2 {
					t.Fatalf("%s: net 1 %v, net 2 %v under\n%s\nrule:\n%s", a, net1, net2, text, FormatRule(r))
				}
				if net1 {
					permitted++
				}
			}
		}
	})
	if permitted == 0 {
		t.Error("no random policy permitted anything: the generator proves nothing")
	}
}

func TestOneMoreForbidOnlyRevealsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyPolicies(t)
		p, q := load(t, text), load(t, text+anyPolicy(t, "more", "forbid"))
		who, h := gate.NewPrincipal(anyIdentity(t)), anyHeader(t)
		for _, a := range fhir.Actions {
			_, before, _ := nets(t, p, who, a, h, nil)
			_, after, _ := nets(t, q, who, a, h, nil)
			if after && !before {
				t.Fatalf("a forbid more permits %s under\n%s", a, text)
			}
		}
	})
}

func TestLayersCommute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := load(t, anyPolicies(t)), load(t, anyPolicies(t))
		who, h := gate.NewPrincipal(anyIdentity(t)), anyHeader(t)
		a := rapid.SampledFrom(fhir.Actions[:]).Draw(t, "action")
		_, _, r := nets(t, p, who, a, h, nil)
		_, _, s := nets(t, q, who, a, h, nil)
		if holds(t, gate.And(r, s), h, nil) != holds(t, gate.And(s, r), h, nil) {
			t.Fatal("And does not commute")
		}
	})
}

var someBodies = []string{
	`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}]}`,
	`{"resourceType":"Observation","status":"preliminary","code":{"coding":[{"system":"http://loinc.org","code":"2"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"effectiveDateTime":"2024-02-01"}`,
	`{"resourceType":"Observation","status":"final","code":{"text":"x"}}`,
}

func anyScope(t *rapid.T) string {
	var out []string
	for range rapid.IntRange(1, 4).Draw(t, "scopes") {
		s := pick(t, "context", []string{"patient", "user", "user", "system", "launch", "http://smarthealthit.org/fhir/scopes/patient"}) + "/" +
			pick(t, "scope's type", []string{"*", "Observation", "Observation", "Practitioner", "Patient", "Nonsense"}) + "." +
			pick(t, "letters", []string{"rs", "cruds", "cruds", "cud", "sr", "read", "write", "*", "", "d"}) +
			pick(t, "arguments", []string{"", "", "", "?", "?category=laboratory", "?category=http://terminology.hl7.org/CodeSystem/observation-category%7Claboratory",
				"?status=final&code=1", "?code:not=1", "?date=ge2024-01-01", "?date=ap2024-01-01", "?subject.name=x", "?_has:Observation:subject:code=1",
				"?_count=1", "?status=final&", "?status=final,preliminary", "?nonsense=1", "?a%zz=1", "?_id=1", "?status=", "?date=ge2024-01-01T00:00:00+01:00"})
		out = append(out, s)
	}
	return strings.Join(append(out, "openid"), " ")
}

func TestTheScopeNetsAgree(t *testing.T) {
	layer := newTestScopes()
	permitted := 0
	rapid.Check(t, func(t *rapid.T) {
		id := anyIdentity(t)
		id.Scope = anyScope(t)
		who, h := gate.NewPrincipal(id), anyHeader(t)
		body := fmt.Sprintf(`{"resourceType":%q}`, h.Type)
		if rapid.Bool().Draw(t, "an Observation") {
			h.Type, h.Class.Type = "Observation", "Observation"
			body = pick(t, "body", someBodies)
		}
		for _, a := range fhir.Actions {
			net1, net2, r := nets(t, layer, who, a, h, []byte(body))
			if net1 != net2 {
				t.Fatalf("%q, %s: net 1 %v, net 2 %v, rule:\n%s", id.Scope, a, net1, net2, FormatRule(r))
			}
			if net1 {
				permitted++
			}
		}
	})
	if permitted == 0 {
		t.Error("no random scope permitted anything: the generator proves nothing")
	}
}

func TestOneMoreScopeOnlyRevealsMore(t *testing.T) {
	layer := newTestScopes()
	rapid.Check(t, func(t *rapid.T) {
		id, h := anyIdentity(t), anyHeader(t)
		scopes := strings.Fields(anyScope(t))
		id.Scope = strings.Join(scopes, " ")
		fewer := id
		fewer.Scope = strings.Join(slices.Delete(slices.Clone(scopes), 0, 1), " ")
		body := []byte(fmt.Sprintf(`{"resourceType":%q}`, h.Type))
		for _, a := range fhir.Actions {
			_, more, _ := nets(t, layer, gate.NewPrincipal(id), a, h, body)
			_, less, _ := nets(t, layer, gate.NewPrincipal(fewer), a, h, body)
			if less && !more {
				t.Fatalf("%q loses what %q has", id.Scope, fewer.Scope)
			}
		}
	})
}
