package firebreak_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestHiddenRecordsMoveNothing is the master test of the promise (docs: the
// design's §1 and §9): for a principal p, world A holds everything and world B
// only V(p), as an independent oracle has it. Sequences of requests, changes
// among them, go to both; every answer must be the same, byte for byte.
//
// Three more checks keep both worlds from being wrong together: what searches
// and reads show is what the oracle says; what B holds after a sequence is V of
// what A holds after it; and the two nets have never differed.
//
// FIREBREAK_WORLDS=100-120 runs some worlds only, each with all it has to say.
func TestHiddenRecordsMoveNothing(t *testing.T) {
	for _, o := range openers() {
		t.Run(o.name, func(t *testing.T) {
			from, to := worldRange(o)
			// Two more than there are processors, for each waits for a database.
			workers := runtime.GOMAXPROCS(0) + 2
			o := o.reusing(t, 2*workers)
			all := newTally()
			var failed atomic.Int32
			seeds := make(chan uint64)
			var wait sync.WaitGroup
			for range workers {
				wait.Go(func() {
					for seed := range seeds {
						y := newTally()
						ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
							p := &pair{TB: t, world: newWorld(t, o, seed), tally: y}
							p.run(rand.New(rand.NewPCG(seed, 11)), o.perWorld)
						})
						if !ok {
							failed.Add(1)
						}
						all.add(y)
					}
				})
			}
			for seed := from; seed < to && failed.Load() < maxFailures(); seed++ {
				if timeIsUp(t) {
					t.Logf("the -timeout of go test is near: the last world is %d of %d", seed-1, to-1)
					if os.Getenv("FIREBREAK_SERVICES") == "required" {
						t.Errorf("there was not time for all %d sequences", sequences)
					}
					break
				}
				seeds <- seed
			}
			close(seeds)
			wait.Wait()
			all.report(t)
		})
	}
}

// timeIsUp leaves two minutes to what comes after.
func timeIsUp(t *testing.T) bool {
	deadline, ok := t.Deadline()
	return ok && time.Until(deadline) < 2*time.Minute
}

// maxFailures is how many worlds may fail before the rest is left out: one is
// enough of a mutant.
func maxFailures() int32 {
	if os.Getenv("FIREBREAK_MUTANT") != "" {
		return 1
	}
	return 3
}

// requestsPerSequence: each sequence starts where the last one of its world
// ended, with new hidden records in between, or new visible ones.
const requestsPerSequence = 5

func worldRange(o opener) (from, to uint64) {
	if s := os.Getenv("FIREBREAK_WORLDS"); s != "" {
		a, b, _ := strings.Cut(s, "-")
		from, _ = strconv.ParseUint(a, 10, 64)
		to, _ = strconv.ParseUint(b, 10, 64)
		return from, max(to, from+1)
	}
	n := uint64(sequences / o.perWorld)
	if testing.Short() {
		n /= 20
	}
	return 1, 1 + n
}

// pair is a world under test.
type pair struct {
	testing.TB
	*world
	ask     *asker
	tally   *tally
	compare int
	last    time.Time // the time of what others did last
}

func (p *pair) run(r *rand.Rand, sequences int) {
	m := &maker{r: r, ids: map[string][]string{}}
	for _, rec := range p.records {
		m.ids[rec.typ] = append(m.ids[rec.typ], rec.id)
	}
	p.ask = newAsker(m, p.world)
	p.tally.hidden = append(p.tally.hidden, p.hidden)
	p.tally.who[p.who]++
	p.agreesWithOracle()
	for range sequences {
		p.tally.sequences++
		for range requestsPerSequence {
			p.turn()
			p.both(p.ask.ask())
			if p.Failed() {
				return
			}
		}
		if m.chance(10) {
			p.others()
		} else {
			p.unseen()
		}
	}
	p.foreignPage()
	p.sweep()
	p.holdsV()
	if quiet := os.Getenv("FIREBREAK_MUTANT") != ""; !quiet && p.a.server.Mismatches()+p.b.server.Mismatches() > 0 {
		p.Errorf("%s as %s: the nets differed %d times in A, %d times in B", p.name, p.who, p.a.server.Mismatches(), p.b.server.Mismatches())
	}
}

// both sends a request to both worlds and follows next links to the end.
func (p *pair) both(q request) answer {
	p.Helper()
	first := p.one(q)
	at := first
	for pages := 0; pages < 30 && !p.Failed(); pages++ {
		next := nextLink(at.body)
		if next == "" {
			break
		}
		p.ask.keep(next)
		at = p.one(request{kind: "next page", method: "GET", url: next})
	}
	return first
}

func (p *pair) one(q request) answer {
	p.Helper()
	p.compare++
	absent := p.noMatch(q)
	a := p.a.do(p.who, q.method, q.url, q.body, q.header...)
	b := p.b.do(p.who, q.method, q.url, q.body, q.header...)
	p.tally.count(q, a)
	if a.String() != b.String() {
		p.Errorf("%s, request %d as %s (%s):\n%s\n--- with hidden records\n%s\n--- without\n%s", p.name, p.compare, p.who, p.people[p.who].Scope, q, a, b)
	}
	if absent && (a.status == 200 || a.status == 412) {
		p.Errorf("%s, request %d as %s (%s): the oracle says that nothing matches\n%s\n%s", p.name, p.compare, p.who, p.people[p.who].Scope, q, a)
	}
	if a.status >= 500 && a.status != 501 {
		p.Errorf("%s, request %d as %s: %d\n%s\n%s", p.name, p.compare, p.who, a.status, q, a)
	}
	p.ask.learn(a)
	p.shown(q, a)
	return a
}

// noMatch reports whether a conditional change is of something that the principal
// may not search: both worlds hold what may only be changed, so that they would
// be wrong together.
func (p *pair) noMatch(q request) bool {
	ref := strings.Replace(q.url, "?_id=", "/", 1)
	if q.kind != "conditional patch" && q.kind != "conditional update" || ref == q.url || strings.ContainsAny(ref, "&,") {
		return false
	}
	d, there := p.a.newest(ref)
	if !there {
		return true
	}
	o := p.oracle(p.who)
	typ, id, _ := strings.Cut(ref, "/")
	v := version{typ: typ, id: id, vid: d.vid}
	by, loaded := p.known[ref+"/"+d.vid]
	if v.by = by; !loaded {
		v.by = writer{o.p.Organization, o.p.FHIRUser, asserter(o.p, typ)}
	}
	return json.Unmarshal([]byte(d.raw), &v.body) == nil && !o.may("search", &v)
}

// shown holds that every resource an answer shows is one that the principal may
// read or find, judged by the oracle on the very content that is shown.
func (p *pair) shown(q request, a answer) {
	if a.status >= 300 || q.url == "metadata" || !strings.Contains(a.body, `"versionId"`) {
		return
	}
	var body any
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		p.Fatalf("%s: not JSON: %v\n%s", q, err, a)
	}
	o := p.oracle(p.who)
	var walk func(x any)
	walk = func(x any) {
		m, _ := x.(map[string]any)
		for _, e := range list(m, "entry") {
			walk(e.(map[string]any)["resource"])
		}
		vid := text(m["meta"], "versionId")
		if vid == "" || slices.ContainsFunc(list(m, "meta", "tag"), func(t any) bool { return text(t, "code") == "SUBSETTED" }) {
			return
		}
		v := version{typ: text(m, "resourceType"), id: text(m, "id"), vid: vid, body: m}
		by, loaded := p.known[v.typ+"/"+v.id+"/"+vid]
		if v.by = by; !loaded {
			v.by = writer{o.p.Organization, o.p.FHIRUser, asserter(o.p, v.typ)}
		}
		// A change answers with what may be read; a page may be found instead.
		found := o.may("search", &v) && (q.method != "PUT" && q.method != "PATCH" && (q.method != "POST" || q.url == "" || strings.Contains(q.url, "_search")))
		if !o.may("read", &v) && !found {
			p.Errorf("%s, request %d as %s (%s): shows %s/%s, the oracle says no\n%s\n%s", p.name, p.compare, p.who, o.p.Scope, v.typ, v.id, q, a)
		}
	}
	walk(body)
}

func nextLink(body string) string {
	const mark = `{"relation":"next","url":"`
	_, rest, ok := strings.Cut(body, mark)
	if !ok {
		return ""
	}
	url, _, _ := strings.Cut(rest, `"`)
	return url
}

// foreignPage takes another person's page link, which is sealed for them.
func (p *pair) foreignPage() {
	for _, q := range []string{"Observation?_count=1", "Condition?_count=1&_sort=-_lastUpdated", "_history?_count=1"} {
		for _, other := range []string{"importer", "warehouse", "chen"} {
			a := p.a.do(other, "GET", q, "")
			if p.b.do(other, "GET", q, ""); nextLink(a.body) == "" || other == p.who {
				continue
			}
			link := request{kind: "foreign page", method: "GET", url: nextLink(a.body)}
			if got := p.one(link); got.status != 404 {
				p.Errorf("%s as %s: a page link of %s, for which the oracle says 404\n%s\n%s", p.name, p.who, other, link, got)
			}
		}
	}
}

// sweep looks at everything there is a name for.
func (p *pair) sweep() {
	for _, ref := range slices.Sorted(maps.Keys(p.ask.versions)) {
		p.one(request{kind: "sweep", method: "GET", url: ref})
		p.one(request{kind: "sweep", method: "GET", url: ref + "/_history"})
	}
	for _, typ := range plan {
		p.both(request{kind: "sweep", method: "GET", url: typ.typ + "?_count=100"})
	}
	p.both(request{kind: "sweep", method: "GET", url: "_history?_count=100"})
}

// agreesWithOracle compares what the server shows with what the oracle says:
// for the principal in both worlds, for two others in A.
func (p *pair) agreesWithOracle() {
	p.shows(p.a, p.who)
	p.shows(p.b, p.who)
	others := slices.Sorted(maps.Keys(p.people))
	for range 2 {
		p.shows(p.a, pick(p.ask.r, others))
	}
	p.b.n, p.b.rig.n = p.a.n, p.a.n
	p.a.clock.Set(start)
	p.b.clock.Set(start)
}

func (p *pair) shows(s *side, who string) {
	s.clock.Set(start) // and over before any care relation begins or ends
	o := p.oracle(who)
	want := map[string][]string{}
	for _, r := range p.records {
		v := r.current()
		if !v.deleted && o.may("search", v) {
			want[r.typ] = append(want[r.typ], r.id)
		}
		status := 404
		if o.may("read", v) {
			status = map[bool]int{false: 200, true: 410}[v.deleted]
		}
		// 403 is an answer to the request, whatever is stored: see below.
		if got := s.do(who, "GET", r.ref(), ""); got.status != status && !(got.status == 403 && status == 404) {
			p.Errorf("%s as %s (%s): read %s = %d, the oracle says %d\n%s", p.name, who, p.people[who].Scope, r.ref(), got.status, status, v.raw)
		}
	}
	for _, typ := range plan {
		got := s.do(who, "GET", typ.typ+"?_count=200", "")
		if got.status == 403 && len(want[typ.typ]) == 0 {
			continue
		}
		var page struct {
			Total int
			Entry []struct{ Resource struct{ ID string } }
		}
		if err := json.Unmarshal([]byte(got.body), &page); err != nil {
			p.Fatal(err)
		}
		var ids []string
		for _, e := range page.Entry {
			ids = append(ids, e.Resource.ID)
		}
		slices.Sort(ids)
		if !slices.Equal(ids, want[typ.typ]) || page.Total != len(ids) {
			p.Errorf("%s as %s (%s): search %s = %v, total %d, the oracle says %v", p.name, who, p.people[who].Scope, typ.typ, ids, page.Total, want[typ.typ])
		}
	}
}

// holdsV is the second half of the promise: (DB after q)|V = (DB|V after q)|V.
// What the principal made so far is looked at once.
func (p *pair) holdsV() {
	p.refresh()
	o := p.oracle(p.who)
	b := p.b.dump()
	for _, r := range p.records {
		for n, v := range r.versions {
			p.mayHaveMade(r, n)
			p.known[r.ref()+"/"+v.vid] = v.by
			there := slices.ContainsFunc(b[r.ref()], func(d dumped) bool { return d.vid == v.vid && d.raw == v.raw })
			if o.inV(r, n) && !there {
				p.Errorf("%s as %s: %s/_history/%s is visible in A and not the same in B", p.name, p.who, r.ref(), v.vid)
			}
		}
	}
}

// mayHaveMade holds that a version which the principal made in a sequence is one
// that they may make, of one that they may change.
func (p *pair) mayHaveMade(r *record, n int) {
	v := r.versions[n]
	if _, loaded := p.known[r.ref()+"/"+v.vid]; loaded || v.deleted && v.at.IsZero() {
		return
	}
	may := func(action string, v *version) bool {
		o := p.oracle(p.who)
		o.now = v.at
		// A change is judged by the care teams that it finds, also when it ends one;
		// in a transaction, by those that were made before it.
		found := *o
		found.ties = tiesOf(before(p.records, v.at))
		return o.may(action, v) || found.may(action, v)
	}
	action := "create"
	if n > 0 {
		if action = "update"; v.deleted {
			action = "delete"
		}
		old := r.versions[n-1]
		old.at = v.at
		if !may(action, &old) {
			p.Errorf("%s as %s (%s): %s of %s/_history/%s, which the oracle does not allow\n%s", p.name, p.who, p.oracle(p.who).p.Scope, action, r.ref(), v.vid, old.raw)
		}
	}
	if !v.deleted && !may(action, &v) {
		p.Errorf("%s as %s (%s): %s made %s/_history/%s, which the oracle does not allow\n%s", p.name, p.who, p.oracle(p.who).p.Scope, action, r.ref(), v.vid, v.raw)
	}
}

// before are records as they stood just before a moment.
func before(records []*record, at time.Time) (out []*record) {
	for _, r := range records {
		n := len(r.versions)
		for n > 0 && !r.versions[n-1].at.Before(at) {
			n--
		}
		if n > 0 {
			out = append(out, &record{typ: r.typ, id: r.id, versions: r.versions[:n]})
		}
	}
	return out
}
