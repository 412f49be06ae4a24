package firebreak_test

import (
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"firebreak"
	"firebreak/audit"
	"firebreak/authz"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/policies"
	"firebreak/store"
)

// strict are the default policies and one that lets nobody search or read
// medication requests who signed in by a password alone.
func strict(t *testing.T) fs.FS {
	t.Helper()
	all := fstest.MapFS{"99-strength.cedar": {Data: []byte(`@id("medication-needs-two-factors")
forbid (principal is User, action in [Action::"read", Action::"search"], resource)
when { resource.type == "MedicationRequest" && !["two", "three"].contains(context.acr) };`)}}
	names, err := fs.Glob(policies.Default(), "*.cedar")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := fs.ReadFile(policies.Default(), n)
		if err != nil {
			t.Fatal(err)
		}
		all[n] = &fstest.MapFile{Data: b}
	}
	return all
}

// TestAPolicyAsksForAStrongerSignIn: RFC 9470. The challenge names the least that
// would do, to who could come back with it, and to nobody else.
func TestAPolicyAsksForAStrongerSignIn(t *testing.T) {
	who := standard()
	for name, of := range map[string]struct{ issuer, acr string }{"one": {"https://idp.invalid", "one"}, "two": {"https://idp.invalid", "two"},
		"three": {"https://idp.invalid", "three"}, "none": {"https://idp.invalid", ""}, "elsewhere": {"https://other.invalid", "one"}} {
		id := who["adams"]
		id.Issuer, id.ACR = of.issuer, of.acr
		who[name] = id
	}
	who["DPoP one"] = who["one"]
	narrow := who["one"]
	narrow.Scope = "user/Patient.rs"
	who["narrow"] = narrow
	c := clock.NewFixed(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	st := openSQLite(t, store.Options{Clock: c, Base: base, Readers: 2})
	t.Cleanup(func() { _ = st.Close() })
	all := strict(t)
	pol, err := authz.NewPolicies(func() (fs.FS, error) { return all, nil })
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: st, journal: audit.NewMemory(), clock: c, ids: &seeded{}, people: who}
	r.ids.seed("start")
	r.server, err = firebreak.New(firebreak.Parts{Base: base, Authn: who, Layers: []gate.Authorizer{authz.NewScopes(search.NewExtractor(base), base), pol},
		Backend: firebreak.SQL{Store: st}, Journal: r.journal, Clock: c, PageKey: make([]byte, 32), IDs: r.ids,
		StepUp: firebreak.StepUp{Issuer: "https://idp.invalid", Classes: []string{"one", "two", "three"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		who    string
		status int
		asks   bool
	}{{"one", 401, true}, {"none", 401, true}, {"two", 200, false}, {"three", 200, false}, {"elsewhere", 403, false}, {"narrow", 403, false}, {"officer", 403, false}} {
		a := r.do(k.who, "GET", "MedicationRequest?status=active", "")
		asked := strings.Join(a.header["Www-Authenticate"], "")
		if a.status != k.status || strings.Contains(asked, `acr_values="two"`) != k.asks || strings.Contains(asked, "insufficient_user_authentication") != k.asks {
			t.Errorf("%s: %d %q, want %d, asked %t", k.who, a.status, asked, k.status, k.asks)
		}
	}
	// A challenge is of the scheme that the token came by (RFC 9449 section 7.1).
	w := httptest.NewRecorder()
	if _, err := r.server.Serve(t.Context(), fhir.Request{Method: "GET", Path: "MedicationRequest", Query: "status=active", Base: base, Visit: "v", Authorization: "DPoP one"}).WriteTo(w, false); err != nil {
		t.Fatal(err)
	}
	if asked := w.Header().Get("WWW-Authenticate"); w.Code != 401 || !strings.HasPrefix(asked, `DPoP realm="firebreak", error="insufficient_user_authentication"`) {
		t.Errorf("as DPoP: %d %q", w.Code, asked)
	}
	if a := r.do("one", "GET", "Patient?name=x", ""); a.status != 200 {
		t.Errorf("what needs no strength: %d", a.status)
	}
	// The same for what is there and what is not.
	absent, hidden := r.do("one", "GET", "MedicationRequest/nowhere", ""), r.do("one", "GET", "MedicationRequest/elsewhere", "")
	if absent.status != 401 || absent.body != hidden.body {
		t.Errorf("reads: %d and %d", absent.status, hidden.status)
	}
}
