package r4_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"firebreak/fhir/r4"
)

func TestEveryParameterIsFoundByCodeAndID(t *testing.T) {
	total := 0
	for _, name := range append(r4.Resources(), "Resource") {
		params := r4.SearchParams(name)
		for i, p := range params {
			total++
			typ, _ := r4.TypeID(name)
			if want := uint32(typ)<<8 | uint32(i+1); p.ID != want || p.Resource != name {
				t.Errorf("%s.%s: ID %#x of %s, want %#x", name, p.Code, p.ID, p.Resource, want)
			}
			if i > 0 && params[i-1].Code >= p.Code {
				t.Errorf("%s: %s is out of order", name, p.Code)
			}
			if got, ok := r4.LookupSearchParam(name, p.Code); !ok || got != p {
				t.Errorf("LookupSearchParam(%s, %s) is another", name, p.Code)
			}
			if r4.ParamByID(p.ID) != p {
				t.Errorf("ParamByID(%#x) is another", p.ID)
			}
			if p.Expression == "" && p.Type != r4.ParamSpecial {
				t.Errorf("%s.%s has no expression", name, p.Code)
			}
			if (p.Type == r4.ParamComposite) != (len(p.Components) > 0) {
				t.Errorf("%s.%s: a composite without components, or the reverse", name, p.Code)
			}
			for _, c := range p.Components {
				if c.Param.Resource != name || c.Expression == "" {
					t.Errorf("%s.%s: component %+v", name, p.Code, c)
				}
			}
			if strings.Contains(p.Expression, "|") && strings.Count(p.Expression, "(") != strings.Count(p.Expression, ")") {
				t.Errorf("%s.%s: %s", name, p.Code, p.Expression)
			}
		}
	}
	if total < 2800 {
		t.Errorf("%d parameters in all, want some 3000", total)
	}
	for _, id := range []uint32{0, 1 << 8, 0xff, 147<<8 | 1, 1<<8 | 0xff, 1 << 31} {
		if p := r4.ParamByID(id); p != nil {
			t.Errorf("ParamByID(%#x) = %s.%s, want none", id, p.Resource, p.Code)
		}
	}
}

func TestExpressionsStartAtTheirResource(t *testing.T) {
	for _, name := range r4.Resources() {
		for _, p := range r4.SearchParams(name) {
			for _, part := range strings.Split(p.Expression, " | ") {
				root, _, _ := strings.Cut(strings.TrimLeft(part, "("), ".")
				switch {
				case part == "" || root == name || root == "Resource" || root == "DomainResource":
				case name == "InsurancePlan" && p.Code == "name": // published as name | alias
				default:
					t.Errorf("%s.%s: %q starts elsewhere", name, p.Code, part)
				}
			}
		}
	}
}

// TestPathsInExpressionsExist walks the leading path of each operand, up to
// the first function, and finds every element.
func TestPathsInExpressionsExist(t *testing.T) {
	path := regexp.MustCompile(`^\(?([A-Z][A-Za-z]*(?:\.[a-z][A-Za-z0-9]*\b)*)(\()?`)
	walked := 0
	for _, name := range r4.Resources() {
		for _, p := range r4.SearchParams(name) {
			for _, part := range strings.Split(p.Expression, " | ") {
				m := path.FindStringSubmatch(part)
				if m == nil {
					continue
				}
				steps := strings.Split(m[1], ".")
				if m[2] != "" {
					steps = steps[:len(steps)-1] // a function's name
				}
				walked++
				at := steps[0]
				for _, step := range steps[1:] {
					types, _, ok := r4.Model{}.Element(at, step)
					if !ok {
						t.Errorf("%s.%s: %s has no %s in %q", name, p.Code, at, step, part)
						break
					}
					at = types[0]
				}
			}
		}
	}
	if walked < 2500 {
		t.Errorf("only %d paths walked", walked)
	}
}

func TestParametersAreAsThePagesSay(t *testing.T) {
	for _, c := range []struct {
		resource, code string
		typ            r4.ParamType
		expression     string
		targets        []string
	}{
		{"Patient", "name", r4.ParamString, "Patient.name", nil},
		{"Patient", "family", r4.ParamString, "Patient.name.family", nil},
		{"Patient", "email", r4.ParamToken, "Patient.telecom.where(system='email')", nil},
		{"Patient", "_tag", r4.ParamToken, "Resource.meta.tag", nil},
		{"Bundle", "_id", r4.ParamToken, "Resource.id", nil},
		{"AllergyIntolerance", "code", r4.ParamToken, "AllergyIntolerance.code | AllergyIntolerance.reaction.substance", nil},
		{"MedicationDispense", "medication", r4.ParamReference, "(MedicationDispense.medication as Reference)", []string{"Medication"}},
		{"RiskAssessment", "date", r4.ParamDate, "(RiskAssessment.occurrence as dateTime)", nil},
		{"Observation", "patient", r4.ParamReference, "Observation.subject.where(resolve() is Patient)", []string{"Patient"}},
		{"Location", "near", r4.ParamSpecial, "Location.position", nil},
		{"Patient", "_content", r4.ParamSpecial, "", nil},
		{"Condition", "subject", r4.ParamReference, "Condition.subject", []string{"Group", "Patient"}},
		{"ValueSet", "context-quantity", r4.ParamQuantity, "(ValueSet.useContext.value as Quantity) | (ValueSet.useContext.value as Range)", nil},
	} {
		p, ok := r4.LookupSearchParam(c.resource, c.code)
		if !ok {
			t.Errorf("%s has no %s", c.resource, c.code)
			continue
		}
		if p.Type != c.typ || p.Expression != c.expression || !slices.Equal(p.Targets, c.targets) {
			t.Errorf("%s.%s = %s %q %v, want %s %q %v", c.resource, c.code, p.Type, p.Expression, p.Targets, c.typ, c.expression, c.targets)
		}
	}
	for resource, code := range map[string]string{"Bundle": "_text", "Patient": "part-agree", "Nonsense": "_id", "HumanName": "_id"} {
		if _, ok := r4.LookupSearchParam(resource, code); ok {
			t.Errorf("%s has %s", resource, code)
		}
	}
}

func TestCompositeComponentsBelongToTheSameResource(t *testing.T) {
	p, _ := r4.LookupSearchParam("Observation", "code-value-quantity")
	if len(p.Components) != 2 {
		t.Fatalf("%d components, want 2", len(p.Components))
	}
	code, _ := r4.LookupSearchParam("Observation", "code") // published for 14 types together
	if p.Components[0].Param != code || p.Components[0].Expression != "code" {
		t.Errorf("first component = %s.%s %q", p.Components[0].Param.Resource, p.Components[0].Param.Code, p.Components[0].Expression)
	}
}

func TestParamTypesSpeakFHIR(t *testing.T) {
	want := []string{"number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"}
	for i, w := range want {
		if got := r4.ParamType(i + 1).String(); got != w {
			t.Errorf("ParamType(%d) = %q, want %q", i+1, got, w)
		}
	}
	if got := r4.ParamType(0).String() + r4.ParamType(10).String(); got != "unknownunknown" {
		t.Errorf("no type is %q", got)
	}
}

func TestCompartmentsAreAsPublished(t *testing.T) {
	for _, c := range []struct {
		compartment, resource string
		want                  []string
	}{
		{"Patient", "Observation", []string{"subject", "performer"}},
		{"Patient", "Patient", []string{"{def}", "link"}},
		{"Encounter", "Encounter", []string{"{def}"}},
		{"Device", "Device", []string{"{def}"}},
		{"Practitioner", "Practitioner", []string{"{def}"}},
		{"RelatedPerson", "RelatedPerson", []string{"{def}"}},
		{"Patient", "Organization", nil},
		{"Patient", "Nonsense", nil},
		{"Organization", "Patient", nil},
	} {
		got, ok := r4.CompartmentParams(c.compartment, c.resource)
		if !slices.Equal(got, c.want) || ok != (c.want != nil) {
			t.Errorf("CompartmentParams(%s, %s) = %v %v, want %v", c.compartment, c.resource, got, ok, c.want)
		}
	}
	for _, compartment := range []string{"Patient", "Encounter", "Device", "Practitioner", "RelatedPerson"} {
		for _, resource := range r4.Resources() {
			params, _ := r4.CompartmentParams(compartment, resource)
			for _, code := range params {
				if p, ok := r4.LookupSearchParam(resource, code); code != "{def}" && (!ok || p.Type != r4.ParamReference) {
					t.Errorf("%s compartment: %s has no reference parameter %s", compartment, resource, code)
				}
			}
		}
	}
}

func TestRequiredBindingsImplyTheirSystem(t *testing.T) {
	for _, c := range []struct {
		typ, code string
		want      []string // systems
		bare      bool
	}{
		{"Patient", "gender", []string{"http://hl7.org/fhir/administrative-gender"}, false},
		{"Observation", "status", []string{"http://hl7.org/fhir/observation-status"}, false},
		{"Patient", "address-use", []string{"http://hl7.org/fhir/address-use"}, false},
		{"DocumentReference", "contenttype", []string{"urn:ietf:bcp:13"}, false},
		{"DocumentReference", "language", nil, false}, // a preferred binding
		{"ValueSet", "code", nil, false},              // codes of any system
		{"Task", "intent", []string{"http://hl7.org/fhir/task-intent", "http://hl7.org/fhir/request-intent"}, false},
		{"Patient", "identifier", nil, false},
		{"Condition", "clinical-status", nil, false}, // a CodeableConcept says its system
		{"Patient", "active", nil, true},
		{"Patient", "deceased", nil, true},
		{"Patient", "telecom", nil, true},
		{"Practitioner", "email", nil, true},
		{"MessageHeader", "event", nil, false}, // Coding or uri
		{"Group", "value", nil, false},         // CodeableConcept or boolean
		{"Patient", "_id", nil, false},
	} {
		p, ok := r4.LookupSearchParam(c.typ, c.code)
		if !ok {
			t.Fatalf("no %s.%s", c.typ, c.code)
		}
		var got []string
		for _, s := range p.Systems {
			got = append(got, s.URL)
			if (s.Codes == nil) != (len(p.Systems) == 1) || !slices.IsSorted(s.Codes) {
				t.Errorf("%s.%s: codes of %s: %v", c.typ, c.code, s.URL, s.Codes)
			}
		}
		if !slices.Equal(got, c.want) || p.Bare != c.bare {
			t.Errorf("%s.%s implies %v, bare %t, want %v, %t", c.typ, c.code, got, p.Bare, c.want, c.bare)
		}
	}
}

// What Systems promise: every element that such a parameter names is a code
// with a required binding; and no other parameter on codes has been left out.
func TestSystemsAreOfCodesAndOfNothingElse(t *testing.T) {
	counted := 0
	for _, name := range r4.Resources() {
		for _, p := range r4.SearchParams(name) {
			if p.Type != r4.ParamToken || strings.ContainsAny(p.Expression, "('") {
				if len(p.Systems) > 0 {
					t.Errorf("%s.%s: systems of %s", name, p.Code, p.Expression)
				}
				continue
			}
			bound := 0
			operands := strings.Split(p.Expression, " | ")
			for _, path := range operands {
				typ, el := strings.SplitN(path, ".", 2)[0], (*r4.Element)(nil)
				for _, step := range strings.Split(path, ".")[1:] {
					of, _ := r4.LookupType(typ)
					if el, _ = of.Element(step); el == nil {
						t.Fatalf("%s: %s", p.Expression, step)
					}
					typ = el.Types[0]
				}
				if typ == "code" && el.Binding != "" {
					bound++
				}
			}
			switch {
			case len(p.Systems) > 0 && bound != len(operands), len(p.Systems) == 0 && bound > 0:
				t.Errorf("%s.%s: %d of %d elements are bound codes, and %d systems are implied", name, p.Code, bound, len(operands), len(p.Systems))
			case bound > 0:
				counted++
			}
		}
	}
	if counted < 150 {
		t.Errorf("%d parameters imply their system, want some 157", counted)
	}
}
