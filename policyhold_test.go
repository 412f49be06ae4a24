package firebreak

import (
	"html"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/smart"
	"firebreak/smart/person"
	"firebreak/transport"
)

const (
	holdOne = `@id("one") permit (principal, action == Action::"read", resource);` + "\n"
	holdTwo = `@id("two") permit (principal, action == Action::"search", resource);` + "\n"
)

// held is an instance whose policies take two persons, on a folder of them. With a
// database it is one of the servers that share it.
func held(t *testing.T, dir, postgres string) *Instance {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Dir, cfg.Listen, cfg.Base, cfg.LocalIssuer = dir, "", "https://hold.example/fhir", dir
	if postgres != "" {
		cfg.Store.Postgres, cfg.Smart.KeyFile = postgres, filepath.Join(dir, "vault.key")
		if err := os.WriteFile(cfg.Smart.KeyFile, []byte("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Smart.Enabled, cfg.Smart.AdminACR, cfg.Smart.TwoPersons, cfg.Smart.Letters = true, smart.ACRPassword, []string{"policies"}, filepath.Join(dir, "letters")
	i, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func holdWrite(t *testing.T, dir, text string) {
	t.Helper()
	folder := filepath.Join(dir, "policies")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.cedar"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// looks reads the folder as often as it takes for texts to count as settled.
func looks(t *testing.T, i *Instance) {
	t.Helper()
	for range 3 {
		if err := i.policies.Reload(); err != nil {
			t.Fatal(err)
		}
	}
}

// browser is one in which an administrator signs in and clicks.
type browser struct {
	t       *testing.T
	i       *Instance
	cookies map[string]string
	body    string
	at      string
}

func (b *browser) do(method, path, form string) {
	b.t.Helper()
	for range 10 {
		u, err := url.Parse(path)
		if err != nil {
			b.t.Fatal(err)
		}
		r := b.i.serveWeb(b.t.Context(), transport.WebRequest{Method: method, Host: "hold.example", Path: u.Path, Query: u.RawQuery, Cookies: b.cookies,
			ContentType: "application/x-www-form-urlencoded", Body: []byte(form), Peer: "192.0.2.1"})
		for _, c := range r.Cookies {
			b.cookies[c.Name] = c.Value
		}
		b.body, b.at = html.UnescapeString(string(r.Body)), path
		if r.Status != 303 {
			return
		}
		method, path, form = "GET", r.Location, ""
	}
	b.t.Fatalf("it leads round and round: %s", path)
}

var holdField = regexp.MustCompile(`name="(csrf|flow|change)" value="([^"]*)"`)

func (b *browser) post(path string, pairs ...string) {
	b.t.Helper()
	v := url.Values{}
	for _, m := range holdField.FindAllStringSubmatch(b.body, -1) {
		v.Set(m[1], m[2])
	}
	for n := 0; n < len(pairs); n += 2 {
		v.Set(pairs[n], pairs[n+1])
	}
	b.do("POST", path, v.Encode())
}

// asAdmin signs the administrator in, who is invited at the first time.
func asAdmin(t *testing.T, i *Instance) *browser {
	t.Helper()
	const password = "Ruhige Wolken über Erlangen"
	_, err := i.Invite(t.Context(), person.Newcomer{Login: "ada", Email: "ada@hold.example", Roles: []person.RoleGrant{{Role: "admin"}}})
	if err == nil {
		letters, _ := filepath.Glob(filepath.Join(i.cfg.Smart.Letters, "*.txt"))
		letter, err := os.ReadFile(letters[0])
		if err != nil {
			t.Fatal(err)
		}
		_, token, _ := strings.Cut(string(letter), "token=")
		token, _, _ = strings.Cut(token, "\n")
		if token, err = url.QueryUnescape(token); err != nil {
			t.Fatal(err)
		}
		if err := i.Accept(t.Context(), token, password); err != nil {
			t.Fatal(err)
		}
	}
	b := &browser{t: t, i: i, cookies: map[string]string{}}
	b.do("GET", "/auth/admin/approvals", "")
	b.post("/auth/signin", "username", "ada", "password", password)
	if !strings.Contains(b.body, "Approvals") {
		t.Fatalf("not signed in: %s", b.body)
	}
	return b
}

// onBoth runs a test on each database.
func onBoth(t *testing.T, test func(t *testing.T, postgres string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) { test(t, service.Postgres(t)) })
}

func TestPoliciesThatTakeTwoWaitInTheFolder(t *testing.T) {
	onBoth(t, policiesThatTakeTwoWait)
}

func policiesThatTakeTwoWait(t *testing.T, postgres string) {
	dir := t.TempDir()
	holdWrite(t, dir, holdOne)
	i := held(t, dir, postgres)
	defer func() { _ = i.Close() }()
	first := i.policies.Epoch()
	holdWrite(t, dir, holdOne+holdTwo)
	looks(t, i)
	if i.policies.Epoch() != first {
		t.Fatal("the folder alone put policies in force")
	}
	// Nor does a start take them.
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	i = held(t, dir, postgres)
	if i.policies.Epoch() != first {
		t.Fatal("a start put policies in force that nobody approved")
	}
	looks(t, i)
	b := asAdmin(t, i)
	if !strings.Contains(b.body, "Policies added</dt><dd><bdi>two") {
		t.Fatalf("not told what was added: %s", b.body)
	}
	if i.policies.Epoch() != first {
		t.Fatal("looking at it put it in force")
	}
	b.post("/auth/admin/approvals/decide", "answer", "approve")
	if !strings.Contains(b.body, "The change is made.") {
		t.Fatalf("not approved: %s", b.body)
	}
	looks(t, i)
	second := i.policies.Epoch()
	if second == first {
		t.Fatal("approved policies are not in force")
	}
	// A folder that went back to the old ones is a change like any other.
	holdWrite(t, dir, holdOne)
	looks(t, i)
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	i = held(t, dir, postgres)
	if i.policies.Epoch() != second {
		t.Error("the folder took approved policies out of force")
	}
	out, err := i.Administer(t.Context(), smart.Operation{Task: smart.ListApprovals}, "test")
	if err != nil || len(out.Waiting) != 1 {
		t.Errorf("%d changes wait, %v", len(out.Waiting), err)
	}
}

func TestFaultyPoliciesAreNotProposed(t *testing.T) {
	dir := t.TempDir()
	holdWrite(t, dir, holdOne)
	i := held(t, dir, "")
	defer func() { _ = i.Close() }()
	first := i.policies.Epoch()
	holdWrite(t, dir, `@id("one") permit (principal, action == Action::"read", resource) when { no.such };`)
	_ = i.policies.Reload() // the first look
	if err := i.policies.Reload(); err == nil || i.policies.Epoch() != first {
		t.Errorf("faulty policies: %v, epoch changed %t", err, i.policies.Epoch() != first)
	}
	if out, err := i.Administer(t.Context(), smart.Operation{Task: smart.ListApprovals}, "test"); err != nil || len(out.Waiting) != 0 {
		t.Errorf("%d changes wait, %v", len(out.Waiting), err)
	}
}

// approves has the administrator approve the one change that waits.
func approves(t *testing.T, b *browser) {
	t.Helper()
	b.do("GET", "/auth/admin/approvals", "")
	b.post("/auth/admin/approvals/decide", "answer", "approve")
	if !strings.Contains(b.body, "The change is made.") {
		t.Fatalf("not approved: %s", b.body)
	}
}

// TestPoliciesThatWereInForceOnceAreProposedAgain: what was approved, replaced, and is
// wanted again waits again. So does what lapsed before anybody looked at it.
func TestPoliciesThatWereInForceOnceAreProposedAgain(t *testing.T) {
	dir := t.TempDir()
	holdWrite(t, dir, holdOne)
	i := held(t, dir, "")
	defer func() { _ = i.Close() }()
	first, b := i.policies.Epoch(), asAdmin(t, i)
	for _, text := range []string{holdOne + holdTwo, holdOne, holdOne + holdTwo, holdOne} {
		holdWrite(t, dir, text)
		looks(t, i)
		approves(t, b)
		looks(t, i)
	}
	if i.policies.Epoch() != first {
		t.Error("the policies of the beginning are not in force")
	}
}

func TestAProposalThatLapsedIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	holdWrite(t, dir, holdOne)
	i := held(t, dir, "")
	defer func() { _ = i.Close() }()
	later := clock.NewFixed(i.clock.Now())
	i.clock = later
	holdWrite(t, dir, holdTwo)
	looks(t, i)
	waiting := func() int {
		out, err := i.Administer(t.Context(), smart.Operation{Task: smart.ListApprovals}, "test")
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Waiting)
	}
	if waiting() != 1 {
		t.Fatal("it is not proposed")
	}
	// As it is when its time is up: the entry is gone.
	if _, err := i.store.Vault().Sweep(t.Context(), 1000, later.Now().Add(73*time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if waiting() != 0 {
		t.Fatal("it has not lapsed")
	}
	later.Advance(2 * time.Minute)
	looks(t, i)
	if waiting() != 1 {
		t.Error("what lapsed is never asked again")
	}
}

// TestServersOfOneDatabaseHoldTheSamePolicies: one asks, another's administrator
// approves, and all have them.
func TestServersOfOneDatabaseHoldTheSamePolicies(t *testing.T) {
	postgres := service.Postgres(t)
	here, there := t.TempDir(), t.TempDir()
	holdWrite(t, here, holdOne)
	holdWrite(t, there, holdOne)
	i, other := held(t, here, postgres), held(t, there, postgres)
	defer func() { _ = i.Close() }()
	defer func() { _ = other.Close() }()
	first := i.policies.Epoch()
	for _, dir := range []string{here, there} {
		holdWrite(t, dir, holdOne+holdTwo)
	}
	looks(t, i)
	looks(t, other)
	if i.policies.Epoch() != first || other.policies.Epoch() != first {
		t.Fatal("in force without an approval")
	}
	b := asAdmin(t, i)
	if n := strings.Count(b.body, `name="change"`); n != 1 {
		t.Fatalf("%d changes wait, want the one that both have asked for", n)
	}
	approves(t, b)
	looks(t, other)
	looks(t, i)
	if i.policies.Epoch() == first || other.policies.Epoch() != i.policies.Epoch() {
		t.Errorf("in force: %s here, %s there, %s before", i.policies.Epoch(), other.policies.Epoch(), first)
	}
}
