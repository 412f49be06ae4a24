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
	same(w, "in the browser, too", b.open(issuer+"/account").title, "Your account")
	for w.clk.Now().Before(began.Add(12 * time.Hour)) {
		w.clk.Advance(25 * time.Minute)
		if got := a.refresh(g.Refresh); got.status == 200 {
			g = got
		}
	}
	a.refresh(g.Refresh).refused(w, "invalid_grant")
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
