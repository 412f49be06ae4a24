package person

import (
	"net/netip"
	"sync"
	"time"

	"firebreak/clock"
)

// Throttled says that a network peer asks too often. It is about the peer alone,
// never about an account.
type Throttled struct{ After time.Duration }

func (*Throttled) Error() string { return "too many attempts" }

// peers is a token bucket for each network peer: what goes wrong costs a token,
// what goes right gives it back, so that a hospital behind one address can sign
// in as often as it likes.
type peers struct {
	clock clock.Clock
	burst float64
	rate  float64 // tokens a second
	mu    sync.Mutex
	by    map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// mostPeers bounds the memory; a bucket that is full again is forgotten first.
const mostPeers = 50_000

func newPeers(clk clock.Clock, burst int, perMinute float64) *peers {
	return &peers{clock: clk, burst: float64(burst), rate: perMinute / 60, by: map[string]*bucket{}}
}

// spend takes a token; a *Throttled says when there is the next one.
func (p *peers) spend(peer string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bucket(network(peer))
	if b.tokens < 1 {
		return &Throttled{After: time.Duration((1-b.tokens)/p.rate*float64(time.Second)).Truncate(time.Second) + time.Second}
	}
	b.tokens--
	return nil
}

// refund gives a token back.
func (p *peers) refund(peer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bucket(network(peer))
	b.tokens = min(p.burst, b.tokens+1)
}

func (p *peers) bucket(key string) *bucket {
	now := p.clock.Now()
	b := p.by[key]
	if b == nil {
		p.makeRoom(now)
		b = &bucket{tokens: p.burst, at: now}
		p.by[key] = b
	}
	p.fill(b, now)
	return b
}

func (p *peers) fill(b *bucket, now time.Time) {
	if past := now.Sub(b.at); past > 0 { // a clock may step back
		b.tokens = min(p.burst, b.tokens+past.Seconds()*p.rate)
	}
	b.at = now
}

func (p *peers) makeRoom(now time.Time) {
	if len(p.by) < mostPeers {
		return
	}
	for key, b := range p.by {
		if p.fill(b, now); b.tokens >= p.burst {
			delete(p.by, key)
		}
	}
	for key := range p.by {
		if len(p.by) < mostPeers*9/10 {
			return
		}
		delete(p.by, key)
	}
}

// network is who a peer is: an IPv6 site has 2^64 addresses of its own.
func network(peer string) string {
	if at, err := netip.ParseAddrPort(peer); err == nil {
		peer = at.Addr().String()
	}
	a, err := netip.ParseAddr(peer)
	if err != nil {
		return peer
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a.String()
	}
	prefix, _ := a.Prefix(64) // an IPv6 address has one
	return prefix.String()
}

// Pace bounds how often each network peer may begin something that leaves
// something behind. It is safe for concurrent use.
type Pace struct{ peers *peers }

// NewPace lets a peer begin so many at once, and so many a minute after that.
func NewPace(clk clock.Clock, burst int, perMinute float64) Pace {
	return Pace{newPeers(clk, burst, perMinute)}
}

// Begin counts one; a *Throttled says when there may be the next.
func (p Pace) Begin(peer string) error { return p.peers.spend(peer) }
