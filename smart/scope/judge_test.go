package scope

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"firebreak/authz"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
)

const base = "https://fhir.example.org/r4"

// sample is a resource as the resource server would judge it.
type sample struct {
	header gate.Header
	body   string
}

// samples has one resource a line: its type, its categories, its subject.
var samples = []sample{
	record("Observation", "p1", lab),
	record("Observation", "p1", vitals),
	record("Observation", "p1", vitals, lab),
	record("Observation", "p1", "http://example.org|other", sdoh),
	record("Observation", "p1"),
	record("Observation", "p2", lab),
	record("Condition", "p1", problem),
	record("Condition", "p1", "http://example.org|other"),
	record("Patient", "p1"),
	record("Goal", "p1"),
	record("Basic", "p1"),
	record("Practitioner", ""),
}

const (
	vitals  = "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"
	sdoh    = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category|sdoh"
	problem = "http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item"
)

func record(typ, patient string, categories ...string) sample {
	var list []string
	for _, c := range categories {
		system, code, _ := strings.Cut(c, "|")
		list = append(list, fmt.Sprintf(`{"coding":[{"system":%q,"code":%q}]}`, system, code))
	}
	body := fmt.Sprintf(`{"resourceType":%q,"id":"1"`, typ)
	if list != nil {
		body += `,"category":[` + strings.Join(list, ",") + `]`
	}
	if typ == "Observation" {
		body += `,"status":"final"`
	}
	h := gate.Header{Type: typ, ID: "1", Version: "v", Class: gate.Class{Tenant: "t", Type: typ, Confidentiality: gate.Normal}}
	if patient != "" {
		h.Keys.Subjects = []string{patient}
	}
	return sample{header: h, body: body + "}"}
}

// person is launched by a user with p1 in context, machine has no user.
var (
	person  = gate.Identity{Tenant: "t", Issuer: "i", Subject: "s", ClientID: "app", FHIRUser: "Practitioner/1", Patient: "p1"}
	machine = gate.Identity{Tenant: "t", Issuer: "i", Subject: "app", ClientID: "app"}
)

// judge asks the resource server's scope layer, which shares nothing with this
// package but the reading of one scope.
type judge struct{ layer *authz.Scopes }

func newJudge() judge { return judge{authz.NewScopes(search.NewExtractor(base), base)} }

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func (j judge) permits(t failer, id gate.Identity, scope string, action fhir.Action, s sample) bool {
	t.Helper()
	id.Scope = scope
	d, err := j.layer.Decide(gate.NewPrincipal(id), action, s.header, gate.NewContent([]byte(s.body)))
	if err != nil {
		t.Fatalf("Decide: %v", err)
	}
	return d.Effect == gate.Permits
}

func anyScope(t *rapid.T, contexts ...string) string {
	of := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, what) }
	typ := of("type", "*", "*", "Observation", "Observation", "Condition", "Patient", "Goal", "Practitioner")
	text := of("context", contexts...) + "/" + typ + "." + of("letters", "rs", "rs", "read", "write", "*", "r", "s", "cruds", "cu", "cud", "d")
	if strings.HasSuffix(text, "s") || strings.HasSuffix(text, "u") {
		text += of("arguments", "", "", "?category="+lab, "?category="+vitals, "?category="+problem, "?category="+vitals+","+lab,
			"?category="+lab+"&status=final", "?status=final", "?category=laboratory", "?category="+vitals+"&category="+lab)
	}
	if rapid.IntRange(0, 9).Draw(t, "long form") == 0 {
		return "http://smarthealthit.org/fhir/scopes/" + text
	}
	return text
}

func anyText(t *rapid.T, name string, contexts ...string) string {
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return anyScope(t, contexts...) }), 0, 5).Draw(t, name)
	more := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"openid", "fhirUser", "launch/patient", "offline_access", "email", "patient/x.rs"}), rapid.ID[string]).Draw(t, name+", others")
	return strings.Join(append(list, more...), " ")
}

func anyTicks(t *rapid.T, r Request) []string {
	all := append(All(Choices(r, Reader{})), "patient/*.cruds", "user/Observation.rs", "nonsense")
	keep := rapid.SampledFrom([]int{2, 5, 9, 10}).Draw(t, "ticked of ten")
	return slices.DeleteFunc(all, func(id string) bool { return rapid.IntRange(1, 10).Draw(t, id) > keep })
}

// What is granted is permitted by what was asked for and by the registration.
func TestGrantNeverExceedsRequestOrRegistration(t *testing.T) {
	j := newJudge()
	rapid.Check(t, func(t *rapid.T) {
		asked, registered := anyText(t, "asked", "patient", "user", "system"), anyText(t, "registered", "patient", "user", "system")
		r := parsed(t, asked).Allowed(strings.Fields(registered))
		granted := Grant(r, anyTicks(t, r))
		for _, other := range []string{asked, registered} {
			if !Subset(granted, other) {
				t.Fatalf("%q is not within %q", granted, other)
			}
			for _, id := range []gate.Identity{person, machine} {
				for _, a := range fhir.Actions {
					for _, s := range samples {
						if j.permits(t, id, granted, a, s) && !j.permits(t, id, other, a, s) {
							t.Fatalf("asked %q, registered %q: granted %q, which permits to %s %s, and %q does not", asked, registered, granted, a, s.body, other)
						}
					}
				}
			}
		}
	})
}

// Within one context, what both permit is granted when all is ticked: nothing is
// lost on the way.
func TestGrantOfAllIsTheWholeIntersection(t *testing.T) {
	j := newJudge()
	rapid.Check(t, func(t *rapid.T) {
		context := rapid.SampledFrom([]string{"patient", "user", "system"}).Draw(t, "context")
		id := person
		if context == "system" {
			id = machine
		}
		asked, registered := anyText(t, "asked", context), anyText(t, "registered", context)
		r := parsed(t, asked).Allowed(strings.Fields(registered))
		granted := Grant(r, All(Choices(r, Reader{})))
		if granted != r.String() {
			t.Fatalf("%q granted whole is %q", r, granted)
		}
		for _, a := range fhir.Actions {
			for _, s := range samples {
				both := j.permits(t, id, asked, a, s) && j.permits(t, id, registered, a, s)
				if got := j.permits(t, id, granted, a, s); got != both {
					t.Fatalf("asked %q, registered %q: granted %q: to %s %s is %v, want %v", asked, registered, granted, a, s.body, got, both)
				}
			}
		}
	})
}

// A grant asked for again and granted again stays what it is; the choices that it
// comes to are those that were ticked, no more.
func TestGrantIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := parsed(t, anyText(t, "asked", "patient", "user"))
		granted := Grant(r, anyTicks(t, r))
		again := parsed(t, granted)
		if len(again.Unknown) > 0 {
			t.Fatalf("%q has what we can't read: %q", granted, again.Unknown)
		}
		if got := Grant(again, All(Choices(again, Reader{}))); got != granted {
			t.Fatalf("%q, granted whole, is %q", granted, got)
		}
		if got := r.Allowed(strings.Fields(granted)).String(); !Subset(got, granted) || !Subset(granted, got) {
			t.Fatalf("%q cut down to %q is %q", r, granted, got)
		}
		ids := All(Choices(r, Reader{}))
		slices.Sort(ids)
		if n := len(ids); n != len(slices.Compact(ids)) {
			t.Fatalf("two choices of %q share an id", r)
		}
	})
}

// told are the ids of a tree of choices that a person said yes to, each of them a
// scope: a whole if all below it is ticked, else what is ticked of its parts.
func told(list []Choice, ticked []string) (ids []string, all bool) {
	all = true
	for _, c := range list {
		parts, whole := told(c.Parts, ticked)
		switch {
		case !slices.Contains(ticked, c.ID):
			whole = false
		case whole:
			ids = append(ids, c.ID)
		default:
			ids = append(ids, parts...)
		}
		all = all && whole
	}
	return slices.DeleteFunc(ids, func(id string) bool { return strings.Contains(id, "#") }), all
}

// What is granted is what the ticked choices say, neither more nor less.
func TestGrantIsWhatTheTicksSay(t *testing.T) {
	j := newJudge()
	rapid.Check(t, func(t *rapid.T) {
		r := parsed(t, anyText(t, "asked", "patient", "user"))
		ticked := anyTicks(t, r)
		var ids []string
		for _, g := range Choices(r, Reader{}) {
			more, _ := told(g.Choices, ticked)
			ids = append(ids, more...)
		}
		granted := Grant(r, ticked)
		for _, a := range fhir.Actions {
			for _, s := range samples {
				if got, want := j.permits(t, person, granted, a, s), j.permits(t, person, strings.Join(ids, " "), a, s); got != want {
					t.Fatalf("of %q, ticked %q: granted %q: to %s %s is %v, want %v", r, ids, granted, a, s.body, got, want)
				}
			}
		}
	})
}

// One more tick never takes anything away.
func TestMoreTicksGrantMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := parsed(t, anyText(t, "asked", "patient", "user"))
		few := anyTicks(t, r)
		more := slices.Concat(few, anyTicks(t, r))
		if a, b := Grant(r, few), Grant(r, more); !Subset(a, b) {
			t.Fatalf("of %q, %q grants %q and %q grants %q", r, few, a, more, b)
		}
	})
}

// Subset tells no more than the resource server would do.
func TestSubsetIsTrueOfWhatIsPermitted(t *testing.T) {
	j := newJudge()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyText(t, "a", "patient", "user", "system"), anyText(t, "b", "patient", "user", "system")
		if rapid.Bool().Draw(t, "related") {
			b += " " + a
		}
		if !Subset(a, b) {
			return
		}
		for _, action := range fhir.Actions {
			for _, s := range samples {
				if j.permits(t, person, a, action, s) && !j.permits(t, person, b, action, s) {
					t.Fatalf("%q is not within %q: %s %s", a, b, action, s.body)
				}
			}
		}
	})
}

// Whatever an application sends is sorted out without harm, and nothing that we
// issue is read otherwise at the resource server.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"openid patient/*.read", "patient/Observation.rs?category=" + lab, "user/*.cruds?_lastUpdated=ge2024 launch", "patient/Observation.r?category=a%2Cb%5C%20c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		granted := Grant(r, All(Choices(r, Reader{})))
		if granted != r.String() || !Subset(granted, text) {
			t.Errorf("%q is granted %q", text, granted)
		}
		if understood, unknown := authz.ReadScope(granted); len(unknown) > 0 || len(understood) != len(strings.Fields(granted)) {
			t.Errorf("%q is granted %q, of which %q is unknown", text, granted, unknown)
		}
	})
}
