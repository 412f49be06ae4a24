package authn

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// waiter is a context that counts who has begun to wait on it.
type waiter struct {
	context.Context
	waiting *atomic.Int32
}

func (w waiter) Done() <-chan struct{} {
	w.waiting.Add(1)
	return w.Context.Done()
}

func TestManyCallersAskOnce(t *testing.T) {
	d := newAskDesk(t, nil)
	enter, leave := make(chan struct{}), make(chan struct{})
	good := d.active(nil)
	d.serve(func(w http.ResponseWriter, r *http.Request) {
		close(enter)
		<-leave
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(good))
	})
	hangUp, cancel := context.WithCancel(noContext)
	first := make(chan error)
	go func() {
		_, err := d.v.Verify(hangUp, "Bearer "+opaqueToken)
		first <- err
	}()
	<-enter
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("caller that hung up: %v", err)
	}
	var wg sync.WaitGroup
	all := waiter{noContext, &atomic.Int32{}}
	for range 32 {
		wg.Go(func() {
			if _, err := d.v.Verify(all, "Bearer "+opaqueToken); err != nil {
				t.Errorf("waiting caller: %v", err)
			}
		})
	}
	for all.waiting.Load() < 32 {
		runtime.Gosched()
	}
	close(leave)
	wg.Wait()
	d.wantAsked(t, "33 callers", 1)
}

func TestRequestsToOneIssuerAreBounded(t *testing.T) {
	d := newAskDesk(t, nil)
	leave := make(chan struct{})
	var running, most atomic.Int32
	good := d.active(nil)
	d.serve(func(w http.ResponseWriter, r *http.Request) {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-leave
		running.Add(-1)
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(good))
	})
	var wg sync.WaitGroup
	var refused atomic.Int32
	for n := range introspectAtOnce + 8 {
		wg.Go(func() {
			_, err := d.verify(opaqueToken + strconv.Itoa(n))
			if errors.Is(err, ErrIntrospectionUnavailable) {
				if refused.Add(1) == 8 {
					close(leave)
				}
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() > introspectAtOnce || refused.Load() != 8 {
		t.Errorf("%d requests at once, %d refused, want at most %d and 8", most.Load(), refused.Load(), introspectAtOnce)
	}
}

// FuzzDescription: whatever an issuer answers gives a proper token or an error.
func FuzzDescription(f *testing.F) {
	d := newAskDesk(f, func(i *Issuer) { i.Introspection.Remember = 0 })
	f.Add(d.active(nil))
	f.Add(`{"active":false}`)
	f.Add(`{"active":true,"cnf":{}}`)
	f.Fuzz(func(t *testing.T, body string) {
		d.say(body)
		tok, err := d.verify(opaqueToken)
		var r *Refusal
		switch {
		case err == nil && (tok.Issuer != testIss || tok.Subject == "" || !start.Before(tok.Expires) || !strings.Contains(body, "true")):
			t.Fatalf("accepted: %+v", tok)
		case err != nil && !errors.Is(err, ErrIntrospectionUnavailable) && !errors.As(err, &r):
			t.Fatalf("error %v", err)
		}
	})
}
