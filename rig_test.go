package firebreak_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
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
	"io/fs"
)

const base = "https://test.invalid/fhir"

// people is an Authenticator for tests: "Bearer name" is the person of that name.
type people map[string]gate.Identity

func (p people) Authenticate(_ context.Context, req *fhir.Request) (gate.Identity, error) {
	id, ok := p[strings.TrimPrefix(req.Authorization, "Bearer ")]
	if !ok {
		return gate.Identity{}, &fhir.Problem{Code: fhir.Login, Text: "authentication is required", Challenge: "Bearer"}
	}
	return id, nil
}

// seeded makes identifiers from a seed that is set before each request, so that
// two servers given the same requests choose the same.
type seeded struct {
	mu      sync.Mutex
	r       *rand.Rand
	version string // the next version's id, when it is settled
}

func (s *seeded) seed(text string) {
	h := fnv.New64a()
	h.Write([]byte(text))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r = rand.New(rand.NewPCG(h.Sum64(), 1))
}

func (s *seeded) text(prefix string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%s%016x", prefix, s.r.Uint64())
}

func (s *seeded) Resource() string { return s.text("r") }
func (s *seeded) Version() string {
	if s.version != "" {
		return s.version
	}
	return s.text("v")
}
func (s *seeded) Nonce(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(b); i += 8 {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], s.r.Uint64())
		copy(b[i:], w[:])
	}
}

// standard are the people of most tests: two hospitals, a patient, an officer.
func standard() people {
	id := func(name, user, org, scope string, roles ...string) gate.Identity {
		return gate.Identity{Tenant: "main", Issuer: "https://idp.invalid", Subject: name, ClientID: "app", FHIRUser: user,
			Organization: org, Roles: roles, Scope: scope, Purpose: "TREAT"}
	}
	p := people{
		"adams":     id("adams", "Practitioner/adams", "Organization/north", "user/*.cruds", "physician"),
		"baker":     id("baker", "Practitioner/baker", "Organization/north", "user/*.cruds", "physician"),
		"chen":      id("chen", "Practitioner/chen", "Organization/south", "user/*.cruds", "physician"),
		"amy":       id("amy", "Patient/amy", "", "patient/*.rs", "patient"),
		"officer":   id("officer", "Practitioner/officer", "", "user/*.cruds", "security-officer"),
		"admin":     id("admin", "Practitioner/admin", "", "user/*.cruds", "admin"),
		"importer":  id("importer", "Practitioner/importer", "Organization/north", "user/*.cruds", "importer"),
		"importerS": id("importerS", "Practitioner/importerS", "Organization/south", "user/*.cruds", "importer"),
		"warehouse": id("warehouse", "", "", "system/*.rs", "system"),
		"roleless":  id("roleless", "Practitioner/nobody", "Organization/north", "user/*.cruds"),
	}
	amy := p["amy"]
	amy.Patient = "amy"
	p["amy"] = amy
	return p
}

type rig struct {
	t       testing.TB
	server  *firebreak.Server
	store   *store.Store
	journal *audit.Memory
	clock   *clock.Fixed
	ids     *seeded
	people  people
	n       int
}

func newRig(t testing.TB) *rig { return newRigWith(t, standard(), openSQLite) }

func openSQLite(t testing.TB, opt store.Options) *store.Store {
	s, err := store.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "store.db"), opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newRigWith(t testing.TB, who people, open func(testing.TB, store.Options) *store.Store) *rig {
	t.Helper()
	c := clock.NewFixed(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	st := open(t, store.Options{Clock: c, Base: base, Readers: 2})
	t.Cleanup(func() { _ = st.Close() })
	pol, err := authz.NewPolicies(func() (fs.FS, error) { return policies.Default(), nil })
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: st, journal: audit.NewMemory(), clock: c, ids: &seeded{}, people: who}
	r.ids.seed("start")
	r.server, err = firebreak.New(firebreak.Parts{Base: base, Authn: who,
		Layers:  []gate.Authorizer{authz.NewScopes(search.NewExtractor(base), base), pol},
		Backend: firebreak.SQL{Store: st}, Journal: r.journal, Clock: c, PageKey: make([]byte, 32), IDs: r.ids})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answer is a reply as a client gets it.
type answer struct {
	status int
	header map[string][]string
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %v\n%s", a.status, a.header, a.body) }

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("body is not JSON: %v\n%s", err, a.body)
	}
	return out
}

// do sends one request as a person; header lines are "Name: value".
func (r *rig) do(who, method, url, body string, header ...string) answer {
	r.t.Helper()
	r.n++
	r.clock.Advance(time.Second)
	r.ids.seed(fmt.Sprint("request ", r.n))
	path, query, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(url, base), "/"), "?")
	req := fhir.Request{Method: method, Path: path, Query: query, Body: []byte(body), Visit: fmt.Sprint("visit-", r.n), Base: base}
	if who != "" {
		req.Authorization = "Bearer " + who
	}
	if body != "" {
		req.ContentType = "application/fhir+json"
		if method == "PATCH" {
			req.ContentType = "application/json-patch+json"
		}
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		switch name {
		case "If-Match":
			req.IfMatch = value
		case "If-None-Match":
			req.IfNoneMatch = value
		case "If-None-Exist":
			req.IfNoneExist = value
		case "If-Modified-Since":
			req.IfModifiedSince = value
		case "Prefer":
			req.Prefer = value
		case "Accept":
			req.Accept = value
		case "Content-Type":
			req.ContentType = value
		case "X-Request-Id":
			req.RequestID = value
		default:
			r.t.Fatalf("rig: unknown header %q", name)
		}
	}
	w := httptest.NewRecorder()
	if _, err := r.server.Serve(context.Background(), req).WriteTo(w, method == "HEAD"); err != nil {
		r.t.Fatal(err)
	}
	return answer{w.Code, w.Header(), w.Body.String()}
}

// put imports a resource under its own id, as an importer of a hospital.
func (r *rig) put(importer, resource string) {
	r.t.Helper()
	var x struct{ ResourceType, ID string }
	if err := json.Unmarshal([]byte(resource), &x); err != nil {
		r.t.Fatal(err)
	}
	if a := r.do(importer, "PUT", x.ResourceType+"/"+x.ID, resource); a.status != 201 && a.status != 200 {
		r.t.Fatalf("import %s/%s: %v", x.ResourceType, x.ID, a)
	}
}
