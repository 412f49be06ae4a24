package e2e

import (
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firebreak"
	"firebreak/internal/service"
	"firebreak/smart/federation"
)

// provider is what both OpenID providers are.
type provider interface {
	Issuer() string
	Register(testing.TB, service.Client)
}

// secretFile keeps a secret as a configuration names it.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// signingInAt configures sign-in at a provider, by the rules that
// docs/federation.md shows, and registers the server there once it has an address.
func signingInAt(t *testing.T, p provider) *house {
	t.Helper()
	id, secret := "firebreak-"+strings.ToLower(rand.Text()), rand.Text()
	file := secretFile(t, secret)
	h := open(t, func(c *firebreak.Config) {
		c.Smart.Providers = []federation.Config{{ID: "clinic", Name: "Hospital account", Issuer: p.Issuer(), ClientID: id, ClientSecretFile: file, PlainLoopback: true,
			Rules: federation.Rules{
				FHIRUser:     []federation.Reference{{Claim: "fhirUser", Types: []string{"Practitioner", "Patient"}}},
				Organization: federation.Reference{Claim: "organization", Template: "Organization/{claim}"},
				Roles: federation.Values{Claim: "roles", Map: []federation.Pair{
					{From: "doctor", To: "physician"}, {From: "nurse", To: "nurse"}, {From: "patient", To: "patient"}}},
			}}}
	})
	p.Register(t, service.Client{ID: id, Secret: secret, RedirectURIs: []string{h.issuer + "/signin/clinic/callback"},
		PostLogoutRedirectURIs: []string{h.issuer + "/signedout"}, BackchannelLogoutURI: h.issuer + "/signin/clinic/logout"})
	return h
}

func account(t *testing.T, login string) service.Account {
	t.Helper()
	for _, a := range service.People() {
		if a.Login == login {
			return a
		}
	}
	t.Fatalf("nobody is called %s", login)
	return service.Account{}
}

const clinicianScope = "openid fhirUser online_access user/Patient.rs user/Observation.rs"

// TestKeycloaksPeopleSignIn: a physician of the realm signs in there for an
// application of ours; what the realm says of her, by the rules, is what the
// policies go by. Who signs out here is signed out there; and who is signed out
// there, by an administrator, is signed out here: at once and with all that the
// application holds.
func TestKeycloaksPeopleSignIn(t *testing.T) {
	k := service.StartKeycloak(t)
	h := signingInAt(t, k)
	h.ward()
	a := startApp(t, "pulse", "launch/patient "+clinicianScope, launchScope)
	h.register(a.registration(appScopes...))
	b := service.NewBrowser(t, service.TheAuthority(t).Shown)
	dr := account(t, "dr-adams")

	atKeycloak := func() {
		b.Await("Keycloak", service.There("#password"))
		if !strings.HasPrefix(b.Location(), k.URL()) {
			t.Fatalf("the browser is at %s, want Keycloak", b.Location())
		}
		b.Fill("#username", dr.Login)
		b.Fill("#password", dr.Password)
		b.Press("#kc-login")
	}
	fromTheApp := func() (token string) {
		b.Press("form[action$='/patient/find'] button:not([type=button])")
		b.Press("button[name=patient][value=amy]")
		b.Press("button[value=allow]")
		b.Await("chart", chart)
		return b.Value(`client.getState("tokenResponse.access_token")`)
	}
	start := a.url + "/launch.html?iss=" + url.QueryEscape(h.base)
	b.Open(start)
	b.Press("button[name=provider][value=clinic]")
	atKeycloak()
	token := fromTheApp()
	b.Await("who", `document.querySelector("#who").textContent.endsWith(`+quote(dr.FHIRUser)+`)`)
	if got := b.Value(`client.getState("tokenResponse.id_token")`); claim(t, got, "iss") != h.issuer || claim(t, got, "name") != nil {
		t.Errorf("the id token is %v's and names %v, want ours, and no name that nobody asked for", claim(t, got, "iss"), claim(t, got, "name"))
	}
	// By her organisation, which is the realm's word, she sees the north only.
	h.sees(token, map[string]int{"Patient/amy": 200, "Patient/sam": 404, "Observation/sams": 404, "Observation/pulse-1": 200})

	// Signing out here ends Keycloak's session: it asks for the password again.
	b.Open(h.issuer + "/signout")
	b.Press("form[action$='/signout'] button")
	b.Await("signed out", `location.href === `+quote(h.issuer+"/signedout"))
	h.sees(token, map[string]int{"Patient/amy": 401})
	b.Open(start)
	b.Press("button[name=provider][value=clinic]")
	atKeycloak()
	token = fromTheApp()
	h.sees(token, map[string]int{"Patient/amy": 200})

	// An administrator of the realm signs her out: Keycloak tells us itself.
	k.LogOut(t, dr.Login)
	becomes(t, "what the application holds is worth nothing", func() bool { return h.read(token, "Patient/amy").status == 401 })
	b.Await("refresh", pressed("refresh"))
	b.Await("refused", `document.querySelector("#fault").textContent.includes("invalid_grant")`)
	b.Open(h.issuer + "/account")
	b.Await("signed out here", service.There("button[name=provider]"))
}

// sees checks what a token opens.
func (h *house) sees(token string, want map[string]int) {
	h.t.Helper()
	for what, status := range want {
		if r := h.read(token, what); r.status != status {
			h.t.Errorf("%s: %d, want %d: %s %s", what, r.status, status, r.header.Get("WWW-Authenticate"), r.body)
		}
	}
}

// TestAnotherProvidersPeopleSignIn: what holds for Keycloak holds for npm's
// oidc-provider, which says less of a sign-in: not when it was. Who is signed in
// there needs no password for a second browser of ours; who signs out there is
// signed out in both.
func TestAnotherProvidersPeopleSignIn(t *testing.T) {
	p := service.StartOIDCProvider(t)
	h := signingInAt(t, p)
	h.ward()
	portal := h.portal("portal")
	nurse := account(t, "nurse-bell")
	first := newVisitor(t, trusting(t), back)
	there := first.open(portal.begin(h, clinicianScope)).submit("/signin/provider", "provider", "clinic")
	if !strings.HasPrefix(there.at.String(), p.Issuer()) {
		t.Fatalf("the visitor is at %s, want the provider", there.at)
	}
	got := portal.exchange(h, there.submit("", "login", nurse.Login, "password", nurse.Password).submit("/consent", "answer", "allow").code()).must(t)
	h.sees(got.text("access_token"), map[string]int{"Patient/amy": 200, "Patient/sam": 404})

	second := newVisitor(t, trusting(t), back)
	at, err := url.Parse(p.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	second.http.Jar.SetCookies(at, first.http.Jar.Cookies(at))
	straight := second.open(portal.begin(h, clinicianScope)).submit("/signin/provider", "provider", "clinic")
	also := portal.exchange(h, straight.submit("/consent", "answer", "allow").code()).must(t)

	out := first.open(h.issuer+"/signout").submit("/signout", "answer", "signout")
	if !strings.HasPrefix(out.at.String(), p.Issuer()+"/session/end") {
		t.Fatalf("signing out leads to %s, want the provider", out.at)
	}
	h.sees(got.text("access_token"), map[string]int{"Patient/amy": 401})
	portal.refresh(h, got.text("refresh_token")).refused(t, "the refresh token of a session that ended", 400, "invalid_grant")
	h.sees(also.text("access_token"), map[string]int{"Patient/amy": 200})
	if end := out.submit("/session/end/confirm", "logout", "yes"); end.at.String() != h.issuer+"/signedout" {
		t.Errorf("after signing out there the visitor is at %s: %s", end.at, end.body)
	}
	becomes(t, "the second browser is signed out", func() bool { return h.read(also.text("access_token"), "Patient/amy").status == 401 })

	// Where the application asks, the way is the same, and ends at the application.
	third := newVisitor(t, trusting(t), back)
	there = third.open(portal.begin(h, clinicianScope)).submit("/signin/provider", "provider", "clinic")
	portal.exchange(h, there.submit("", "login", nurse.Login, "password", nurse.Password).submit("/consent", "answer", "allow").code()).must(t)
	asked := third.open(h.issuer + "/logout?" + url.Values{"client_id": {portal.id}, "post_logout_redirect_uri": {back}, "state": {"s1"}}.Encode())
	out = asked.submit("/signout", "answer", "signout")
	if !strings.HasPrefix(out.at.String(), p.Issuer()+"/session/end") {
		t.Fatalf("signing out for an application leads to %s, want the provider", out.at)
	}
	if end := out.submit("/session/end/confirm", "logout", "yes"); end.at.String() != back+"?state=s1" {
		t.Errorf("after signing out there the visitor is at %s, want the application", end.at)
	}
}
