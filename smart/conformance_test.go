package smart_test

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
)

// TestWhoHasNoRecordHasNoFHIRUser: an administrator whom no FHIR resource stands
// for; asked or trusted, fhirUser is not granted.
func TestWhoHasNoRecordHasNoFHIRUser(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.join(person.Newcomer{Login: "root"})
	for _, trusted := range []bool{false, true} {
		a := n.register(client.Client{ID: fmt.Sprint("app-", trusted), Trusted: trusted})
		b := n.browser()
		g := a.tokens(b, "root", "scope", "openid fhirUser profile user/Patient.rs")
		c := claims(w, g.ID)
		if g.Scope != "openid profile user/Patient.rs" || c["fhirUser"] != nil || c["profile"] != nil {
			t.Errorf("trusted %v: %q, %v", trusted, g.Scope, c)
		}
		if back := a.start(b, "scope", "fhirUser").back(); back.Get("error") != "invalid_scope" {
			t.Errorf("trusted %v, fhirUser alone: %v", trusted, back)
		}
	}
}

// TestTokensFitIntoAHeader: all scopes of US Core together do; what would not is
// not granted.
func TestTokensFitIntoAHeader(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	var all []string
	for _, file := range []string{"granular", "patient-types"} {
		text, err := os.ReadFile("scope/testdata/" + file + ".txt")
		must(t, err)
		for line := range strings.Lines(string(text)) {
			s := strings.Trim(strings.TrimSpace(line), "{}")
			if strings.HasPrefix(s, "patient/") && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d scopes are tried", len(all))
	}
	a := n.register(client.Client{Trusted: true, Scopes: append([]string{"launch/patient", "patient/*.cruds", "offline_access"}, all...), Offline: true})
	b := n.browser()
	g := a.tokens(b, "paul", "scope", "launch/patient "+strings.Join(all, " "))
	if len(g.Access) > 7<<10 { // other servers take 8 KiB a line
		t.Errorf("%d scopes make a token of %d bytes", len(all), len(g.Access))
	}
	for i := range 60 {
		all = append(all, fmt.Sprintf("patient/Observation.rs?code=http://loinc.org|%040d", i))
	}
	if back := a.start(b, "scope", strings.Join(all, " ")).back(); back.Get("error") != "invalid_scope" {
		t.Errorf("a scope of %d bytes: %v", len(strings.Join(all, " ")), back)
	}
}

// TestDiscoveryHasWhatSMARTRequires, whatever is accepted: SMART App Launch 2.2,
// conformance, "Metadata", and client-confidential-asymmetric, "Discovery
// requirements".
func TestDiscoveryHasWhatSMARTRequires(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	for path, names := range map[string]string{
		"/fhir/.well-known/smart-configuration":  "issuer jwks_uri authorization_endpoint token_endpoint introspection_endpoint revocation_endpoint management_endpoint",
		"/auth/.well-known/openid-configuration": "issuer jwks_uri authorization_endpoint token_endpoint userinfo_endpoint introspection_endpoint revocation_endpoint end_session_endpoint",
	} {
		var first string
		for _, accept := range []string{"", "application/fhir+xml", "text/html", "*/*;q=0"} {
			d := n.posted(transport.WebRequest{Method: "GET", Path: path, Accept: accept})
			body := string(d.answer.Reply.Body)
			if d.status != 200 || d.answer.Reply.ContentType != "application/json" || first != "" && body != first {
				t.Errorf("%s, Accept %q: %d %q %s", path, accept, d.status, d.answer.Reply.ContentType, body)
			}
			first = body
			for name, v := range d.all {
				if !strings.HasSuffix(name, "_endpoint") && !strings.HasSuffix(name, "_uri") && name != "issuer" {
					continue
				}
				if u, err := url.Parse(v.(string)); err != nil || u.Scheme != "https" || u.Host == "" {
					t.Errorf("%s: %s is %q, which is not absolute", path, name, v)
				}
			}
			for name := range strings.FieldsSeq(names) {
				if d.all[name] == nil {
					t.Errorf("%s: no %s", path, name)
				}
			}
			for name, values := range map[string]string{"grant_types_supported": "authorization_code client_credentials", "response_types_supported": "code",
				"token_endpoint_auth_methods_supported": "client_secret_post client_secret_basic private_key_jwt", "token_endpoint_auth_signing_alg_values_supported": "RS384 ES384",
				"code_challenge_methods_supported": "S256", "scopes_supported": "openid fhirUser launch launch/patient offline_access online_access patient/Encounter.rs system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"} {
				has := strings.Fields(strings.Trim(fmt.Sprint(d.all[name]), "[]"))
				for v := range strings.FieldsSeq(values) {
					if !slices.Contains(has, v) {
						t.Errorf("%s: %s has no %s: %s", path, name, v, has)
					}
				}
			}
		}
	}
}

// TestEachAnswerOfTheTokenEndpointIsWhole: a refresh is answered as the exchange
// was, with the launch context; an id token where openid was granted only.
func TestEachAnswerOfTheTokenEndpointIsWhole(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	b := n.browser()
	fit := regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`) // RFC 6750 section 2.1
	for scope, identity := range map[string]bool{"launch openid fhirUser offline_access patient/*.rs": true, "launch online_access patient/*.rs": false} {
		launch := launched(w, b, "growth", "p2", "Encounter/e-p2").Get("launch")
		g := a.exchange(a.through(a.start(b, "scope", scope, "launch", launch), "anna").back().Get("code")).ok(w)
		for what, x := range map[string]got{"exchange": g, "refresh": a.refresh(g.Refresh).ok(w)} {
			style, _ := x.all["smart_style_url"].(string)
			same(w, what, []any{x.Type, x.Expires, x.Scope, x.Patient, x.all["encounter"], x.all["need_patient_banner"], strings.HasPrefix(style, issuer+"/style.json"), x.ID != ""},
				[]any{"Bearer", 1800, scope, "p2", "e-p2", true, true, identity})
			if !fit.MatchString(x.Access) || !fit.MatchString(x.Refresh) || x.Access == x.Refresh {
				t.Errorf("%s: tokens %q and %q", what, x.Access, x.Refresh)
			}
			tok := n.good(x.Access)
			same(w, what+", the token", []any{tok.Scope, tok.Patient, tok.Expires.Sub(w.clk.Now()).Seconds()}, []any{x.Scope, "p2", 1800.0})
		}
	}
}

// TestAScopeOnOnePatientBringsThatPatient, also where launch/patient was not asked
// for: SMART App Launch 2.2, scopes-and-launch-context.
func TestAScopeOnOnePatientBringsThatPatient(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.clinician()
	a := n.register(client.Client{})
	b := n.browser()
	g := a.tokens(b, "anna", "scope", "patient/Observation.rs")
	same(w, "patient", []any{g.Patient, n.good(g.Access).Patient}, []any{"p2", "p2"})
	g = a.tokens(b, "anna", "scope", "launch/patient user/Observation.rs")
	same(w, "launch/patient", g.Patient, "p2")
	g = a.tokens(b, "anna", "scope", "user/Observation.rs")
	same(w, "neither", g.Patient, "")
}

// TestErrorsOfTheTokenEndpointAreOAuths: RFC 6749 section 5.2, each with its
// description.
func TestErrorsOfTheTokenEndpointAreOAuths(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	system := n.register(client.Client{ID: "export", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/*.rs"}})
	wrong := *a
	wrong.secret = text(24)
	assertion := system.assertion(func(c map[string]any) { c["exp"] = w.clk.Now().Unix() - 3600 })
	for _, c := range []struct {
		x      got
		status int
		error  string
	}{
		{a.ask("/token", form()), 400, "invalid_request"},
		{a.ask("/token", form("grant_type", "password")), 400, "unsupported_grant_type"},
		{a.exchange(""), 400, "invalid_request"},
		{a.refresh(""), 400, "invalid_request"},
		{a.exchange("x"), 400, "invalid_grant"},
		{a.refresh("x"), 400, "invalid_grant"},
		{wrong.refresh("x"), 401, "invalid_client"},
		{a.ask("/token", form("grant_type", "client_credentials", "scope", "system/*.rs")), 400, "unauthorized_client"},
		{system.ask("/token", form("grant_type", "client_credentials", "scope", "user/*.rs")), 400, "invalid_scope"},
		{system.ask("/token", form("grant_type", "client_credentials")), 400, "invalid_scope"},
		{n.posted(transport.WebRequest{Method: "POST", Path: "/auth/token", ContentType: "application/x-www-form-urlencoded", Body: []byte(form("grant_type", "client_credentials", "scope", "system/*.rs",
			"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", assertion).Encode())}), 401, "invalid_client"},
	} {
		description, _ := c.x.all["error_description"].(string)
		if c.x.status != c.status || c.x.Error != c.error || description == "" || c.x.all["access_token"] != nil || c.x.answer.Reply.ContentType != "application/json" {
			t.Errorf("%d %s, want %d %s with a description", c.x.status, c.x.answer.Reply.Body, c.status, c.error)
		}
	}
	g := system.ask("/token", form("grant_type", "client_credentials", "scope", "system/Patient.rs")).ok(w)
	same(w, "a system's", []any{g.Type, g.Expires, g.Scope, g.Refresh, g.Access != ""}, []any{"Bearer", 300, "system/Patient.rs", "", true})
}

// TestTokensLiveAsTheServerSays: by the registration, an hour at most; expires_in
// is exp less iat.
func TestTokensLiveAsTheServerSays(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	b := n.browser()
	for life, want := range map[client.Seconds]int64{0: 1800, 60: 60, 3600: 3600} {
		a := n.register(client.Client{ID: fmt.Sprint("app-", want), Kind: client.Confidential, Method: client.SecretBasic, AccessLife: life})
		g := a.tokens(b, "paul", "scope", "launch/patient patient/*.rs")
		same(w, "expires_in", []any{g.Expires, n.good(g.Access).Expires.Sub(w.clk.Now()).Seconds(), g.Refresh}, []any{want, float64(want), ""})
	}
	if _, _, err := n.clients.Register(background, client.Client{ID: "long", Name: "Long", Kind: client.Confidential, Method: client.SecretBasic, RedirectURIs: []string{callback}, AccessLife: 3601}, "admin"); err == nil {
		t.Error("more than an hour can be registered")
	}
	// Requests come at any moment, and not at whole seconds only.
	system := n.register(client.Client{ID: "export", Kind: client.System, Method: client.PrivateKeyJWT, Scopes: []string{"system/*.rs"}})
	for range 3 {
		w.clk.Advance(333 * time.Millisecond)
		g := system.ask("/token", form("grant_type", "client_credentials", "scope", "system/*.rs")).ok(w)
		tok := n.good(g.Access)
		same(w, "expires_in", []any{g.Expires, tok.Expires.Sub(tok.IssuedAt).Seconds()}, []any{300, 300.0})
	}
}

// TestLaunchContextsAreThoseOfSMART: scopes-and-launch-context, "fhirContext".
func TestLaunchContextsAreThoseOfSMART(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	anna := n.clinician()
	a := n.register(client.Client{LaunchURI: "https://app.example/launch"})
	for name, item := range map[string]smart.ContextItem{"nothing": {}, "only a role": {Role: "launch"}, "type alone": {Type: "Claim"}, "identifier without type": {Identifier: `{"value":"7"}`},
		"canonical without type": {Canonical: "https://ehr.example/q|1"}, "a patient": {Reference: "Patient/p1"}, "a patient, to launch": {Reference: "Patient/p1", Role: "launch"},
		"an encounter": {Reference: "Encounter/e1"}, "an encounter by its type": {Identifier: `{}`, Type: "Encounter"}, "a role of nobody's": {Reference: "Task/1", Role: "mine"},
		"no identifier": {Identifier: `"7"`, Type: "Claim"}, "no JSON": {Identifier: `{"value":`, Type: "Claim"}} {
		if to, err := n.Launched(background, a.c, string(anna.ID), smart.Context{Patient: "p1", FHIRContext: []smart.ContextItem{item}}); err == nil {
			t.Errorf("%s: launched at %s", name, to)
		}
	}
	many := []smart.ContextItem{{Reference: "Task/1"}, {Reference: "Task/2", Role: "launch"}, {Reference: "Patient/p3", Role: "https://ehr.example/mother"}, {Reference: "Patient/p1", Role: "https://ehr.example/mother"},
		{Canonical: "https://ehr.example/q", Type: "Questionnaire"}, {Canonical: "https://ehr.example/q|1", Type: "Questionnaire"}, {Identifier: `{"system":"urn:x","value":"7"}`, Type: "Claim"}}
	to, err := n.Launched(background, a.c, string(anna.ID), smart.Context{Patient: "p1", FHIRContext: many})
	must(t, err)
	u, err := url.Parse(to)
	must(t, err)
	g := a.exchange(a.through(a.start(n.browser(), "scope", "launch patient/*.rs", "launch", u.Query().Get("launch")), "anna").back().Get("code")).ok(w)
	list, _ := g.all["fhirContext"].([]any)
	same(w, "items", len(list), len(many))
	for i, item := range list {
		m, _ := item.(map[string]any)
		for name, want := range map[string]string{"reference": many[i].Reference, "canonical": many[i].Canonical, "type": many[i].Type, "role": many[i].Role} {
			if v, there := m[name]; there != (want != "") || there && v != want {
				t.Errorf("item %d: %s is %v, want %q", i, name, v, want)
			}
		}
		if _, object := m["identifier"].(map[string]any); object != (many[i].Identifier != "") {
			t.Errorf("item %d: identifier %v", i, m["identifier"])
		}
	}
}
