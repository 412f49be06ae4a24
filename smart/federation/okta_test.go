package federation_test

import (
	"slices"
	"testing"

	"firebreak/internal/service"
	"firebreak/smart/federation"
)

// TestOktasExampleSignsPeopleIn: the page's configuration for Okta, with this
// provider's address and key in it, works with a provider that does what Okta's
// documentation says: a path in the issuer, the e-mail address at userinfo only,
// assertions for the token endpoint, and one class of authentication at a time.
func TestOktasExampleSignsPeopleIn(t *testing.T) {
	p := service.StartOktaShaped(t)
	shown := documented(t, source(t, "../../docs/federation.md"))[1]
	// The accounts there are in other groups, of another domain.
	rename := map[string]string{"Physicians": "doctor", "Nurses": "nurse", "Firebreak users": "doctor", "example.org": "hospital.example"}
	o := at(t, p, func(c *federation.Config) {
		c.Name, c.AssertionAudience, c.UserInfo, c.Scopes, c.ACRValues, c.Rules = shown.Name, shown.AssertionAudience, shown.UserInfo, shown.Scopes, shown.ACRValues, shown.Rules
		c.PrivateKeyFile = "key"
		for i, pair := range c.Rules.Roles.Map {
			c.Rules.Roles.Map[i].From = rename[pair.From]
		}
		for i, r := range c.Rules.Require {
			c.Rules.Require[i].Values = []string{rename[r.Values[0]]}
		}
		c.Rules.EmailDomains = []string{rename[c.Rules.EmailDomains[0]]}
	})
	b := newBrowser(t, o)
	for _, c := range []struct{ need, want string }{{"", federation.ACR1}, {federation.ACR2, federation.ACR2}, {federation.ACR3, federation.ACR3}} {
		got := o.signIn(t, b, account("dr-adams"), federation.Ask{ACR: c.need, Fresh: true})
		if got.FHIRUser != "Practitioner/dr-adams" || !slices.Equal(got.Roles, []string{"physician"}) || got.Email != "adams@hospital.example" || !got.EmailVerified {
			t.Errorf("%+v", got)
		}
		if got.ACR != c.want {
			t.Errorf("where %q is needed the sign-in is of the class %s, want %s", c.need, got.ACR, c.want)
		}
	}
}
