package transport_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

func TestShutdownLetsARunningRequestFinish(t *testing.T) {
	protocols(t, func(t *testing.T, h2 bool) {
		enter, leave := make(chan struct{}), make(chan struct{})
		r := start(t, func(context.Context, fhir.Request) gate.Reply {
			close(enter)
			<-leave
			return answer(200, `{"resourceType":"Basic"}`)
		})
		client := r.client(t, h2)
		got := make(chan string)
		go func() {
			res, err := client.Get(r.Base() + "/Basic")
			if err != nil {
				got <- err.Error()
				return
			}
			b, _ := io.ReadAll(res.Body)
			got <- string(b)
		}()
		<-enter
		stopped := make(chan error)
		go func() { stopped <- r.stop() }()
		for range 500 { // new connections end with the shutdown's beginning
			c, err := r.try()
			if err != nil {
				break
			}
			c.Close()
		}
		select {
		case err := <-stopped:
			t.Fatalf("Serve returned %v while a request ran", err)
		default:
		}
		close(leave)
		if g := <-got; g != `{"resourceType":"Basic"}` {
			t.Errorf("the running request got %q", g)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
	})
}

func TestShutdownEndsWithTheDrainTime(t *testing.T) {
	enter := make(chan struct{})
	r := start(t, func(ctx context.Context, _ fhir.Request) gate.Reply {
		close(enter)
		<-ctx.Done() // what is still running learns that nobody waits
		return answer(200, "{}")
	}, limits(transport.Limits{Drain: 20 * time.Millisecond}))
	go r.client(t, false).Get(r.Base() + "/Basic") // will be cut off
	<-enter
	if err := r.stop(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "limits.drain gives more time") {
		t.Errorf("Serve = %v, want %v and what gives more time", err, context.DeadlineExceeded)
	}
}
