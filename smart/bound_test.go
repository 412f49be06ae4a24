package smart_test

import (
	"testing"
	"time"

	"firebreak/smart/client"
	"firebreak/transport"
)

// TestNobodyFillsTheStoreByBeginning: what a network peer may begin without having
// shown anything is bounded, and others are not held up by it.
func TestNobodyFillsTheStoreByBeginning(t *testing.T) {
	for what, begin := range map[string]transport.WebRequest{
		"authorization requests": {Method: "GET", Path: "/auth/authorize"},
		"sign-ins":               {Method: "GET", Path: "/auth/signin"},
		"visits to a page":       {Method: "GET", Path: "/auth/account"},
		"visits to another":      {Method: "GET", Path: "/auth/admin/apps"},
		"requests to sign out":   {Method: "GET", Path: "/auth/logout", Query: "client_id=growth"},
		"and by a form":          {Method: "POST", Path: "/auth/logout", ContentType: "application/x-www-form-urlencoded", Body: []byte("client_id=growth")},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			a := n.register(client.Client{})
			if begin.Path == "/auth/authorize" {
				begin.Query = a.request("scope", offline).Encode()
			}
			rows := 0
			w.table.set(func(f *frail) { f.wait = func(c []change) { rows += len(c) } })
			from := func(peer string) transport.WebReply {
				begin.Peer = peer
				return n.serve(begin).Reply
			}
			for range 6000 {
				from("192.0.2.66")
			}
			last := from("192.0.2.66")
			same(w, "status", last.Status, 429)
			if last.RetryAfter <= 0 || rows > 5500 {
				t.Errorf("%d rows, try again after %v", rows, last.RetryAfter)
			}
			same(w, "another peer", from("192.0.2.67").Status, 303)
			w.clk.Advance(time.Second)
			same(w, "a second later", from("192.0.2.66").Status, 303)
		})
	}
}

// TestNobodyFillsTheMemoryOfProofs: each proof of possession is remembered, and
// anybody can name a public application and sign some.
func TestNobodyFillsTheMemoryOfProofs(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.register(client.Client{ID: "growth"})
	got429 := false
	for range 5001 {
		v := form("grant_type", "refresh_token", "refresh_token", "x.1.y", "client_id", "growth")
		g := n.posted(transport.WebRequest{Method: "POST", Path: "/auth/token", ContentType: "application/x-www-form-urlencoded", Body: []byte(v.Encode()), DPoP: "x", Peer: "192.0.2.66"})
		got429 = got429 || g.status == 429
	}
	if !got429 {
		t.Error("5001 proofs were looked at in an instant")
	}
}
