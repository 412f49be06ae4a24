package firebreak_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"firebreak"
	"firebreak/audit"
	"firebreak/authz"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/policies"
	"firebreak/store"
)

// side is one of the two worlds: a server, and a way to write as anyone.
type side struct {
	*rig
	parts  firebreak.Parts
	loader *rig // the same store under a policy that lets the harness do everything
	db     *sql.DB
}

// loads is the one layer of the loader: it permits everything, and asserts what
// the harness says is asserted.
type loads struct{}

func (loads) Layer() string { return "loader" }
func (loads) Epoch() string { return "loader" }
func (loads) Rule(gate.Principal, fhir.Action, string) (gate.Rule, error) {
	return gate.Always{}, nil
}
func (loads) Decide(gate.Principal, fhir.Action, gate.Header, *gate.Content) (gate.Decision, error) {
	return gate.Decision{Effect: gate.Permits}, nil
}
func (loads) MayImport(gate.Principal) (bool, error) { return true, nil }
func (loads) MayAssert(p gate.Principal, _ string) (bool, error) {
	return slices.Contains(p.Identity().Roles, "asserts"), nil
}

// writers authenticates the loader's requests: who is written as.
type writers struct{}

func (writers) Authenticate(_ context.Context, req *fhir.Request) (gate.Identity, error) {
	part := strings.Split(strings.TrimPrefix(req.Authorization, "Bearer "), "|")
	id := gate.Identity{Tenant: "main", Issuer: "loader", Subject: "loader", Organization: part[0], FHIRUser: part[1]}
	if part[2] == "true" {
		id.Roles = []string{"asserts"}
	}
	return id, nil
}

func (w writer) String() string { return fmt.Sprintf("%s|%s|%t", w.org, w.author, w.asserts) }

// policyFiles are the default policies and some variants.
func policyFiles(extra []variant) (fs.FS, error) {
	out := fstest.MapFS{}
	err := fs.WalkDir(policies.Default(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(policies.Default(), path)
		out[path] = &fstest.MapFile{Data: b}
		return err
	})
	for n, v := range extra {
		out[fmt.Sprintf("x%d.cedar", n)] = &fstest.MapFile{Data: []byte(v.cedar)}
	}
	return out, err
}

func newSide(t testing.TB, o opener, who people, extra []variant) *side {
	t.Helper()
	c := clock.NewFixed(start)
	st, db := o.open(t, store.Options{Clock: c, Base: base, Readers: 1})
	t.Cleanup(func() { _ = st.Close() })
	pol, err := authz.NewPolicies(func() (fs.FS, error) { return policyFiles(extra) })
	if err != nil {
		t.Fatal(err)
	}
	s := &side{db: db}
	s.rig = &rig{t: t, store: st, journal: audit.NewMemory(), clock: c, ids: &seeded{}, people: who}
	parts := firebreak.Parts{Base: base, Authn: who, Backend: firebreak.SQL{Store: st}, Journal: s.journal, Clock: c, PageKey: make([]byte, 32), IDs: s.ids,
		Layers: []gate.Authorizer{authz.NewScopes(search.NewExtractor(base), base), pol}}
	s.parts = parts
	if s.server, err = firebreak.New(parts); err != nil {
		t.Fatal(err)
	}
	load := *s.rig
	s.loader = &load
	parts.Authn, parts.Layers = writers{}, []gate.Authorizer{loads{}}
	if s.loader.server, err = firebreak.New(parts); err != nil {
		t.Fatal(err)
	}
	return s
}

// start is when the requests of a world begin; what is loaded is older.
var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// load writes a version, at its time, as its writer and under its version id, so
// that what two worlds hold of it is the same bytes, in whatever order they come
// to hold it.
func (s *side) load(v *version) {
	s.t.Helper()
	s.clock.Set(v.at.Add(-time.Second))
	s.ids.version = v.vid
	method, body := "PUT", v.raw
	if v.deleted {
		method, body = "DELETE", ""
	}
	a := s.loader.do(v.by.String(), method, v.typ+"/"+v.id, body)
	s.ids.version = ""
	if a.status >= 300 {
		s.t.Fatalf("load %s/%s: %v\n%s", v.typ, v.id, a, v.raw)
	}
	if v.method != "" && v.method != method {
		s.sql("UPDATE version SET method='%s' WHERE version='%s'", v.method, v.vid)
	}
}

// sql does to a world what no request can. Its texts are the harness's own.
func (s *side) sql(format string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Exec(fmt.Sprintf(format, args...)); err != nil {
		s.t.Fatal(err)
	}
}

// forget makes it so that a resource has never been. It is written to first, so
// that the store does not remember it as it was.
func (s *side) forget(r *record, was []dumped) {
	s.t.Helper()
	for _, d := range was {
		if d.raw != "" {
			s.load(&version{typ: r.typ, id: r.id, vid: "forgotten", raw: d.raw, at: d.at})
			break
		}
	}
	for _, table := range []string{"idx_text", "idx_date", "idx_number", "tie", "version", "resource"} {
		s.sql("DELETE FROM %s WHERE tenant=1 AND rid IN (SELECT o.rid FROM resource o WHERE o.tenant=1 AND o.type=%d AND o.id='%s')", table, typeNumber(r.typ), r.id)
	}
}

func typeNumber(typ string) uint16 {
	n, _ := r4.TypeID(typ)
	return n
}

// giveTies puts ties into a world that does not hold the care teams they come
// from, instead of such as it had: authority is not data.
func (s *side) giveTies(ties []tie) {
	s.t.Helper()
	s.sql("DELETE FROM tie WHERE rid<0")
	for n, t := range ties {
		since, until := int64(math.MinInt64), int64(math.MaxInt64)
		if !t.from.IsZero() {
			since = t.from.UnixMilli()
		}
		if !t.until.IsZero() {
			until = t.until.UnixMilli()
		}
		s.sql("INSERT INTO tie (tenant, holder, relation, patient, rid, n, since, until) VALUES (1,'%s','%s','%s',%d,%d,%d,%d)",
			t.holder, "care-team", t.patient, -1-n, n, since, until)
	}
}

// dump is everything a world holds, as raw versions, oldest first by resource.
func (s *side) dump() map[string][]dumped {
	s.t.Helper()
	out := map[string][]dumped{}
	now := s.clock.Now()
	defer s.clock.Set(now)
	url := "_history?_count=500"
	for url != "" {
		a := s.loader.do("||false", "GET", url, "")
		if a.status != 200 {
			s.t.Fatalf("dump: %v", a)
		}
		var page struct {
			Link  []struct{ Relation, URL string }
			Entry []struct {
				FullURL  string
				Resource json.RawMessage
				Request  struct{ Method string }
				Response struct {
					Etag         string
					LastModified time.Time
				}
			}
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			s.t.Fatal(err)
		}
		for _, e := range page.Entry {
			ref := strings.TrimPrefix(e.FullURL, base+"/")
			out[ref] = append(out[ref], dumped{vid: strings.Trim(e.Response.Etag, `W/"`), method: e.Request.Method, raw: string(e.Resource), at: e.Response.LastModified})
		}
		url = ""
		for _, l := range page.Link {
			if l.Relation == "next" {
				url = l.URL
			}
		}
	}
	for _, v := range out {
		slices.Reverse(v)
	}
	return out
}

// newest is the current version of a resource, or nothing.
func (s *side) newest(ref string) (dumped, bool) {
	s.t.Helper()
	now := s.clock.Now()
	defer s.clock.Set(now)
	a := s.loader.do("||false", "GET", ref, "")
	if a.status != 200 {
		return dumped{}, false
	}
	return dumped{vid: strings.Trim(a.header["Etag"][0], `W/"`), raw: a.body}, true
}

type dumped struct {
	vid, method, raw string
	at               time.Time
}

// world is what one principal's two servers hold.
type world struct {
	name    string
	who     string
	people  people
	rules   []variant
	a, b    *side
	known   map[string]writer // by Type/id/version: who wrote what the harness loaded
	records []*record         // of A, as of the last refresh
	hidden  float64           // share of versions outside V
}

func (w *world) oracle(who string) *oracle {
	return &oracle{p: w.people[who], rules: w.rules, ties: tiesOf(w.records), now: w.a.clock.Now()}
}

// refresh reads A anew. What the harness did not load was written by the
// principal; a tombstone has writer and body of what it buried.
func (w *world) refresh() {
	all := w.a.dump()
	w.records = w.records[:0]
	p := w.people[w.who]
	for _, ref := range slices.Sorted(maps.Keys(all)) {
		typ, id, _ := strings.Cut(ref, "/")
		r := &record{typ: typ, id: id}
		for _, d := range all[ref] {
			v := version{typ: typ, id: id, vid: d.vid, raw: d.raw, at: d.at, method: d.method, deleted: d.method == "DELETE"}
			by, loaded := w.known[ref+"/"+d.vid]
			switch {
			case v.deleted:
				v.body, v.by = r.current().body, r.current().by
			case loaded:
				v.by = by
			default:
				v.by = writer{p.Organization, p.FHIRUser, asserter(p, typ)}
			}
			if !v.deleted {
				if err := json.Unmarshal([]byte(d.raw), &v.body); err != nil {
					w.a.t.Fatal(err)
				}
			}
			r.versions = append(r.versions, v)
		}
		w.records = append(w.records, r)
	}
}

// asserter: importers assert everything, administrators the directory, care
// teams and groups.
func asserter(p gate.Identity, typ string) bool {
	return slices.Contains(p.Roles, "importer") ||
		slices.Contains(p.Roles, "admin") && (slices.Contains(directory, typ) || typ == "CareTeam" || typ == "Group")
}
