package person_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/smart/person"
	"firebreak/vault"
)

// cheap is a hash for tests of everything but hashes.
var cheap = person.Cost{Memory: 64, Time: 1, Threads: 1}

const (
	good  = "Ruhige Wolken über Erlangen"
	other = "vier alte Fahrräder im Regen"
	peer  = "192.0.2.1"
)

// mailbox keeps letters.
type mailbox struct {
	mu      sync.Mutex
	letters []person.Letter
	full    bool
}

func (m *mailbox) Post(l person.Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return errors.New("the queue is full")
	}
	m.letters = append(m.letters, l)
	return nil
}

// all are the letters about something to an address.
func (m *mailbox) all(to, about string) []person.Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.letters), func(l person.Letter) bool { return l.To != to || l.About != about })
}

// site is a directory with what is around it. Two sites may share a table.
type site struct {
	*person.Directory
	clk   *clock.Fixed
	box   *mailbox
	vault *vault.Vault
	table vault.Table
	mu    sync.Mutex
	aside []person.Event
}

func options() person.Options {
	return person.Options{Cost: cheap, Origin: "https://ehr.example", PeerBurst: 1000,
		ClinicalRoles: []string{"physician"}, JustInTime: []string{"break-glass", "auditor"}, SelfService: []string{"break-glass"},
		Link: func(p person.Purpose, token string) string {
			return "https://ehr.example/auth/" + string(p) + "#" + token
		}}
}

// world is where sites are made.
type world struct {
	table vault.Table
	keys  *vault.Keys
	clk   *clock.Fixed
	box   *mailbox
}

func newWorld() *world {
	return &world{vault.NewMemory(), vault.RandomKeys(), clock.NewFixed(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)), &mailbox{}}
}

func (w *world) site(t testing.TB, o person.Options) *site {
	t.Helper()
	s := &site{clk: w.clk, box: w.box, table: w.table, vault: vault.New(w.table, w.keys, w.clk)}
	o.Aside = func(e person.Event, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.aside = append(s.aside, e)
	}
	d, err := person.New(s.vault, w.clk, w.box, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Directory = d
	return s
}

func newSite(t testing.TB) *site {
	t.Helper()
	return newWorld().site(t, options())
}

var (
	ctx      = context.Background()
	operator = person.Hands{By: person.Operator}
	alone    = person.Hands{By: "admin-1"}
	together = person.Hands{By: "admin-1", Second: "admin-2"}
)

// token is the last one that went to an address about something.
func (s *site) token(t testing.TB, to, about string) string {
	t.Helper()
	s.Settle()
	letters := s.box.all(to, about)
	if len(letters) == 0 {
		t.Fatalf("no letter about %s to %s", about, to)
	}
	_, token, _ := strings.Cut(letters[len(letters)-1].Link, "#")
	return token
}

// invited is a new account that was not taken up.
func (s *site) invited(t testing.TB, n person.Newcomer) person.Account {
	t.Helper()
	a, _, err := s.Invite(ctx, operator, n)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// joined is a new account with the good password.
func (s *site) joined(t testing.TB, login string) person.Account {
	t.Helper()
	return s.joinedAs(t, person.Newcomer{Login: login, Email: login + "@ehr.example"})
}

func (s *site) joinedAs(t testing.TB, n person.Newcomer) person.Account {
	t.Helper()
	s.invited(t, n)
	a, _, err := s.Accept(ctx, s.token(t, n.Email, person.LetterInvitation), good, peer)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// in signs in with the good password.
func (s *site) in(t testing.TB, login string) person.Step {
	t.Helper()
	step, err := s.SignIn(ctx, login, good, peer)
	if err != nil {
		t.Fatalf("sign in %s: %v (%+v)", login, err, step.Event)
	}
	return step
}

func wants(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

// rows are the bytes of all accounts and links in the table.
func rows(t testing.TB, s *site) []string {
	t.Helper()
	var out []string
	for _, kind := range []string{"person.account", "person.login", "person.link", "person.failures"} {
		list, err := s.table.Rows(ctx, kind, "", "", 100, s.clk.Now().UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			out = append(out, r.Name+string(r.Body))
		}
	}
	return out
}
