package smart_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/authn"
	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

func TestMain(m *testing.M) { service.Main(m) }

const (
	origin = "https://ehr.example"
	issuer = origin + "/auth"
	base   = origin + "/fhir"

	password = "Ruhige Wolken über Erlangen"
)

var background = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a database with what lies around it; nodes are servers over it.
type world struct {
	t     testing.TB
	table *frail
	keys  *vault.Keys
	clk   *clock.Fixed
	box   *mailbox
	log   *logbook
	chart *chart
	tune  func(*smart.Options)
	// second are the roles that take two factors.
	second []string

	mu      sync.Mutex
	events  []smart.Event
	secrets map[string]bool
}

// shared is a table that says that other processes may change it.
type shared struct{ *vault.Memory }

func (shared) Shared() bool { return true }

func newWorld(t testing.TB) *world { return worldOver(t, vault.NewMemory()) }

// worldOver is a world over a table. When the test ends, nothing that was secret
// in it may be in an event or in the log.
func worldOver(t testing.TB, table vault.Table) *world {
	w := &world{t: t, table: &frail{Table: table}, keys: vault.RandomKeys(), clk: clock.NewFixed(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)),
		box: &mailbox{}, log: &logbook{}, chart: newChart(), secrets: map[string]bool{password: true}}
	t.Cleanup(w.noSecretGotOut)
	return w
}

func (w *world) noSecretGotOut() {
	if w.t.Failed() {
		w.t.Logf("log:\n%s", w.log.String())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	said := fmt.Sprintf("%+v", w.events) + w.log.String()
	for s := range w.secrets {
		if strings.Contains(said, s) {
			w.t.Errorf("a secret is in an event or in the log: %q", s)
		}
	}
}

// secret notes what must not be seen anywhere.
func (w *world) secret(list ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range list {
		if s != "" {
			w.secrets[s] = true
		}
	}
}

// happened are the events of a kind.
func (w *world) happened(what string) []smart.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.events), func(e smart.Event) bool { return e.What != what })
}

// node is one server with the parts that root would give it.
type node struct {
	*smart.Server
	w       *world
	vault   *vault.Vault
	clients *client.Registry
	people  *person.Directory
	reader  *authn.Verifier
}

func (w *world) node() *node {
	w.t.Helper()
	n := &node{w: w, vault: vault.New(w.table, w.keys, w.clk)}
	fetcher, err := client.NewFetcher(client.Outbound{}, w.clk)
	must(w.t, err)
	n.clients = client.NewRegistry(n.vault, w.clk, fetcher)
	auth, err := client.NewAuthenticator(n.clients)
	must(w.t, err)
	n.people, err = person.New(n.vault, w.clk, w.box, person.Options{Cost: person.Cost{Memory: 64, Time: 1, Threads: 1}, Origin: origin, PeerBurst: 1000,
		ClinicalRoles: []string{"physician"}, SecondFactor: w.second, JustInTime: []string{"break-glass"}, SelfService: []string{"break-glass"},
		Link: func(_ person.Purpose, token string) string { return issuer + "/#" + token }})
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, n.people.Close()) })
	pages, err := ui.New(ui.Site{Name: "North Hospital", Base: "/auth"})
	must(w.t, err)
	proofs, err := authn.NewProofs(authn.ProofConfig{Clock: w.clk})
	must(w.t, err)
	o := smart.Options{Issuer: issuer, Base: base, Vault: n.vault, Clock: w.clk, Log: slog.New(slog.NewTextHandler(w.log, nil)), Clients: n.clients,
		Auth: auth, Proofs: proofs, People: n.people, Chart: w.chart, Pages: pages,
		Purposes: map[string]string{"physician": "TREAT", "patient": "PATRQT", "system": "HOPERAT"}, Administrators: []string{"admin"}}
	if w.tune != nil {
		w.tune(&o)
	}
	n.Server, err = smart.New(o)
	must(w.t, err)
	n.reader, err = authn.New(authn.Config{Issuers: []authn.Issuer{{Name: issuer, Audience: []string{base}, Keys: n.Keys(), Algorithms: []string{"ES256"},
		RequireType: true, Live: n.Server, FHIRBases: []string{base}}}}, w.clk, nil)
	must(w.t, err)
	n.Reads(n.reader)
	return n
}

// serve sends one request, as root does: what happened is on record first.
func (n *node) serve(req transport.WebRequest) smart.Answer {
	req.Visit, req.Host = "visit-1", "ehr.example"
	if req.Peer == "" {
		req.Peer = "192.0.2.1"
	}
	a := n.Serve(background, req)
	n.w.mu.Lock()
	n.w.events = append(n.w.events, a.Events...)
	n.w.mu.Unlock()
	html := strings.HasPrefix(a.Reply.ContentType, "text/html")
	if html && !strings.Contains(a.Reply.Policy, "frame-ancestors 'none'") || !html && a.Reply.Policy != "" {
		n.w.t.Errorf("%s: a page may be framed: %q", req.Path, a.Reply.Policy)
	}
	return a
}

// reads asks the resource server's question about an access token.
func (n *node) reads(token string) (authn.Token, error) {
	return n.reader.Verify(background, "Bearer "+token)
}

// good and dead say what an access token must be at a node.
func (n *node) good(token string) authn.Token {
	n.w.t.Helper()
	tok, err := n.reads(token)
	if err != nil {
		n.w.t.Fatalf("the access token is refused: %v", err)
	}
	return tok
}

func (n *node) dead(token string) {
	n.w.t.Helper()
	var refusal *authn.Refusal
	if _, err := n.reads(token); !errors.As(err, &refusal) {
		n.w.t.Errorf("the access token still opens records (%v)", err)
	}
}

// join makes an account with the password of all.
func (n *node) join(p person.Newcomer) person.Account {
	n.w.t.Helper()
	p.Email = p.Login + "@ehr.example"
	_, _, err := n.people.Invite(background, person.Hands{By: person.Operator}, p)
	must(n.w.t, err)
	_, token, _ := strings.Cut(n.w.box.last().Link, "#")
	a, _, err := n.people.Accept(background, token, password, "192.0.2.9")
	must(n.w.t, err)
	return a
}

// clinician, patient: the two that most tests are about.
func (n *node) clinician() person.Account {
	n.w.t.Helper()
	return n.join(person.Newcomer{Login: "anna", Display: "Anna Berg", FHIRUser: "Practitioner/anna", Organization: "Organization/north",
		Roles: []person.RoleGrant{{Role: "physician"}}})
}

func (n *node) patient() person.Account {
	n.w.t.Helper()
	return n.join(person.Newcomer{Login: "paul", Display: "Paul Roth", FHIRUser: "Patient/p1"})
}

// mailbox keeps letters.
type mailbox struct {
	mu      sync.Mutex
	letters []person.Letter
}

func (m *mailbox) Post(l person.Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = append(m.letters, l)
	return nil
}

func (m *mailbox) last() person.Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.letters[len(m.letters)-1]
}

// logbook is a log that can be read.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// frail is a table that can be made to fail.
type frail struct {
	vault.Table
	mu   sync.Mutex
	rows error                      // of all reading
	bad  func([]vault.Change) error // of changes, before they are made
	late func([]vault.Change) error // and after: the caller does not learn that they were
	wait func([]vault.Change)       // runs before changes
}

func (f *frail) set(do func(*frail)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

func (f *frail) hooks() frail {
	f.mu.Lock()
	defer f.mu.Unlock()
	return frail{rows: f.rows, bad: f.bad, late: f.late, wait: f.wait}
}

func (f *frail) Row(ctx context.Context, kind, name string, now int64) (vault.Row, bool, error) {
	if err := f.hooks().rows; err != nil {
		return vault.Row{}, false, err
	}
	return f.Table.Row(ctx, kind, name, now)
}

func (f *frail) Rows(ctx context.Context, kind, tag, after string, limit int, now int64) ([]vault.Row, error) {
	if err := f.hooks().rows; err != nil {
		return nil, err
	}
	return f.Table.Rows(ctx, kind, tag, after, limit, now)
}

func (f *frail) Apply(ctx context.Context, changes []vault.Change, now int64) error {
	h := f.hooks()
	if h.wait != nil {
		h.wait(changes)
	}
	if h.bad != nil {
		if err := h.bad(changes); err != nil {
			return err
		}
	}
	err := f.Table.Apply(ctx, changes, now)
	if err == nil && h.late != nil {
		err = h.late(changes)
	}
	return err
}

// chart is a small hospital: who is not hidden is seen by every practitioner, and
// each patient sees themselves.
type chart struct {
	mu     sync.Mutex
	hidden map[string]bool
	err    error
	asked  []string
}

func newChart() *chart { return &chart{hidden: map[string]bool{"secret": true}} }

var inBeds = []string{"p1", "p2", "p3", "secret"}

func (c *chart) sees(p smart.Person, id string) bool {
	return slices.Contains(inBeds, id) && !c.hidden[id] && (strings.HasPrefix(p.FHIRUser, "Practitioner/") || p.FHIRUser == "Patient/"+id)
}

func (c *chart) Patients(_ context.Context, p smart.Person, search ui.PatientSearch, _ string) (ui.PatientSearch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	search.Done = true
	for _, id := range inBeds {
		if c.sees(p, id) {
			search.Found = append(search.Found, ui.Patient{ID: id, Name: "Patient " + id})
		}
	}
	return search, c.err
}

func (c *chart) Patient(_ context.Context, p smart.Person, id string) (ui.Patient, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, id)
	switch {
	case c.err != nil:
		return ui.Patient{}, c.err
	case !c.sees(p, id):
		return ui.Patient{}, smart.ErrNobody
	}
	return ui.Patient{ID: id, Name: "Patient " + id}, nil
}

func (c *chart) Encounters(_ context.Context, _ smart.Person, patient string) ([]ui.Choice, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return []ui.Choice{{Value: "", Text: "none"}, {Value: "Encounter/e-" + patient, Text: "ward"}}, c.err
}

// form is url.Values from pairs.
func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func newTable() *vault.Memory { return vault.NewMemory() }

type change = vault.Change
