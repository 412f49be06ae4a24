package scope

import (
	"strings"
	"testing"
)

const lab = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"

func TestAllowedIsWhatBothSay(t *testing.T) {
	for _, c := range []struct{ name, asked, registered, want string }{
		{"the same", "patient/Observation.rs", "patient/Observation.rs", "patient/Observation.rs"},
		{"nothing is registered", "patient/Observation.rs openid", "", ""},
		{"a wildcard covers a type", "patient/Observation.rs", "patient/*.rs", "patient/Observation.rs"},
		{"and its granular scopes", "patient/Observation.rs?category=" + lab, "patient/*.rs", "patient/Observation.rs?category=" + lab},
		{"letters are cut down", "patient/Observation.cruds", "patient/*.rs", "patient/Observation.rs"},
		{"letters of several registrations", "patient/Observation.rs", "patient/Observation.r patient/*.s", "patient/Observation.rs"},
		{"version 1 asked, version 2 registered", "patient/Observation.read", "patient/Observation.rs", "patient/Observation.read"},
		{"version 2 asked, version 1 registered", "patient/Observation.rs", "patient/*.read", "patient/Observation.rs"},
		{"version 1 cut down stays version 1", "patient/*.*", "patient/*.rs", "patient/*.read"},
		{"version 1 cut down to what only version 2 says", "patient/*.read", "patient/*.r", "patient/*.r"},
		{"a wildcard asked, types registered", "patient/*.rs", "patient/Observation.rs patient/Condition.r", "patient/Observation.rs patient/Condition.r"},
		{"a type asked, a part registered", "patient/Observation.rs", "patient/Observation.rs?category=" + lab, "patient/Observation.rs?category=" + lab},
		{"version 1 asked, a part registered", "patient/Observation.read", "patient/Observation.rs?category=laboratory", "patient/Observation.rs?category=laboratory"},
		{"equal arguments", "patient/Observation.r?status=final&category=laboratory", "patient/Observation.r?category=laboratory&status=final", "patient/Observation.r?status=final&category=laboratory"},
		{"the same argument, escaped", "patient/Observation.r?category=a%7Cb", "patient/Observation.r?category=a|b", "patient/Observation.r?category=a%7Cb"},
		{"more arguments grant less", "patient/Observation.r?status=final&category=laboratory", "patient/Observation.r?category=laboratory", "patient/Observation.r?status=final&category=laboratory"},
		{"other arguments: both hold", "patient/Observation.r?status=final", "patient/Observation.r?category=laboratory", "patient/Observation.r?status=final&category=laboratory"},
		{"a part on a type that has no such argument", "patient/*.r?category=laboratory", "patient/Patient.r", ""},
		{"contexts are apart", "user/Observation.rs system/Observation.rs", "patient/*.cruds", ""},
		{"others go by name", "openid fhirUser offline_access launch/patient", "openid launch offline_access", "openid offline_access"},
		{"URI form", "http://smarthealthit.org/fhir/scopes/patient/Observation.rs", "patient/*.rs", "http://smarthealthit.org/fhir/scopes/patient/Observation.rs"},
		{"unknown is not granted even if registered", "email", "email", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := parsed(t, c.asked).Allowed(strings.Fields(c.registered))
			if got.String() != c.want {
				t.Errorf("%q within %q = %q, want %q", c.asked, c.registered, got, c.want)
			}
			if again := got.Allowed(strings.Fields(c.registered)); again.String() != c.want {
				t.Errorf("once more: %q", again)
			}
		})
	}
}

func TestSubsetKeepsARefreshWithinTheGrant(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		want       bool
	}{
		{"the same", "openid patient/*.rs", "openid patient/*.rs", true},
		{"fewer", "patient/*.rs", "openid patient/*.rs", true},
		{"nothing", "", "openid", true},
		{"one more", "openid offline_access", "openid", false},
		{"a type of a wildcard", "patient/Observation.r", "patient/*.rs", true},
		{"a wildcard of a type", "patient/*.r", "patient/Observation.rs", false},
		{"one more letter", "patient/Observation.cr", "patient/Observation.rs", false},
		{"letters of two", "patient/Observation.rs", "patient/Observation.r patient/Observation.s", true},
		{"a part", "patient/Observation.rs?category=laboratory", "patient/Observation.rs", true},
		{"the whole of a part", "patient/Observation.rs", "patient/Observation.rs?category=laboratory", false},
		{"another part", "patient/Observation.rs?category=survey", "patient/Observation.rs?category=laboratory", false},
		{"another context", "user/Observation.rs", "patient/Observation.rs", false},
		{"version 1 of version 2", "patient/Observation.read", "patient/Observation.rs", true},
		{"unknown", "email", "openid", false},
		{"unknown, granted as it stands", "email", "openid email", true},
		{"too long to read", strings.Repeat("x", maxGranted+1), "openid", false},
		{"of what is too long to read", "openid", "openid " + strings.Repeat("x", maxGranted), false},
	} {
		if got := Subset(c.a, c.b); got != c.want {
			t.Errorf("%s: Subset(%.60q, %.60q) = %v, want %v", c.name, c.a, c.b, got, c.want)
		}
	}
}
