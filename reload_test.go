package firebreak_test

import (
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"firebreak"
	"firebreak/audit"
	"firebreak/authz"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/policies"
	"firebreak/store"
	"time"
)

// meanwhile is a layer that does something, once, when rules for a type are asked.
type meanwhile struct {
	gate.Authorizer
	typ string
	do  *func()
}

func (l meanwhile) Rule(p gate.Principal, a fhir.Action, typ string) (gate.Rule, error) {
	if do := *l.do; do != nil && typ == l.typ {
		*l.do = nil
		do()
	}
	return l.Authorizer.Rule(p, a, typ)
}

// Policies that permit too much are put in force by mistake and taken back. What
// was worked out under them ends with them, also in a request that began before.
func TestPoliciesTakenBackLeaveNothingBehind(t *testing.T) {
	open := fstest.MapFS{"open.cedar": {Data: []byte(`@id("open") permit (principal, action in [Action::"read", Action::"search"], resource);`)}}
	var inForce fs.FS = policies.Default()
	pol, err := authz.NewPolicies(func() (fs.FS, error) { return inForce, nil })
	if err != nil {
		t.Fatal(err)
	}
	reload := func(fsys fs.FS) {
		inForce = fsys
		if err := pol.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	var mistake func()
	c := clock.NewFixed(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	st := openSQLite(t, store.Options{Clock: c, Base: base, Readers: 2})
	t.Cleanup(func() { _ = st.Close() })
	r := &rig{t: t, store: st, journal: audit.NewMemory(), clock: c, ids: &seeded{}, people: standard()}
	var logged strings.Builder
	r.server, err = firebreak.New(firebreak.Parts{Base: base, Authn: r.people, Log: slog.New(slog.NewTextHandler(&logged, nil)),
		Layers:  []gate.Authorizer{meanwhile{authz.NewScopes(search.NewExtractor(base), base), "Observation", &mistake}, pol},
		Backend: firebreak.SQL{Store: st}, Journal: r.journal, Clock: c, PageKey: make([]byte, 32), IDs: r.ids})
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range chart() {
		r.put("importer", resource)
	}
	for _, url := range []string{"?_summary=count", "_history?_count=0", "Observation?_summary=count", "Observation"} {
		mistake = func() { reload(open) }
		if a := r.do("chen", "GET", url, ""); a.status != 503 || mistake != nil {
			t.Errorf("%s while the policies change: %v", url, a)
		}
		if a := r.do("chen", "GET", url, ""); a.status != 200 || a.json(t)["total"] == 0.0 {
			t.Errorf("%s under policies that permit it: %v", url, a)
		}
		reload(policies.Default())
		if a := r.do("chen", "GET", url, ""); a.status != 200 || a.json(t)["total"] != 0.0 {
			t.Errorf("%s after they were taken back: %v", url, a)
		}
	}
	if said := logged.String(); strings.Contains(said, "level=ERROR") || strings.Count(said, "level=INFO") != 4 || strings.Count(said, "the policies were reloaded") != 4 {
		t.Errorf("logged, of 4 requests that met a reload:\n%s", said)
	}
	if n := r.server.Mismatches(); n != 0 {
		t.Errorf("the nets differed %d times", n)
	}
}
