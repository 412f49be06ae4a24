package smart_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/smart/client"
	"firebreak/store"
	"firebreak/transport"
	"firebreak/vault"
)

// TestTokensOverEachStore: on SQLite, and by two servers of one PostgreSQL
// database, what one does the other knows at the next request.
func TestTokensOverEachStore(t *testing.T) {
	open := func(t *testing.T, how func(store.Options) (*store.Store, error)) vault.Table {
		s, err := how(store.Options{Clock: clock.NewFixed(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)), Base: base})
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		return s.Vault()
	}
	t.Run("SQLite", func(t *testing.T) {
		w := worldOver(t, open(t, func(o store.Options) (*store.Store, error) {
			return store.OpenSQLite(background, filepath.Join(t.TempDir(), "db"), o)
		}))
		n := w.node()
		overStore(w, n, n)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := service.Postgres(t)
		table := func() vault.Table {
			return open(t, func(o store.Options) (*store.Store, error) { return store.OpenPostgres(background, url, o) })
		}
		w := worldOver(t, table())
		// The same database, by connections of its own.
		other := &world{t: t, table: &frail{Table: table()}, keys: w.keys, clk: w.clk, box: w.box, log: w.log, chart: w.chart}
		there := other.node()
		there.w = w
		overStore(w, w.node(), there)
	})
}

func overStore(w *world, n, other *node) {
	t := w.t
	t.Helper()
	paul := n.patient()
	n.clinician()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.PrivateKeyJWT, LaunchURI: "https://app.example/launch"})
	there := *a
	there.n = other
	b := n.browser()

	// A launch that begins here goes on there.
	p := a.start(b, "scope", offline)
	b.n = other
	back := a.through(p, "paul").back()
	there.verifier = a.verifier
	g := there.exchange(back.Get("code")).ok(w)
	n.good(g.Access)
	g = a.refresh(g.Refresh).ok(w)
	other.good(g.Access)
	same(w, "introspection", there.introspect(g.Access).all["patient"], "p1")

	// An assertion is for one request, wherever (RFC 7523 section 3).
	v := form("grant_type", "refresh_token", "refresh_token", "x.1.y", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", a.assertion(nil))
	post := func(n *node) got {
		return n.posted(transport.WebRequest{Method: "POST", Path: "/auth/token", ContentType: "application/x-www-form-urlencoded", Body: []byte(v.Encode())})
	}
	same(w, "first use", post(n).Error, "invalid_grant")
	same(w, "second use", post(other).Error, "invalid_client")

	// One refresh token twice at once, one code twice at once.
	for round := range 6 {
		b.n = n
		code := a.code(b, "paul", "scope", offline)
		there.verifier = a.verifier
		ask := func(at *app) got { return at.exchange(code) }
		if round%2 == 0 {
			g := a.exchange(code).ok(w)
			ask = func(at *app) got { return at.refresh(g.Refresh) }
		}
		var answers [2]got
		var wg sync.WaitGroup
		for i, at := range []*app{a, &there} {
			wg.Go(func() { answers[i] = ask(at) })
		}
		wg.Wait()
		given := 0
		for _, x := range answers {
			if x.status == 200 {
				given++
				n.dead(x.Access)
				other.dead(x.Access)
			}
		}
		if given > 1 {
			t.Error("both were answered")
		}
	}

	// Taken back here, dead there.
	other.good(g.Access)
	b.n = n
	account := b.open(issuer + "/account")
	account.submit("/account/revoke", "app", "growth")
	other.dead(g.Access)
	there.refresh(g.Refresh).refused(w, "invalid_grant")

	// Text that no database takes is no trouble of ours.
	for _, id := range []string{"\xff", "a\x00b", strings.Repeat("x", 5000), "é"} {
		if p := b.open(issuer + "/flow?" + form("id", id).Encode()); p.answer.Reply.Status != 400 {
			t.Errorf("flow %.9q: %d", id, p.answer.Reply.Status)
		}
		if g := a.refresh(id + ".1.x"); g.status != 400 {
			t.Errorf("refresh %.9q: %d", id, g.status)
		}
		if g := a.ask("/introspect", form("token", id+".1.x")); g.status >= 500 {
			t.Errorf("introspect %.9q: %d", id, g.status)
		}
		b.post("/auth/account/revoke", form("csrf", account.at("/signout").fields.Get("csrf"), "app", id))
	}
	// Closed here, out there.
	g = a.tokens(b, "paul", "scope", offline)
	other.good(g.Access)
	w.clk.Advance(time.Second)
	_, err := n.people.Disable(background, operator, paul.ID)
	must(t, err)
	other.dead(g.Access)
	there.refresh(g.Refresh).refused(w, "invalid_grant")
	if strings.Contains(w.log.String(), "ERROR") {
		t.Errorf("trouble: %s", w.log.String())
	}
}
