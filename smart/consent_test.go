package smart_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
)

// TestConsentIsOfWhoSawThePage: not of another person's session meanwhile, nor
// for another patient than was shown.
func TestConsentIsOfWhoSawThePage(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	p := a.start(b).signIn("anna").submit("/patient/find", "name", "").submit("/patient", "patient", "p2")
	before := b.cookies["__Host-session"]
	other := n.browser()
	other.open(issuer + "/signin").signIn("paul")
	b.cookies["__Host-session"] = other.cookies["__Host-session"]
	same(w, "as another person", p.submit("/consent", "answer", "allow").title, "Please start again")
	b.cookies["__Host-session"] = before
	flow := p.at("/consent").fields.Get("flow")
	chosen := b.open(issuer + "/flow?id=" + flow)
	// In another tab the person chooses someone else.
	v := form("flow", flow, "csrf", firstCSRF(w, a, b, flow), "patient", "p3")
	b.post("/auth/patient", v)
	same(w, "for another patient", chosen.submit("/consent", "answer", "allow").title, "Please start again")
}

// firstCSRF is the token of a flow's forms, which the page of its sign-in has.
func firstCSRF(w *world, a *app, b *browser, flow string) string {
	return a.n.Server.FlowCSRF(transport.WebRequest{Cookies: b.cookies}, flow)
}

func TestConsentCannotGrantWhatWasNotAsked(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	p := a.start(n.browser(), "scope", "openid patient/Observation.r").signIn("paul")
	g := a.exchange(p.allow([]string{"user/*.cruds", "patient/*.cruds", "patient/Patient.r", "offline_access", "system/*.rs", "fhirUser"}, nil).back().Get("code")).ok(w)
	same(w, "scope", g.Scope, "openid patient/Observation.r")
	if g.Refresh != "" {
		t.Error("offline access was not asked for")
	}
}

// TestRefusingTellsTheApplicationSo, and the page is over.
func TestRefusingTellsTheApplicationSo(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	n.clinician()
	a := n.register(client.Client{})
	b := n.browser()
	p := a.start(b).signIn("paul")
	same(w, "error", p.submit("/consent", "answer", "refuse").back().Get("error"), "access_denied")
	same(w, "again", p.submit("/consent", "answer", "allow").title, "Please start again")
	p = a.start(n.browser()).signIn("anna")
	same(w, "error", p.submit("/patient", "answer", "refuse").back().Get("error"), "access_denied")
	p = a.start(b, "scope", "patient/Patient.rs") // nothing is left
	same(w, "nothing granted", p.allow(nil, p.at("/consent").offered["scope"]).back().Get("error"), "access_denied")
}

func TestAPageIsAnsweredOnce(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	p := a.start(n.browser()).signIn("paul")
	p.submit("/consent", "answer", "allow").back()
	same(w, "sent again", p.submit("/consent", "answer", "allow").title, "Please start again")
}

// TestLaunchesAreForOnePersonAndOneApplicationOnce.
func TestLaunchesAreForOnePersonAndOneApplicationOnce(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	n.join(person.Newcomer{Login: "bert", FHIRUser: "Practitioner/bert"})
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	thief := n.register(client.Client{ID: "thief", Name: "Thief", LaunchURI: "https://app.example/launch"})
	b, bert := n.browser(), n.browser()
	launch := launched(w, b, "growth", "p2", "").Get("launch")
	const scope = "launch openid patient/*.rs"
	refused := func(what string, p page) {
		t.Helper()
		if back := p.back(); back.Get("error") != "invalid_request" || back.Has("code") {
			t.Errorf("%s: %v", what, back)
		}
	}
	refused("another application", thief.start(b, "scope", scope, "launch", launch))
	refused("another person", a.start(bert, "scope", scope, "launch", launch).signIn("bert"))
	refused("made up", a.start(b, "scope", scope, "launch", "x"))
	refused("none", a.start(b, "scope", scope))
	same(w, "without the scope", a.start(b, "scope", "openid patient/*.rs", "launch", launch).back().Get("error"), "invalid_scope")
	one, two := a.start(b, "scope", scope, "launch", launch), a.start(b, "scope", scope, "launch", launch)
	one.submit("/consent", "answer", "allow").back()
	refused("twice", two.submit("/consent", "answer", "allow"))
	launch = launched(w, b, "growth", "p2", "").Get("launch")
	w.clk.Advance(10 * time.Minute)
	refused("too late", a.start(b, "scope", scope, "launch", launch))
}

func TestAContextThatApplicationsCannotReadIsNotLaunched(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	for name, item := range map[string]smart.ContextItem{"nothing": {Type: "Claim"}, "no JSON": {Identifier: "{"}, "the patient": {Reference: "Patient/p1"},
		"the encounter as launched": {Reference: "Encounter/e1", Role: "launch"}} {
		if to, err := n.Launched(background, a.c, "", smart.Context{FHIRContext: []smart.ContextItem{item}}); err == nil {
			t.Errorf("%s: launched at %s", name, to)
		}
	}
	if _, err := n.Launched(background, a.c, "", smart.Context{FHIRContext: []smart.ContextItem{{Reference: "Patient/p2", Role: "https://ehr.example/mother"}}}); err != nil {
		t.Errorf("a patient in another role: %v", err)
	}
}

func TestOneLaunchIsOneGrantAlsoAtOnce(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	b := n.browser()
	launch := launched(w, b, "growth", "p2", "").Get("launch")
	one, two := a.start(b, "scope", "launch patient/*.rs", "launch", launch), a.start(b, "scope", "launch patient/*.rs", "launch", launch)
	var inner page
	first := true
	w.table.set(func(f *frail) {
		f.wait = func(c []change) {
			if first && len(c) > 2 { // the grant of the one: the other is quicker
				first = false
				inner = two.submit("/consent", "answer", "allow")
			}
		}
	})
	outer := one.submit("/consent", "answer", "allow")
	if !inner.back().Has("code") || outer.to != "" {
		t.Errorf("both were granted: %q and %q", inner.to, outer.to)
	}
}

// TestHiddenPatientsLookAbsent: the application is told the same, and the person.
func TestHiddenPatientsLookAbsent(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	b := n.browser()
	b.open(issuer + "/signin").signIn("anna")
	var said []string
	for _, id := range []string{"secret", "absent", "p1/../secret", strings.Repeat("a", 100)} {
		p := a.start(b)
		f := p.at("/patient").fields
		f.Set("patient", id)
		back := b.post("/auth/patient", f).back()
		back.Del("state")
		said = append(said, back.Encode())
		to, err := n.Launched(background, a.c, "", smart.Context{Patient: id})
		must(t, err)
		u, _ := url.Parse(to)
		back = a.start(b, "scope", "launch patient/*.rs", "launch", u.Query().Get("launch")).back()
		back.Del("state")
		said = append(said, back.Encode())
	}
	for _, s := range said {
		if s != said[0] || !strings.Contains(s, "access_denied") {
			t.Errorf("%q, and %q", s, said[0])
		}
	}
	w.chart.err = errors.New("the store is broken")
	if p := a.start(b); p.has("/patient") {
		f := p.at("/patient").fields
		f.Set("patient", "p1")
		same(w, "a broken chart", b.post("/auth/patient", f).answer.Reply.Status, 503)
	}
}
