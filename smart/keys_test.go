package smart_test

import (
	"errors"
	"testing"
	"time"

	"firebreak/smart/client"
	"firebreak/transport"
)

// kids are the names of the published keys.
func kids(w *world, n *node) map[string]bool {
	w.t.Helper()
	set, err := n.Keys().Public(background)
	must(w.t, err)
	out := map[string]bool{}
	for _, k := range set.Keys {
		if !k.IsPublic() || !k.Valid() || k.Use != "sig" {
			w.t.Errorf("published: %+v", k)
		}
		out[k.KeyID] = true
	}
	return out
}

// periodStart is the beginning of a signing period after a time.
func periodStart(now time.Time) time.Time {
	const period = 30 * 24 * time.Hour
	return time.Unix(0, (now.UnixNano()/int64(period)+1)*int64(period)).UTC()
}

// TestKeysChangeWithoutATokenLess: the next period's keys are published a day
// before they sign, and those of the last while what they signed may live.
func TestKeysChangeWithoutATokenLess(t *testing.T) {
	w := worldOver(t, shared{newTable()})
	n, other := w.node(), w.node()
	n.patient()
	a := n.register(client.Client{})
	turn := periodStart(w.clk.Now())
	w.clk.Set(turn.Add(-24*time.Hour - time.Second))
	before := kids(w, n)
	same(w, "keys", len(before), 2)
	w.clk.Set(turn.Add(-24*time.Hour + time.Minute))
	both := kids(w, n)
	same(w, "keys a day before", len(both), 4)
	w.clk.Set(turn.Add(-time.Second))
	old := a.tokens(n.browser(), "paul", "scope", offline)
	w.clk.Set(turn.Add(time.Second))
	n.good(old.Access)
	other.good(old.Access)
	fresh := a.refresh(old.Refresh).ok(w)
	other.good(fresh.Access)
	for _, token := range []string{fresh.Access, fresh.ID} {
		kid := header(w, token)["kid"].(string)
		if before[kid] || !both[kid] {
			t.Errorf("signed by a key that was published %v before the period, and is of the last one: %v", both[kid], before[kid])
		}
	}
	w.clk.Advance(2 * 24 * time.Hour)
	now := kids(w, other)
	same(w, "keys two days after", len(now), 2)
	for kid := range before {
		if now[kid] {
			t.Error("a key of the last period is still published")
		}
	}
}

// TestTwoServersMakeOneKey.
func TestTwoServersMakeOneKey(t *testing.T) {
	w := worldOver(t, shared{newTable()})
	n, other := w.node(), w.node()
	done := make(chan error, 2)
	for _, x := range []*node{n, other} {
		go func() { _, err := x.Keys().Public(background); done <- err }()
	}
	must(t, errors.Join(<-done, <-done))
	same(w, "published", kids(w, n), kids(w, other))
}

// TestRenewedKeysEndAllTokens, here and on other servers, with the next request.
func TestRenewedKeysEndAllTokens(t *testing.T) {
	w := worldOver(t, shared{newTable()})
	n, other := w.node(), w.node()
	n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic, PostLogoutRedirectURIs: []string{"https://app.example/bye"}})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", offline)
	n.good(g.Access)
	other.good(g.Access)
	was := kids(w, n)
	must(t, n.Keys().Renew(background))
	other.dead(g.Access)
	n.dead(g.Access)
	w.clk.Advance(100 * time.Millisecond) // who verifies has looked for the new ones
	next := a.refresh(g.Refresh).ok(w)    // no key signs refresh tokens
	n.good(next.Access)
	other.good(next.Access)
	same(w, "introspection", a.introspect(g.Access).all["active"], false)
	if p := b.open(issuer + "/logout?id_token_hint=" + g.ID); p.title != "Sign out?" {
		t.Errorf("an id token of a leaked key ended the session: %s", p.title)
	}
	for kid := range kids(w, other) {
		if was[kid] {
			t.Error("an old key is still published")
		}
	}
}

// TestKeysRenewedWhileTheyAreReadEndAtOnce: a reading under way takes the old ones.
func TestKeysRenewedWhileTheyAreReadEndAtOnce(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	first := true
	w.table.set(func(f *frail) {
		f.wait = func(c []change) {
			if first && c[0].Kind == "key" {
				first = false
				must(t, n.Keys().Renew(background))
			}
		}
	})
	was := kids(w, n)
	for kid := range kids(w, n) {
		if was[kid] {
			t.Error("a key from before is still published")
		}
	}
}

func TestTheKeysArePublishedWithoutTheirSecrets(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	a := n.serve(transport.WebRequest{Method: "GET", Path: "/auth/jwks"})
	same(w, "status, type", []any{a.Reply.Status, a.Reply.ContentType, a.Reply.Origin}, []any{200, "application/json", "*"})
	g := n.posted(transport.WebRequest{Method: "GET", Path: "/auth/jwks"})
	for _, k := range g.all["keys"].([]any) {
		for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth"} {
			if k.(map[string]any)[secret] != nil {
				t.Errorf("a private part is published: %s", secret)
			}
		}
	}
}
