package transport_test

import (
	"bufio"
	"context"
	"io"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

const aGet = "GET /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\n\r\n"

// after is closed when the time has passed.
func after(d time.Duration) <-chan struct{} {
	done := make(chan struct{})
	time.AfterFunc(d, func() { close(done) })
	return done
}

func TestARequestEndsWhenItsClientGoesAway(t *testing.T) {
	for name, leave := range map[string]func(*rig, io.Closer){
		"the client closes": func(_ *rig, c io.Closer) { c.Close() },
		"the server closes": func(r *rig, _ io.Closer) { r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			entered, ended := make(chan struct{}), make(chan error, 1)
			r := start(t, func(ctx context.Context, q fhir.Request) gate.Reply {
				close(entered)
				select {
				case <-ctx.Done():
					ended <- nil
				case <-after(5 * time.Second):
					ended <- context.DeadlineExceeded
				}
				return ok(ctx, q)
			})
			c := r.dial(t)
			if _, err := io.WriteString(c, aGet); err != nil {
				t.Fatal(err)
			}
			<-entered
			leave(r, c)
			if err := <-ended; err != nil {
				t.Error("the handler's context went on for 5 s after the client had gone")
			}
		})
	}
}

func TestAnswersOfAnyDurationFollowOneAnother(t *testing.T) {
	took := make(chan time.Duration, 1)
	r := start(t, func(ctx context.Context, q fhir.Request) gate.Reply {
		<-after(<-took)
		return ok(ctx, q)
	})
	c := r.dial(t)
	in := bufio.NewReader(c)
	// Some are made while the read ahead rests, some after, and some just as it begins.
	for ms := 46; ms <= 56; ms++ {
		for _, d := range []time.Duration{0, time.Duration(ms) * time.Millisecond} {
			took <- d
			if _, err := io.WriteString(c, aGet); err != nil {
				t.Fatal(err)
			}
			if res, body := read(t, in); res.StatusCode != 200 {
				t.Fatalf("after %v: %d %s", d, res.StatusCode, body)
			}
		}
	}
}

func TestARequestSentAheadIsAnsweredInItsTurn(t *testing.T) {
	entered, goOn := make(chan struct{}), make(chan struct{})
	r := start(t, func(ctx context.Context, q fhir.Request) gate.Reply {
		entered <- struct{}{}
		<-goOn
		return answer(200, `"`+q.Query+`"`)
	})
	c := r.dial(t)
	in := bufio.NewReader(c)
	get := func(n string) string { return "GET /fhir/Basic?" + n + " HTTP/1.1\r\nHost: fhir.test\r\n\r\n" }
	if _, err := io.WriteString(c, get("1")); err != nil {
		t.Fatal(err)
	}
	<-entered
	for _, wait := range []time.Duration{0, 120 * time.Millisecond} { // while the read ahead rests, and when it is made
		<-after(wait)
		if _, err := io.WriteString(c, get("2")); err != nil {
			t.Fatal(err)
		}
		goOn <- struct{}{}
		if _, body := read(t, in); body != `"1"` && body != `"2"` {
			t.Fatalf("answered %s", body)
		}
		<-entered
	}
	goOn <- struct{}{}
	if _, body := read(t, in); body != `"2"` {
		t.Errorf("the request sent ahead was answered %s", body)
	}
}

func TestSlowHeadersAreStillCutOffAfterARest(t *testing.T) {
	r := start(t, func(ctx context.Context, q fhir.Request) gate.Reply {
		<-after(80 * time.Millisecond) // longer than the read ahead rests
		return ok(ctx, q)
	}, func(c *transport.Config) { c.Limits.HeaderTimeout = 200 * time.Millisecond })
	c := r.dial(t)
	in := bufio.NewReader(c)
	if _, err := io.WriteString(c, aGet); err != nil {
		t.Fatal(err)
	}
	if res, _ := read(t, in); res.StatusCode != 200 {
		t.Fatalf("status %d, want 200", res.StatusCode)
	}
	if _, err := io.WriteString(c, "GET /fhir/Basic HT"); err != nil { // and no more
		t.Fatal(err)
	}
	if res, body := read(t, in); res.StatusCode != 408 {
		t.Errorf("status %d, want 408: %s", res.StatusCode, body)
	}
}

// TestOneProofArrives: a proof of possession (RFC 9449) reaches the service as it
// was sent, and of two neither does (section 4.3, point 1).
func TestOneProofArrives(t *testing.T) {
	var got string
	r := start(t, func(ctx context.Context, q fhir.Request) gate.Reply {
		got = q.DPoP
		return ok(ctx, q)
	})
	protocols(t, func(t *testing.T, h2 bool) {
		c := r.client(t, h2)
		got = ""
		if res, body := r.do(t, c, "GET", "/Basic/1", "", "DPoP", "a.b.c"); res.StatusCode != 200 || got != "a.b.c" {
			t.Errorf("%d, DPoP %q: %s", res.StatusCode, got, body)
		}
		got = ""
		res, body := r.do(t, c, "GET", "/Basic/1", "", "DPoP", "a.b.c", "DPoP", "d.e.f")
		checkRefusal(t, res, body, 400)
		if got != "" {
			t.Errorf("two proofs: %q arrived", got)
		}
	})
}
