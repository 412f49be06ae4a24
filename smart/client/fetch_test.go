package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/vault"
)

// place is where a client publishes its keys.
type place struct {
	*httptest.Server
	asked atomic.Int32
	mu    sync.Mutex
	serve http.HandlerFunc
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		serve := p.serve
		p.mu.Unlock()
		serve(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *place) answer(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve = h
}

func (p *place) publish(control, keys string) {
	p.answer(func(w http.ResponseWriter, r *http.Request) {
		if control != "" {
			w.Header().Set("Cache-Control", control)
		}
		fmt.Fprint(w, keys)
	})
}

func (p *place) wantAsked(t *testing.T, when string, want int32) {
	t.Helper()
	if got := p.asked.Load(); got != want {
		t.Errorf("%s: asked %d times, want %d", when, got, want)
	}
}

// publisher is a house with a system whose keys are at a place.
func publisher(t *testing.T, control string) (*house, *place, signer) {
	t.Helper()
	s, p := newSigner(t, "export", jose.ES256), newPlace(t)
	p.publish(control, s.jwks(t))
	h := houseOver(t, vault.NewMemory(), Outbound{PlainLoopback: true})
	c := systemApp("")
	c.KeysURL = p.URL + "/jwks"
	h.register(t, c)
	return h, p, s
}

// fresh is a new good assertion by the clock.
func (h *house) fresh(t *testing.T, s signer, headers map[jose.HeaderKey]any) Request {
	return asserted(s.sign(t, claims(h.clk.Now(), map[string]string{"jti": `"` + randomID() + `"`}), headers))
}

func TestKeysAreFetchedAndHeldAsLongAsTheirOwnerSays(t *testing.T) {
	h, p, s := publisher(t, "max-age=120")
	for range 5 {
		must(t, h.accepts(h.fresh(t, s, nil)))
	}
	must(t, h.accepts(h.fresh(t, s, map[jose.HeaderKey]any{"jku": p.URL + "/jwks"})))
	p.wantAsked(t, "at first", 1)
	next := newSigner(t, "next", jose.ES256)
	p.publish("max-age=120", next.jwks(t))
	h.clk.Advance(119 * time.Second)
	must(t, h.accepts(h.fresh(t, s, nil)))
	p.wantAsked(t, "within max-age", 1)
	h.clk.Advance(time.Second)
	h.refusalOfRequest(t, "a withdrawn key", h.fresh(t, s, nil))
	must(t, h.accepts(h.fresh(t, next, nil)))
	p.wantAsked(t, "after max-age", 2)
}

// TestAnotherJKUIsNotAsked: not even when it is at the client's own host.
func TestAnotherJKUIsNotAsked(t *testing.T) {
	h, p, s := publisher(t, "")
	evil := newPlace(t)
	evil.publish("", s.jwks(t))
	for _, jku := range []string{evil.URL + "/jwks", p.URL + "/jwks?", p.URL + "/jwks/", p.URL + "/JWKS", p.URL, "http://localhost/jwks", "x"} {
		h.refusalOfRequest(t, jku, h.fresh(t, s, map[jose.HeaderKey]any{"jku": jku}))
	}
	evil.wantAsked(t, "another place", 0)
	p.wantAsked(t, "the client's, by another name", 0)
}

// TestMadeUpKidsAreNoFlood: one more request, and then none for a while.
func TestMadeUpKidsAreNoFlood(t *testing.T) {
	h, p, s := publisher(t, "max-age=3600")
	must(t, h.accepts(h.fresh(t, s, nil)))
	next := newSigner(t, "next", jose.ES256)
	p.publish("max-age=3600", keySet(t, s, next))
	for range 20 {
		h.refusalOfRequest(t, "just now", h.fresh(t, next, nil))
	}
	p.wantAsked(t, "just now", 1)
	h.clk.Advance(refetchGap)
	must(t, h.accepts(h.fresh(t, next, nil)))
	p.wantAsked(t, "a new key, after a while", 2)
	made := next
	for n := range 20 {
		made.kid = fmt.Sprint("made-up-", n)
		h.refusalOfRequest(t, made.kid, h.fresh(t, made, nil))
	}
	p.wantAsked(t, "made-up kids", 2)
	// Nor does an assertion in the name of nobody, or of another kind of client.
	h.clk.Advance(refetchGap)
	h.refusalOfRequest(t, "nobody", asserted(made.sign(t, claims(h.clk.Now(), map[string]string{"iss": `"nobody"`, "sub": `"nobody"`}), nil)))
	p.wantAsked(t, "nobody", 2)
}

// TestKeysThatMustNotBeHeldAreNot: each assertion asks anew, so that a key which
// is withdrawn is worth nothing from then on; and all of them together do not ask
// without end.
func TestKeysThatMustNotBeHeldAreNot(t *testing.T) {
	for _, control := range []string{"no-store", "max-age=0", "max-age=5, no-cache"} {
		h, p, s := publisher(t, control)
		for range 3 {
			must(t, h.accepts(h.fresh(t, s, nil)))
		}
		p.wantAsked(t, control, 3)
		p.publish(control, newSigner(t, "next", jose.ES256).jwks(t))
		h.refusalOfRequest(t, control+", withdrawn", h.fresh(t, s, nil))
		p.wantAsked(t, control+", withdrawn", 4)
		for range 2 * maxAMinute {
			h.refusalOfRequest(t, control+", withdrawn", h.fresh(t, s, nil))
		}
		p.wantAsked(t, control+", a flood", maxAMinute)
		p.publish(control, s.jwks(t))
		h.clk.Advance(time.Minute)
		must(t, h.accepts(h.fresh(t, s, nil)))
	}
	h, p, s := publisher(t, "max-age=5")
	must(t, h.accepts(h.fresh(t, s, nil)))
	h.clk.Advance(5*time.Second - 1)
	must(t, h.accepts(h.fresh(t, s, nil)))
	p.wantAsked(t, "within five seconds", 1)
	p.publish("max-age=5", newSigner(t, "next", jose.ES256).jwks(t))
	h.clk.Advance(1)
	h.refusalOfRequest(t, "after five seconds", h.fresh(t, s, nil))
	p.wantAsked(t, "after five seconds", 2)
}

// TestAPlaceThatFailsKeepsKeysForTheirTimeOnly and is asked seldom.
func TestAPlaceThatFailsKeepsKeysForTheirTimeOnly(t *testing.T) {
	h, p, s := publisher(t, "max-age=60")
	must(t, h.accepts(h.fresh(t, s, nil)))
	p.answer(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	h.clk.Advance(59 * time.Second)
	must(t, h.accepts(h.fresh(t, s, nil)))
	h.clk.Advance(time.Second)
	for range 5 {
		r := h.refusalOfRequest(t, "down", h.fresh(t, s, nil))
		if r.Description != string(refused) || !strings.Contains(r.Why, "cannot be fetched") {
			t.Errorf("down: %+v", r)
		}
	}
	p.wantAsked(t, "down", 2)
	if st := h.reg.keys.State(p.URL + "/jwks"); st.Keys != 0 || st.Err == nil || !st.Tried.Equal(start.Add(time.Minute)) {
		t.Errorf("down: state %+v", st)
	}
	p.publish("max-age=60", s.jwks(t))
	h.clk.Advance(refetchGap)
	must(t, h.accepts(h.fresh(t, s, nil)))
	if st := h.reg.keys.State(p.URL + "/jwks"); st.Keys != 1 || st.Err != nil || !st.Expires.After(h.clk.Now()) {
		t.Errorf("up again: state %+v", st)
	}
}

func TestBadAnswersBringNoKeys(t *testing.T) {
	s := newSigner(t, "export", jose.ES256)
	good := s.jwks(t)
	private, err := jose.JSONWebKey{Key: s.key, KeyID: s.kid}.MarshalJSON()
	must(t, err)
	cases := map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			fmt.Fprint(w, good)
		},
		"huge":               func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, good, strings.Repeat(" ", 64<<10)) },
		"a page":             func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>") },
		"keys with an error": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden); fmt.Fprint(w, good) },
		"one kid twice":      func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, keySet(t, s, s)) },
		"a private key":      func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"keys":[%s]}`, private) },
		"two documents":      func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, good, good) },
		"headers without end": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 20<<10))
			fmt.Fprint(w, good)
		},
		"cut in the middle": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9999")
			fmt.Fprint(w, good)
		},
		"compressed to a bomb": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "\x1f\x8b")
		},
	}
	for name, answer := range cases {
		h, p, s := publisher(t, "")
		p.answer(answer)
		if r := h.refusalOfRequest(t, name, h.fresh(t, s, nil)); r.Why != "the client's keys cannot be fetched" || r.Description != string(refused) {
			t.Errorf("%s: %+v", name, r)
		}
		p.wantAsked(t, name, 1)
	}
}

// TestAnAnswerWithoutEndIsCutOff after what a key set may have, and it is not
// even offered to be compressed.
func TestAnAnswerWithoutEndIsCutOff(t *testing.T) {
	h, p, s := publisher(t, "")
	sent, left, encoding := 0, make(chan struct{}), ""
	p.answer(func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		encoding = r.Header.Get("Accept-Encoding")
		for sent < 1<<30 {
			n, err := fmt.Fprint(w, strings.Repeat(" ", 1<<16))
			if sent += n; err != nil {
				return
			}
		}
	})
	h.refusalOfRequest(t, "without end", h.fresh(t, s, nil))
	<-left
	if sent > 64<<20 || encoding != "" {
		t.Errorf("%d bytes were sent, Accept-Encoding %q", sent, encoding)
	}
}

// TestASlowPlaceIsGivenUp: no longer than the whole exchange may take, however it
// dribbles.
func TestASlowPlaceIsGivenUp(t *testing.T) {
	h, p, s := publisher(t, "")
	h.reg.keys.client.Timeout = 50 * time.Millisecond
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	p.answer(func(w http.ResponseWriter, r *http.Request) {
		for {
			fmt.Fprint(w, " ")
			w.(http.Flusher).Flush()
			select {
			case <-stop:
				return
			case <-r.Context().Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	if r := h.refusalOfRequest(t, "slow", h.fresh(t, s, nil)); r.Why != "the client's keys cannot be fetched" {
		t.Errorf("%+v", r)
	}
	if fetchTimeout > 5*time.Second {
		t.Errorf("a place is given %v", fetchTimeout)
	}
}

// TestManyWhoAskMakeOneRequest and one that hangs up does not end it.
func TestManyWhoAskMakeOneRequest(t *testing.T) {
	h, p, s := publisher(t, "")
	enter, leave := make(chan struct{}), make(chan struct{})
	p.answer(func(w http.ResponseWriter, r *http.Request) {
		close(enter)
		<-leave
		fmt.Fprint(w, s.jwks(t))
	})
	gone, cancel := context.WithCancel(background)
	first := make(chan error)
	request := h.fresh(t, s, nil)
	go func() {
		_, _, err := h.auth.Authenticate(gone, request)
		first <- err
	}()
	<-enter
	cancel()
	var refusal *Refusal
	if err := <-first; !errors.Is(err, context.Canceled) || errors.As(err, &refusal) {
		t.Errorf("who hung up: %v", err)
	}
	var wg sync.WaitGroup
	for range 16 {
		r := h.fresh(t, s, nil)
		wg.Go(func() {
			if err := h.accepts(r); err != nil {
				t.Error(err)
			}
		})
	}
	close(leave)
	wg.Wait()
	must(t, h.accepts(request))
	p.wantAsked(t, "17 callers", 1)
}

func TestPlacesAndFlightsAreBounded(t *testing.T) {
	h, p, _ := publisher(t, "")
	f := h.reg.keys
	for range maxFlights {
		f.slots <- struct{}{}
	}
	if _, err := f.Keys(background, p.URL+"/jwks"); !errors.Is(err, ErrKeysUnavailable) {
		t.Errorf("with every slot taken: %v", err)
	}
	p.wantAsked(t, "with every slot taken", 0)
	for range maxFlights {
		<-f.slots
	}
	if _, err := f.Keys(background, p.URL+"/jwks"); err != nil {
		t.Errorf("with slots free: %v", err)
	}
	for n := range maxURLs - 1 {
		f.urls[fmt.Sprint(n)] = &keyURL{tried: h.clk.Now()}
	}
	if _, err := f.Keys(background, p.URL+"/other"); !errors.Is(err, ErrKeysUnavailable) || len(f.urls) != maxURLs {
		t.Errorf("with %d places: %v", len(f.urls), err)
	}
	h.clk.Advance(refetchGap)
	if _, err := f.Keys(background, p.URL+"/other"); err != nil || len(f.urls) != 2 {
		t.Errorf("when those are given up: %v, %d places", err, len(f.urls))
	}
}
