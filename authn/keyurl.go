package authn

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"firebreak/clock"
)

const (
	fetchTimeout = 5 * time.Second
	// refetchGap is between two attempts to fetch, whatever asks for them:
	// tokens with made-up key ids must not become requests to the issuer.
	refetchGap = 10 * time.Second

	minTTL, usualTTL, maxTTL = time.Minute, 10 * time.Minute, 24 * time.Hour
)

// urlKeys are keys at a URL. One request at a time is under way; callers wait
// for it only as long as there is hope that it brings what they need.
type urlKeys struct {
	url    string
	maxAge time.Duration
	clock  clock.Clock
	client *http.Client
	held   atomic.Pointer[urlState]

	mu     sync.Mutex
	flight chan struct{} // closed when the request under way has ended; nil when none is
	tried  time.Time     // when the latest request began
	err    error         // how it ended
}

// urlState is what the latest successful request brought.
type urlState struct {
	set     *keySet
	good    time.Time
	expires time.Time // by its Cache-Control
}

func newURLKeys(url string, maxAge time.Duration, clk clock.Clock, egress http.RoundTripper) *urlKeys {
	return &urlKeys{url: url, maxAge: maxAge, clock: clk, client: &http.Client{
		Transport: egress,
		Timeout:   fetchTimeout,
		// A redirect would let another host, or plain http, name the keys.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (u *urlKeys) current(ctx context.Context) (*keySet, error) {
	now := u.clock.Now()
	st := u.held.Load()
	if st != nil && now.Before(st.expires) && !now.Before(st.good) {
		return st.set, nil
	}
	// Expired keys may have been withdrawn, so it is worth waiting for the new
	// ones; but not when the issuer did not answer the last time, as long as
	// the old ones may still be used.
	u.mu.Lock()
	hope := u.err == nil
	u.mu.Unlock()
	return u.ask(ctx, now, hope || !u.usable(st, now))
}

func (u *urlKeys) again(ctx context.Context) (*keySet, error) {
	return u.ask(ctx, u.clock.Now(), true)
}

// ask starts a request, or joins the one under way, or does neither when one
// was made just now. It answers with what is then held, if that is not too old.
func (u *urlKeys) ask(ctx context.Context, now time.Time, wait bool) (*keySet, error) {
	if flight := u.start(now); flight != nil && wait {
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	st := u.held.Load()
	if !u.usable(st, now) {
		return nil, ErrKeysUnavailable
	}
	return st.set, nil
}

func (u *urlKeys) usable(st *urlState, now time.Time) bool {
	return st != nil && now.Sub(st.good) <= u.maxAge
}

func (u *urlKeys) start(now time.Time) <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.flight != nil {
		return u.flight
	}
	if since := now.Sub(u.tried); !u.tried.IsZero() && since >= 0 && since < refetchGap {
		return nil
	}
	u.tried = now
	u.flight = make(chan struct{})
	go u.fly(u.flight)
	return u.flight
}

// fly runs apart from the request that wanted it: a caller that hangs up must
// not be able to keep the keys from being fetched.
func (u *urlKeys) fly(flight chan struct{}) {
	set, ttl, err := u.fetch()
	now := u.clock.Now()
	if err == nil {
		if old := u.held.Load(); old != nil && old.set.print == set.print {
			set = old.set
		}
		u.held.Store(&urlState{set: set, good: now, expires: now.Add(min(ttl, u.maxAge))})
	}
	u.mu.Lock()
	u.flight, u.err = nil, err
	u.mu.Unlock()
	close(flight)
}

func (u *urlKeys) fetch() (*keySet, time.Duration, error) {
	req, err := http.NewRequest(http.MethodGet, u.url, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := u.client.Do(req)
	if err != nil {
		return nil, 0, fmt.Errorf("fetch keys: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, 0, keyFault("it answers with status " + strconv.Itoa(res.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySetBytes+1))
	if err != nil {
		return nil, 0, fmt.Errorf("fetch keys: %w", err)
	}
	if len(body) > maxKeySetBytes {
		return nil, 0, errTooLarge
	}
	set, err := parseKeySet(body)
	if err != nil {
		return nil, 0, fmt.Errorf("fetch keys: %w", err)
	}
	return set, ttl(res.Header.Values("Cache-Control")), nil
}

// ttl is how long keys may be used by their Cache-Control (RFC 9111 §5.2.2),
// within bounds that keep an issuer from being asked at every token, or never.
func ttl(cacheControl []string) time.Duration {
	out := usualTTL
	for directive := range strings.SplitSeq(strings.ToLower(strings.Join(cacheControl, ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return minTTL
		case "max-age":
			sec, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return minTTL // RFC 9111 §4.2.1: treat what is invalid as stale
			}
			out = min(max(time.Duration(sec)*time.Second, minTTL), maxTTL)
		}
	}
	return out
}

func (u *urlKeys) health() Health {
	u.mu.Lock()
	h := Health{Err: u.err}
	u.mu.Unlock()
	if st := u.held.Load(); st != nil {
		h.Keys, h.Read = len(st.set.keys), st.good
	}
	return h
}
