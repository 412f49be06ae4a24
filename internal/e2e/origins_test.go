package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"firebreak"
	"firebreak/internal/service"
	"firebreak/smart/federation"
)

// TestABrowserIsLetThroughToAProvidersOtherName: a provider whose pages are at
// another origin than its issuer, as its discovery document says. A browser holds
// the redirect that answers our form to the page's policy.
func TestABrowserIsLetThroughToAProvidersOtherName(t *testing.T) {
	last := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>there</title>")
	}))
	t.Cleanup(last.Close)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, last.URL+"/broker", http.StatusFound)
	}))
	t.Cleanup(pages.Close)
	var issuer string
	op := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q}`, issuer, pages.URL+"/authorize", issuer+"/token", issuer+"/jwks")
	}))
	t.Cleanup(op.Close)
	issuer = op.URL
	file := secretFile(t, "hush")
	h := open(t, func(c *firebreak.Config) {
		c.Smart.Providers = []federation.Config{{ID: "clinic", Name: "Hospital account", Issuer: issuer, ClientID: "us", ClientSecretFile: file, PlainLoopback: true, Onward: []string{last.URL}}}
	})
	b := service.NewBrowser(t, service.TheAuthority(t).Shown)
	b.Open(h.issuer + "/account")
	b.Press("button[name=provider][value=clinic]")
	b.Await("the provider's page", `document.title === "there"`)
	if b.Location() != last.URL+"/broker" {
		t.Errorf("the browser is at %s", b.Location())
	}
}
