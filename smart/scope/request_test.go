package scope

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func parsed(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) Request {
	t.Helper()
	r, err := Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return r
}

func texts(list []Resource) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.Text)
	}
	return out
}

func TestParseSortsOutARequest(t *testing.T) {
	uri := "http://smarthealthit.org/fhir/scopes/patient/Condition.read"
	r := parsed(t, "launch/patient  openid fhirUser profile offline_access online_access launch launch/encounter patient/Observation.rs openid "+
		"user/*.read "+uri+" email patient/Observation.sr patient/Observation.rs?category:not=x patient/Nonsense.rs system/Patient.cruds "+
		"patient/Observation.rs?category=laboratory address \"quoted\" patient/Goal.rs\tpatient/CarePlan.rs patient/Flag.rs\u00a0user/Flag.rs "+
		"patient/Flag.rs?identifier=a\u00a0user/*.cruds patient/Flag.rs?identifier=a\tuser/*.cruds patient/Flag.rs?identifier=\" patient/Flag.rs?identifier=a\\,b")
	for _, c := range []struct {
		name      string
		got, want []string
	}{
		{"launch", r.Launch, []string{"launch/patient", "launch", "launch/encounter"}},
		{"identity", r.Identity, []string{"openid", "fhirUser", "profile"}},
		{"access", r.Access, []string{"offline_access", "online_access"}},
		{"resources", texts(r.Resources), []string{"patient/Observation.rs", "user/*.read", uri, "system/Patient.cruds", "patient/Observation.rs?category=laboratory"}},
		{"unknown", r.Unknown, []string{"email", "patient/Observation.sr", "patient/Observation.rs?category:not=x", "patient/Nonsense.rs", "address", "\"quoted\"",
			"patient/Goal.rs\tpatient/CarePlan.rs", "patient/Flag.rs\u00a0user/Flag.rs",
			"patient/Flag.rs?identifier=a\u00a0user/*.cruds", "patient/Flag.rs?identifier=a\tuser/*.cruds", "patient/Flag.rs?identifier=\"", "patient/Flag.rs?identifier=a\\,b"}},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s = %q, want %q", c.name, c.got, c.want)
		}
	}
	if got := r.Only("patient", "user"); len(got.Resources) != 4 || !reflect.DeepEqual(got.Launch, r.Launch) {
		t.Errorf("without system scopes: %v", got)
	}
	if !r.Has("offline_access") || r.Has("email") || r.Has("user/*.read") {
		t.Error("Has tells another thing than was parsed")
	}
}

func TestParseRefusesTooMuch(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", nil},
		{"spaces", "   ", nil},
		{"as many as may be", strings.Repeat("x ", maxTokens), nil},
		{"too many", strings.Repeat("x ", maxTokens+1), ErrTooMuch},
		{"as long as may be", strings.Repeat("x", maxText), nil},
		{"too long", strings.Repeat("x", maxText+1), ErrTooMuch},
	} {
		r, err := Parse(c.text)
		if !errors.Is(err, c.want) || len(r.Resources) > 0 || r.String() != "" {
			t.Errorf("%s: %v, %v, want %v", c.name, r, err, c.want)
		}
	}
	if r := parsed(t, "patient/Observation.rs?category="+strings.Repeat("x", maxToken)); len(r.Resources) != 0 {
		t.Error("a token that is too long is granted")
	}
}

func TestNeedsPatient(t *testing.T) {
	for text, want := range map[string]bool{
		"patient/*.rs": true, "launch/patient": true, "openid patient/Observation.rs?category=laboratory": true,
		"": false, "launch user/*.rs": false, "system/*.rs": false, "patient/x": false,
	} {
		if got := parsed(t, text).NeedsPatient(); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
