package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"

	"firebreak/smart/client"
)

// application is one that the test plays itself: the server side of it.
type application struct {
	id, secret string
	verifier   string
}

const back = "https://portal.example/back"

// portal registers a confidential application.
func (h *house) portal(id string) *application {
	h.t.Helper()
	secret := h.register(client.Client{ID: id, Name: "Portal", Kind: client.Confidential, Method: client.SecretBasic, Offline: true, RedirectURIs: []string{back},
		PostLogoutRedirectURIs: []string{back},
		Scopes:                 appScopes})
	return &application{id: id, secret: secret, verifier: rand.Text() + rand.Text()}
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// begin is the address of an authorization request.
func (a *application) begin(h *house, scope string) string {
	return h.issuer + "/authorize?" + url.Values{"response_type": {"code"}, "client_id": {a.id}, "redirect_uri": {back}, "scope": {scope}, "state": {rand.Text()},
		"aud": {h.base}, "code_challenge": {hash(a.verifier)}, "code_challenge_method": {"S256"}}.Encode()
}

// post sends a form with the application's credentials.
func (a *application) post(h *house, path string, form url.Values) reply {
	h.t.Helper()
	req := request(h.t, http.MethodPost, h.issuer+path, form)
	req.SetBasicAuth(a.id, a.secret)
	return ask(h.t, h.http, req)
}

func (a *application) exchange(h *house, code string) reply {
	h.t.Helper()
	return a.post(h, "/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}, "code_verifier": {a.verifier}})
}

func (a *application) refresh(h *house, token string) reply {
	h.t.Helper()
	return a.post(h, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// must is an answer that gives tokens.
func (r reply) must(t *testing.T) reply {
	t.Helper()
	if r.status != 200 || r.text("access_token") == "" {
		t.Fatalf("no token: %d %s", r.status, r.body)
	}
	return r
}

// refused checks that an answer gives nothing, for a reason.
func (r reply) refused(t *testing.T, what string, status int, why string) {
	t.Helper()
	if r.status != status || r.text("error") != why || r.text("access_token") != "" {
		t.Errorf("%s: %d %s, want %d and %s", what, r.status, r.body, status, why)
	}
}
