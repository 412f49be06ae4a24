package authz

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/policies"
)

// many are the default policies and more, up to n: of each ten, eight are about
// other roles or types, and two ask everybody who reads an Observation.
func many(b *testing.B, n int) *Policies {
	files := fstest.MapFS{}
	count := 0
	_ = fs.WalkDir(policies.Default(), ".", func(name string, d fs.DirEntry, err error) error {
		if text, err := fs.ReadFile(policies.Default(), name); err == nil {
			files[name] = &fstest.MapFile{Data: text}
			count += strings.Count(string(text), "@id")
		}
		return err
	})
	var s strings.Builder
	for i := count; i < n; i++ {
		who, cond := fmt.Sprintf(`principal in Role::"role-%d"`, i), `resource.inCareTeam`
		switch i % 10 {
		case 0:
			who, cond = "principal", fmt.Sprintf(`principal.organization == "Organization/%d" && resource.custodian == principal.organization`, i)
		case 1:
			who, cond = "principal", fmt.Sprintf(`principal.purpose == "P%d" && resource.isSubject`, i)
		case 2, 3, 4:
			who, cond = "principal", `resource.type == "Condition" && resource.inCareTeam`
		}
		fmt.Fprintf(&s, "@id(\"p%d\") permit (%s, action in [Action::\"read\", Action::\"search\"], resource) when { %s };\n", i, who, cond)
	}
	files["many.cedar"] = &fstest.MapFile{Data: []byte(s.String())}
	p, err := NewPolicies(func() (fs.FS, error) { return files, nil })
	if err != nil {
		b.Fatal(err)
	}
	return p
}

var sizes = []int{20, 100, 1000, 10_000}

func BenchmarkRuleWarm(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("policies=%d", n), func(b *testing.B) {
			p, who := many(b, n), gate.NewPrincipal(physician())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Rule(who, fhir.ActSearch, "Observation"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRuleCold is a principal's first request for a type that others have
// asked for; the first of all adds BenchmarkIndex.
func BenchmarkRuleCold(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("policies=%d", n), func(b *testing.B) {
			p, id := many(b, n), physician()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.live.Load().compile(id, fhir.ActSearch, "Observation"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkIndex(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("policies=%d", n), func(b *testing.B) {
			set := many(b, n).Loaded()
			for b.Loop() {
				x := newIndex(set)
				x.policies(fhir.ActSearch, "Observation")
			}
		})
	}
}

func BenchmarkDecideWarm(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("policies=%d", n), func(b *testing.B) {
			p, who, h := many(b, n), gate.NewPrincipal(physician()), record("Observation", north)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Decide(who, fhir.ActRead, h, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecideCold is the first row of a class that a principal meets.
func BenchmarkDecideCold(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("policies=%d", n), func(b *testing.B) {
			p, h := many(b, n), record("Observation", north)
			q := question{id: physician(), action: fhir.ActRead, typ: h.Type, resource: recordEntity(h.Class, ties{})}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Loaded().authorize(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("policies=%d", n), func(b *testing.B) {
			p := many(b, n)
			for b.Loop() {
				fsys, _ := p.load()
				if _, err := LoadPolicies(fsys); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkScopes(b *testing.B) {
	id := physician()
	id.Scope, id.Patient = "openid fhirUser launch/patient patient/Observation.rs?category=laboratory patient/*.rs user/Practitioner.rs", "p1"
	who, s, h := gate.NewPrincipal(id), newTestScopes(), record("Observation", north)
	c := gate.NewContent([]byte(someBodies[0]))
	b.Run("rule/warm", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.Rule(who, fhir.ActSearch, "Observation")
		}
	})
	b.Run("rule/cold", func(b *testing.B) {
		for b.Loop() {
			parseScopes(id.Scope)
			s.compile(id, fhir.ActSearch, "Observation")
		}
	})
	b.Run("decide", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.Decide(who, fhir.ActRead, h, c)
		}
	})
}
