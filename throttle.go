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
	clients, persons *buckets
	own              *buckets // of clients that have a rate of their own
	rateOf           func(issuer, client string) int
}

// maxBuckets are the clients, and the persons, remembered: some 300 bytes each.
const maxBuckets = 1 << 16

// newThrottle: rateOf, unless nil, gives the requests a second of a client that
// has a rate of its own, and 0 of all others.
func newThrottle(client, person Rate, rateOf func(issuer, client string) int) *throttle {
	t := &throttle{clients: newBuckets(client, maxBuckets), persons: newBuckets(person, maxBuckets), rateOf: rateOf}
	if rateOf != nil {
		t.own = newBuckets(Rate{PerSecond: 1}, maxBuckets)
	}
	return t
}

// client is a client's own bucket, or the one that all have alike.
func (t *throttle) client(issuer, client string, now time.Time) *rate.Reservation {
	name := issuer + "\x00" + client
	if t.rateOf == nil {
		return t.clients.reserve(name, now)
	}
	own := t.rateOf(issuer, client)
	if own <= 0 {
		return t.clients.reserve(name, now)
	}
	l := t.own.at(name, Rate{PerSecond: own})
	if l.Limit() != rate.Limit(own) { // registered anew
		l.SetLimitAt(now, rate.Limit(own))
		l.SetBurstAt(now, Rate{PerSecond: own}.burst())
	}
	return l.ReserveN(now, 1)
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
	taken := []*rate.Reservation{t.client(who.Issuer, client, now)}
	// Whoever has no record here is a system, and counts as a client alone.
	if who.FHIRUser != "" || who.Patient != "" {
		taken = append(taken, t.persons.reserve(who.Issuer+"\x00"+who.Subject, now))
	}
	wait := time.Duration(0)
	for _, r := range taken {
		if r != nil {
			wait = max(wait, r.DelayFrom(now))
		}
	}
	if wait == 0 {
		return nil
	}
	for _, r := range taken {
		if r != nil {
			r.CancelAt(now)
		}
	}
	p := fhir.NewProblem(fhir.Throttled, "too many requests in a short time")
	p.RetryAfter = int(math.Ceil(wait.Seconds()))
	return p
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

func (b *buckets) reserve(name string, now time.Time) *rate.Reservation {
	if b == nil {
		return nil
	}
	return b.at(name, b.rate).ReserveN(now, 1)
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
