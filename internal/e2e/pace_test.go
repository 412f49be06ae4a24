package e2e

import (
	"net/url"
	"testing"

	"firebreak"
	"firebreak/smart/client"
)

// TestQuestionsAboutTokensCountAsRequests: limits.per_client is one limit for all
// that an application asks, wherever it asks.
func TestQuestionsAboutTokensCountAsRequests(t *testing.T) {
	h := open(t, func(c *firebreak.Config) { c.Limits.PerClient, c.Limits.PerClientBurst = 1, 3 })
	secret := h.register(client.Client{ID: "archive", Name: "Archive", Kind: client.Confidential, Method: client.SecretPost, Introspect: true})
	form := url.Values{"client_id": {"archive"}, "client_secret": {secret}, "token": {"x"}}
	for _, place := range []string{"/introspect", "/revoke", "/token"} {
		r := ask(t, h.http, request(t, "POST", h.issuer+place, form))
		for n := 0; n < 50 && r.status != 429; n++ { // a slow machine may earn some back
			r = ask(t, h.http, request(t, "POST", h.issuer+place, form))
		}
		if r.status != 429 || r.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q", place, r.status, r.header.Get("Retry-After"))
		}
	}
	form.Set("client_secret", "x") // who only says who it is
	if r := ask(t, h.http, request(t, "POST", h.issuer+"/introspect", form)); r.status != 401 {
		t.Errorf("with a wrong secret: %d", r.status)
	}
}
