package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhirjson"
	"firebreak/gate"
	"firebreak/store"
)

// tenant, and the caller whose ties the care-team rules ask for.
const (
	tenant = "main"
	caller = "Practitioner/me"
)

// world is a store together with a model of what it must hold.
type world struct {
	t      testing.TB
	s      *store.Store
	clock  *clock.Fixed
	rand   *rand.Rand
	mu     sync.Mutex // where several changes write to the model
	items  []*item    // in order of creation
	byRef  map[string]*item
	memo   map[*version]*extracted
	number atomic.Int64
}

// item is one resource of the model.
type item struct {
	typ, id  string
	number   uint64 // orders what nothing else orders
	versions []version
}

type version struct {
	id      string
	at      time.Time
	deleted bool
	class   gate.Class
	keys    gate.Keys
	ties    []gate.Tie
	body    []byte // a tombstone has that of the version before
}

func (i *item) ref() string       { return i.typ + "/" + i.id }
func (i *item) current() *version { return &i.versions[len(i.versions)-1] }
func (i *item) live() bool        { return !i.current().deleted }

func newWorld(t testing.TB, open Opener, seed uint64) *world {
	t.Helper()
	c := clock.NewFixed(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	w := &world{t: t, clock: c, rand: rand.New(rand.NewPCG(seed, 7)), byRef: map[string]*item{}}
	w.s = open(t, store.Options{Clock: c, Readers: 3})
	return w
}

// policy is a layer whose rules a test makes up. It permits every row that a
// store hands out: the store alone is on trial.
type policy struct {
	rule  func(fhir.Action, string) gate.Rule
	epoch string
}

func (policy) Layer() string { return "test" }
func (p policy) Rule(_ gate.Principal, a fhir.Action, typ string) (gate.Rule, error) {
	return p.rule(a, typ), nil
}
func (policy) Decide(gate.Principal, fhir.Action, gate.Header, *gate.Content) (gate.Decision, error) {
	return gate.Decision{Effect: gate.Permits}, nil
}
func (policy) MayAssert(gate.Principal, string) (bool, error) { return true, nil }
func (policy) MayImport(gate.Principal) (bool, error)         { return true, nil }
func (p policy) Epoch() string                                { return p.epoch }

// access is a gate and a permit of it.
type access struct {
	g    *gate.Gate
	m    *gate.Permit
	rule func(fhir.Action, string) gate.Rule
}

func (w *world) access(rule func(fhir.Action, string) gate.Rule) access {
	g := gate.New(labeler{}, nil, policy{rule, fmt.Sprint("epoch", w.number.Add(1))})
	p := gate.NewPrincipal(gate.Identity{Tenant: tenant, Issuer: "test", Subject: "me", FHIRUser: caller})
	m, err := g.Admit(p, fhir.Plan{Interaction: &fhir.Interaction{Kind: fhir.SearchSystem}})
	if err != nil {
		w.t.Fatal(err)
	}
	return access{g, m, rule}
}

func always(fhir.Action, string) gate.Rule { return gate.Always{} }

// all may see and do everything.
func (w *world) all() access { return w.access(always) }

// labeler reads class, keys and ties from the tags that generators write, so
// that model and store cannot differ about them.
type labeler struct{}

func (labeler) Classify(_ gate.Principal, c *gate.Content, asserted bool) (gate.Class, gate.Keys, []gate.Tie, error) {
	root, err := c.Root()
	if err != nil {
		return gate.Class{}, gate.Keys{}, nil, err
	}
	class, keys, ties := labels(root)
	class.Asserted = asserted
	return class, keys, ties, nil
}

func labels(root fhirjson.Node) (gate.Class, gate.Keys, []gate.Tie) {
	class := gate.Class{Tenant: tenant, Type: root.Field("resourceType").Text(), Confidentiality: gate.Normal, Asserted: true}
	var keys gate.Keys
	var ties []gate.Tie
	for tag := range root.Field("meta").Field("tag").Each() {
		code := tag.Field("code").Text()
		switch strings.TrimPrefix(tag.Field("system").Text(), "urn:test:") {
		case "org":
			class.Organization = code
		case "conf":
			class.Confidentiality = gate.ConfidentialityOf(code)
		case "subject":
			keys.Subjects = append(keys.Subjects, code)
		case "mention":
			keys.Mentions = append(keys.Mentions, code)
		case "author":
			keys.Author = code
		case "tie": // patient, or patient>from>until in seconds of the epoch
			tie := gate.Tie{Relation: gate.InCareTeam, Holder: caller}
			var from, until int64
			patient, rest, _ := strings.Cut(code, ">")
			tie.Patient = patient
			if n, _ := fmt.Sscanf(rest, "%d>%d", &from, &until); n == 2 {
				tie.From, tie.Until = time.Unix(from, 0).UTC(), time.Unix(until, 0).UTC()
			}
			ties = append(ties, tie)
		}
	}
	slices.Sort(keys.Subjects)
	slices.Sort(keys.Mentions)
	return class, keys, ties
}

// op is one write: a new version of a resource, or with body "" its deletion.
type op struct {
	typ, id string
	body    string
	method  string
}

// put is an op that stores a body under the id in it.
func put(body string) op {
	doc, err := fhirjson.Parse([]byte(body))
	if err != nil {
		panic(fmt.Sprintf("bad JSON in a test: %v: %s", err, body))
	}
	return op{typ: doc.Root().Field("resourceType").Text(), id: doc.Root().Field("id").Text(), body: body, method: http.MethodPut}
}

func remove(typ, id string) op { return op{typ: typ, id: id, method: http.MethodDelete} }

// do writes ops in one change and into the model.
func (w *world) do(ops ...op) {
	w.t.Helper()
	if err := w.try(context.Background(), nil, nil, ops...); err != nil {
		w.t.Fatal(err)
	}
}

// try writes ops in one change; the model follows when the store accepts it.
// after runs inside the change, behind the ops.
func (w *world) try(ctx context.Context, durable func(context.Context) error, after func(*store.Tx) error, ops ...op) error {
	a := w.all()
	var done []gate.Judged
	err := w.s.Change(ctx, a.m, durable, func(tx *store.Tx) error {
		done = done[:0]
		for _, o := range ops {
			j, err := w.write(tx, a, o)
			if err != nil {
				return err
			}
			done = append(done, j)
		}
		if after != nil {
			return after(tx)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, j := range done {
		w.keep(j)
	}
	return nil
}

var errNothingThere = errors.New("nothing to delete")

// write does one op as a server would: find the target, judge, commit.
func (w *world) write(tx *store.Tx, a access, o op) (gate.Judged, error) {
	h := gate.Header{Type: o.typ, ID: o.id, Version: fmt.Sprintf("v%d", w.number.Add(1)), LastUpdated: w.clock.Now().Truncate(time.Millisecond), Method: o.method}
	action := fhir.ActUpdate
	if o.body == "" {
		action = fhir.ActDelete
	}
	var before *gate.Judged
	target, found, err := tx.Target(action, o.typ, o.id)
	if err != nil {
		return gate.Judged{}, err
	}
	if found {
		j, err := a.g.JudgeTarget(a.m, action, target)
		if err != nil {
			return gate.Judged{}, err
		}
		before = &j
	}
	if o.body == "" {
		if before == nil {
			return gate.Judged{}, errNothingThere
		}
		j, err := a.g.JudgeChange(a.m, fhir.ActDelete, before, nil, tx.Facts)
		if err != nil {
			return gate.Judged{}, err
		}
		j = j.Tombstone(h)
		return j, tx.Commit(j)
	}
	j, err := a.g.JudgeChange(a.m, fhir.ActUpdate, before, &gate.Draft{Header: h, Body: []byte(o.body)}, tx.Facts)
	if err != nil {
		return gate.Judged{}, err
	}
	return j, tx.Commit(j)
}

// number is a resource's place among equals: by a hash of its reference, which
// tells nothing of when it was made.
func number(ref string) uint64 {
	sum := sha256.Sum256([]byte(ref))
	return binary.BigEndian.Uint64(sum[:8])
}

// keep puts what was stored into the model.
func (w *world) keep(j gate.Judged) {
	h, body, _ := j.Write()
	it := w.byRef[h.Reference()]
	if it == nil {
		it = &item{typ: h.Type, id: h.ID, number: number(h.Reference())}
		w.items = append(w.items, it)
		w.byRef[h.Reference()] = it
	}
	v := version{id: h.Version, at: h.LastUpdated, deleted: h.Deleted, class: h.Class, keys: h.Keys, body: body}
	if !h.Deleted {
		v.ties = h.Ties
	}
	it.versions = append(it.versions, v)
}

// headers opens what a store sealed. The gate permits all of it; the number is
// compared so that nothing is lost on the way.
func headers(t tb, a access, sealed []gate.Sealed) []gate.Header {
	t.Helper()
	judged, err := a.g.Judge(a.m, fhir.ActSearch, sealed...)
	if err != nil {
		t.Fatalf("judge: %v", err)
	}
	if len(judged) != len(sealed) {
		t.Fatalf("%d of %d sealed rows cannot be judged: their class is not that of their type", len(sealed)-len(judged), len(sealed))
	}
	out := make([]gate.Header, len(judged))
	for i, j := range judged {
		out[i] = j.Header()
	}
	return out
}

// tb is what testing.TB and rapid.T have in common.
type tb interface {
	Helper()
	Logf(string, ...any)
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

func view(t tb, w *world, a access, fn func(*store.Snapshot)) {
	t.Helper()
	err := w.s.View(context.Background(), a.m, func(s *store.Snapshot) error { fn(s); return nil })
	if err != nil {
		t.Fatalf("view: %v", err)
	}
}
