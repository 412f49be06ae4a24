package smart_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/authn"
	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/transport"
	"firebreak/vault"
)

func header(w *world, raw string) map[string]any {
	w.t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(raw[:strings.Index(raw, ".")])
	must(w.t, err)
	out := map[string]any{}
	must(w.t, json.Unmarshal(b, &out))
	return out
}

var errBroken = errors.New("the disk is gone")

// TestABrokenStoreGivesNothing: 503 at each place, no token, no cookie, no page
// of anybody's; and afterwards all is as it was.
func TestABrokenStoreGivesNothing(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", "openid fhirUser offline_access patient/*.rs")
	code := a.code(b, "paul", "scope", offline)
	verifier := a.verifier
	consent, account, signIn := a.start(b), b.open(issuer+"/account"), a.start(n.browser())
	breakAll := func(f *frail) { f.rows, f.bad = errBroken, func([]vault.Change) error { return errBroken } }
	breakWrites := func(f *frail) { f.rows, f.bad = nil, func([]vault.Change) error { return errBroken } }
	mend := func(f *frail) { f.rows, f.bad = nil, nil }
	for name, trouble := range map[string]func(*frail){"all": breakAll, "writes": breakWrites} {
		w.table.set(trouble)
		a.verifier = verifier
		tried := map[string]int{
			"code":     a.exchange(code).status,
			"refresh":  a.refresh(g.Refresh).status,
			"revoke":   a.ask("/revoke", form("token", g.Refresh)).status,
			"revoke 2": a.ask("/revoke", form("token", g.Access)).status,
			"consent":  consent.submit("/consent", "answer", "allow").answer.Reply.Status,
			"account":  account.submit("/account/revoke", "app", account.at("/account/revoke").offered["app"][0]).answer.Reply.Status,
			"sign in":  signIn.signIn("paul").answer.Reply.Status,
			"sign out": account.submit("/signout").answer.Reply.Status,
			"start":    a.start(n.browser()).answer.Reply.Status,
		}
		if name == "all" {
			tried["introspect"] = a.introspect(g.Access).status
			tried["userinfo"] = n.posted(transport.WebRequest{Method: "GET", Path: "/auth/userinfo", Authorization: "Bearer " + g.Access}).status
			tried["logout"] = b.open(issuer + "/logout?id_token_hint=" + g.ID).answer.Reply.Status
			tried["page"] = b.open(issuer + "/account").answer.Reply.Status
		}
		for what, status := range tried {
			if status != 503 {
				t.Errorf("%s broken, %s: %d", name, what, status)
			}
		}
		w.table.set(mend)
		w.clk.Advance(2 * time.Second)
	}
	a.verifier = verifier
	n.good(a.exchange(code).ok(w).Access)
	n.good(a.refresh(g.Refresh).ok(w).Access)
	consent.submit("/consent", "answer", "allow").back()
	if strings.Contains(w.log.String(), code) {
		t.Error("the log has the code")
	}
}

// TestARevocationThatCannotBeReadDenies: on a node that shares its database.
func TestARevocationThatCannotBeReadDenies(t *testing.T) {
	w := worldOver(t, shared{newTable()})
	n := w.node()
	n.patient()
	g := n.register(client.Client{}).tokens(n.browser(), "paul")
	n.good(g.Access)
	w.table.set(func(f *frail) { f.rows = errBroken })
	var refusal *authn.Refusal
	if _, err := n.reads(g.Access); err == nil || errors.As(err, &refusal) {
		t.Errorf("judged without an answer: %v", err)
	}
}

// TestAnUnknownOutcomeGivesNothing: the change may have been made, and nobody was
// told; what comes again is then treated as used.
func TestAnUnknownOutcomeGivesNothing(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", offline)
	code := a.code(b, "paul", "scope", offline)
	w.table.set(func(f *frail) { f.late = func([]vault.Change) error { return errBroken } })
	for _, x := range []got{a.exchange(code), a.refresh(g.Refresh)} {
		if x.status != 503 || x.Access != "" || x.Refresh != "" {
			t.Errorf("%d %s", x.status, x.answer.Reply.Body)
		}
	}
	w.table.set(func(f *frail) { f.late = nil })
	a.exchange(code).refused(w, "invalid_grant")
	a.refresh(g.Refresh).refused(w, "invalid_grant")
	n.dead(g.Access)
}

// TestARevokedGrantStaysRevoked: whatever is under way for it.
func TestARevokedGrantStaysRevoked(t *testing.T) {
	w := worldOver(t, shared{newTable()})
	n, other := w.node(), w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	for name, under := range map[string]func(got, string) got{
		"refresh":  func(g got, _ string) got { return a.refresh(g.Refresh) },
		"exchange": func(_ got, code string) got { return a.exchange(code) },
	} {
		g := a.tokens(b, "paul", "scope", offline)
		code := a.code(b, "paul", "scope", offline)
		account := b.open(issuer + "/account")
		first := true
		w.table.set(func(f *frail) {
			f.wait = func(c []change) {
				if !first || !slices.ContainsFunc(c, func(x change) bool { return x.Kind == "grant" && !x.Delete }) {
					return
				}
				first = false // just before it is stored, the person signs out everywhere and takes all back
				there := other.browser()
				there.cookies = b.cookies
				for _, id := range account.at("/account/revoke").offered["app"] {
					there.post("/auth/account/revoke", form("csrf", account.at("/account/revoke").fields.Get("csrf"), "app", id))
				}
				there.open(issuer + "/account").submit("/signout")
			}
		})
		x := under(g, code)
		w.table.set(func(f *frail) { f.wait = nil })
		if x.status == 200 {
			if name == "refresh" {
				t.Errorf("%s: answered after the revocation", name)
			}
			n.dead(x.Access)
			a.refresh(x.Refresh).refused(w, "invalid_grant")
		}
		n.dead(g.Access)
		a.refresh(g.Refresh).refused(w, "invalid_grant")
		b.cookies = map[string]string{}
	}
}

// TestNobodyLearnsWhoHasAnAccount: by the text, the status, the cookies, or the
// number of hashes computed, which is the time.
func TestNobodyLearnsWhoHasAnAccount(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	closed := n.clinician()
	_, err := n.people.Disable(background, operator, closed.ID)
	must(t, err)
	a := n.register(client.Client{})
	var said []string
	for _, try := range [][2]string{{"paul", "not this one"}, {"nobody", "not this one"}, {"anna", password}, {"anna", "not this one"}, {"", ""}, {strings.Repeat("x", 5000), "x"}, {"paul", strings.Repeat("x", 5000)}, {"pa\u200bul", "x"}} {
		p := a.start(n.browser())
		f := p.at("/signin").fields
		before := n.people.Work().Computed
		f.Set("username", try[0])
		f.Set("password", try[1])
		p = p.b.post("/auth/signin", f)
		text := strings.Join(strings.Fields(p.text), " ")
		said = append(said, fmt.Sprint(p.answer.Reply.Status, n.people.Work().Computed-before, len(p.answer.Reply.Cookies), text))
	}
	for i, s := range said {
		if s != said[0] {
			t.Errorf("%d: %s\nand %s", i, s, said[0])
		}
	}
}

// TestNobodyLearnsWhichApplicationsThereAre: at the token endpoint.
func TestNobodyLearnsWhichApplicationsThereAre(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	a.secret = "wrong"
	nobody := *a
	nobody.c.ID = "nobody"
	x, y := a.refresh("x.1.y"), nobody.refresh("x.1.y")
	same(w, "answers", string(x.answer.Reply.Body)+fmt.Sprint(x.status), string(y.answer.Reply.Body)+fmt.Sprint(y.status))
}

// TestWhatWasDoneOnTheWayIsOnRecord, where the end of it was not reached; and what
// was not done is on record as no more than tried.
func TestWhatWasDoneOnTheWayIsOnRecord(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "paul", "scope", offline)
	must(t, n.clients.Disable(background, "growth", "operator")) // and no further: its grants are there
	w.table.set(func(f *frail) {
		f.bad = func(c []vault.Change) error {
			if c[0].Kind == "grant" {
				return nil
			}
			return errBroken
		}
	})
	out, err := n.Operate(background, smart.Operation{Task: smart.EnableClient, ID: "growth", Reason: "mended"})
	if err == nil || len(out.Events) != 1 || out.Events[0].What != "revoke" || out.Events[0].Grant != claims(w, g.Access)["grant"] {
		t.Errorf("%v: %+v", err, out.Events)
	}
	out, err = n.Operate(background, smart.Operation{Task: smart.RenewKeys, Reason: "a leak"})
	if err == nil || len(out.Events) != 1 || out.Events[0].What != "keys-renewed" || !out.Events[0].Failed {
		t.Errorf("%v: %+v", err, out.Events)
	}
}
