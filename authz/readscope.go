package authz

import "strings"

// ReadScope takes a scope text apart for whoever writes one: what is understood,
// and what is not and so grants nothing. Understood are the scopes on resources
// that Scopes goes by, and those that SMART App Launch 2.2 and OpenID Connect
// have for other things (openid, launch/patient).
func ReadScope(scope string) (understood, unknown []string) {
	for _, s := range strings.Fields(scope) {
		_, onResources := parseScope(s)
		if len(scope) <= maxScope && (onResources || otherScope(s)) {
			understood = append(understood, s)
			continue
		}
		unknown = append(unknown, s)
	}
	return understood, unknown
}

func otherScope(s string) bool {
	switch s {
	case "openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter", "offline_access", "online_access":
		return true
	}
	return false
}
