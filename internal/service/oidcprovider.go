package service

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

//go:embed node/provider.mjs
var providerScript string

// OIDCProvider is an OpenID provider made with the npm package oidc-provider,
// with the people of People, whose sub is their login. Its sign-in page is a
// form with the fields login and password. When acr_values asks for
// urn:example:strong it claims that, else urn:example:password.
type OIDCProvider struct {
	*program
	issuer string
}

// Issuer is also the server's URL, without a slash at the end.
func (p *OIDCProvider) Issuer() string { return p.issuer }

// StartOIDCProvider is the process's oidc-provider.
func StartOIDCProvider(t testing.TB) *OIDCProvider {
	t.Helper()
	return the(t, "oidc-provider", func() (*OIDCProvider, error) { return startOIDCProvider("") })
}

// StartOktaShaped is the process's oidc-provider that keeps to what Okta's
// documentation says of Okta: see node/provider.mjs. Roles are groups there.
func StartOktaShaped(t testing.TB) *OIDCProvider {
	t.Helper()
	return the(t, "oidc-provider as Okta", func() (*OIDCProvider, error) { return startOIDCProvider("okta") })
}

func startOIDCProvider(shape string) (*OIDCProvider, error) {
	where, err := modules()
	if err != nil {
		return nil, err
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errAbsent
	}
	accounts, err := json.Marshal(providerAccounts())
	if err != nil {
		return nil, err
	}
	trusted, err := authority()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "firebreak-provider-")
	if err != nil {
		return nil, err
	}
	said, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer said.Close()
	// Packages are looked for from the working directory when the program is an argument.
	cmd := exec.Command(node, "--input-type=module", "--eval", providerScript)
	cmd.Dir, cmd.Stdout, cmd.Env = where, out, append(os.Environ(), "FIREBREAK_ACCOUNTS="+string(accounts), "FIREBREAK_SHAPE="+shape, "NODE_EXTRA_CA_CERTS="+trusted.CA)
	p, err := run(dir, cmd)
	_ = out.Close()
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	line, _ := bufio.NewReader(said).ReadString('\n')
	op := &OIDCProvider{program: p, issuer: strings.TrimSpace(line)}
	if op.issuer == "" {
		err = errors.New("the server ended: " + p.words())
	} else {
		err = p.await(op.issuer+"/.well-known/openid-configuration", 30*time.Second)
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return op, nil
}

func providerAccounts() []object {
	var out []object
	for _, a := range People() {
		claims := object{
			"name": a.Given + " " + a.Family, "preferred_username": a.Login, "email": a.Email, "email_verified": true, "roles": a.Roles, "groups": a.Roles,
		}
		for name, value := range map[string]string{"fhirUser": a.FHIRUser, "organization": a.Organization} {
			if value != "" {
				claims[name] = value
			}
		}
		out = append(out, object{"login": a.Login, "password": a.Password, "claims": claims})
	}
	return out
}

// Register adds a client for as long as the process lives.
func (p *OIDCProvider) Register(t testing.TB, c Client) {
	t.Helper()
	client := object{
		"id": c.ID, "redirect_uris": c.RedirectURIs, "response_types": []string{"code"}, "grant_types": []string{"authorization_code"},
	}
	if c.JWKS != "" {
		client["token_endpoint_auth_method"] = "private_key_jwt"
		var keys object
		if err := json.Unmarshal([]byte(c.JWKS), &keys); err != nil {
			t.Fatal(err)
		}
		client["jwks"] = keys
	} else {
		client["secret"] = c.Secret
	}
	if len(c.PostLogoutRedirectURIs) > 0 {
		client["post_logout_redirect_uris"] = c.PostLogoutRedirectURIs
	}
	if c.BackchannelLogoutURI != "" {
		client["backchannel_logout_uri"], client["backchannel_logout_session_required"] = c.BackchannelLogoutURI, true
	}
	text, err := json.Marshal(client)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, p.issuer+"/reg", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if _, err := exchange(r); err != nil {
		t.Fatalf("oidc-provider: %v", err)
	}
}
