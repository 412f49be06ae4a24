package federation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"firebreak/clock"
)

const (
	patience = 10 * time.Second // for one answer of a provider
	maxBody  = 1 << 20          // bytes of one
	// askAgain is how soon the same document is asked for again. Whoever may send
	// us tokens could otherwise make us ask for keys as often.
	askAgain = 5 * time.Second
)

var (
	errPlain = errors.New("the URL is neither https nor http on a loopback address that is allowed")
	errLarge = errors.New("the answer is larger than " + strconv.Itoa(maxBody) + " bytes")
)

// guard is how a provider is spoken to: by https, with short patience and short
// answers. No redirect is followed, for it could lead anywhere; the client
// refuses those of a POST. What a GET without credentials brought, or why it
// brought nothing, is good for askAgain.
type guard struct {
	egress http.RoundTripper
	clock  clock.Clock
	config Config

	mu   sync.Mutex
	held map[string]answer // by URL; there are two or three
}

type answer struct {
	at     time.Time
	header http.Header
	body   []byte
	err    error
}

func newClient(c Config, egress http.RoundTripper, clk clock.Clock) *http.Client {
	return &http.Client{
		Transport:     &guard{egress: egress, clock: clk, config: c, held: map[string]answer{}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience,
	}
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, ok := g.config.endpoint(r.URL.String()); !ok {
		return nil, errPlain
	}
	if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" {
		return g.exchange(r)
	}
	key := r.URL.String()
	if a, ok := g.recent(key); ok {
		return a.response(r)
	}
	res, err := g.exchange(r)
	a := answer{at: g.clock.Now(), err: err}
	if err == nil {
		a.header = res.Header
		a.body, a.err = io.ReadAll(res.Body)
	}
	g.mu.Lock()
	g.held[key] = a
	g.mu.Unlock()
	return a.response(r)
}

func (g *guard) recent(key string) (answer, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, ok := g.held[key]
	since := g.clock.Now().Sub(a.at)
	return a, ok && since >= 0 && since < askAgain
}

func (a answer) response(r *http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

// exchange sends a request and reads the whole answer. A GET must be answered
// with 200.
func (g *guard) exchange(r *http.Request) (*http.Response, error) {
	res, err := g.egress.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if r.Method == http.MethodGet && res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer has the status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, errLarge
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
