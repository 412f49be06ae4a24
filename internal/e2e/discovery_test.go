package e2e

import (
	"strings"
	"testing"
)

// TestBothDocumentsSayWhereToSignIn: clients find the authorization server in the
// discovery document or, as older ones do, in the CapabilityStatement; npm's
// fhir-kit-client takes whichever comes first. Both say the same, and a page of any
// origin may read them without a token.
func TestBothDocumentsSayWhereToSignIn(t *testing.T) {
	h := open(t, nil)
	get := func(path, accept string) reply {
		t.Helper()
		req := request(t, "GET", h.base+path, nil)
		req.Header.Set("Accept", accept)
		req.Header.Set("Origin", "https://nobody.example")
		r := ask(t, h.http, req)
		if r.status != 200 {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		if got := r.header.Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s: pages of %q may read it, want any", path, got)
		}
		return r
	}
	found := get("/.well-known/smart-configuration", "application/fhir+json")
	if got := found.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("the discovery document is %q", got)
	}
	said := map[string]any{}
	for at := range oauthURIs(get("/metadata", "application/json").json) {
		said[at["url"].(string)] = at["valueUri"]
	}
	for old, name := range map[string]string{"authorize": "authorization_endpoint", "token": "token_endpoint", "introspect": "introspection_endpoint",
		"revoke": "revocation_endpoint", "manage": "management_endpoint"} {
		if url := found.text(name); !strings.HasPrefix(url, h.issuer+"/") || said[old] != url {
			t.Errorf("%s is %q and %v, want one URL below %s", name, url, said[old], h.issuer)
		}
	}
}

// oauthURIs are the parts of the extension in a CapabilityStatement that SMART App
// Launch 1.0 defined.
func oauthURIs(statement map[string]any) func(func(map[string]any) bool) {
	return func(yield func(map[string]any) bool) {
		list := func(of any, name string) []any {
			object, _ := of.(map[string]any)
			out, _ := object[name].([]any)
			return out
		}
		for _, rest := range list(statement, "rest") {
			security := rest.(map[string]any)["security"]
			for _, e := range list(security, "extension") {
				if e.(map[string]any)["url"] != "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris" {
					continue
				}
				for _, part := range list(e, "extension") {
					if !yield(part.(map[string]any)) {
						return
					}
				}
			}
		}
	}
}
