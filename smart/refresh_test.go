package smart_test

import (
	"sync"
	"testing"
	"time"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
)

const offline = "launch/patient openid offline_access patient/*.rs"

func TestARefreshTokenIsReplacedAndLastsAnew(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", offline)
	was := claims(w, g.ID)
	for range 3 {
		w.clk.Advance(99 * 24 * time.Hour) // three months and more, each time
		next := a.refresh(g.Refresh).ok(w)
		if next.Refresh == g.Refresh || next.Refresh == "" || next.Access == g.Access {
			t.Fatal("the same tokens again, or none")
		}
		n.good(next.Access)
		same(w, "launch context", next.Patient, "p1")
		now := claims(w, next.ID) // OpenID Connect Core 1.0 section 12.2
		for _, name := range []string{"iss", "sub", "aud", "auth_time", "sid"} {
			same(w, name, now[name], was[name])
		}
		same(w, "nonce", []any{was["nonce"] == a.nonce, now["nonce"]}, []any{true, nil})
		g = next
	}
	w.clk.Advance(101 * 24 * time.Hour)
	a.refresh(g.Refresh).refused(w, "invalid_grant")
}

func TestARefreshMayAskForLessAndNeverForMore(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "paul", "scope", "launch/patient offline_access patient/Observation.rs patient/Patient.r")
	less := a.refresh(g.Refresh, "scope", "patient/Observation.r").ok(w)
	same(w, "scope", less.Scope, "patient/Observation.r")
	same(w, "scope of the token", n.good(less.Access).Scope, "patient/Observation.r")
	for _, more := range []string{"patient/Observation.cruds", "patient/*.rs", "user/Observation.rs", "system/Observation.rs", "patient/Condition.rs", "openid", "nonsense", "patient/Observation.r openid"} {
		a.refresh(less.Refresh, "scope", more).refused(w, "invalid_scope")
	}
	// RFC 6749 section 6: what was left out before may be asked for again.
	again := a.refresh(less.Refresh).ok(w)
	same(w, "scope", again.Scope, g.Scope)
}

// TestAUsedRefreshTokenEndsEverything: RFC 9700 section 4.14.2.
func TestAUsedRefreshTokenEndsEverything(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	first := a.tokens(n.browser(), "paul", "scope", offline)
	second := a.refresh(first.Refresh).ok(w)
	third := a.refresh(second.Refresh).ok(w)
	w.clk.Advance(time.Second)
	a.refresh(first.Refresh).refused(w, "invalid_grant")
	for _, g := range []got{first, second, third} {
		n.dead(g.Access)
		a.refresh(g.Refresh).refused(w, "invalid_grant")
	}
	if e := w.happened("revoke"); len(e) != 1 || e[0].Why != "a refresh token was used twice" {
		t.Errorf("on record: %+v", e)
	}
}

// TestTwoRefreshesAtOnceAreTheftToo, on one server and on two of a database: one
// of them may be answered, and then nothing is worth anything any more.
func TestTwoRefreshesAtOnceAreTheftToo(t *testing.T) {
	w := worldOver(t, shared{newTable()})
	n, other := w.node(), w.node()
	n.patient()
	a := n.register(client.Client{})
	for range 20 {
		g := a.tokens(n.browser(), "paul", "scope", offline)
		there := *a
		there.n = other
		w.clk.Advance(time.Second)
		var answers [2]got
		var wg sync.WaitGroup
		for i, at := range []*app{a, &there} {
			wg.Go(func() { answers[i] = at.refresh(g.Refresh) })
		}
		wg.Wait()
		given := 0
		for _, x := range answers {
			if x.status == 200 {
				given++
				n.dead(x.Access)
				other.dead(x.Access)
				a.refresh(x.Refresh).refused(w, "invalid_grant")
			}
		}
		if given > 1 {
			t.Fatal("both were answered")
		}
		n.dead(g.Access)
		other.dead(g.Access)
	}
}

func TestARefreshTokenIsForItsApplicationOnly(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	thief := n.register(client.Client{ID: "thief", Name: "Thief"})
	g := a.tokens(n.browser(), "paul", "scope", offline)
	thief.refresh(g.Refresh).refused(w, "invalid_grant")
	for _, made := range []string{"x", "x.1.y", g.Refresh + "A", g.Refresh[:len(g.Refresh)-1], "a.1.c", "a.+1.c", "a.01.c"} {
		a.refresh(made).refused(w, "invalid_grant")
	}
	n.good(a.refresh(g.Refresh).ok(w).Access)
}

// TestRefreshTokensOfPublicApplicationsAreBoundToTheirKey: RFC 9449 section 5.
func TestRefreshTokensOfPublicApplicationsAreBoundToTheirKey(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	a.dpop = newKey(w, p256, "ES256")
	g := a.tokens(n.browser(), "paul", "scope", offline)
	same(w, "token_type", g.Type, "DPoP")
	without := *a
	without.dpop = nil
	without.refresh(g.Refresh).refused(w, "invalid_grant")
	other := *a
	other.dpop = newKey(w, p256, "ES256")
	other.refresh(g.Refresh).refused(w, "invalid_grant")
	n.dead(g.Access) // without a proof
	g = a.refresh(g.Refresh).ok(w)
	same(w, "token_type", g.Type, "DPoP")
	same(w, "key", claims(w, g.Access)["cnf"], map[string]any{"jkt": a.dpop.thumbprint(w)})
}

// TestWhoAsksTooFastWaits: at each endpoint for programs, and whoever has shown who
// they are; who only says so takes nothing away from another.
func TestWhoAsksTooFastWaits(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	paul := n.patient()
	portal := n.register(client.Client{ID: "portal", Name: "Portal", Kind: client.Confidential, Method: client.SecretBasic})
	system := n.register(client.Client{ID: "proxy", Name: "Proxy", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/*.rs"}})
	public := n.register(client.Client{})
	g := public.tokens(n.browser(), "paul", "scope", offline)
	bearer := system.ask("/token", form("grant_type", "client_credentials", "scope", "system/*.rs")).ok(w)
	var counted []string
	n.Paces(func(client, person string) time.Duration {
		counted = append(counted, client+" "+person)
		return 90 * time.Second
	})
	wrong := *portal
	wrong.secret = text(24)
	for name, x := range map[string]got{"a wrong secret": wrong.refresh("x"), "no secret": n.posted(transport.WebRequest{Method: "POST", Path: "/auth/token", ContentType: "application/x-www-form-urlencoded",
		Body: []byte(form("grant_type", "refresh_token", "refresh_token", "x", "client_id", "portal").Encode())}), "made up": public.refresh("x"), "no code": public.exchange("x")} {
		if x.status == 429 || len(counted) > 0 {
			t.Errorf("%s: %d, counted %v", name, x.status, counted)
		}
	}
	for want, ask := range map[string]func() got{
		"portal ": func() got { return portal.refresh("x") },
		"proxy ": func() got {
			return system.ask("/token", form("grant_type", "client_credentials", "scope", "system/*.rs"))
		},
		"growth " + string(paul.ID): func() got { return public.refresh(g.Refresh) },
	} {
		counted = nil
		x := ask()
		same(w, want, []any{x.status, x.Error, x.answer.Reply.RetryAfter, counted}, []any{429, "temporarily_unavailable", 90 * time.Second, []string{want}})
	}
	for _, x := range []got{portal.introspect("x"), portal.ask("/revoke", form("token", "x")), n.posted(transport.WebRequest{Method: "POST", Path: "/auth/introspect", Authorization: "Bearer " + bearer.Access,
		ContentType: "application/x-www-form-urlencoded", Body: []byte(form("token", "x").Encode())})} {
		same(w, "too fast", []any{x.status, x.answer.Reply.RetryAfter}, []any{429, 90 * time.Second})
	}
	n.Paces(func(string, string) time.Duration { return 0 })
	public.refresh(g.Refresh).ok(w) // it was not used up
}

// TestAProofAtARefreshBindsWhatIsGivenThen: RFC 9449 section 5, of a grant that was
// bound to nothing.
func TestAProofAtARefreshBindsWhatIsGivenThen(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	for _, c := range []client.Client{{}, {ID: "portal", Name: "Portal", Kind: client.Confidential, Method: client.SecretBasic}} {
		a := n.register(c)
		g := a.tokens(n.browser(), "paul", "scope", offline)
		same(w, "token_type", g.Type, "Bearer")
		without := *a
		a.dpop = newKey(w, p256, "ES256")
		g = a.refresh(g.Refresh).ok(w)
		same(w, "bound", []any{g.Type, claims(w, g.Access)["cnf"]}, []any{"DPoP", map[string]any{"jkt": a.dpop.thumbprint(w)}})
		n.dead(g.Access)
		if c.Kind != client.Confidential { // whose refresh tokens are bound to its secret
			without.refresh(g.Refresh).refused(w, "invalid_grant")
		}
		a.refresh(g.Refresh).ok(w)
	}
}

func TestAnApplicationRegisteredForProofsGetsNothingWithout(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Bound: client.BoundKey})
	code := a.code(n.browser(), "paul", "scope", offline)
	a.exchange(code).refused(w, "invalid_dpop_proof")
	a.dpop = newKey(w, p256, "ES256")
	a.exchange(code).ok(w)
}

// TestACodeBoundToAKeyIsForThatKey: RFC 9449 section 10.
func TestACodeBoundToAKeyIsForThatKey(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	k := newKey(w, p256, "ES256")
	code := a.code(n.browser(), "paul", "dpop_jkt", k.thumbprint(w))
	a.exchange(code).refused(w, "invalid_grant")
	a.dpop = newKey(w, p256, "ES256")
	a.exchange(code).refused(w, "invalid_grant")
	a.dpop = k
	a.exchange(code).ok(w)
}

// TestAPasswordChangeEndsSessionsGrantsAndTokens, on every server.
func TestAPasswordChangeEndsSessionsGrantsAndTokens(t *testing.T) {
	w := worldOver(t, shared{newTable()})
	n, other := w.node(), w.node()
	paul := n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	online := a.tokens(b, "paul", "scope", "launch/patient online_access patient/*.rs")
	away := a.tokens(b, "paul", "scope", offline)
	code := a.code(b, "paul", "scope", offline)
	w.clk.Advance(time.Second)
	reset(w, n, paul)
	same(w, "session", b.open(issuer+"/account").title, "Sign in")
	for _, g := range []got{online, away} {
		n.dead(g.Access)
		other.dead(g.Access)
		a.refresh(g.Refresh).refused(w, "invalid_grant")
	}
	a.exchange(code).refused(w, "invalid_grant")
}

// reset gives a person another password.
func reset(w *world, n *node, who person.Account) {
	w.t.Helper()
	const next = "vier alte Fahrräder im Regen"
	w.secret(next)
	_, _, err := n.people.ChangePassword(background, who.ID, password, next, "192.0.2.9")
	must(w.t, err)
}

func TestADisabledPersonLosesEverythingAtOnce(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	paul := n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", offline)
	code := a.code(b, "paul", "scope", offline)
	midway := a.start(b)
	w.clk.Advance(time.Second)
	_, err := n.people.Disable(background, person.Hands{By: person.Operator}, paul.ID)
	must(t, err)
	n.dead(g.Access)
	a.refresh(g.Refresh).refused(w, "invalid_grant")
	a.exchange(code).refused(w, "invalid_grant")
	if p := midway.submit("/consent", "answer", "allow"); p.to != "" {
		t.Errorf("a flow went on to %s", p.to)
	}
	if p := a.start(b).signIn("paul"); !p.has("/signin") {
		t.Errorf("signed in: %s", p.title)
	}
}

func TestADisabledApplicationLosesEverythingAtOnce(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	system := n.register(client.Client{ID: "export", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/*.rs"}})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", offline)
	own := system.ask("/token", form("grant_type", "client_credentials", "scope", "system/*.rs")).ok(w)
	code := a.code(b, "paul", "scope", offline)
	midway := a.start(b)
	w.clk.Advance(time.Second)
	must(t, n.clients.Disable(background, "growth", "admin"))
	must(t, n.clients.Disable(background, "export", "admin"))
	n.dead(g.Access)
	n.dead(own.Access)
	a.refresh(g.Refresh).refused(w, "invalid_client")
	a.exchange(code).refused(w, "invalid_client")
	if p := midway.submit("/consent", "answer", "allow"); p.to != "" {
		t.Errorf("a flow went on to %s", p.to)
	}
	same(w, "a new request", a.start(b).answer.Reply.Status, 400)
}

// TestRightsThatEndEndTheToken: a role that is held for a time.
func TestRightsThatEndEndTheToken(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	anna := n.clinician()
	a := n.register(client.Client{})
	_, err := n.people.GrantRole(background, person.Hands{By: anna.ID}, anna.ID, person.RoleGrant{Role: "break-glass", Until: w.clk.Now().Add(10 * time.Minute), Reason: "an emergency on the ward"})
	must(t, err)
	g := a.tokens(n.browser(), "anna", "scope", "user/*.rs offline_access")
	same(w, "expires_in", g.Expires, 600)
	same(w, "roles", n.good(g.Access).Roles, "[break-glass physician]")
	w.clk.Advance(10 * time.Minute)
	n.dead(g.Access)
	g = a.refresh(g.Refresh).ok(w)
	same(w, "roles", n.good(g.Access).Roles, "[physician]")
	same(w, "expires_in", g.Expires, 1800)
}

// TestARoleThatIsTakenIsGoneAtOnce: not when the token ends.
func TestARoleThatIsTakenIsGoneAtOnce(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	anna := n.clinician()
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "anna", "scope", "user/*.rs offline_access")
	w.clk.Advance(time.Second)
	_, err := n.people.TakeRole(background, person.Hands{By: person.Operator}, anna.ID, "physician")
	must(t, err)
	n.dead(g.Access)
	w.clk.Advance(time.Second)
	same(w, "roles", n.good(a.refresh(g.Refresh).ok(w).Access).Roles, "[]")
}

func TestScopesTakenFromAnApplicationAreGoneAtItsNextRefresh(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "paul", "scope", offline)
	r, err := n.clients.Load(background, "growth")
	must(t, err)
	r.Client.Scopes = []string{"launch/patient", "offline_access", "patient/Observation.r"}
	_, err = n.clients.Replace(background, r, "admin")
	must(t, err)
	g = a.refresh(g.Refresh).ok(w)
	same(w, "scope", g.Scope, "launch/patient offline_access patient/Observation.r")
}
