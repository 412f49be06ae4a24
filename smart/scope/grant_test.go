package scope

import (
	"slices"
	"testing"
)

// without are all choices of a request but some.
func without(r Request, ids ...string) []string {
	return slices.DeleteFunc(All(Choices(r, Reader{})), func(id string) bool { return slices.Contains(ids, id) })
}

func TestGrantIssuesWhatWasChosen(t *testing.T) {
	const observation = "patient/Observation.rs"
	labs := observation + "?category=" + lab
	for _, c := range []struct {
		name, asked string
		chosen      func(Request) []string
		want        string
	}{
		{"all", "patient/*.read openid launch/patient offline_access", func(r Request) []string { return without(r) }, "launch/patient openid offline_access patient/*.read"},
		{"the defaults leave out offline access", "patient/Patient.rs offline_access online_access", func(r Request) []string { return Defaults(Choices(r, Reader{})) },
			"online_access patient/Patient.rs"},
		{"nothing", "patient/*.read openid launch/patient offline_access profile", func(Request) []string { return nil }, "launch/patient openid"},
		{"nothing of resources", "patient/*.read", func(Request) []string { return nil }, ""},
		{"ids that are no choice", "patient/Observation.r", func(Request) []string {
			return []string{"patient/Observation.rs", "patient/*.cruds", "offline_access", ""}
		}, ""},
		{"to see, not to change", "patient/Appointment.cruds", func(r Request) []string { return without(r, "patient/Appointment.cud") }, "patient/Appointment.rs"},
		{"version 1, to see", "patient/Appointment.*", func(r Request) []string { return without(r, "patient/Appointment.cud") }, "patient/Appointment.read"},
		{"version 1, to change", "patient/Appointment.*", func(r Request) []string { return without(r, "patient/Appointment.rs") }, "patient/Appointment.write"},
		{"a part", observation, func(Request) []string { return []string{observation, labs} }, labs},
		{"a part of version 1", "patient/Observation.read", func(Request) []string { return []string{observation, labs} }, labs},
		{"a part without the whole above it", observation, func(Request) []string { return []string{labs} }, ""},
		{"the whole without its parts", observation, func(Request) []string { return []string{observation} }, ""},
		{"the rest without the parts", observation, func(Request) []string { return []string{observation, observation + "#rest"} }, ""},
		{"all but a part", "patient/Condition.rs", func(r Request) []string {
			return without(r, "patient/Condition.rs?category=http://hl7.org/fhir/us/core/CodeSystem/condition-category|health-concern")
		}, "patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item " +
			"patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|encounter-diagnosis"},
		{"a type of a whole record", "patient/*.read", func(Request) []string { return []string{"patient/*.rs", "patient/Goal.rs"} }, "patient/Goal.read"},
		{"a part of a type of a whole record", "patient/*.read", func(Request) []string { return []string{"patient/*.rs", observation, labs} }, labs},
		{"what was asked for by name too", "patient/*.rs patient/Goal.rs patient/Goal.r", func(Request) []string { return []string{"patient/*.rs", "patient/Goal.rs"} }, "patient/Goal.rs patient/Goal.r"},
		{"two letters of two scopes", "patient/Goal.r patient/Goal.s", func(Request) []string { return []string{"patient/Goal.rs"} }, "patient/Goal.r patient/Goal.s"},
		{"to change a whole record, but for one type", "patient/*.cud", func(Request) []string { return []string{"patient/*.cud", "patient/Goal.cud"} }, "patient/Goal.cud"},
		{"as a URI", "http://smarthealthit.org/fhir/scopes/patient/Goal.read", func(r Request) []string { return without(r) }, "http://smarthealthit.org/fhir/scopes/patient/Goal.read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := parsed(t, c.asked)
			if got := Grant(r, c.chosen(r)); got != c.want {
				t.Errorf("of %q, %q: got %q, want %q", c.asked, c.chosen(r), got, c.want)
			}
		})
	}
}
