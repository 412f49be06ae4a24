package authz

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
)

func TestParseScopeReadsWhatIsEnforced(t *testing.T) {
	category := search.Pair{Name: "category", Value: "http://example.org|a"}
	for _, c := range []struct {
		name, text string
		want       Scope
		ok         bool
	}{
		{"version 2", "patient/Observation.rs", Scope{Context: "patient", Type: "Observation", Letters: "rs"}, true},
		{"version 1", "user/*.read", Scope{Context: "user", Type: "*", Letters: "rs", Version1: true}, true},
		{"version 1, all", "system/Patient.*", Scope{Context: "system", Type: "Patient", Letters: "cruds", Version1: true}, true},
		{"URI form", "http://smarthealthit.org/fhir/scopes/patient/Patient.write", Scope{Context: "patient", Type: "Patient", Letters: "cud", Version1: true}, true},
		{"arguments", "user/Observation.r?category=http://example.org|a&status=final",
			Scope{Context: "user", Type: "Observation", Letters: "r", Arguments: []search.Pair{category, {Name: "status", Value: "final"}}}, true},
		{"arguments, escaped", "user/Observation.r?category=http%3A%2F%2Fexample.org%7Ca", Scope{Context: "user", Type: "Observation", Letters: "r", Arguments: []search.Pair{category}}, true},
		{"arguments on every type", "user/*.r?_lastUpdated=ge2024", Scope{Context: "user", Type: "*", Letters: "r", Arguments: []search.Pair{{Name: "_lastUpdated", Value: "ge2024"}}}, true},
		{"arguments that no type knows", "user/*.r?nonsense=1", Scope{}, false},
		{"arguments that the type does not know", "user/Patient.r?category=a", Scope{}, false},
		{"a chain", "user/Observation.r?subject.name=x", Scope{}, false},
		{"a modifier", "user/Observation.r?category:not=x", Scope{}, false},
		{"letters out of order", "user/Observation.sr", Scope{}, false},
		{"another kind of scope", "launch/patient", Scope{}, false},
		{"too long", "user/Observation.rs?category=" + strings.Repeat("x", maxScope), Scope{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := ParseScope(c.text)
			if ok != c.ok || !reflect.DeepEqual(got, c.want) {
				t.Errorf("ParseScope(%q) = %+v, %v, want %+v, %v", c.text, got, ok, c.want, c.ok)
			}
		})
	}
}

// What a scope writes is what it read, and a fit token of a scope text.
func TestScopeWritesWhatItReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := pick(t, "context", []string{"patient", "user", "system"}) + "/" + pick(t, "type", []string{"*", "Observation"}) + "." +
			pick(t, "letters", []string{"rs", "cruds", "r", "cud", "read", "write", "*"})
		if rapid.Bool().Draw(t, "arguments") {
			text += "?category=" + escaped(rapid.StringN(1, 12, 40).Draw(t, "value"))
		}
		s, ok := ParseScope(text)
		if !ok {
			t.Skip("not a scope")
		}
		if again, ok := ParseScope(s.String()); !ok || !reflect.DeepEqual(again, s) {
			t.Fatalf("%q is written %q, which reads as %+v, %v", text, s.String(), again, ok)
		}
		for _, r := range s.String() {
			if r <= ' ' || r >= 0x7f || r == '"' || r == '\\' {
				t.Fatalf("%q is written %q, which is not a scope token (RFC 6749 section 3.3)", text, s.String())
			}
		}
	})
}

func escaped(s string) string {
	var b strings.Builder
	writeArgument(&b, s)
	return b.String()
}

// A scope is taken apart exactly when something is granted by it.
func FuzzParseScope(f *testing.F) {
	for _, s := range []string{"user/Observation.rs", "user/Observation.rs?category=laboratory", "user/Observation.rs?_id=%31", "user/*.*", "user/Observation.r?category=a%2Cb"} {
		f.Add(s)
	}
	layer, id := newTestScopes(), physician()
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := ParseScope(text)
		if len(strings.Fields(text)) != 1 || ok && s.Context != "user" {
			return
		}
		for _, a := range fhir.Actions {
			id.Scope = text
			r, err := layer.Rule(gate.NewPrincipal(id), a, "Observation")
			if err != nil {
				t.Fatal(err)
			}
			_, never := r.(gate.Never)
			granted := !never
			if granted && (!ok || !strings.Contains(s.Letters, letterName(a))) {
				t.Errorf("%q: %s is granted, and taken apart it is %+v, %v", text, a, s, ok)
			}
			if ok && s.Type == "Observation" && strings.Contains(s.Letters, letterName(a)) && !granted {
				t.Errorf("%q: %s is not granted, and taken apart it is %+v", text, a, s)
			}
		}
	})
}
