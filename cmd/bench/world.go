package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"firebreak"
	"firebreak/authz"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/label"
	"firebreak/policies"
	"firebreak/store"
)

func now() time.Time { return clock.System{}.Now() }

const serviceBase = "https://127.0.0.1/fhir"

// organisations are the writers of the synthetic data: north writes 1 % of it,
// west 24 %, and the rest is everybody else's.
var organisations = []struct {
	name  string
	share float64
}{{"north", 0.01}, {"west", 0.24}, {"south", 0.74}, {"east", 0.01}}

// permitAll is the gate with its door open, for the price of security.
type permitAll struct{}

func (permitAll) Layer() string { return "open" }
func (permitAll) Rule(gate.Principal, fhir.Action, string) (gate.Rule, error) {
	return gate.Always{}, nil
}
func (permitAll) Decide(gate.Principal, fhir.Action, gate.Header, *gate.Content) (gate.Decision, error) {
	return gate.Decision{Effect: gate.Permits}, nil
}
func (permitAll) MayAssert(gate.Principal, string) (bool, error) { return true, nil }
func (permitAll) MayImport(gate.Principal) (bool, error)         { return true, nil }
func (permitAll) Epoch() string                                  { return "open" }

func layers() ([]gate.Authorizer, error) {
	pol, err := authz.NewPolicies(func() (fs.FS, error) { return policies.Default(), nil })
	if err != nil {
		return nil, err
	}
	return []gate.Authorizer{authz.NewScopes(search.NewExtractor(serviceBase), serviceBase), pol}, nil
}

func identity(name, org, scope string, roles ...string) gate.Identity {
	id := gate.Identity{Tenant: "main", Issuer: "bench", Subject: name, ClientID: "bench", Organization: org, Scope: scope, Roles: roles}
	if name != "warehouse" {
		id.FHIRUser = "Practitioner/" + name
	}
	return id
}

// caller is who asks in a benchmark of searches.
type caller struct {
	name string
	gate *gate.Gate
	id   gate.Identity
}

// callers see 1 %, 24 %, 99 % and all of the data; the unrestricted one has no
// predicate at all.
func callers() ([]caller, error) {
	l, err := layers()
	if err != nil {
		return nil, err
	}
	all, err := authz.NewPolicies(func() (fs.FS, error) { return almostAll(), nil })
	if err != nil {
		return nil, err
	}
	g := gate.New(label.Labeler{}, nil, l...)
	most := gate.New(label.Labeler{}, nil, l[0], all)
	return []caller{
		{"all, unrestricted", gate.New(label.Labeler{}, nil, permitAll{}), identity("x", "", "user/*.rs")},
		{"all, by policy", g, identity("warehouse", "", "system/*.rs", "system")},
		{"1 %", g, identity("dr-north", "Organization/north", "user/*.rs", "physician")},
		{"24 %", g, identity("dr-west", "Organization/west", "user/*.rs", "physician")},
		{"99 %", most, identity("dr-most", "Organization/north", "user/*.rs", "physician")},
	}, nil
}

// world opens the store of n resources, and fills it when it is new.
func (b *bench) world(n int) (*store.Store, error) {
	path := filepath.Join(b.dir, fmt.Sprintf("world-%d.db", n))
	done := path + ".done"
	_, err := os.Stat(done)
	if err != nil {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(path + suffix)
		}
	}
	st, openErr := store.OpenSQLite(context.Background(), path, store.Options{Clock: clock.System{}})
	if openErr != nil || err == nil {
		return st, openErr
	}
	fmt.Fprintf(os.Stderr, "filling %s\n", path)
	if err := fill(st, n); err != nil {
		return nil, err
	}
	return st, os.WriteFile(done, nil, 0o600)
}

// fill writes n resources in bulk: one patient and 49 observations each time,
// in big transactions, through the gate with its door open.
func fill(st *store.Store, n int) error {
	r := rand.New(rand.NewPCG(7, 7))
	g := gate.New(label.Labeler{}, nil, permitAll{})
	for from := 0; from < n; from += 2000 {
		err := st.Change(context.Background(), nil, nil, func(t *store.Tx) error {
			for i := from; i < min(from+2000, n); i++ {
				org := pickOrganisation(r, i)
				m, err := g.Admit(gate.NewPrincipal(identity("dr-"+org, "Organization/"+org, "user/*.cruds", "physician")),
					fhir.Plan{Interaction: &fhir.Interaction{}})
				if err != nil {
					return err
				}
				d := resource(r, i)
				j, err := g.JudgeChange(m, fhir.ActCreate, nil, &d, func(gate.Keys) (gate.Facts, error) { return gate.Facts{}, nil })
				if err != nil {
					return err
				}
				if err := t.Commit(j); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pickOrganisation gives each patient's 50 resources to one organisation.
func pickOrganisation(r *rand.Rand, i int) string {
	x := rand.New(rand.NewPCG(uint64(i/50), 3)).Float64()
	for _, o := range organisations {
		if x -= o.share; x < 0 {
			return o.name
		}
	}
	return "south"
}

// resource is the i-th: a patient, or one of its observations, 5 % of which
// have code C0.
func resource(r *rand.Rand, i int) gate.Draft {
	patient := fmt.Sprintf("p%d", i/50)
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute)
	h := gate.Header{Version: "v1", LastUpdated: at, Method: http.MethodPost}
	if i%50 == 0 {
		h.Type, h.ID = "Patient", patient
		return gate.Draft{Header: h, Body: []byte(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"meta":{"versionId":"v1","lastUpdated":%q},"gender":"female","birthDate":"19%02d-01-02","name":[{"family":"Family%d","given":["Given%d"]}],"identifier":[{"system":"urn:mrn","value":"%d"}]}`,
			patient, fhir.FormatInstant(at), i%100, r.IntN(5000), r.IntN(5000), i))}
	}
	h.Type, h.ID = "Observation", fmt.Sprintf("o%d", i)
	code := r.IntN(20)
	return gate.Draft{Header: h, Body: []byte(fmt.Sprintf(`{"resourceType":"Observation","id":%q,"meta":{"versionId":"v1","lastUpdated":%q},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"C%d"}],"text":"Measurement number %d of a bench"},"subject":{"reference":"Patient/%s"},"effectiveDateTime":%q,"issued":%q,"valueQuantity":{"value":%d.%d,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"},"note":[{"text":"%0400d"}]}`,
		h.ID, fhir.FormatInstant(at), code, code, patient, at.Format(time.RFC3339), fhir.FormatInstant(at), r.IntN(200), r.IntN(10), i))}
}

// server puts the pipeline together over a store, secure or with its door open.
func pipeline(st *store.Store, secure bool, journal firebreak.Journal, who firebreak.Authenticator, base string) (*firebreak.Server, error) {
	l := []gate.Authorizer{permitAll{}}
	if secure {
		var err error
		if l, err = layers(); err != nil {
			return nil, err
		}
	}
	return firebreak.New(firebreak.Parts{Base: base, Authn: who, Layers: l, Backend: firebreak.SQL{Store: st}, Journal: journal,
		Clock: clock.System{}, PageKey: make([]byte, 32)})
}
