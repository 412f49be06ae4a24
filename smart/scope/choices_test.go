package scope

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"firebreak/authz"
	"firebreak/fhir/r4"
)

var update = flag.Bool("update", false, "rewrite golden files")

// page shows choices as a page would, for the golden file.
func page(groups []Group) string {
	var b strings.Builder
	var show func(indent string, list []Choice)
	show = func(indent string, list []Choice) {
		for _, c := range list {
			mark := "[ ] "
			if c.Default {
				mark = "[x] "
			}
			if c.Required {
				mark = "[=] "
			}
			b.WriteString(indent + mark + c.Text)
			if c.Detail != "" {
				b.WriteString(" — " + c.Detail)
			}
			b.WriteString("\n" + indent + "    {" + c.ID + "}\n")
			show(indent+"    ", c.Parts)
		}
	}
	for _, g := range groups {
		b.WriteString("# " + g.Title + "\n")
		show("", g.Choices)
	}
	return b.String()
}

func TestChoicesReadAsPlainWords(t *testing.T) {
	for _, c := range []struct {
		name, scope string
		to          Reader
	}{
		{"patient-types", "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs patient/Condition.rs " +
			"patient/AllergyIntolerance.read patient/Appointment.cruds patient/Practitioner.rs patient/Coverage.r", Reader{Own: true}},
		{"patient-whole", "launch/patient patient/*.read patient/Observation.rs", Reader{Own: true}},
		{"clinician", "launch launch/encounter openid fhirUser profile online_access patient/*.cruds user/Patient.rs user/Practitioner.cu", Reader{}},
		{"granular", "patient/Observation.rs?category=" + lab + " patient/Condition.rs?category=problem-list-item patient/DocumentReference.rs?category=x,y " +
			"patient/Observation.rs?category=laboratory,survey&status=final patient/Observation.s?date=ge2024-01-01 patient/*.r?_lastUpdated=gt2024 " +
			"patient/RiskAssessment.rs?probability=le0.5", Reader{Own: true}},
		{"backend", "system/*.rs system/Group.rs system/Observation.c", Reader{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := page(Choices(parsed(t, c.scope), c.to))
			path := filepath.Join("testdata", c.name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; go test -update rewrites it. got:\n%s", path, got)
			}
		})
	}
}

func TestEveryTypeHasAName(t *testing.T) {
	seen, nouns := map[string]bool{}, map[string]string{}
	last := aboutYou
	for _, n := range names {
		if seen[n.typ] || nouns[n.noun] != "" {
			t.Errorf("%s: named twice, or as %s is", n.typ, nouns[n.noun])
		}
		seen[n.typ], nouns[n.noun] = true, n.typ
		if n.theme < last {
			t.Errorf("%s stands out of its theme, so its group would be there twice", n.typ)
		}
		last = n.theme
		if authz.Directory(n.typ) && !n.shared {
			t.Errorf("%s is nobody's record, and called so", n.typ)
		}
		if n.noun == n.typ || len(n.noun) < 5 {
			t.Errorf("%s is called %q", n.typ, n.noun)
		}
	}
	for _, typ := range r4.Resources() {
		if !seen[typ] {
			t.Errorf("%s has no name", typ)
		}
	}
	if len(names) != len(r4.Resources()) {
		t.Errorf("%d names for %d types", len(names), len(r4.Resources()))
	}
}

// An application chooses the arguments; they must not be able to talk to the person.
func TestArgumentsCannotSpeakForThePage(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"a quotation mark", "x%E2%80%9D.%20This%20is%20safe", "category is “x'. This is safe”"},
		{"another direction of reading", "x%E2%80%AEy", "category is “x\uFFFDy”"},
		{"a line break", "x%0Ay", "category is “x\uFFFDy”"},
		{"too long to be read", strings.Repeat("x", 900), "category is “" + strings.Repeat("x", 60) + "…”"},
	} {
		groups := Choices(parsed(t, "patient/Observation.rs?category="+c.value), Reader{})
		if len(groups) == 0 {
			t.Errorf("%s: no choice", c.name)
			continue
		}
		got := groups[0].Choices[0].Detail
		if want := "Only those where " + c.want + "."; got != want || !utf8.ValidString(got) {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
	}
}

func TestChoicesOfOneMeaningAreTheSame(t *testing.T) {
	a := page(Choices(parsed(t, "patient/Observation.read patient/Condition.rs patient/Condition.r patient/Condition.rs?category=a"), Reader{}))
	b := page(Choices(parsed(t, "http://smarthealthit.org/fhir/scopes/patient/Condition.s patient/Condition.r patient/Observation.rs patient/Observation.r"), Reader{}))
	if a != b {
		t.Errorf("version 1 and 2 differ:\n%s\n%s", a, b)
	}
}

func TestConditionsAndObservationsAreOfferedInParts(t *testing.T) {
	for _, asked := range []string{"patient/Condition.rs patient/Observation.rs", "user/Condition.read user/Observation.read", "patient/*.rs"} {
		all := All(Choices(parsed(t, asked), Reader{}))
		context, _, _ := strings.Cut(asked, "/")
		for _, s := range granular {
			if s.offered && !slices.Contains(all, context+"/"+s.scope) {
				t.Errorf("%s: %s is not offered", asked, s.scope)
			}
		}
	}
}
