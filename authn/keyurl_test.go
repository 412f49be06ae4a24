package authn

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
)

// webDesk is an issuer whose keys are on a TLS server.
type webDesk struct {
	*forger
	clk     *clock.Fixed
	v       *Verifier
	asked   atomic.Int32
	mu      sync.Mutex
	answer  func(http.ResponseWriter, *http.Request)
	control string // Cache-Control
}

func newWebDesk(t *testing.T, maxAge time.Duration) *webDesk {
	t.Helper()
	d := &webDesk{clk: clock.NewFixed(start)}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.asked.Add(1)
		d.mu.Lock()
		answer := d.answer
		d.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	issuer := Issuer{Name: testIss, Audience: []string{testAud}, JWKSURL: server.URL + "/jwks",
		Algorithms: []string{"ES256"}, MaxKeyAge: maxAge}
	testRing.Lock()
	f, _, err := newForger(issuer, jose.ES256, start, testRing.keyring)
	testRing.Unlock()
	must(t, err)
	d.forger = f
	d.publish(t, f.own)
	d.v, err = New(Config{Issuers: []Issuer{issuer}}, d.clk, server.Client().Transport)
	must(t, err)
	return d
}

func (d *webDesk) serve(answer func(http.ResponseWriter, *http.Request)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = answer
}

func (d *webDesk) publish(t *testing.T, signers ...signer) {
	src, err := publicJSON(signers...)
	must(t, err)
	d.serve(func(w http.ResponseWriter, r *http.Request) {
		if d.control != "" {
			w.Header().Set("Cache-Control", d.control)
		}
		w.Write(src)
	})
}

func (d *webDesk) fail() {
	d.serve(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) })
}

func (d *webDesk) verify(token string) (Token, error) {
	return d.v.Verify(noContext, "Bearer "+token)
}

// until has a good token that ends so long after the start.
func (d *webDesk) until(after time.Duration) string {
	late := *d.forger
	late.now = late.now.Add(after)
	return d.own.sign(d.header(""), late.claims(map[string]string{"nbf": "", "iat": ""}))
}

func (d *webDesk) wantAsked(t *testing.T, when string, want int32) {
	t.Helper()
	if got := d.asked.Load(); got != want {
		t.Errorf("%s: asked %d times, want %d", when, got, want)
	}
}

func TestUnknownKidAsksOnceMoreButNotOften(t *testing.T) {
	d := newWebDesk(t, 0)
	if _, err := d.verify(d.good()); err != nil {
		t.Fatal(err)
	}
	next := testSigner(t, "next", jose.ES256)
	d.publish(t, d.own, next)
	byNext := next.sign(headerOf(next.alg, next.kid, ""), d.claims(nil))
	for range 20 {
		_, err := d.verify(byNext)
		wantRefusal(t, err, 401, "invalid_token", unknownKey)
	}
	d.wantAsked(t, "within the gap", 1)
	d.clk.Advance(refetchGap)
	if _, err := d.verify(byNext); err != nil {
		t.Errorf("after the gap: %v", err)
	}
	for range 20 {
		_, err := d.verify(d.own.sign(headerOf(d.own.alg, "made up", ""), d.claims(nil)))
		wantRefusal(t, err, 401, "invalid_token", unknownKey)
	}
	d.wantAsked(t, "after made-up ids", 2)
}

func TestManyCallersMakeOneRequest(t *testing.T) {
	d := newWebDesk(t, 0)
	good := d.good()
	enter, leave := make(chan struct{}), make(chan struct{})
	src, err := publicJSON(d.own)
	must(t, err)
	d.serve(func(w http.ResponseWriter, r *http.Request) {
		close(enter)
		<-leave
		w.Write(src)
	})
	hangUp, cancel := context.WithCancel(noContext)
	first := make(chan error)
	go func() {
		_, err := d.v.Verify(hangUp, "Bearer "+good)
		first <- err
	}()
	<-enter
	cancel() // who hangs up does not take the request down with it
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("caller that hung up: %v", err)
	}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := d.verify(good); err != nil {
				t.Errorf("waiting caller: %v", err)
			}
		})
	}
	close(leave)
	wg.Wait()
	d.wantAsked(t, "33 callers", 1)
}

func TestWithdrawnKeyAtURLKillsRememberedTokens(t *testing.T) {
	d := newWebDesk(t, 0)
	d.control = "public, max-age=120"
	good := d.good()
	_, err := d.verify(good)
	must(t, err)
	d.publish(t, testSigner(t, "next", jose.ES256))
	d.clk.Advance(119 * time.Second)
	if _, err := d.verify(good); err != nil {
		t.Errorf("within max-age: %v", err)
	}
	d.clk.Advance(time.Second)
	_, err = d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", unknownKey)
	d.wantAsked(t, "after max-age", 2)
}

func TestUnchangedKeysAtURLKeepRememberedTokens(t *testing.T) {
	d := newWebDesk(t, 0)
	before, err := d.v.issuers[testIss].keys.current(noContext)
	must(t, err)
	d.clk.Advance(usualTTL)
	after, err := d.v.issuers[testIss].keys.current(noContext)
	if err != nil || after != before {
		t.Errorf("the same keys made a new set (%v), so the cache was emptied for nothing", err)
	}
	d.wantAsked(t, "after the usual time", 2)
}

// TestIssuerDownDelaysNobodyTwice: while old keys may still be used, nobody
// waits for an issuer that did not answer the last time.
func TestIssuerDownDelaysNobodyTwice(t *testing.T) {
	d := newWebDesk(t, time.Hour)
	token := d.until(time.Hour)
	_, err := d.verify(token)
	must(t, err)
	d.fail()
	d.clk.Advance(usualTTL)
	if _, err := d.verify(token); err != nil { // waits, and the request fails
		t.Fatal(err)
	}
	hang := make(chan struct{})
	defer close(hang)
	d.serve(func(http.ResponseWriter, *http.Request) { <-hang })
	d.clk.Advance(refetchGap)
	if _, err := d.verify(token); err != nil { // must return while the request hangs
		t.Error(err)
	}
	if d.v.issuers[testIss].keys.(*urlKeys).start(d.clk.Now()) == nil {
		t.Error("no request is under way: the test proves nothing")
	}
}

func TestIssuerDownKeepsKeysUntilMaxKeyAge(t *testing.T) {
	d := newWebDesk(t, time.Hour)
	d.control = "max-age=60"
	token := d.until(2 * time.Hour)
	_, err := d.verify(token)
	must(t, err)
	d.fail()
	for at := 60 * time.Second; at <= time.Hour; at += 60 * time.Second {
		d.clk.Set(start.Add(at))
		if _, err := d.verify(token); err != nil {
			t.Fatalf("%v after the issuer went down: %v", at, err)
		}
	}
	d.clk.Set(start.Add(time.Hour + time.Second))
	if _, err := d.verify(token); !errors.Is(err, ErrKeysUnavailable) {
		t.Errorf("after MaxKeyAge: %v, want ErrKeysUnavailable", err)
	}
	d.publish(t, d.own)
	d.clk.Advance(refetchGap)
	if _, err := d.verify(token); err != nil {
		t.Errorf("after repair: %v", err)
	}
}

func TestIssuerDownAtStartIsNotTheTokensFault(t *testing.T) {
	d := newWebDesk(t, 0)
	d.fail()
	var r *Refusal
	if _, err := d.verify(d.good()); !errors.Is(err, ErrKeysUnavailable) || errors.As(err, &r) {
		t.Errorf("Verify = %v, want ErrKeysUnavailable and no Refusal", err)
	}
	if h := d.v.Health()[0]; h.Err == nil || h.Keys != 0 || !h.Read.IsZero() || h.Issuer != testIss {
		t.Errorf("health = %+v", h)
	}
	d.publish(t, d.own)
	d.clk.Advance(refetchGap)
	if _, err := d.verify(d.good()); err != nil {
		t.Errorf("after it came up: %v", err)
	}
}

func TestBadAnswersBringNoKeys(t *testing.T) {
	cases := map[string]func(*webDesk) func(http.ResponseWriter, *http.Request){
		"redirect": func(d *webDesk) func(http.ResponseWriter, *http.Request) {
			good := d.answer
			return func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/jwks" {
					http.Redirect(w, r, "/elsewhere", http.StatusFound)
					return
				}
				good(w, r)
			}
		},
		"too large": func(d *webDesk) func(http.ResponseWriter, *http.Request) {
			good := d.answer
			return func(w http.ResponseWriter, r *http.Request) {
				good(w, r)
				w.Write([]byte(strings.Repeat(" ", maxKeySetBytes)))
			}
		},
		"not JSON": func(*webDesk) func(http.ResponseWriter, *http.Request) {
			return func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) }
		},
		"error with keys": func(d *webDesk) func(http.ResponseWriter, *http.Request) {
			good := d.answer
			return func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				good(w, r)
			}
		},
	}
	for name, answer := range cases {
		d := newWebDesk(t, 0)
		d.serve(answer(d))
		if _, err := d.verify(d.good()); !errors.Is(err, ErrKeysUnavailable) {
			t.Errorf("%s: %v, want ErrKeysUnavailable", name, err)
		}
		d.wantAsked(t, name, 1)
	}
}

func TestUntrustedServerBringsNoKeys(t *testing.T) {
	d := newWebDesk(t, 0)
	v, err := New(Config{Issuers: []Issuer{d.issuer}}, d.clk, &http.Transport{}) // does not know the server's CA
	must(t, err)
	if _, err := v.Verify(noContext, "Bearer "+d.good()); !errors.Is(err, ErrKeysUnavailable) {
		t.Errorf("Verify = %v, want ErrKeysUnavailable", err)
	}
}

func TestTTLFollowsCacheControlWithinBounds(t *testing.T) {
	cases := map[string]time.Duration{
		"": usualTTL, "public": usualTTL, "max-age=3600": time.Hour, "Public, Max-Age=\"300\"": 5 * time.Minute,
		"max-age=0": minTTL, "max-age=59": minTTL, "max-age=86401": maxTTL, "max-age=2147483647": maxTTL,
		"max-age=99999999999999999999": minTTL, "max-age=-1": minTTL, "max-age=": minTTL, "no-store": minTTL, "max-age=3600, no-cache": minTTL,
	}
	for header, want := range cases {
		if got := ttl([]string{header}); got != want {
			t.Errorf("ttl(%q) = %v, want %v", header, got, want)
		}
	}
}
