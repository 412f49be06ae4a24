package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"firebreak"
	"firebreak/internal/service"
	"firebreak/smart/client"
)

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// towards is a way on which every name leads to one of these addresses, each
// request to the next, as behind a balancer that knows nothing of sessions.
func towards(t *testing.T, addresses ...string) *http.Transport {
	t.Helper()
	var n atomic.Int64
	way := trusting(t)
	way.DisableKeepAlives, way.ForceAttemptHTTP2 = true, false
	way.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addresses[int(n.Add(1))%len(addresses)])
	}
	return way
}

// twoNodes are two servers of one database, under one name, and a way that leads
// to both in turn.
func twoNodes(t *testing.T) (a, b *house, both *http.Transport) {
	t.Helper()
	database := service.Postgres(t)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	keys := filepath.Join(t.TempDir(), "vault.key")
	if err := os.WriteFile(keys, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	node := func(at string) *house {
		h := open(t, func(c *firebreak.Config) {
			c.Listen, c.Base, c.Smart.Issuer = at, "https://fhir.localhost/fhir", "https://auth.localhost/auth"
			c.Store.Postgres, c.Smart.KeyFile = database, keys
		})
		h.http = &http.Client{Transport: towards(t, at)}
		return h
	}
	one, other := free(t), free(t)
	return node(one), node(other), towards(t, one, other)
}

// TestAnyNodeAnswers: an authorization that goes back and forth between two
// servers of one database with each request. What one of them ended is worth
// nothing at the other with the next request.
func TestAnyNodeAnswers(t *testing.T) {
	a, b, both := twoNodes(t)
	a.ward()
	password := a.invite("dr-adams", "Practitioner/dr-adams", "Organization/north", "physician")
	portal := a.portal("portal") // registered at one, used at the other
	v := newVisitor(t, both, back)
	const scope = "openid fhirUser offline_access user/*.rs"
	signedIn := v.open(portal.begin(b, scope)).submit("/signin", "username", "dr-adams", "password", password)
	code := signedIn.submit("/consent", "answer", "allow", "+scope", "offline_access").code()
	got := portal.exchange(b, code).must(t)
	for _, node := range []*house{a, b} {
		node.sees(got.text("access_token"), map[string]int{"Patient/amy": 200, "Patient/sam": 404})
	}
	renewed := portal.refresh(a, got.text("refresh_token")).must(t)
	b.sees(renewed.text("access_token"), map[string]int{"Patient/amy": 200})
	if r := portal.post(b, "/introspect", url.Values{"token": {renewed.text("access_token")}}); r.json["active"] != true || r.text("client_id") != portal.id {
		t.Errorf("introspection at the other node: %d %s", r.status, r.body)
	}
	a.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {renewed.text("refresh_token")}}).refused(t,
		"a confidential application without its secret", 401, "invalid_client")
	if r := portal.post(b, "/revoke", url.Values{"token": {renewed.text("refresh_token")}}); r.status != 200 {
		t.Fatalf("revoke: %d %s", r.status, r.body)
	}
	for _, token := range []string{got.text("access_token"), renewed.text("access_token")} {
		a.sees(token, map[string]int{"Patient/amy": 401})
		b.sees(token, map[string]int{"Patient/amy": 401})
	}
	portal.refresh(a, renewed.text("refresh_token")).refused(t, "a refresh token that was revoked at the other node", 400, "invalid_grant")
}

// TestReplaysAreSeenByEveryNode: a code, a refresh token and an assertion that one
// node has taken are taken by no other; a code or refresh token that comes again
// ends what was issued for it, everywhere.
func TestReplaysAreSeenByEveryNode(t *testing.T) {
	a, b, both := twoNodes(t)
	a.ward()
	password := a.invite("amy", "Patient/amy", "Organization/north", "patient")
	portal := a.portal("portal")
	v := newVisitor(t, both, back)
	const scope = "launch/patient openid fhirUser offline_access patient/*.rs"
	code := v.open(portal.begin(a, scope)).submit("/signin", "username", "amy", "password", password).submit("/consent", "answer", "allow", "+scope", "offline_access").code()
	got := portal.exchange(a, code).must(t)
	portal.exchange(b, code).refused(t, "a code that the other node has taken", 400, "invalid_grant")
	a.sees(got.text("access_token"), map[string]int{"Patient/amy": 401})

	code = v.open(portal.begin(b, scope)).submit("/consent", "answer", "allow", "+scope", "offline_access").code()
	got = portal.exchange(b, code).must(t)
	renewed := portal.refresh(a, got.text("refresh_token")).must(t)
	if got.text("patient") != "amy" || renewed.text("patient") != "amy" {
		t.Errorf("the patient in context is %q, and %q after a refresh, want amy", got.text("patient"), renewed.text("patient"))
	}
	b.sees(renewed.text("access_token"), map[string]int{"Patient/amy": 200})
	portal.refresh(b, got.text("refresh_token")).refused(t, "a refresh token that the other node has taken", 400, "invalid_grant")
	a.sees(renewed.text("access_token"), map[string]int{"Patient/amy": 401})
	portal.refresh(a, renewed.text("refresh_token")).refused(t, "the refresh token that came of it", 400, "invalid_grant")

	key := newKey(t, "nightly")
	a.register(client.Client{ID: "nightly", Name: "Nightly", Kind: client.System, Method: client.PrivateKeyJWT, Keys: key.set(t), Scopes: []string{"system/*.rs"}, Roles: []string{"system"}})
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"system/Patient.rs"}, "client_assertion": {key.assertion(t, "nightly", a.issuer+"/token")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
	token := a.post("/token", form).must(t).text("access_token")
	b.sees(token, map[string]int{"Patient/sam": 200, "Observation/sams": 403})
	b.post("/token", form).refused(t, "an assertion that the other node has taken", 401, "invalid_client")

	// So are proofs of possession (RFC 9449 section 11.1).
	proof := key.proof(t, "POST", a.issuer+"/token", "")
	bound := func(h *house) reply {
		form.Set("client_assertion", key.assertion(t, "nightly", a.issuer+"/token"))
		req := request(t, "POST", h.issuer+"/token", form)
		req.Header.Set("DPoP", proof)
		return ask(t, h.http, req)
	}
	if r := bound(a).must(t); r.text("token_type") != "DPoP" {
		t.Errorf("token_type = %q, want DPoP", r.text("token_type"))
	}
	bound(b).refused(t, "a proof that the other node has taken", 400, "invalid_dpop_proof")
}
