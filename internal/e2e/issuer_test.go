package e2e

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"firebreak"
	"firebreak/internal/service"
)

// behind is a resource server only: its tokens are Keycloak's.
func behind(t *testing.T, k *service.Keycloak, change func(*firebreak.IssuerConfig)) *house {
	t.Helper()
	h := open(t, func(c *firebreak.Config) {
		c.Smart.Enabled = false
		i := firebreak.IssuerConfig{Name: k.Issuer(), Audience: []string{service.Audience}, PlainLoopback: true,
			Claims: firebreak.ClaimsConfig{Roles: service.RolesClaim, Organization: service.OrganizationClaim}}
		change(&i)
		c.Issuers = []firebreak.IssuerConfig{i}
	})
	h.ward()
	return h
}

func introspecting(t *testing.T, k *service.Keycloak) firebreak.IntrospectionConfig {
	return firebreak.IntrospectionConfig{URL: k.Issuer() + "/protocol/openid-connect/token/introspect", ClientID: service.ResourceServerID,
		ClientSecretFile: secretFile(t, service.ResourceServerSecret)}
}

// TestKeycloaksTokensOpenRecords: Firebreak as a resource server and nothing else,
// that reads Keycloak's access tokens by themselves, asks about each, or both.
// What an administrator of the realm ended is refused at the next request where
// Keycloak is asked always, and after at most remember where answers are used again;
// a JWT that nobody is asked about holds until it ends.
func TestKeycloaksTokensOpenRecords(t *testing.T) {
	k := service.StartKeycloak(t)
	dr := account(t, "dr-adams")
	jwt := func(i *firebreak.IssuerConfig) {
		i.JWKSURL, i.Algorithms = k.Issuer()+"/protocol/openid-connect/certs", []string{"RS256"}
	}
	for _, c := range []struct {
		name   string
		change func(*firebreak.IssuerConfig)
		// after a logout: at once, and in the end
		next, later int
	}{
		{"JWT", jwt, 200, 200},
		{"JWT, always asked about", func(i *firebreak.IssuerConfig) {
			jwt(i)
			i.Introspection = introspecting(t, k)
			i.Introspection.Always = true
		}, 401, 401},
		{"asked about only", func(i *firebreak.IssuerConfig) { i.Introspection = introspecting(t, k) }, 401, 401},
		{"answers remembered", func(i *firebreak.IssuerConfig) {
			i.Introspection = introspecting(t, k)
			i.Introspection.Remember = firebreak.Duration{Duration: 2 * time.Second}
		}, 200, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := behind(t, k, c.change)
			token := k.Token(t, dr)
			h.sees(token, map[string]int{"Patient/amy": 200, "Patient/sam": 404})
			h.sees(token+"x", map[string]int{"Patient/amy": 401})
			k.LogOut(t, dr.Login)
			h.sees(token, map[string]int{"Patient/amy": c.next})
			if c.next != c.later {
				becomes(t, "the logout is noticed", func() bool { return h.read(token, "Patient/amy").status == c.later })
			}
		})
	}
}

// TestKeycloaksRevocationsCount: by the client that holds the token (RFC 7009), not
// by an administrator.
func TestKeycloaksRevocationsCount(t *testing.T) {
	k := service.StartKeycloak(t)
	h := behind(t, k, func(i *firebreak.IssuerConfig) { i.Introspection = introspecting(t, k) })
	token := k.Token(t, account(t, "nurse-bell"))
	h.sees(token, map[string]int{"Patient/amy": 200})
	r := ask(t, http.DefaultClient, request(t, "POST", k.Issuer()+"/protocol/openid-connect/revoke", url.Values{"token": {token}, "client_id": {"password-client"}}))
	if r.status != 200 {
		t.Fatalf("Keycloak does not revoke: %d %s", r.status, r.body)
	}
	h.sees(token, map[string]int{"Patient/amy": 401})
}
