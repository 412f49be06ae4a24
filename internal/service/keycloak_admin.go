package service

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// prepare makes the realm.
func (k *Keycloak) prepare() error {
	return k.admin(http.MethodPost, "/admin/realms", realm())
}

// Register adds a client to the realm until the test ends. Its scope "fhir",
// granted always, puts fhirUser, roles and organization into its tokens.
func (k *Keycloak) Register(t testing.TB, c Client) {
	t.Helper()
	client := object{
		"clientId": c.ID, "id": c.ID, "protocol": "openid-connect", "publicClient": false, "secret": c.Secret,
		"standardFlowEnabled": true, "directAccessGrantsEnabled": false, "frontchannelLogout": false,
		"redirectUris": c.RedirectURIs, "defaultClientScopes": []string{"basic", "acr", "profile", "email", "fhir"},
		"attributes": object{
			"pkce.code.challenge.method": "S256", "backchannel.logout.session.required": "true",
			"backchannel.logout.url":    c.BackchannelLogoutURI,
			"post.logout.redirect.uris": strings.Join(c.PostLogoutRedirectURIs, "##"),
		},
	}
	if c.JWKS != "" {
		client["clientAuthenticatorType"] = "client-jwt"
		a := client["attributes"].(object)
		a["use.jwks.string"], a["jwks.string"] = "true", c.JWKS
	}
	if err := k.admin(http.MethodPost, "/admin/realms/hospital/clients", client); err != nil {
		t.Fatalf("Keycloak: %v", err)
	}
	t.Cleanup(func() {
		if err := k.admin(http.MethodDelete, "/admin/realms/hospital/clients/"+url.PathEscape(c.ID), nil); err != nil {
			t.Errorf("Keycloak: %v", err)
		}
	})
}

// Token is an access token of a person for Audience, as an application would
// get it.
func (k *Keycloak) Token(t testing.TB, a Account) string {
	t.Helper()
	token, err := k.form(k.Issuer()+"/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {passwordClient}, "username": {a.Login}, "password": {a.Password}, "scope": {"openid"},
	})
	if err != nil {
		t.Fatalf("Keycloak: %v", err)
	}
	return token
}

// LogOut ends a person's sessions as an administrator does, upon which Keycloak
// tells the clients by their back channel.
func (k *Keycloak) LogOut(t testing.TB, login string) {
	t.Helper()
	if err := k.admin(http.MethodPost, "/admin/realms/hospital/users/"+userID(login)+"/logout", nil); err != nil {
		t.Fatalf("Keycloak: %v", err)
	}
}

func (k *Keycloak) admin(method, path string, body object) error {
	// Each time, since it is good for a minute only.
	token, err := k.form(k.url+"/realms/master/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"operator"}, "password": {"operator-of-tests"},
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		text = nil
	}
	r, err := http.NewRequest(method, k.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	_, err = exchange(r)
	return err
}

// form posts one and gives the access token of the answer.
func (k *Keycloak) form(to string, values url.Values) (string, error) {
	r, err := http.NewRequest(http.MethodPost, to, strings.NewReader(values.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	text, err := exchange(r)
	if err != nil {
		return "", err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", err
	}
	if answer.AccessToken == "" {
		return "", errors.New("no token in the answer")
	}
	return answer.AccessToken, nil
}

func exchange(r *http.Request) ([]byte, error) {
	answer, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", r.Method, r.URL.Path, answer.Status, text)
	}
	return text, nil
}
