package service_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"firebreak/internal/service"
)

// provider is what both OpenID providers are.
type provider interface {
	Issuer() string
	Register(testing.TB, service.Client)
}

func answer(t *testing.T, r *http.Response, err error) map[string]any {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%s: %s", r.Status, text)
	}
	return out
}

func TestKeycloakIssuesAndIntrospectsTokens(t *testing.T) {
	begin := time.Now()
	k := service.StartKeycloak(t)
	t.Logf("Keycloak is there after %v", time.Since(begin).Round(time.Millisecond))
	r, err := http.Get(k.Issuer() + "/.well-known/openid-configuration")
	if got := answer(t, r, err)["issuer"]; got != k.Issuer() {
		t.Fatalf("issuer = %v, want %s", got, k.Issuer())
	}
	dr := service.People()[0]
	form := url.Values{"token": {k.Token(t, dr)}, "client_id": {service.ResourceServerID}, "client_secret": {service.ResourceServerSecret}}
	r, err = http.PostForm(k.Issuer()+"/protocol/openid-connect/token/introspect", form)
	got := answer(t, r, err)
	for name, want := range map[string]any{
		"active": true, "fhirUser": dr.FHIRUser, "organization": dr.Organization, "aud": service.Audience, "sub": k.Subject(dr.Login),
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	if roles, _ := got["roles"].([]any); len(roles) != 1 || roles[0] != "doctor" {
		t.Errorf("roles = %v, want [doctor]", got["roles"])
	}
}

// A person signs in at each provider in a real browser, which arrives at the
// client with a code.
func TestProvidersSignPeopleIn(t *testing.T) {
	arrived := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>arrived</title>")
	}))
	defer arrived.Close()
	dr := service.People()[0]
	for _, c := range []struct {
		name            string
		start           func(testing.TB) provider
		authorize       string
		login, password chromedp.CSS
	}{
		{"Keycloak", func(t testing.TB) provider { return service.StartKeycloak(t) }, "/protocol/openid-connect/auth", "#username", "#password"},
		{"oidc-provider", func(t testing.TB) provider { return service.StartOIDCProvider(t) }, "/auth", "[name=login]", "[name=password]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.start(t)
			p.Register(t, service.Client{ID: "app", Secret: "a secret of the application", RedirectURIs: []string{arrived.URL + "/back"}})
			ctx := service.Chromium(t)
			ask := url.Values{
				"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {arrived.URL + "/back"}, "scope": {"openid"},
				"state": {"s"}, "code_challenge_method": {"S256"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
			}
			err := chromedp.Do(ctx, chromedp.Navigate(p.Issuer()+c.authorize+"?"+ask.Encode()),
				chromedp.SendKeys(c.login, dr.Login), chromedp.SendKeys(c.password, dr.Password), chromedp.Submit(c.password),
				chromedp.WaitReady(chromedp.Search("//title[text()='arrived']")))
			if err != nil {
				t.Fatal(err)
			}
			where, err := chromedp.Run(ctx, chromedp.Location())
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(where)
			if err != nil || u.Query().Get("code") == "" || u.Query().Get("state") != "s" {
				t.Errorf("arrived at %s, want a code and the state", where)
			}
		})
	}
}

func TestChromiumTrustsOnlyWhoItIsToldTo(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>here</title>")
	}))
	s.Config.ErrorLog = nil
	defer s.Close()
	title := func(ctx context.Context) string {
		_ = chromedp.Do(ctx, chromedp.Navigate(s.URL))
		got, _ := chromedp.Run(ctx, chromedp.Title())
		return got
	}
	if got := title(service.Chromium(t, s.Certificate())); got != "here" {
		t.Errorf("trusted: the title is %q, want here", got)
	}
	if got := title(service.Chromium(t)); got == "here" {
		t.Error("a browser that was told to trust nobody shows the page")
	}
}

func TestPackagesLoad(t *testing.T) {
	cmd := exec.Command(service.Node(t), "--input-type=module", "--eval",
		`import { Client } from 'fhir-kit-client'; console.log(typeof Client)`)
	cmd.Dir = service.Modules(t)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "function" {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(service.Module(t, "fhirclient") + "/build/fhir-client.min.js"); err != nil {
		t.Error(err)
	}
}
