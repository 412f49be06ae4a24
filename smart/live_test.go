package smart_test

import (
	"slices"
	"testing"
	"time"

	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
)

// TestClocksThatDifferHideNoRevocation: a token of a server whose clock is fast
// seems to be issued after what ended it. Each end by itself, for some end what
// others are about.
func TestClocksThatDifferHideNoRevocation(t *testing.T) {
	const fast = 20 * time.Second
	for what, end := range map[string]func(n *node, a *app, account page, g got) error{
		"the person takes it back": func(_ *node, _ *app, account page, _ got) error {
			account.submit("/account/revoke", "app", "growth")
			return nil
		},
		"the application gives it up": func(_ *node, a *app, _ page, g got) error {
			a.ask("/revoke", form("token", g.Refresh))
			return nil
		},
		"the application is disabled": func(n *node, _ *app, _ page, _ got) error {
			return n.clients.Disable(background, "growth", "admin")
		},
		"a role ends": func(n *node, _ *app, _ page, g got) error {
			_, err := n.people.TakeRole(background, operator, person.ID(claims(n.w, g.Access)["sub"].(string)), "physician")
			return err
		},
		"the account is closed": func(n *node, _ *app, _ page, g got) error {
			_, err := n.people.Disable(background, operator, person.ID(claims(n.w, g.Access)["sub"].(string)))
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := worldOver(t, shared{newTable()})
			n, other := w.node(), w.node()
			n.clinician()
			a := n.register(client.Client{})
			w.clk.Advance(fast)
			b := n.browser()
			g := a.tokens(b, "anna", "scope", "user/*.rs offline_access")
			other.good(g.Access)
			account := b.open(issuer + "/account")
			w.clk.Advance(-fast)
			must(t, end(n, a, account, g))
			w.clk.Advance(fast + time.Second)
			n.dead(g.Access)
			other.dead(g.Access)
		})
	}
}

// TestASlowServerTakesATokenBack: by RFC 7009, an access token that is of the
// future by its own clock; for as long as the token lives by any clock.
func TestASlowServerTakesATokenBack(t *testing.T) {
	for _, fast := range []time.Duration{5 * time.Second, 5 * time.Minute} {
		w := worldOver(t, shared{newTable()})
		w.tune = func(o *smart.Options) { o.AccessLife = time.Hour }
		n, other := w.node(), w.node()
		n.patient()
		a, stranger := n.register(client.Client{}), n.register(client.Client{ID: "off", Name: "Off"})
		w.clk.Advance(fast)
		first := a.tokens(n.browser(), "paul", "scope", offline)
		second := a.refresh(first.Refresh).ok(w)
		w.clk.Advance(-fast)

		same(w, "another application's", stranger.ask("/revoke", form("token", first.Access)).status, 200)
		same(w, "its own", a.ask("/revoke", form("token", first.Access)).status, 200)
		same(w, "taken back", len(w.happened("revoke")), 1)
		for _, later := range []time.Duration{fast, time.Hour - time.Second} {
			w.clk.Advance(later)
			must(t, other.vault.Sweep(background))
			for _, at := range []*node{n, other, w.node()} { // the last has yet to read what was revoked
				at.dead(first.Access)
				at.good(second.Access)
			}
		}
	}
}

// TestWhatComesAfterAChangeIsGood, in the same instant: only what was issued by
// what somebody was before is worth nothing.
func TestWhatComesAfterAChangeIsGood(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	anna := n.clinician()
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "anna", "scope", "user/*.rs offline_access")
	_, err := n.people.TakeRole(background, operator, anna.ID, "physician")
	must(t, err)
	n.dead(g.Access)
	next := a.refresh(g.Refresh).ok(w)
	same(w, "roles", n.good(next.Access).Roles, "[]")
	r, err := n.clients.Load(background, "growth")
	must(t, err)
	r.Client.Scopes = []string{"user/Patient.rs", "offline_access"}
	_, err = n.clients.Replace(background, r, "admin")
	must(t, err)
	n.dead(next.Access)
	last := a.refresh(next.Refresh).ok(w)
	same(w, "scope", n.good(last.Access).Scope, last.Scope)
	r, err = n.clients.Load(background, "growth")
	must(t, err)
	r.Client.Name = "Another name"
	_, err = n.clients.Replace(background, r, "admin")
	must(t, err)
	n.good(last.Access) // that is no reason
}

// TestATokenUnderWayWhenItsPersonIsClosedIsDead: it was made by what they were.
func TestATokenUnderWayWhenItsPersonIsClosedIsDead(t *testing.T) {
	for what, end := range map[string]func(n *node, id person.ID) error{
		"person":         func(n *node, id person.ID) error { _, err := n.people.Disable(background, operator, id); return err },
		"client":         func(n *node, _ person.ID) error { return n.clients.Disable(background, "growth", "admin") },
		"removed":        func(n *node, id person.ID) error { _, err := n.people.Remove(background, operator, id); return err },
		"client removed": func(n *node, _ person.ID) error { return n.clients.Remove(background, "growth") },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			paul := n.patient()
			a := n.register(client.Client{})
			w.clk.Advance(time.Hour)
			g := a.tokens(n.browser(), "paul", "scope", offline)
			first := true
			w.table.set(func(f *frail) {
				f.wait = func(c []change) {
					if !first || !slices.ContainsFunc(c, func(x change) bool { return x.Kind == "grant" && !x.Delete }) {
						return
					}
					first = false
					w.clk.Advance(-3 * time.Second) // by the clock of another server
					must(t, end(n, paul.ID))
					w.clk.Advance(3 * time.Second)
				}
			})
			x := a.refresh(g.Refresh)
			if x.status == 200 {
				n.dead(x.Access)
			}
			n.dead(g.Access)
		})
	}
}
