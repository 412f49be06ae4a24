package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"firebreak/authn"
	"firebreak/clock"
)

const (
	fetchTimeout = 5 * time.Second
	// refetchGap is between two requests to one address where its keys could not be
	// fetched, or are held and an assertion names another: assertions with made-up
	// key ids must not become a flood for a client.
	refetchGap = 15 * time.Second
	// maxAMinute are the requests to one address in a minute, whatever asks for
	// them: some owners let their keys not be held at all.
	maxAMinute = 60

	usualTTL, maxTTL = 5 * time.Minute, time.Hour

	maxURLs    = 4096
	maxFlights = 32
)

// ErrKeysUnavailable says that a client's key set could not be fetched and that
// none is held whose time is not up.
var ErrKeysUnavailable = errors.New("the client's keys cannot be fetched")

// Fetcher fetches the key sets of clients and holds them as long as their owners
// allow. Of one address one request is under way at a time, and it goes on when
// those who wait for it hang up. It is safe for concurrent use.
type Fetcher struct {
	rules  Outbound
	clock  clock.Clock
	client *http.Client
	slots  chan struct{}

	mu   sync.Mutex
	urls map[string]*keyURL
}

// keyURL is one address; the fetcher's mutex guards it.
type keyURL struct {
	set     *authn.AssertionKeys
	expires time.Time
	flight  *flight   // under way; nil when none is
	tried   time.Time // when the latest request began
	err     error     // how it ended
	since   time.Time // when the minute began in which requests are counted
	asked   int       // how many began in it
}

// flight is one request. Who waited for it may use what it brought, once, also
// when that must not be held.
type flight struct {
	ended chan struct{} // closed then; what follows is set before
	set   *authn.AssertionKeys
	err   error
}

// NewFetcher is a fetcher that keeps to the rules.
func NewFetcher(rules Outbound, clk clock.Clock) (*Fetcher, error) {
	if err := rules.Check(); err != nil {
		return nil, err
	}
	return &Fetcher{rules: rules, clock: clk, client: rules.Client(fetchTimeout),
		slots: make(chan struct{}, maxFlights), urls: map[string]*keyURL{}}, nil
}

// Allows is Outbound's.
func (f *Fetcher) Allows(url string) error { return f.rules.Allows(url) }

// Keys is the key set at an address: the one that is held, or a new one when its
// time is up. Errors wrap ErrKeysUnavailable, or are ctx's.
func (f *Fetcher) Keys(ctx context.Context, url string) (*authn.AssertionKeys, error) {
	return f.ask(ctx, url, false)
}

// Again is Keys after looking once more, if the latest look was not just now: the
// owner may have added a key.
func (f *Fetcher) Again(ctx context.Context, url string) (*authn.AssertionKeys, error) {
	return f.ask(ctx, url, true)
}

func (f *Fetcher) ask(ctx context.Context, url string, again bool) (*authn.AssertionKeys, error) {
	now := f.clock.Now()
	f.mu.Lock()
	k := f.entry(url, now)
	var under *flight
	if again || !k.fresh(now) {
		under = f.start(url, k, now, again)
	}
	f.mu.Unlock()
	if under != nil {
		select {
		case <-under.ended:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if under.err == nil {
			return under.set, nil
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !k.fresh(now) {
		return nil, errors.Join(ErrKeysUnavailable, k.err)
	}
	return k.set, nil
}

// KeysState is how it stands with the keys at an address, for an administrator.
type KeysState struct {
	Keys    int       // held that can be used
	Expires time.Time // of what is held; zero when nothing is
	Tried   time.Time // when the latest request began; zero when there was none
	Err     error     // how it ended: never for a client's eyes
}

// State is how it stands with an address. It asks nobody.
func (f *Fetcher) State(url string) KeysState {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.urls[url]
	if k == nil {
		return KeysState{}
	}
	out := KeysState{Expires: k.expires, Tried: k.tried, Err: k.err}
	if k.fresh(f.clock.Now()) {
		out.Keys = k.set.Len()
	}
	return out
}

// fresh: a set is used for as long as its owner said, and not a moment longer
// when its place has fallen silent: it may have been withdrawn.
func (k *keyURL) fresh(now time.Time) bool { return k.set != nil && now.Before(k.expires) }

// entry is an address's, made when it is not there. Addresses come from
// registrations only; those that were given up make room.
func (f *Fetcher) entry(url string, now time.Time) *keyURL {
	if k := f.urls[url]; k != nil {
		return k
	}
	if len(f.urls) >= maxURLs {
		for u, k := range f.urls {
			if k.flight == nil && now.Sub(k.tried) >= refetchGap && !k.fresh(now) {
				delete(f.urls, u)
			}
		}
	}
	k := &keyURL{err: errBusy} // unless a request is made
	if len(f.urls) < maxURLs {
		f.urls[url] = k
	}
	return k
}

var errBusy = errors.New("too many key sets are being fetched")

// start begins a request, or joins the one under way, or does neither when there
// were enough just now.
func (f *Fetcher) start(url string, k *keyURL, now time.Time, again bool) *flight {
	if k.flight != nil {
		return k.flight
	}
	if since := now.Sub(k.tried); f.urls[url] != k || !k.tried.IsZero() && (again || k.err != nil) && since >= 0 && since < refetchGap {
		return nil
	}
	if in := now.Sub(k.since); in < 0 || in >= time.Minute {
		k.since, k.asked = now, 0
	}
	if k.asked >= maxAMinute {
		return nil
	}
	select {
	case f.slots <- struct{}{}:
	default:
		return nil
	}
	k.asked++
	k.tried, k.flight = now, &flight{ended: make(chan struct{})}
	go f.fly(url, k, k.flight)
	return k.flight
}

func (f *Fetcher) fly(url string, k *keyURL, under *flight) {
	set, life, err := f.fetch(url)
	f.mu.Lock()
	defer f.mu.Unlock()
	if k.err = err; err == nil {
		// The life counts from when the request began, so that no delay on the
		// way can lengthen it.
		k.set, k.expires = set, k.tried.Add(life)
	}
	under.set, under.err = set, err
	close(under.ended)
	k.flight = nil
	<-f.slots
}

func (f *Fetcher) fetch(url string) (*authn.AssertionKeys, time.Duration, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := f.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, 0, errors.New("the answer has status " + strconv.Itoa(res.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, authn.MaxAssertionKeysBytes+1))
	if err != nil {
		return nil, 0, err
	}
	set, err := authn.ParseAssertionKeys(body)
	if err != nil {
		return nil, 0, err
	}
	return set, lifetime(res.Header), nil
}

// lifetime is how long a set may be held by its Cache-Control (RFC 9111 §5.2.2)
// and Age: SMART App Launch 2.2 (client-confidential-asymmetric) allows nothing
// longer. 0: not beyond the request that waits for it.
func lifetime(h http.Header) time.Duration {
	life := usualTTL
	for directive := range strings.SplitSeq(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			sec, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return 0 // RFC 9111 §4.2.1: what is invalid is stale
			}
			life = time.Duration(sec) * time.Second
		}
	}
	if age, err := strconv.ParseUint(h.Get("Age"), 10, 31); err == nil {
		life -= time.Duration(age) * time.Second
	}
	return min(max(life, 0), maxTTL)
}
