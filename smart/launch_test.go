package smart_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
)

func TestAPatientOpensAnApplicationOnTheirOwnRecord(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	paul := n.patient()
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "paul")
	same(w, "patient", g.Patient, "p1")
	same(w, "token_type", g.Type, "Bearer")
	same(w, "expires_in", g.Expires, 1800)
	same(w, "scope", g.Scope, "launch/patient openid fhirUser patient/*.rs")
	tok := n.good(g.Access)
	if tok.Subject != string(paul.ID) || tok.ClientID != "growth" || tok.FHIRUser != "Patient/p1" || tok.Patient != "p1" || tok.Purpose != "PATRQT" || tok.Scope != g.Scope {
		t.Errorf("the access token says %+v", tok)
	}
	if g.Refresh != "" {
		t.Error("a refresh token, though neither online nor offline access was asked for")
	}
	if len(w.chart.asked) > 0 {
		t.Errorf("the chart was asked about %v: their own record is theirs", w.chart.asked)
	}
}

func TestAClinicianChoosesWhosePatientsRecord(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	a := n.register(client.Client{})
	p := a.start(n.browser(), "scope", "launch/patient openid fhirUser patient/*.rs user/Practitioner.r").signIn("anna")
	same(w, "title", p.title, "Choose a patient")
	p = p.submit("/patient/find", "name", "Patient")
	same(w, "found", p.at("/patient", "patient").offered["patient"], "[p1 p2 p3]")
	p = p.submit("/patient", "patient", "p3")
	if !strings.Contains(p.text, "Patient p3") {
		t.Errorf("the consent page does not say whose record: %s", p.text)
	}
	back := p.submit("/consent", "answer", "allow").back()
	g := a.exchange(back.Get("code")).ok(w)
	same(w, "patient", g.Patient, "p3")
	tok := n.good(g.Access)
	if tok.FHIRUser != "Practitioner/anna" || tok.Patient != "p3" || strings.Join(tok.Roles, " ") != "physician" || tok.Purpose != "TREAT" || tok.Organization[0] != "Organization/north" {
		t.Errorf("the access token says %+v", tok)
	}
}

// TestPatientScopesBringAPatientUnasked: launch/patient is inferred (SMART App
// Launch 2.2, scopes-and-launch-context).
func TestPatientScopesBringAPatientUnasked(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	n.patient()
	a := n.register(client.Client{})
	same(w, "own", a.tokens(n.browser(), "paul", "scope", "patient/Observation.rs").Patient, "p1")
	p := a.start(n.browser(), "scope", "patient/Observation.rs").signIn("anna")
	if !p.has("/patient/find") {
		t.Fatalf("no patient was asked for: %s", p.title)
	}
	g := a.exchange(a.through(p, "anna").back().Get("code")).ok(w)
	same(w, "chosen", []any{g.Patient, n.good(g.Access).Patient}, "[p2 p2]")
	g = a.tokens(n.browser(), "anna", "scope", "user/Observation.rs")
	same(w, "none needed", []any{g.Patient, n.good(g.Access).Patient}, "[ ]")
}

// launched opens the launch page and has an application opened for a patient.
func launched(w *world, b *browser, app, patient, encounter string) url.Values {
	w.t.Helper()
	p := b.open(issuer + "/launch")
	if p.has("/signin") {
		p = p.signIn("anna")
	}
	p = p.submit("/launch", "name", "").submit("/launch/choose", "patient", patient).submit("/launch/open", "app", app, "encounter", encounter)
	u, err := url.Parse(p.to)
	must(w.t, err)
	if !strings.HasPrefix(p.to, "https://app.example/launch?") {
		w.t.Fatalf("launched at %q: %s", p.to, p.text)
	}
	w.secret(u.Query().Get("launch"))
	return u.Query()
}

func TestAnApplicationIsLaunchedForAPatientAndAVisit(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	b := n.browser()
	q := launched(w, b, "growth", "p2", "Encounter/e-p2")
	same(w, "iss", q.Get("iss"), base)
	back := a.start(b, "scope", "launch openid fhirUser patient/*.rs", "launch", q.Get("launch")).allow(nil, nil).back()
	g := a.exchange(back.Get("code")).ok(w)
	same(w, "context", []any{g.Patient, g.all["encounter"], g.all["need_patient_banner"]}, []any{"p2", "e-p2", true})
	if s := a.introspect(g.Access); s.status != 401 {
		t.Errorf("a public application may introspect: %d", s.status)
	}
	same(w, "launches on record", w.happened("launch")[0].Patient, "p2")
}

// TestWhoeverLaunchesSettlesTheWholeContext: fhirContext, intent, style and
// tenant come from whoever makes the launch.
func TestWhoeverLaunchesSettlesTheWholeContext(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	anna := n.clinician()
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	no := false
	to, err := n.Launched(context.Background(), a.c, string(anna.ID), smart.Context{Patient: "p1", NeedBanner: &no, Intent: "reconcile", StyleURL: "https://ehr.example/style.json", Tenant: "north",
		FHIRContext: []smart.ContextItem{{Reference: "ImagingStudy/1"}, {Identifier: `{"value":"7"}`, Type: "Claim"}, {Canonical: "https://ehr.example/fhir/PlanDefinition/a|1", Type: "PlanDefinition", Role: "https://ehr.example/role"}}})
	must(t, err)
	u, _ := url.Parse(to)
	b := n.browser()
	g := a.exchange(a.through(a.start(b, "scope", "launch patient/*.rs", "launch", u.Query().Get("launch")), "anna").back().Get("code")).ok(w)
	same(w, "context", []any{g.all["need_patient_banner"], g.all["intent"], g.all["smart_style_url"], g.all["tenant"], g.all["fhirContext"]},
		[]any{false, "reconcile", "https://ehr.example/style.json", "north",
			[]any{map[string]any{"reference": "ImagingStudy/1"}, map[string]any{"identifier": map[string]any{"value": "7"}, "type": "Claim"}, map[string]any{"canonical": "https://ehr.example/fhir/PlanDefinition/a|1", "type": "PlanDefinition", "role": "https://ehr.example/role"}}})
	if _, there := g.all["encounter"]; there {
		t.Error("there is an encounter that nobody launched with")
	}
}

// TestEveryKindOfApplicationProvesItself: secret in the header, secret in the
// body, signed assertion, nothing.
func TestEveryKindOfApplicationProvesItself(t *testing.T) {
	for _, method := range []client.Method{client.None, client.SecretBasic, client.SecretPost, client.PrivateKeyJWT} {
		t.Run(string(method), func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			n.patient()
			kind := client.Confidential
			if method == client.None {
				kind = client.Public
			}
			a := n.register(client.Client{Kind: kind, Method: method})
			g := a.tokens(n.browser(), "paul", "scope", "launch/patient offline_access patient/*.rs")
			n.good(g.Access)
			g = a.refresh(g.Refresh).ok(w)
			n.good(g.Access)
		})
	}
}

func TestASystemGetsATokenForItself(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	a := n.register(client.Client{ID: "export", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/*.rs"}, Organization: "Organization/north", Roles: []string{"exporter"}})
	g := a.ask("/token", form("grant_type", "client_credentials", "scope", "system/Patient.rs system/Observation.cruds")).ok(w)
	if g.Refresh != "" || g.Expires != 300 || g.Scope != "system/Patient.rs system/Observation.rs" {
		t.Errorf("answered %s", g.answer.Reply.Body)
	}
	tok := n.good(g.Access)
	if tok.Subject != "export" || tok.ClientID != "export" || tok.FHIRUser != "" || strings.Join(tok.Roles, "") != "exporter" || tok.Purpose != "HOPERAT" {
		t.Errorf("the access token says %+v", tok)
	}
	w.clk.Advance(5 * time.Minute)
	n.dead(g.Access)
}

// TestConsentGrantsNoMoreThanIsTicked: a scope left out, a kind narrowed to a
// part of it, and offline access left as it is, which is unticked.
func TestConsentGrantsNoMoreThanIsTicked(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	p := a.start(n.browser(), "scope", "launch/patient openid fhirUser offline_access patient/Condition.rs patient/Observation.rs patient/Patient.r").signIn("paul")
	f := p.at("/consent")
	take := ""
	for name := range f.fields {
		if strings.HasPrefix(name, "take:") && strings.Contains(name, "Observation") {
			take = name
		}
	}
	if take == "" {
		t.Fatalf("observations cannot be narrowed: %v", f.fields)
	}
	var vitals string
	for _, id := range f.offered["scope"] {
		if strings.Contains(id, "vital-signs") {
			vitals = id
		}
	}
	f.fields.Set(take, "some")
	f.fields["scope"] = []string{vitals} // conditions, the person's name and fhirUser are left out
	for name := range f.fields {
		if strings.HasPrefix(name, "take:") && name != take {
			f.fields.Set(name, "none")
		}
	}
	f.fields.Set("answer", "allow")
	g := a.exchange(p.b.post(f.action, f.fields).back().Get("code")).ok(w)
	const want = "launch/patient openid patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"
	same(w, "scope", g.Scope, want)
	same(w, "scope of the token", n.good(g.Access).Scope, want)
	if _, there := claims(w, g.ID)["fhirUser"]; there || g.Refresh != "" {
		t.Error("what was left out is given")
	}
}

// TestVersion1ScopesStayAsTheyWereAskedFor: SMART App Launch 2.2, "Scopes for
// requesting FHIR Resources", backwards compatibility.
func TestVersion1ScopesStayAsTheyWereAskedFor(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "paul", "scope", "launch/patient patient/Observation.read patient/Patient.*")
	same(w, "scope", g.Scope, "launch/patient patient/Observation.read patient/Patient.*")
}

func TestTheIDTokenSaysWhoSignedInAndHow(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	anna := n.clinician()
	a := n.register(client.Client{})
	g := a.tokens(n.browser(), "anna", "scope", "openid fhirUser profile user/Patient.rs")
	set, err := n.Keys().Public(background)
	must(t, err)
	jws, err := jose.ParseSignedCompact(g.ID, []jose.SignatureAlgorithm{jose.RS256})
	must(t, err)
	keys := set.Key(jws.Signatures[0].Header.KeyID)
	if len(keys) != 1 {
		t.Fatalf("%d published keys of that name", len(keys))
	}
	if _, err := jws.Verify(keys[0]); err != nil {
		t.Fatal(err)
	}
	c := claims(w, g.ID)
	now := float64(w.clk.Now().Unix())
	for name, want := range map[string]any{"iss": issuer, "sub": string(anna.ID), "aud": "growth", "nonce": a.nonce, "fhirUser": base + "/Practitioner/anna",
		"profile": base + "/Practitioner/anna", "name": "Anna Berg", "acr": smart.ACRPassword, "auth_time": now, "iat": now, "exp": now + 300, "at_hash": challengeHalf(g.Access)} {
		same(w, name, c[name], want)
	}
	if c["sid"] != n.good(g.Access).Session || c["sid"] == "" {
		t.Errorf("sid %v is not the session of the access token", c["sid"])
	}
}

// TestWhoIsNobodyInTheRecordsGrantsNoFHIRUser: such as an administrator.
func TestWhoIsNobodyInTheRecordsGrantsNoFHIRUser(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.join(person.Newcomer{Login: "ada", Display: "Ada"})
	a, trusted := n.register(client.Client{}), n.register(client.Client{ID: "trusted", Name: "Trusted", Trusted: true})
	b := n.browser()
	for _, x := range []*app{a, trusted} {
		g := x.tokens(b, "ada", "scope", "openid fhirUser user/Patient.rs")
		same(w, "scope", g.Scope, "openid user/Patient.rs")
		same(w, "fhirUser", claims(w, g.ID)["fhirUser"], nil)
		same(w, "only that", x.start(b, "scope", "fhirUser").back().Get("error"), "invalid_scope")
	}
}

func TestUserinfoTellsWhatTheScopesAllow(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	anna := n.clinician()
	a := n.register(client.Client{})
	b := n.browser()
	g := a.tokens(b, "anna", "scope", "openid fhirUser profile user/Patient.rs")
	get := func(token string) got {
		return n.posted(transport.WebRequest{Method: "GET", Path: "/auth/userinfo", Authorization: "Bearer " + token})
	}
	same(w, "userinfo", get(g.Access).all, map[string]any{"sub": string(anna.ID), "fhirUser": base + "/Practitioner/anna", "profile": base + "/Practitioner/anna", "name": "Anna Berg"})
	g = a.tokens(b, "anna", "scope", "openid user/Patient.rs")
	same(w, "userinfo with less", get(g.Access).all, map[string]any{"sub": string(anna.ID)})
	g = a.tokens(b, "anna", "scope", "user/Patient.rs")
	less := get(g.Access)
	if less.Error != "insufficient_scope" || less.status != 403 || !strings.Contains(less.answer.Reply.Challenge, "insufficient_scope") {
		t.Errorf("without openid: %d %v", less.status, less.all)
	}
	id := a.tokens(b, "anna").ID
	// RFC 6750 section 3.1, RFC 9449 section 7.1: the same as at a record.
	for authorization, want := range map[string]string{"": `401 Bearer realm="firebreak", DPoP`, "Basic eA==": `401 Bearer realm="firebreak", DPoP`, "Bearer": `400 Bearer realm="firebreak", error="invalid_request"`,
		"Bearer x": `401 Bearer realm="firebreak", error="invalid_token"`, "DPoP " + g.Access: `401 DPoP realm="firebreak", error="invalid_token"`, "Bearer " + id: `401 Bearer realm="firebreak", error="invalid_token"`} {
		a := n.serve(transport.WebRequest{Method: "GET", Path: "/auth/userinfo", Authorization: authorization})
		if got := fmt.Sprint(a.Reply.Status, " ", a.Reply.Challenge); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", authorization, got, want)
		}
	}
}

// TestASecondApplicationAsksForNoPassword: one sign-in serves all in a browser.
func TestASecondApplicationAsksForNoPassword(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	one, two := n.register(client.Client{}), n.register(client.Client{ID: "second", Name: "Second"})
	b := n.browser()
	first := one.tokens(b, "paul")
	p := two.start(b)
	if p.has("/signin") || !p.has("/consent") {
		t.Fatalf("asked again: %s", p.title)
	}
	second := two.exchange(p.submit("/consent", "answer", "allow").back().Get("code")).ok(w)
	same(w, "sid", claims(w, second.ID)["sid"], claims(w, first.ID)["sid"])
}

func TestATrustedApplicationNeedsNoConsentUnlessItAsks(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Trusted: true})
	b := n.browser()
	if p := a.start(b).signIn("paul"); p.to == "" {
		t.Errorf("asked: %s", p.title)
	}
	if p := a.start(b, "prompt", "consent"); !p.has("/consent") {
		t.Errorf("prompt=consent: %s %s", p.title, p.to)
	}
	same(w, "prompt=none", a.start(b, "prompt", "none").back().Has("code"), true)
}

// TestAHEADIsAnsweredAsAGET: RFC 9110 section 9.3.2.
func TestAHEADIsAnsweredAsAGET(t *testing.T) {
	n := newWorld(t).node()
	a := n.register(client.Client{})
	for _, q := range []string{a.request().Encode(), a.request("aud", "").Encode(), a.request("client_id", "nobody").Encode()} {
		get, head := n.serve(transport.WebRequest{Method: "GET", Path: "/auth/authorize", Query: q}), n.serve(transport.WebRequest{Method: "HEAD", Path: "/auth/authorize", Query: q})
		same(n.w, q, head.Reply.Status, get.Reply.Status)
	}
}

// TestAnAuthorizationRequestMayBePosted: SMART App Launch 2.2, authorize-post.
func TestAnAuthorizationRequestMayBePosted(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	p := n.browser().postFrom("/auth/authorize", a.request(), "https://app.example", "cross-site")
	g := a.exchange(a.through(p, "paul").back().Get("code")).ok(w)
	n.good(g.Access)
}
