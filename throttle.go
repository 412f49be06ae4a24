package firebreak

import (
	lru "container/list"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"firebreak/fhir"
	"firebreak/gate"
)

// Rate is how many requests a second somebody may make on the long run, and how
// many at once after a rest. The zero Rate does not limit.
type Rate struct {
	PerSecond int
	Burst     int // 0 means ten seconds' worth
}

// throttle bounds how fast a client, and a person, may ask. It counts requests
// and looks at nothing else of them, so that what it does tells nothing about
// what is stored.
type throttle struct {
	// mu makes a reservation and taking it back one: a reservation that comes
	// between them would make the first one's return worth less than it cost.
	mu               sync.Mutex
	clients, persons *buckets
	own              *buckets // of clients that have a rate of their own
	rateOf           func(issuer, client string) int
	// ours is the issuer of our own, "" without one: of its tokens it is known
	// which are a system's.
	ours string
}

// maxBuckets are the clients, and the persons, remembered: some 300 bytes each.
const maxBuckets = 1 << 16

// newThrottle: rateOf, unless nil, gives the requests a second of a client that
// has a rate of its own, -1 of one that is not bounded, and 0 of all others.
func newThrottle(client, person Rate, rateOf func(issuer, client string) int) *throttle {
	t := &throttle{clients: newBuckets(client, maxBuckets), persons: newBuckets(person, maxBuckets), rateOf: rateOf}
	if rateOf != nil {
		t.own = newBuckets(Rate{PerSecond: 1}, maxBuckets)
	}
	return t
}

// client is a client's own bucket, or one as all have alike; nil for no limit.
func (t *throttle) client(issuer, client string, now time.Time) *rate.Limiter {
	name := issuer + "\x00" + client
	if t.rateOf == nil {
		return t.clients.of(name)
	}
	own := t.rateOf(issuer, client)
	switch {
	case own < 0:
		return nil
	case own == 0:
		return t.clients.of(name)
	}
	l := t.own.at(name, Rate{PerSecond: own})
	if l.Limit() != rate.Limit(own) { // registered anew
		l.SetLimitAt(now, rate.Limit(own))
		l.SetBurstAt(now, Rate{PerSecond: own}.burst())
	}
	return l
}

// burst is how many at once.
func (r Rate) burst() int {
	if r.Burst == 0 {
		return 10 * r.PerSecond
	}
	return r.Burst
}

// take counts a request, or refuses it: 429, with the time after which one more
// would be taken. A refused request counts for nothing, so that who asks in vain
// does not wait for longer.
func (t *throttle) take(who gate.Identity, now time.Time) error {
	if t == nil {
		return nil
	}
	client := who.ClientID
	if client == "" {
		client = who.Subject
	}
	from := [2]*rate.Limiter{t.client(who.Issuer, client, now)}
	if t.isPerson(who) {
		from[1] = t.persons.of(who.Issuer + "\x00" + who.Subject)
	}
	wait := t.reserve(from, now)
	if wait == 0 {
		return nil
	}
	p := fhir.NewProblem(fhir.Throttled, "too many requests in a short time")
	p.RetryAfter = int(math.Ceil(wait.Seconds()))
	return p
}

// isPerson tells people from systems, which count as clients alone. A system of ours
// is its own subject (smart, client credentials). Of others' tokens it can't be
// told: there whoever has no record here counts as a system.
func (t *throttle) isPerson(who gate.Identity) bool {
	if t.ours != "" && who.Issuer == t.ours {
		return who.Subject != "" && who.Subject != who.ClientID
	}
	return who.FHIRUser != "" || who.Patient != ""
}

// reserve takes one from each, or from none and says how long until it could.
func (t *throttle) reserve(from [2]*rate.Limiter, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var taken [2]*rate.Reservation
	wait := time.Duration(0)
	for i, l := range from {
		if l != nil {
			taken[i] = l.ReserveN(now, 1)
			wait = max(wait, taken[i].DelayFrom(now))
		}
	}
	for _, r := range taken {
		if r != nil && wait > 0 {
			r.CancelAt(now)
		}
	}
	return wait
}

// buckets are token buckets by name. The one unused for longest is forgotten for
// a new name: of all it is the likeliest to be full again.
type buckets struct {
	rate Rate
	size int

	mu     sync.Mutex
	byName map[string]*lru.Element // of *bucket
	order  *lru.List               // latest used first
}

type bucket struct {
	name string
	*rate.Limiter
}

// newBuckets is nil for the zero Rate.
func newBuckets(r Rate, size int) *buckets {
	if r.PerSecond == 0 {
		return nil
	}
	r.Burst = r.burst()
	return &buckets{rate: r, size: size, byName: map[string]*lru.Element{}, order: lru.New()}
}

// of is a name's bucket; nil where there is no limit.
func (b *buckets) of(name string) *rate.Limiter {
	if b == nil {
		return nil
	}
	return b.at(name, b.rate)
}

// at is the bucket of a name, with a rate if it is a new one.
func (b *buckets) at(name string, r Rate) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if el, ok := b.byName[name]; ok {
		b.order.MoveToFront(el)
		return el.Value.(*bucket).Limiter
	}
	if len(b.byName) >= b.size {
		delete(b.byName, b.order.Remove(b.order.Back()).(*bucket).name)
	}
	l := rate.NewLimiter(rate.Limit(r.PerSecond), r.burst())
	b.byName[name] = b.order.PushFront(&bucket{name, l})
	return l
}
