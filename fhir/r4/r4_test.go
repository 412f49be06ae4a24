package r4_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"firebreak/fhir/r4"
)

func ExampleType_Property() {
	obs, _ := r4.LookupType("Observation")
	el, typ, _ := obs.Property("valueQuantity")
	fmt.Println(el.Name, typ, el.Choice)
	_, typ, _ = obs.Property("component")
	fmt.Println(typ)
	_, _, ok := obs.Property("value")
	fmt.Println(ok)
	// Output:
	// value Quantity true
	// Observation.component
	// false
}

func ExampleLookupSearchParam() {
	p, _ := r4.LookupSearchParam("MedicationRequest", "patient")
	fmt.Println(p.Type, p.Expression, p.Targets)
	// Output: reference MedicationRequest.subject.where(resolve() is Patient) [Patient]
}

func TestEveryResourceTypeIsThere(t *testing.T) {
	names := r4.Resources()
	if got, want := len(names), 146; got != want { // and Resource and DomainResource make R4's 148
		t.Errorf("%d concrete resource types, want %d", got, want)
	}
	if !slices.IsSorted(names) {
		t.Error("Resources is not sorted")
	}
	for i, name := range names {
		id, ok := r4.TypeID(name)
		if !ok || int(id) != i+1 || r4.TypeName(id) != name {
			t.Errorf("TypeID(%s) = %d, %v; TypeName gives %q", name, id, ok, r4.TypeName(id))
		}
		typ, ok := r4.LookupType(name)
		if !ok || typ.Kind != r4.KindResource || typ.Abstract || typ.Name != name {
			t.Errorf("LookupType(%s) is no concrete resource type", name)
		}
	}
	for _, name := range []string{"Resource", "DomainResource", "HumanName", "patient", ""} {
		if _, ok := r4.TypeID(name); ok {
			t.Errorf("TypeID(%q) exists", name)
		}
	}
	if r4.TypeName(0) != "" || r4.TypeName(147) != "" {
		t.Error("TypeName of no type")
	}
}

// reachable visits every type that a resource can contain.
func reachable(t *testing.T) map[string]*r4.Type {
	t.Helper()
	seen := map[string]*r4.Type{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] != nil {
			return
		}
		typ, ok := r4.LookupType(name)
		if !ok {
			t.Fatalf("no type %q", name)
		}
		seen[name] = typ
		if typ.Base != "" {
			visit(typ.Base)
		}
		for _, e := range typ.Elements {
			for _, name := range append(slices.Clone(e.Types), e.Targets...) {
				visit(name)
			}
		}
	}
	for _, name := range r4.Resources() {
		visit(name)
	}
	return seen
}

func TestEveryNameLeadsToAType(t *testing.T) {
	types := reachable(t)
	primitives := 0
	for name, typ := range types {
		if typ.Kind == r4.KindPrimitive {
			primitives++
			if _, err := regexp.Compile(typ.Pattern); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if anchored := strings.HasPrefix(typ.Pattern, "^(?:") && strings.HasSuffix(typ.Pattern, ")$"); !anchored && name != "xhtml" {
				t.Errorf("%s: pattern %q is not anchored", name, typ.Pattern)
			}
		}
		seen := map[string]bool{}
		for _, e := range typ.Elements {
			if seen[e.Name] || e.Name == "" || strings.Contains(e.Name, "[") {
				t.Errorf("%s.%s: a bad or repeated name", name, e.Name)
			}
			seen[e.Name] = true
			if len(e.Types) == 0 || (len(e.Types) > 1) && !e.Choice || e.Max != 1 && e.Max != -1 {
				t.Errorf("%s.%s: %+v", name, e.Name, e)
			}
			if !slices.IsSorted(e.Codes) || len(e.Codes) > 0 && e.Types[0] != "code" {
				t.Errorf("%s.%s: codes %v", name, e.Name, e.Codes)
			}
		}
	}
	if got, want := primitives, 20; got != want {
		t.Errorf("%d primitive types, want %d", got, want)
	}
}

func TestTypesAreAsThePagesSay(t *testing.T) {
	for _, c := range []struct{ typ, base, json, element, of string }{
		{"Patient", "DomainResource", "id", "id", "id"},
		{"Patient", "DomainResource", "birthDate", "birthDate", "date"},
		{"Patient", "DomainResource", "deceasedBoolean", "deceased", "boolean"},
		{"Patient", "DomainResource", "contained", "contained", "Resource"},
		{"Patient.contact", "BackboneElement", "name", "name", "HumanName"},
		{"Bundle", "Resource", "entry", "entry", "Bundle.entry"},
		{"Bundle.entry", "BackboneElement", "resource", "resource", "Resource"},
		{"Bundle.entry", "BackboneElement", "link", "link", "Bundle.link"},
		{"Questionnaire.item", "BackboneElement", "item", "item", "Questionnaire.item"},
		{"Extension", "Element", "url", "url", "uri"},
		{"Extension", "Element", "valueBase64Binary", "value", "base64Binary"},
		{"Extension", "Element", "valueCodeableConcept", "value", "CodeableConcept"},
		{"Age", "Quantity", "value", "value", "decimal"},
		{"code", "string", "id", "id", "string"},
		{"Narrative", "Element", "div", "div", "xhtml"},
		{"Timing.repeat", "Element", "boundsPeriod", "bounds", "Period"},
		{"Observation", "DomainResource", "valueQuantity", "value", "Quantity"},
		{"Dosage.doseAndRate", "Element", "doseQuantity", "dose", "Quantity"}, // published as SimpleQuantity, a profile
		{"DomainResource", "Resource", "text", "text", "Narrative"},
	} {
		typ, ok := r4.LookupType(c.typ)
		if !ok || typ.Base != c.base {
			t.Errorf("%s: base = %q, want %q", c.typ, typ.Base, c.base)
			continue
		}
		el, of, ok := typ.Property(c.json)
		if !ok || el.Name != c.element || of != c.of {
			t.Errorf("%s.Property(%s) = %v %q %v, want %s %s", c.typ, c.json, el, of, ok, c.element, c.of)
		}
	}
	for typ, members := range map[string][]string{
		"Patient":     {"", "Patient", "_birthDate", "deceased", "deceasedString", "deceasedboolean", "resourceType", "BirthDate"},
		"Observation": {"valueInstant", "value", "valueSimpleQuantity", "effectivedateTime"},
		"string":      {"value"},
		"xhtml":       {"extension", "value"},
	} {
		for _, m := range members {
			def, _ := r4.LookupType(typ)
			if _, _, ok := def.Property(m); ok {
				t.Errorf("%s.Property(%q) exists", typ, m)
			}
		}
	}
}

func TestModelAnswersFHIRPath(t *testing.T) {
	var m r4.Model
	if types, choice, ok := m.Element("Patient", "deceased"); !ok || !choice || !slices.Equal(types, []string{"boolean", "dateTime"}) {
		t.Errorf("Element(Patient, deceased) = %v %v %v", types, choice, ok)
	}
	if types, choice, ok := m.Element("Questionnaire.item", "item"); !ok || choice || types[0] != "Questionnaire.item" {
		t.Errorf("Element(Questionnaire.item, item) = %v %v %v", types, choice, ok)
	}
	if _, _, ok := m.Element("Patient", "deceasedBoolean"); ok {
		t.Error("Element(Patient, deceasedBoolean) exists: FHIRPath says deceased")
	}
	for typ, want := range map[string]string{"Patient": "DomainResource", "DomainResource": "Resource", "Resource": "",
		"code": "string", "string": "Element", "Patient.contact": "BackboneElement", "Age": "Quantity", "Nonsense": ""} {
		if got := m.Supertype(typ); got != want {
			t.Errorf("Supertype(%s) = %q, want %q", typ, got, want)
		}
	}
	for typ, want := range map[string]bool{"code": true, "xhtml": true, "Quantity": false, "Patient.contact": false, "x": false} {
		if got := m.IsPrimitive(typ); got != want {
			t.Errorf("IsPrimitive(%s) = %v", typ, got)
		}
	}
}

func TestRequiredCodesAreListed(t *testing.T) {
	pat, _ := r4.LookupType("Patient")
	gender, _ := pat.Element("gender")
	if want := []string{"female", "male", "other", "unknown"}; !slices.Equal(gender.Codes, want) {
		t.Errorf("Patient.gender codes = %v, want %v", gender.Codes, want)
	}
	if want := "http://hl7.org/fhir/ValueSet/administrative-gender"; gender.Binding != want {
		t.Errorf("Patient.gender binding = %q, want %q", gender.Binding, want)
	}
	att, _ := r4.LookupType("Attachment")
	if mime, _ := att.Element("contentType"); mime.Codes != nil || mime.Binding == "" {
		t.Errorf("Attachment.contentType: %+v, want a binding without a list", mime)
	}
}

func BenchmarkLookupType(b *testing.B) {
	for b.Loop() {
		if _, ok := r4.LookupType("Observation.component"); !ok {
			b.Fatal("missing")
		}
	}
}

func BenchmarkProperty(b *testing.B) {
	typ, _ := r4.LookupType("Observation")
	for b.Loop() {
		if _, _, ok := typ.Property("component"); !ok {
			b.Fatal("missing")
		}
	}
}
