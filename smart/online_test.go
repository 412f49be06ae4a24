package smart_test

import (
	"testing"
	"time"

	"firebreak/smart/client"
)

// TestOnlineAccessEndsWithTheSession, offline access does not.
func TestOnlineAccessEndsWithTheSession(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	online := a.tokens(b, "paul", "scope", "launch/patient online_access patient/*.rs")
	away := a.tokens(b, "paul", "scope", offline)
	online = a.refresh(online.Refresh).ok(w)
	w.clk.Advance(time.Second)
	p := b.open(issuer + "/account").submit("/signout").b.open(issuer + "/account")
	same(w, "after signing out", p.title, "Sign in")
	n.dead(online.Access)
	a.refresh(online.Refresh).refused(w, "invalid_grant")
	n.good(a.refresh(away.Refresh).ok(w).Access)
}

// TestOnlineAccessLastsWhileItIsUsed: an application that refreshes when its token
// has ended is one that somebody works in. That ends with the session's whole life.
func TestOnlineAccessLastsWhileItIsUsed(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	began := w.clk.Now()
	g := a.tokens(b, "paul", "scope", "launch/patient online_access patient/*.rs")
	for range 3 {
		w.clk.Advance(time.Duration(g.Expires)*time.Second + time.Minute)
		g = a.refresh(g.Refresh).ok(w)
	}
	same(w, "nobody was at the browser", b.open(issuer+"/account").title, "Sign in")
	same(w, "nor may another application begin there", a.start(b, "scope", "openid", "prompt", "none").back().Get("error"), "login_required")
	for w.clk.Now().Before(began.Add(12 * time.Hour)) {
		w.clk.Advance(25 * time.Minute)
		if got := a.refresh(g.Refresh); got.status == 200 {
			g = got
		}
	}
	a.refresh(g.Refresh).refused(w, "invalid_grant")
}

// away is a browser at which nobody was for longer than a sign-in lasts unused, while
// an application went on.
func away(t *testing.T) (w *world, n *node, b *browser, a *app, g got) {
	w = newWorld(t)
	n = w.node()
	n.patient()
	a, b = n.register(client.Client{}), n.browser()
	g = a.tokens(b, "paul", "scope", "launch/patient online_access patient/*.rs")
	w.clk.Advance(20 * time.Minute)
	g = a.refresh(g.Refresh).ok(w)
	w.clk.Advance(20 * time.Minute)
	return w, n, b, a, g
}

// TestWhoWasAwayCanSignOut: a session that an application goes on in is ended by the
// browser that it began in, also after nobody was there for a while; by another
// person who signs in, too.
func TestWhoWasAwayCanSignOut(t *testing.T) {
	for name, end := range map[string]func(n *node, b *browser, a *app){
		"signs out": func(_ *node, b *browser, _ *app) {
			same(b.n.w, "signed out", b.open(issuer+"/signout").submit("/signout").title, "You are signed out")
		},
		"another person": func(n *node, b *browser, a *app) { n.clinician(); b.open(issuer + "/account").signIn("anna") },
	} {
		_, n, b, a, g := away(t)
		end(n, b, a)
		n.dead(g.Access)
		if x := a.refresh(g.Refresh); x.Error != "invalid_grant" {
			t.Errorf("%s: %d %s", name, x.status, x.Error)
		}
	}
}

// TestWhoWasAwaySignsInAgain, and the application goes on as before.
func TestWhoWasAwaySignsInAgain(t *testing.T) {
	w, n, b, a, g := away(t)
	b.open(issuer + "/account").signIn("paul")
	n.good(g.Access)
	w.clk.Advance(14 * time.Minute) // as long as it could be before
	a.refresh(g.Refresh).ok(w)
}

func TestOnlineAccessEndsWhenTheSessionLapses(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "paul", "scope", "launch/patient online_access patient/*.rs")
	w.clk.Advance(time.Duration(g.Expires)*time.Second + 6*time.Minute)
	a.refresh(g.Refresh).refused(w, "invalid_grant")
}
