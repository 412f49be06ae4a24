package smart_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"firebreak/authn"
	"firebreak/clock"
	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

const (
	ownOrigin = "https://ehr.example"
	ownFirst  = "Ruhige Wolken über Erlangen"
	ownSecond = "vier alte Fahrräder im Regen"
)

// ownRig is an authorization server with its people, and letters that wait to be
// read.
type ownRig struct {
	*smart.Server
	people  *person.Directory
	clients *client.Registry
	clk     *clock.Fixed
	letters chan person.Letter
	aside   chan person.Event
	log     *strings.Builder
}

func newOwnRig(t testing.TB, change ...func(*smart.Options, *person.Options)) *ownRig {
	t.Helper()
	r := &ownRig{clk: clock.NewFixed(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)), letters: make(chan person.Letter, 100), aside: make(chan person.Event, 100), log: &strings.Builder{}}
	v := vault.New(vault.NewMemory(), vault.RandomKeys(), r.clk)
	po := person.Options{Cost: person.Cost{Memory: 64, Time: 1, Threads: 1}, Origin: ownOrigin, PeerBurst: 1000,
		ClinicalRoles: []string{"physician"}, SecondFactor: []string{"admin"}, JustInTime: []string{"break-glass", "auditor"}, SelfService: []string{"break-glass"},
		Link: func(p person.Purpose, token string) string {
			return map[person.Purpose]string{person.Invitation: "/auth/invitation", person.Reset: "/auth/reset/new", person.ConfirmEmail: "/auth/email/confirm", person.AllowEmail: "/auth/email/allow"}[p] + "?token=" + token
		},
		Aside: func(e person.Event, _ error) { r.aside <- e }}
	so := smart.Options{Issuer: ownOrigin + "/auth", Base: ownOrigin + "/fhir", Vault: v, Clock: r.clk, Log: slog.New(slog.NewTextHandler(r.log, nil)), Chart: ownCharts{},
		Administrators: []string{"admin"}, RequestableRoles: []string{"auditor", "break-glass"}, Mail: true}
	for _, c := range change {
		c(&so, &po)
	}
	fetcher, err := client.NewFetcher(client.Outbound{}, r.clk)
	ok(t, err)
	r.clients = client.NewRegistry(v, r.clk, fetcher)
	so.Clients = r.clients
	so.Auth, err = client.NewAuthenticator(r.clients)
	ok(t, err)
	so.Proofs, err = authn.NewProofs(authn.ProofConfig{Clock: r.clk})
	ok(t, err)
	so.Pages, err = ui.New(ui.Site{Name: "North Hospital"})
	ok(t, err)
	r.people, err = person.New(v, r.clk, ownMail{r.letters}, po)
	ok(t, err)
	t.Cleanup(func() { _ = r.people.Close() })
	so.People = r.people
	r.Server, err = smart.New(so)
	ok(t, err)
	return r
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type ownMail struct{ to chan person.Letter }

func (m ownMail) Post(l person.Letter) error {
	m.to <- l
	return nil
}

// ownCharts has no records.
type ownCharts struct{}

func (ownCharts) Patients(context.Context, smart.Person, ui.PatientSearch, string) (ui.PatientSearch, error) {
	return ui.PatientSearch{}, nil
}

func (ownCharts) Patient(context.Context, smart.Person, string) (ui.Patient, error) {
	return ui.Patient{}, smart.ErrNobody
}

func (ownCharts) Encounters(context.Context, smart.Person, string) ([]ui.Choice, error) {
	return nil, nil
}

var operator = person.Hands{By: person.Operator}

// letter is the next one about something; others before it are thrown away.
func (r *ownRig) letter(t testing.TB, about string) person.Letter {
	t.Helper()
	for {
		select {
		case l := <-r.letters:
			if l.About == about {
				return l
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no letter about %s", about)
		}
	}
}

// invited is a new account, and the link it was sent.
func (r *ownRig) invited(t testing.TB, n person.Newcomer) (person.Account, string) {
	t.Helper()
	n.Email = n.Login + "@ehr.example"
	a, _, err := r.people.Invite(t.Context(), operator, n)
	ok(t, err)
	return a, r.letter(t, person.LetterInvitation).Link
}

// joined is a new account with the first password.
func (r *ownRig) joined(t testing.TB, n person.Newcomer) person.Account {
	t.Helper()
	_, link := r.invited(t, n)
	_, token, _ := strings.Cut(link, "token=")
	a, _, err := r.people.Accept(t.Context(), token, ownFirst, "192.0.2.1")
	ok(t, err)
	return a
}

// ownBrowser keeps cookies, follows redirects within the site, and fills in forms
// of the page it shows.
type ownBrowser struct {
	testing.TB
	r       *ownRig
	cookies map[string]string
	reply   transport.WebReply
	page    string
	events  []smart.Event // of the last call
	site    string        // Sec-Fetch-Site
}

func (r *ownRig) browser(t testing.TB) *ownBrowser {
	return &ownBrowser{TB: t, r: r, cookies: map[string]string{}, site: "same-origin"}
}

func (b *ownBrowser) send(method, target string, fields url.Values) {
	b.Helper()
	b.events = nil
	for range 6 {
		u, err := url.Parse(target)
		ok(b, err)
		req := transport.WebRequest{Visit: "v", Peer: "192.0.2.1", Method: method, Host: "ehr.example", Path: u.Path, Query: u.RawQuery, Cookies: b.cookies, Site: b.site,
			Agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"}
		if method == "POST" {
			req.ContentType, req.Body, req.Origin = "application/x-www-form-urlencoded", []byte(fields.Encode()), ownOrigin
		}
		a := b.r.Serve(b.Context(), req)
		b.reply, b.page = a.Reply, string(a.Reply.Body)
		b.events = append(b.events, a.Events...)
		b.cookies = mapsClone(b.cookies)
		for _, c := range a.Reply.Cookies {
			b.cookies[c.Name] = c.Value
			if c.Life < 0 {
				delete(b.cookies, c.Name)
			}
		}
		target = strings.TrimPrefix(a.Reply.Location, ownOrigin)
		if a.Reply.Status != 303 || !strings.HasPrefix(target, "/auth/") {
			return
		}
		method = "GET"
	}
	b.Fatalf("redirects without end, the last to %s", target)
}

func mapsClone(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func (b *ownBrowser) get(target string) { b.Helper(); b.send("GET", target, nil) }

var (
	formPattern   = regexp.MustCompile(`(?s)(<form [^>]*action="([^"]*)"[^>]*>)(.*?)</form>`)
	hiddenPattern = regexp.MustCompile(`<input type="hidden" name="([^"]*)"[^>]* value="([^"]*)"`)
	askedPattern  = regexp.MustCompile(`data-credential="([^"]*)"`)
)

// form are the hidden fields of a form of the page, and what a passkey is asked with.
func (b *ownBrowser) form(action string) (fields url.Values, options string) {
	b.Helper()
	for _, m := range formPattern.FindAllStringSubmatch(b.page, -1) {
		if m[2] != "/auth"+action {
			continue
		}
		fields = url.Values{}
		for _, h := range hiddenPattern.FindAllStringSubmatch(m[3], -1) {
			fields.Set(h[1], html.UnescapeString(h[2]))
		}
		if asked := askedPattern.FindStringSubmatch(m[1]); asked != nil {
			options = html.UnescapeString(asked[1])
		}
		return fields, options
	}
	b.Fatalf("no form for %s on the page (%d):\n%s", action, b.reply.Status, b.page)
	return nil, ""
}

// post fills in a form of the page and sends it.
func (b *ownBrowser) post(action string, fields ...string) {
	b.Helper()
	f, _ := b.form(action)
	for i := 0; i < len(fields); i += 2 {
		f.Set(fields[i], fields[i+1])
	}
	b.send("POST", "/auth"+action, f)
}

func (b *ownBrowser) sees(text string) {
	b.Helper()
	if !strings.Contains(html.UnescapeString(b.page), text) {
		b.Errorf("the page does not say %q (%d):\n%s", text, b.reply.Status, mainOf(b.page))
	}
}

func mainOf(page string) string {
	_, rest, _ := strings.Cut(page, "<main")
	return rest
}

func (b *ownBrowser) title() string {
	_, rest, _ := strings.Cut(b.page, "<title>")
	title, _, _ := strings.Cut(rest, " ·")
	return html.UnescapeString(title)
}

func (b *ownBrowser) titled(want string) {
	b.Helper()
	if got := b.title(); got != want {
		b.Fatalf("the page is %q (%d), want %q:\n%s", got, b.reply.Status, want, mainOf(b.page))
	}
}

func (b *ownBrowser) happened(what string, failed bool) {
	b.Helper()
	if !slices.ContainsFunc(b.events, func(e smart.Event) bool { return e.What == what && e.Failed == failed }) {
		b.Errorf("events %+v, want %s (failed: %v)", b.events, what, failed)
	}
}

// in signs in by a password, at the account's page.
func (b *ownBrowser) in(login, password string) {
	b.Helper()
	b.get("/auth/account")
	b.post(ui.PathSignIn, "username", login, "password", password)
}

// signedIn is a browser in which somebody new has signed in.
func (r *ownRig) signedIn(t testing.TB, n person.Newcomer) (*ownBrowser, person.Account) {
	t.Helper()
	a := r.joined(t, n)
	b := r.browser(t)
	b.in(n.Login, ownFirst)
	b.titled("Your account")
	return b, a
}

var secretPattern = regexp.MustCompile(`<code class="secret">([^<]*)</code>`)

// code is what an app shows that was given the secret of the page.
func (b *ownBrowser) code() string {
	b.Helper()
	m := secretPattern.FindStringSubmatch(b.page)
	if m == nil {
		b.Fatalf("no secret on the page:\n%s", mainOf(b.page))
	}
	c, err := totp.GenerateCode(strings.ReplaceAll(m[1], " ", ""), b.r.clk.Now())
	ok(b, err)
	return c
}

// tokens are what an application was given.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`
	ID      string `json:"id_token"`
}

const verifier = "a-verifier-of-forty-three-characters-or-more-0123456789"

// authorized lets the house's own application in, with the session that is there.
func (b *ownBrowser) authorized(scope string, more ...string) tokens {
	b.Helper()
	if _, err := b.r.clients.Load(b.Context(), "app"); err != nil {
		_, _, err := b.r.clients.Register(b.Context(), client.Client{ID: "app", Name: "Growth Chart", Kind: client.Public, Method: client.None,
			RedirectURIs: []string{"https://app.example/cb"}, Scopes: []string{"openid", "offline_access", "online_access", "user/*.rs"}, Trusted: true, Offline: true}, "test")
		ok(b, err)
	}
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {"https://app.example/cb"}, "scope": {scope}, "state": {"s"}, "aud": {ownOrigin + "/fhir"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	b.get("/auth/authorize?" + q.Encode())
	return b.exchange()
}

// exchange takes the code of the last redirect to the application, if there was one.
func (b *ownBrowser) exchange() tokens {
	b.Helper()
	u, err := url.Parse(b.reply.Location)
	ok(b, err)
	if u.Query().Get("code") == "" {
		return tokens{Error: u.Query().Get("error")}
	}
	return b.r.token(b, url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")}, "redirect_uri": {"https://app.example/cb"}, "client_id": {"app"}, "code_verifier": {verifier}})
}

func (r *ownRig) token(t testing.TB, f url.Values) (out tokens) {
	t.Helper()
	a := r.Serve(t.Context(), transport.WebRequest{Method: "POST", Host: "ehr.example", Path: "/auth/token", ContentType: "application/x-www-form-urlencoded", Body: []byte(f.Encode()), Peer: "192.0.2.9"})
	ok(t, json.Unmarshal(a.Reply.Body, &out))
	return out
}

func (r *ownRig) refreshed(t testing.TB, refresh string) tokens {
	t.Helper()
	return r.token(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {"app"}})
}

// said are those of a token.
type said struct {
	Sub, JTI, Grant, Sid string
	Client               string `json:"client_id"`
	Iat                  int64
	Roles                []string
	ACR                  string
	AuthTime             int64 `json:"auth_time"`
}

func read(t testing.TB, token string) (c said) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	ok(t, err)
	ok(t, json.Unmarshal(b, &c))
	return c
}

// live reports whether an access token still counts.
func (r *ownRig) live(t testing.TB, token string) bool {
	t.Helper()
	c := read(t, token)
	live, err := r.Live(t.Context(), &authn.Token{Subject: c.Sub, JTI: c.JTI, Grant: c.Grant, ClientID: c.Client, IssuedAt: time.Unix(c.Iat, 0)})
	ok(t, err)
	return live
}
