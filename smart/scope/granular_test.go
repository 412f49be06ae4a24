package scope

import (
	"slices"
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/fhir/r4"
)

// granular are the scopes by category that US Core has servers support
// (scopes.html; 9.0.0, and 6.1.0 for clinical tests), without their context.
var granular = []struct {
	scope, code string
	offered     bool
}{
	{"Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|encounter-diagnosis", "encounter-diagnosis", true},
	{"Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item", "problem-list-item", true},
	{"Condition.rs?category=http://hl7.org/fhir/us/core/CodeSystem/condition-category|health-concern", "health-concern", true},
	{"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory", "laboratory", true},
	{"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs", "vital-signs", true},
	{"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|social-history", "social-history", true},
	{"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|survey", "survey", true},
	{"Observation.rs?category=http://hl7.org/fhir/us/core/CodeSystem/us-core-category|sdoh", "sdoh", true},
	{"Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|procedure", "procedure", true},
	{"DocumentReference.rs?category=http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|clinical-note", "clinical-note", false},
}

// TestGranularScopesOfUSCore: each is read, covered by a wildcard registration,
// granted as it stands, and enforced: on what has the category, also among
// others, and on nothing else.
func TestGranularScopesOfUSCore(t *testing.T) {
	j := newJudge()
	for _, g := range granular {
		for _, context := range []string{"patient", "user", "system"} {
			text := context + "/" + g.scope
			t.Run(text, func(t *testing.T) {
				r := parsed(t, text).Allowed([]string{context + "/*.read"})
				granted := Grant(r, All(Choices(r, Reader{Own: true})))
				if granted != text {
					t.Fatalf("granted %q", granted)
				}
				typ, category, _ := strings.Cut(g.scope, ".rs?category=")
				system, _, _ := strings.Cut(category, "|")
				id := person
				if context == "system" {
					id = machine
				}
				for _, c := range []struct {
					name string
					s    sample
					want bool
				}{
					{"the category", record(typ, "p1", category), true},
					{"with another before it", record(typ, "p1", "http://example.org|other", category), true},
					{"with another after it", record(typ, "p1", category, system+"|other"), true},
					{"another code", record(typ, "p1", system+"|other"), false},
					{"another system", record(typ, "p1", "http://example.org|"+g.code), false},
					{"no category", record(typ, "p1"), false},
					{"another type", record("CarePlan", "p1", category), false},
					{"another patient's", record(typ, "p2", category), context != "patient"},
				} {
					for _, a := range fhir.Actions {
						want := c.want && (a == fhir.ActRead || a == fhir.ActSearch)
						if got := j.permits(t, id, granted, a, c.s); got != want {
							t.Errorf("%s: to %s is %v, want %v", c.name, a, got, want)
						}
					}
				}
			})
		}
	}
}

// TestTypeScopesOfUSCore: each type's scope, in either version, by itself or out
// of a whole record.
func TestTypeScopesOfUSCore(t *testing.T) {
	n := 0
	for _, typ := range r4.Resources() {
		if !usCore(typ) {
			continue
		}
		n++
		for _, context := range []string{"patient", "user", "system"} {
			for _, may := range []string{".rs", ".read"} {
				text := context + "/" + typ + may
				if got := Grant(parsed(t, text), All(Choices(parsed(t, text), Reader{}))); got != text {
					t.Errorf("%s is granted %q", text, got)
				}
				whole := context + "/*.rs"
				ids := []string{whole}
				for _, id := range All(Choices(parsed(t, whole), Reader{})) {
					if strings.HasPrefix(id, context+"/"+typ+".") {
						ids = append(ids, id)
					}
				}
				if got := Grant(parsed(t, context+"/*"+may), ids); got != text {
					t.Errorf("of %s/*%s: %q, want %q", context, may, got, text)
				}
			}
		}
	}
	if n != 27 {
		t.Errorf("%d types, want 25 that US Core has servers support and 2 that they may", n)
	}
}

// TestWhatUSCoreHasServersListIsListed, and means what it says.
func TestWhatUSCoreHasServersListIsListed(t *testing.T) {
	listed := OfUSCore()
	for _, context := range []string{"patient", "user", "system"} {
		for _, g := range granular {
			if !slices.Contains(listed, context+"/"+g.scope) {
				t.Errorf("%s/%s is not listed", context, g.scope)
			}
		}
		for _, typ := range r4.Resources() {
			if slices.Contains(listed, context+"/"+typ+".rs") != usCore(typ) {
				t.Errorf("%s/%s.rs: listed is %v", context, typ, !usCore(typ))
			}
		}
	}
	if r := parsed(t, strings.Join(listed, " ")); len(r.Resources) != len(listed) || len(r.Unknown) > 0 {
		t.Errorf("of %d listed, %d are scopes; %v", len(listed), len(r.Resources), r.Unknown)
	}
}
