package federation

import (
	"context"
	"sync"
	"time"
)

// glance is how long a page is kept waiting for what a provider publishes, once.
const glance = time.Second

// look is how pages learn what a provider publishes: aside, so that no page waits
// for a provider that is slow or down.
type look struct {
	mu    sync.Mutex
	under chan struct{} // closed when the look under way has ended; nil when none is
	tried bool
}

// Leads are the URLs at the providers that a form of ours may lead to, in the
// order of the configuration: where people sign in there, and where they sign
// out. They are those that a provider publishes, which may be of another origin
// than its issuer (OpenID Connect Discovery 1.0 section 3), and before them those
// that it is configured to send browsers on to. Its issuer stands for a provider
// that was not found yet.
//
// The first caller waits for the providers, for a second at most; nobody else does.
func (f *Federation) Leads() []string {
	for _, p := range f.list {
		p.glance() // at all of them at once
	}
	patience, cancel := context.WithTimeout(context.Background(), glance)
	defer cancel()
	var out []string
	for _, p := range f.list {
		out = append(out, p.config.Onward...)
		found := p.known(patience.Done())
		if found == nil {
			out = append(out, p.config.Issuer)
			continue
		}
		out = append(out, found.op.Endpoint().AuthURL)
		if found.endSession != "" {
			out = append(out, found.endSession)
		}
	}
	return out
}

// known is what was found of the provider, however old; nil when nothing was.
func (p *provider) known(until <-chan struct{}) *found {
	if held := p.found.Load(); held != nil {
		return held
	}
	p.look.mu.Lock()
	first, under := !p.look.tried, p.look.under
	p.look.tried = true
	p.look.mu.Unlock()
	if first && under != nil {
		select {
		case <-under:
		case <-until:
		}
	}
	return p.found.Load()
}

// glance begins to read what the provider publishes, unless that is fresh or
// being read.
func (p *provider) glance() {
	if held := p.found.Load(); held != nil && within(p.clock.Now(), held.at, fresh) {
		return
	}
	p.look.mu.Lock()
	defer p.look.mu.Unlock()
	if p.look.under != nil {
		return
	}
	under := make(chan struct{})
	p.look.under = under
	go func() {
		defer close(under)
		// That it fails is noticed by who wants to sign in there.
		_, _ = p.discover(context.Background())
		p.look.mu.Lock()
		p.look.under = nil
		p.look.mu.Unlock()
	}()
}
