package federation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base32"
	"encoding/json"
	"encoding/pem"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/pquerna/otp/totp"

	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/smart/federation"
	"firebreak/vault"
)

func TestMain(m *testing.M) { service.Main(m) }

// real is one of the providers that people really use, and how it is spoken to.
type real interface {
	Issuer() string
	Register(testing.TB, service.Client)
}

func keycloak(t testing.TB) real     { return service.StartKeycloak(t) }
func oidcProvider(t testing.TB) real { return service.StartOIDCProvider(t) }

// ours is our side of a provider: what receives logout tokens, and the
// federation.
type ours struct {
	*federation.Federation
	base string
	out  chan string // logout tokens, as they come
}

// rules are for the accounts of service.People.
func rules() federation.Rules {
	return federation.Rules{
		FHIRUser:     []federation.Reference{{Claim: "fhirUser", Types: []string{"Practitioner", "Patient"}}},
		Organization: federation.Reference{Claim: "organization", Template: "Organization/{claim}"},
		Roles: federation.Values{Claim: "roles", Map: []federation.Pair{
			{From: "doctor", To: "physician"}, {From: "nurse", To: "nurse"}, {From: "patient", To: "patient"}}},
		ACR: federation.Values{Map: []federation.Pair{{From: "urn:example:strong", To: federation.ACR2}}},
	}
}

func secretFile(t testing.TB, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyFile makes a key for assertions; the second result is the public half as a
// JWK Set.
func keyFile(t testing.TB) (path, jwks string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path = secretFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return path, string(set)
}

// at sets up both sides: a client registered there, the provider configured here.
func at(t *testing.T, p real, change func(*federation.Config)) ours {
	t.Helper()
	o := ours{out: make(chan string, 4)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/auth/signin/real/logout" {
			o.out <- r.PostFormValue("logout_token")
		}
	}))
	t.Cleanup(s.Close)
	o.base = s.URL + "/auth"
	config := federation.Config{
		ID: "real", Name: "Hospital", Issuer: p.Issuer(), ClientID: "client-" + strings.ToLower(rand.Text()), PlainLoopback: true, Rules: rules(),
	}
	if change != nil {
		change(&config)
	}
	client := service.Client{
		ID: config.ClientID, RedirectURIs: []string{o.base + "/signin/real/callback"},
		PostLogoutRedirectURIs: []string{o.base + "/bye"}, BackchannelLogoutURI: o.base + "/signin/real/logout",
	}
	if config.PrivateKeyFile == "key" {
		config.PrivateKeyFile, client.JWKS = keyFile(t)
		config.KeyID = "k1"
	} else {
		client.Secret = rand.Text()
		config.ClientSecretFile = secretFile(t, client.Secret)
	}
	p.Register(t, client)
	f, err := federation.New(federation.Options{
		Providers: []federation.Config{config}, Base: o.base, Clock: clock.System{}, Egress: http.DefaultTransport,
		Vault: vault.New(vault.NewMemory(), vault.RandomKeys(), clock.System{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.RedirectURI("real"); got != client.RedirectURIs[0] {
		t.Fatalf("RedirectURI = %s, want %s", got, client.RedirectURIs[0])
	}
	if got := f.BackchannelURI("real"); got != client.BackchannelLogoutURI {
		t.Fatalf("BackchannelURI = %s, want %s", got, client.BackchannelLogoutURI)
	}
	o.Federation = f
	return o
}

// browser has cookies, and fills in the forms that it is shown.
type browser struct {
	t    *testing.T
	http http.Client
	stop string // where it must not go, but say

	posts int // forms that were filled in
}

// plainJar keeps cookies that are for https, as browsers do on loopback.
type plainJar struct{ http.CookieJar }

func (j plainJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		c.Secure = false
	}
	j.CookieJar.SetCookies(u, cookies)
}

func newBrowser(t *testing.T, o ours) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, stop: o.base + "/"}
	b.http.Jar = plainJar{jar}
	b.http.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), b.stop) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

var (
	formAction = regexp.MustCompile(`<form[^>]*\baction="([^"]*)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// visit goes to a page and through its forms, with the fields given, until it is
// sent to an address of ours, whose parameters it returns.
func (b *browser) visit(where string, fields url.Values) url.Values {
	b.t.Helper()
	res, err := b.http.Get(where)
	for range 5 {
		if err != nil {
			b.t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if to, err := res.Location(); err == nil {
			return to.Query()
		}
		page := string(body)
		if !strings.Contains(page, "<form") {
			b.t.Fatalf("%s %s: no form: %s", res.Status, res.Request.URL, page)
		}
		action := res.Request.URL
		if m := formAction.FindStringSubmatch(page); m != nil {
			if action, err = res.Request.URL.Parse(html.UnescapeString(m[1])); err != nil {
				b.t.Fatal(err)
			}
		}
		all := url.Values{}
		for _, m := range hidden.FindAllStringSubmatch(page, -1) {
			all.Set(m[1], html.UnescapeString(m[2]))
		}
		for name, v := range fields {
			all[name] = v
		}
		b.posts++
		res, err = b.http.PostForm(action.String(), all)
	}
	b.t.Fatalf("the forms never end, the last at %s", res.Request.URL)
	return nil
}

func fields(a service.Account) url.Values {
	f := url.Values{"username": {a.Login}, "login": {a.Login}, "password": {a.Password}}
	if a.TOTP != "" {
		code, err := totp.GenerateCode(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(a.TOTP)), time.Now())
		if err != nil {
			panic(err)
		}
		f.Set("otp", code)
	}
	return f
}

func (o ours) signIn(t *testing.T, b *browser, a service.Account, ask federation.Ask) federation.Person {
	t.Helper()
	where, err := o.Begin(context.Background(), "real", federation.Flow{ID: "id", Secret: "flow"}, ask)
	if err != nil {
		t.Fatal(err)
	}
	_, p, err := o.Finish(context.Background(), "real", holding("flow"), b.visit(where, fields(a)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func account(login string) service.Account {
	for _, a := range service.People() {
		if a.Login == login {
			return a
		}
	}
	panic(login)
}

func TestPeopleSignInAtRealProviders(t *testing.T) {
	withKey := func(c *federation.Config) { c.PrivateKeyFile = "key" }
	for _, c := range []struct {
		name   string
		start  func(testing.TB) real
		login  string
		change func(*federation.Config)
		want   federation.Person
	}{
		{"Keycloak, secret", keycloak, "dr-adams", nil, federation.Person{
			Name: "Ann Adams", Email: "adams@hospital.example", EmailVerified: true, FHIRUser: "Practitioner/dr-adams",
			Roles: []string{"physician"}, Organization: "Organization/north"}},
		{"Keycloak, key", keycloak, "amy", withKey, federation.Person{
			Name: "Amy Ames", Email: "amy@mail.example", EmailVerified: true, FHIRUser: "Patient/amy", Roles: []string{"patient"}}},
		{"Keycloak, key, token endpoint", keycloak, "amy", func(c *federation.Config) {
			withKey(c)
			c.AssertionAudience = "token_endpoint"
		}, federation.Person{
			Name: "Amy Ames", Email: "amy@mail.example", EmailVerified: true, FHIRUser: "Patient/amy", Roles: []string{"patient"}}},
		{"Keycloak, two factors", keycloak, "dr-otto", func(c *federation.Config) { c.UserInfo = true }, federation.Person{
			Name: "Otto Olsen", Email: "otto@hospital.example", EmailVerified: true, FHIRUser: "Practitioner/dr-otto",
			Roles: []string{"physician"}, Organization: "Organization/south"}},
		{"Keycloak, a role that is not mapped", keycloak, "admin-cole", nil, federation.Person{
			Name: "Cleo Cole", Email: "cole@hospital.example", EmailVerified: true, Organization: "Organization/north"}},
		{"oidc-provider, secret", oidcProvider, "nurse-bell", nil, federation.Person{
			Name: "Ben Bell", Email: "bell@hospital.example", EmailVerified: true, FHIRUser: "Practitioner/nurse-bell",
			Roles: []string{"nurse"}, Organization: "Organization/north"}},
		{"oidc-provider, key", oidcProvider, "amy", withKey, federation.Person{
			Name: "Amy Ames", Email: "amy@mail.example", EmailVerified: true, FHIRUser: "Patient/amy", Roles: []string{"patient"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.start(t)
			o := at(t, p, c.change)
			got := o.signIn(t, newBrowser(t, o), account(c.login), federation.Ask{})
			if got.Subject == "" || got.SessionID == "" || got.IDToken == "" {
				t.Errorf("subject %q, session %q, ID token %q: want all", got.Subject, got.SessionID, got.IDToken)
			}
			// A provider that is not asked for it need not say when.
			if !got.AuthTime.IsZero() && time.Since(got.AuthTime).Abs() > time.Minute {
				t.Errorf("authenticated %v, want just now", got.AuthTime)
			}
			got.Subject, got.SessionID, got.IDToken, got.AuthTime = "", "", "", time.Time{}
			c.want.Issuer, c.want.ACR = p.Issuer(), federation.ACR1
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestStepUpAsksForTheProvidersOwnClasses(t *testing.T) {
	o := at(t, oidcProvider(t), nil)
	b := newBrowser(t, o)
	weak := o.signIn(t, b, account("dr-adams"), federation.Ask{})
	if weak.ACR != federation.ACR1 {
		t.Errorf("a password gave %s", weak.ACR)
	}
	strong := o.signIn(t, b, account("dr-adams"), federation.Ask{ACR: federation.ACR2, Fresh: true})
	if strong.ACR != federation.ACR2 {
		t.Errorf("after a step-up: %s, want %s", strong.ACR, federation.ACR2)
	}
	if strong.Subject != weak.Subject {
		t.Errorf("the subject was %q and is %q", weak.Subject, strong.Subject)
	}
}

// Who is signed in there already is asked again when that is asked for, and the
// provider says when: else Finish would refuse.
func TestRealProvidersAskAgain(t *testing.T) {
	for name, start := range map[string]func(testing.TB) real{"Keycloak": keycloak, "oidc-provider": oidcProvider} {
		t.Run(name, func(t *testing.T) {
			o := at(t, start(t), nil)
			b := newBrowser(t, o)
			for n, ask := range []federation.Ask{{}, {}, {Fresh: true}, {MaxAge: time.Hour}} {
				before := b.posts
				o.signIn(t, b, account("dr-adams"), ask)
				if asked := b.posts > before; asked != (n == 0 || ask.Fresh) {
					t.Errorf("sign-in %d, %+v: asked for a password: %t", n+1, ask, asked)
				}
			}
		})
	}
}

func TestRealProvidersEndSessions(t *testing.T) {
	for _, c := range []struct {
		name  string
		start func(testing.TB) real
	}{{"Keycloak", keycloak}, {"oidc-provider", oidcProvider}} {
		t.Run(c.name, func(t *testing.T) {
			p := c.start(t)
			o := at(t, p, nil)
			b := newBrowser(t, o)
			person := o.signIn(t, b, account("nurse-bell"), federation.Ask{})
			where, err := o.LogoutURL(context.Background(), "real", person.IDToken, o.base+"/bye", "so long")
			if err != nil {
				t.Fatal(err)
			}
			if got := b.visit(where, url.Values{"logout": {"yes"}}).Get("state"); got != "so long" {
				t.Errorf("came back with state %q", got)
			}
			o.ended(t, person)
			// Signed out there: who comes next at this browser is asked again.
			if next := o.signIn(t, b, account("amy"), federation.Ask{}); next.FHIRUser != "Patient/amy" {
				t.Errorf("after the logout Amy typed her name and was signed in as %s", next.FHIRUser)
			}
		})
	}
	t.Run("Keycloak's administrator", func(t *testing.T) {
		k := service.StartKeycloak(t)
		o := at(t, k, nil)
		person := o.signIn(t, newBrowser(t, o), account("dr-adams"), federation.Ask{})
		k.LogOut(t, "dr-adams")
		o.ended(t, person)
	})
}

// ended waits for the logout token, which must be good once.
func (o ours) ended(t *testing.T, person federation.Person) {
	t.Helper()
	select {
	case raw := <-o.out:
		got, err := o.Backchannel(context.Background(), "real", raw)
		if err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
		if got.Issuer != person.Issuer || got.SessionID != person.SessionID && got.Subject != person.Subject {
			t.Errorf("Backchannel = %+v, want session %s or subject %s", got, person.SessionID, person.Subject)
		}
		var refused *federation.Refused
		if _, err := o.Backchannel(context.Background(), "real", raw); !errors.As(err, &refused) {
			t.Errorf("the same token again: %v, want it refused", err)
		}
		if _, err := o.Backchannel(context.Background(), "real", person.IDToken); !errors.As(err, &refused) {
			t.Errorf("an ID token as a logout token: %v, want it refused", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no logout token came")
	}
}
