package ui_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/go-webauthn/webauthn/protocol"
	lib "github.com/go-webauthn/webauthn/webauthn"

	"firebreak/internal/service"
	"firebreak/ui"
)

// evaluate runs a script on the page.
func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// TestPartsShowWhenSomeAreWanted works a choice as a person does.
func TestPartsShowWhenSomeAreWanted(t *testing.T) {
	ctx := service.Chromium(t)
	srv := showcase(t, []specimen{{"consent", consent()}})
	do(t, ctx, chromedp.Navigate(srv.URL+"/consent"))
	const shown = `[...document.querySelectorAll(".parts")].map((e) => e.checkVisibility()).join()`
	if got := evaluate[string](t, ctx, shown); got != "false,true" {
		t.Fatalf("parts shown at first: %s, want false,true", got)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS(`[name="take:patient/Condition.rs"][value=some]`)), chromedp.Click(chromedp.CSS(`[name="take:patient/Observation.rs"][value=none]`)))
	if got := evaluate[string](t, ctx, shown); got != "true,false" {
		t.Errorf("parts shown then: %s, want true,false", got)
	}
}

// TestAFormMayEndAtTheApplication lets a form's answer lead to another origin:
// the browser follows where the policy names it, and stays where it does not.
func TestAFormMayEndAtTheApplication(t *testing.T) {
	ctx := service.Chromium(t)
	arrived := make(chan string, 4)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cb" {
			arrived <- r.URL.RawQuery
		}
	}))
	t.Cleanup(app.Close)
	source, ok := ui.FormAction(app.URL + "/cb")
	if !ok {
		t.Fatal(app.URL)
	}
	for _, c := range []struct {
		name    string
		allowed []string
	}{{"closed", nil}, {"open", []string{source}}} {
		p := newPages(t)
		out, err := p.Render(consent(), c.allowed...)
		if err != nil {
			t.Fatal(err)
		}
		posted := make(chan struct{}, 1)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/":
				w.Header().Set("Content-Security-Policy", out.CSP)
				_, _ = w.Write(out.HTML)
			case "/auth/consent":
				posted <- struct{}{}
				http.Redirect(w, r, app.URL+"/cb?from="+c.name, http.StatusSeeOther)
			}
		}))
		t.Cleanup(srv.Close)
		do(t, ctx, chromedp.Navigate(srv.URL), chromedp.Evaluate[chromedp.Void](`document.querySelector("[value=allow]").click()`))
		receive(t, posted, "the form")
	}
	// The closed one came first: were it let through, it would have arrived first.
	if got := receive(t, arrived, "the application"); got != "from=open" {
		t.Errorf("the application was reached by %s", got)
	}
}

func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("%s was not reached", what)
		panic("unreachable")
	}
}

// keyholder is a person with passkeys, for the library that verifies them.
type keyholder struct{ keys []lib.Credential }

func (k *keyholder) WebAuthnID() []byte                    { return []byte("amy-handle") }
func (k *keyholder) WebAuthnName() string                  { return "amy" }
func (k *keyholder) WebAuthnDisplayName() string           { return "Amy Shaw" }
func (k *keyholder) WebAuthnCredentials() []lib.Credential { return k.keys }

// TestAPasskeyIsMadeAndUsed goes through both ceremonies in a browser with an
// authenticator of its own; what the pages post is verified as a server would.
func TestAPasskeyIsMadeAndUsed(t *testing.T) {
	ctx := service.Chromium(t)
	var current ui.Page
	p, posts := newPages(t), make(chan url.Values, 4)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := p.Asset(r.URL.Path); ok {
			w.Header().Set("Content-Type", a.Type)
			_, _ = w.Write(a.Content)
			return
		}
		if r.Method == http.MethodPost {
			_ = r.ParseForm()
			r.PostForm.Set("path", r.URL.Path)
			posts <- r.PostForm
			return
		}
		w.Header().Set("Content-Security-Policy", current.CSP)
		_, _ = w.Write(current.HTML)
	}))
	t.Cleanup(srv.Close)
	origin := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) // an address is no relying party
	authority, err := lib.New(&lib.Config{RPID: "localhost", RPDisplayName: "North Hospital", RPOrigins: []string{origin}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}}); err != nil {
		t.Fatal(err)
	}

	amy := &keyholder{}
	options, session, err := authority.BeginRegistration(amy, lib.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired))
	if err != nil {
		t.Fatal(err)
	}
	current = render(t, p, &ui.AddPasskey{Common: adams(), Name: "Laptop", Passkey: asked(t, options)})
	do(t, ctx, chromedp.Navigate(origin), chromedp.Click(chromedp.CSS("[data-passkey] button")))
	form := receive(t, posts, ui.PathPasskey)
	if form.Get("path") != "/auth"+ui.PathPasskey || form.Get("name") != "Laptop" || form.Get("csrf") != "csrf-token" {
		t.Errorf("posted %q", form)
	}
	key, err := authority.FinishRegistration(amy, *session, answer(form))
	if err != nil {
		t.Fatalf("%v: %s", err, form.Get("credential"))
	}
	amy.keys = append(amy.keys, *key)

	assert, session, err := authority.BeginLogin(amy)
	if err != nil {
		t.Fatal(err)
	}
	use := asked(t, assert)
	current = render(t, p, &ui.SecondFactor{Common: person(ui.Common{}), Passkey: &use})
	do(t, ctx, chromedp.Navigate(origin), chromedp.Click(chromedp.CSS("[data-passkey] button")))
	form = receive(t, posts, ui.PathFactorPasskey)
	if _, err := authority.FinishLogin(amy, *session, answer(form)); err != nil || form.Get("path") != "/auth"+ui.PathFactorPasskey {
		t.Fatalf("%v: %q", err, form)
	}

	// At the sign-in page nobody has said a name: the passkey tells it. Pressed
	// while the browser already offers passkeys in the field for the name.
	assert, session, err = authority.BeginDiscoverableLogin()
	if err != nil {
		t.Fatal(err)
	}
	use = asked(t, assert)
	current = render(t, p, &ui.SignIn{Common: person(ui.Common{}), Local: true, Passkey: &use})
	do(t, ctx, chromedp.Navigate(origin), chromedp.Evaluate[chromedp.Void](`(function look() { // the form is there when its script is
		const form = document.querySelector("[data-passkey]")
		if (form && form.hidden) setTimeout(look, 5)
		else form?.querySelector("button").click()
	})()`))
	form = receive(t, posts, ui.PathSignInPasskey)
	find := func(_, handle []byte) (lib.User, error) {
		if string(handle) != "amy-handle" {
			t.Errorf("the passkey tells of %q", handle)
		}
		return amy, nil
	}
	if _, err := authority.FinishDiscoverableLogin(find, *session, answer(form)); err != nil || form.Get("path") != "/auth"+ui.PathSignInPasskey {
		t.Fatalf("%v: %q", err, form)
	}
}

func render(t *testing.T, p *ui.Pages, v ui.View) ui.Page {
	t.Helper()
	out, err := p.Render(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func asked(t *testing.T, options any) ui.Passkey {
	t.Helper()
	b, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	return ui.Passkey{Options: string(b)}
}

// answer is the posted credential as the library reads it, from a request.
func answer(form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Get("credential")))
	r.Header.Set("Content-Type", "application/json")
	return r
}
