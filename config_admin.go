package firebreak

import (
	"slices"
	"strings"

	"firebreak/smart"
)

// What SmartConfig.TwoPersons may name.
const (
	twoForClients  = "clients"
	twoForPeople   = "people"
	twoForKeys     = "keys"
	twoForPolicies = "policies"
)

// offered are the roles that administrators may give to people.
func (c SmartConfig) offered() []string {
	out := slices.Concat(c.Administrators, c.Roles.Clinical, c.Roles.JustInTime)
	for _, p := range c.Purposes {
		if p.Role != "system" { // which applications have
			out = append(out, p.Role)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *Config) checkAdministration(fault faultFunc) {
	s := c.Smart
	if len(s.Administrators) == 0 || slices.Contains(s.Administrators, "") {
		fault("smart.administrators", "must name at least one role, and no empty one")
	}
	if all := []string{smart.ACRPassword, smart.ACRTwoFactors, smart.ACRPhishingResistant}; !slices.Contains(all, s.AdminACR) {
		fault("smart.admin_acr", "must be one of %s", strings.Join(all, ", "))
	}
	for _, role := range s.Roles.SelfService {
		if slices.Contains(s.Administrators, role) {
			fault("smart.roles.self_service", "must not have %q: anybody could make themselves an administrator", role)
		}
	}
	for _, two := range s.TwoPersons {
		if all := []string{twoForClients, twoForPeople, twoForKeys, twoForPolicies}; !slices.Contains(all, two) {
			fault("smart.two_persons", "%q must be one of %s", two, strings.Join(all, ", "))
		}
	}
}
