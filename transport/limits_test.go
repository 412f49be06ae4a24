package transport_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

func limits(l transport.Limits) func(*transport.Config) {
	return func(c *transport.Config) { c.Limits = l }
}

func zipped(t testing.TB, s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, s)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBodiesAreBounded(t *testing.T) {
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply {
		return answer(200, fmt.Sprint(len(q.Body)))
	}, limits(transport.Limits{Body: 100 << 10}))
	text := ""
	for i := range 2000 {
		text += fmt.Sprintf(`{"resourceType":"Basic","id":"%d"},`, i*i*i)
	}
	noise := make([]byte, 60<<10)
	for i := range noise { // does not compress below the ratio
		noise[i] = byte(i * i >> 5)
	}
	cases := []struct {
		name, body, encoding string
		status               int
		want                 string
	}{
		{"at the limit", strings.Repeat("x", 100<<10), "", 200, "102400"},
		{"one over", strings.Repeat("x", 100<<10+1), "", 413, ""},
		{"far over", strings.Repeat("x", 1<<20), "", 413, ""},
		{"gzip", zipped(t, text[:50_000]), "gzip", 200, "50000"},
		{"gzip, upper case", zipped(t, string(noise)), "GZIP", 200, fmt.Sprint(len(noise))},
		{"gzip, too large when unpacked", zipped(t, strings.Repeat(string(noise), 2)), "gzip", 413, ""},
		{"gzip, too dense", zipped(t, strings.Repeat("\x00", 90<<10)), "gzip", 413, ""},
		{"gzip bomb", zipped(t, strings.Repeat("\x00", 50<<20)), "gzip", 413, ""},
		{"gzip, nested bombs in one stream", zipped(t, strings.Repeat("0", 90<<10)) + zipped(t, strings.Repeat("0", 90<<10)), "gzip", 413, ""},
		{"gzip, cut off", zipped(t, text)[:200], "gzip", 400, ""},
		{"gzip, garbage behind", zipped(t, text[:5000]) + "more", "gzip", 400, ""},
		{"not gzip", text[:5000], "gzip", 400, ""},
		{"identity", text[:5000], "identity", 200, "5000"},
		{"deflate", "x", "deflate", 415, ""},
		{"gzip twice", zipped(t, zipped(t, "{}")), "gzip, gzip", 415, ""},
	}
	protocols(t, func(t *testing.T, h2 bool) {
		for _, c := range cases {
			for _, length := range []string{"known", "chunked"} {
				t.Run(c.name+", length "+length, func(t *testing.T) {
					res, got := r.post(t, r.client(t, h2), c.body, c.encoding, length == "chunked")
					if c.status != 200 {
						checkRefusal(t, res, got, c.status)
					} else if res.StatusCode != 200 || got != c.want {
						t.Errorf("%d %s, want 200 %s", res.StatusCode, got, c.want)
					}
				})
			}
		}
	})
}

// post sends a body whose length is announced, or not.
func (r *rig) post(t *testing.T, client *http.Client, body, encoding string, chunked bool) (*http.Response, string) {
	t.Helper()
	var from io.Reader = strings.NewReader(body)
	if chunked {
		from = io.MultiReader(from) // hides the length
	}
	req, err := http.NewRequest("POST", r.Base()+"/Basic", from)
	if err != nil {
		t.Fatal(err)
	}
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(got)
}

func TestAnAnnouncedBodyIsRefusedUnread(t *testing.T) {
	r := start(t, ok)
	res, body := r.raw(t, r.dial(t), "PUT /fhir/Basic/1 HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 10485761\r\n\r\n")
	checkRefusal(t, res, body, 413)
}

func TestBodiesOfAllRequestsAreBounded(t *testing.T) {
	r := start(t, ok, limits(transport.Limits{Body: 1 << 10, Bodies: 1 << 10, HeaderTimeout: 2 * time.Second}))
	first := r.dial(t)
	io.WriteString(first, "POST /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 1024\r\n\r\n{") // and no more: it is being held
	var res *http.Response
	var body string
	for range 200 {
		res, body = r.do(t, r.client(t, false), "POST", "/Basic", "{}")
		if res.StatusCode == 503 {
			break
		}
	}
	checkRefusal(t, res, body, 503)
	if got := res.Header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After = %q, want 1", got)
	}
	io.WriteString(first, strings.Repeat(" ", 1022)+"}")
	if res, _ := r.raw(t, first, ""); res.StatusCode != 200 {
		t.Fatalf("the one held: %d, want 200", res.StatusCode)
	}
	if res, _ := r.do(t, r.client(t, false), "POST", "/Basic", "{}"); res.StatusCode != 200 {
		t.Errorf("afterwards: %d, want 200", res.StatusCode)
	}
}

// TestLargeBodiesTakeTurns: what working on them takes is many times what is
// held of them. Small ones do not wait for them.
func TestLargeBodiesTakeTurns(t *testing.T) {
	const clients, atOnce = 12, 4
	entered, leave := make(chan struct{}, clients), make(chan struct{})
	r := start(t, func(_ context.Context, req fhir.Request) gate.Reply {
		if len(req.Body) > 1<<20 {
			entered <- struct{}{}
			<-leave
		}
		return answer(200, "{}")
	})
	large := strings.Repeat(" ", 1<<20) + "{}"
	done := make(chan int, clients)
	for range clients {
		go func() {
			res, err := r.client(t, false).Post(r.Base()+"/Basic", "application/fhir+json", strings.NewReader(large))
			if err != nil {
				done <- 0
				return
			}
			res.Body.Close()
			done <- res.StatusCode
		}()
	}
	for range atOnce {
		<-entered
	}
	for range 50 { // time enough for those that must not come in
		if res, _ := r.do(t, r.client(t, false), "POST", "/Basic", "{}"); res.StatusCode != 200 {
			t.Fatalf("a small one meanwhile: %d, want 200", res.StatusCode)
		}
	}
	if n := len(entered); n != 0 {
		t.Errorf("%d large bodies are worked on at once, want %d", atOnce+n, atOnce)
	}
	close(leave)
	for range clients {
		if got := <-done; got != 200 {
			t.Errorf("a large one: %d, want 200", got)
		}
	}
}

func TestURLAndHeaderAreBounded(t *testing.T) {
	r := start(t, ok)
	at := strings.Repeat("a", 8<<10-len("/fhir/Basic?_id="))
	cases := []struct {
		name, path string
		header     int
		status     int
	}{
		{"URL at the limit", "/Basic?_id=" + at, 0, 200},
		{"URL one over", "/Basic?_id=" + at + "a", 0, 414},
		{"URL far over", "/Basic?_id=" + strings.Repeat(at, 3), 0, 414},
		{"header below the limit", "/Basic", 15 << 10, 200},
		{"header over", "/Basic", 16 << 10, 431},
		{"header far over", "/Basic", 60 << 10, 431},
	}
	protocols(t, func(t *testing.T, h2 bool) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				res, body := r.do(t, r.client(t, h2), "GET", c.path, "", "X-Long", strings.Repeat("b", c.header))
				if c.status != 200 {
					checkRefusal(t, res, body, c.status)
				} else if res.StatusCode != 200 {
					t.Errorf("status %d, want 200 (%s)", res.StatusCode, body)
				}
			})
		}
	})
}

// TestSlowClientsAreDropped has each hold its connection in another way.
func TestSlowClientsAreDropped(t *testing.T) {
	const grace = 100 * time.Millisecond
	r := start(t, ok, limits(transport.Limits{HeaderTimeout: grace, BodyRate: 1 << 20, IdleTimeout: grace}))
	for _, c := range []struct {
		name, request string
		status        int // 0: closed without an answer
	}{
		{"says nothing", "", 0},
		{"stops in the request line", "GET /fhir/Ba", 408},
		{"stops in a field", "GET /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\nAccept: a", 408},
		{"stops before the last LF", "GET /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\n\r", 408},
		{"stops in a body", "POST /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 20\r\n\r\n{", 408},
		{"stops in a chunk", "POST /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{", 408},
	} {
		for _, before := range []string{"", "GET /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\n\r\n"} {
			t.Run(c.name+fmt.Sprint(", second request: ", before != ""), func(t *testing.T) {
				t.Parallel()
				conn := r.dial(t)
				if before != "" {
					if res, _ := r.raw(t, conn, before); res.StatusCode != 200 {
						t.Fatalf("the request before: %d", res.StatusCode)
					}
				}
				begin := clock.System{}.Now()
				if c.status != 0 {
					res, body := r.raw(t, conn, c.request)
					checkRefusal(t, res, body, c.status)
				} else {
					io.WriteString(conn, c.request)
					if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
						t.Errorf("read %d bytes, %v, want a closed connection", n, err)
					}
				}
				if took := (clock.System{}).Now().Sub(begin); took > 20*grace {
					t.Errorf("dropped after %v, want about %v", took, grace)
				}
			})
		}
	}
	t.Run("says nothing in the handshake", func(t *testing.T) {
		t.Parallel()
		conn, err := net.Dial("tcp", r.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(clock.System{}.Now().Add(5 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("%v, want EOF", err)
		}
	})
}

func TestASteadyTrickleIsTooSlow(t *testing.T) {
	r := start(t, ok, limits(transport.Limits{HeaderTimeout: 50 * time.Millisecond, BodyRate: 1 << 20}))
	conn := r.dial(t)
	io.WriteString(conn, "POST /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 5000\r\n\r\n")
	tick := time.NewTicker(10 * time.Millisecond) // 100 bytes a second: never silent, always too slow
	defer tick.Stop()
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				io.WriteString(conn, "{") // fails when the server has had enough
			case <-done:
				return
			}
		}
	}()
	res, body := r.raw(t, conn, "")
	close(done)
	checkRefusal(t, res, body, 408)
}

func TestNoBodyTakesLongerThanAllMay(t *testing.T) {
	const all = 60 * time.Millisecond
	r := start(t, ok, limits(transport.Limits{HeaderTimeout: all, BodyTimeout: all, BodyRate: 1}))
	res, body := r.raw(t, r.dial(t), "POST /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 5000\r\n\r\n"+strings.Repeat("x", 4000))
	checkRefusal(t, res, body, 408)
}

func TestConnectionsBeyondTheLimitAreClosed(t *testing.T) {
	for name, l := range map[string]transport.Limits{"all": {Connections: 2}, "one peer's": {PerPeer: 2}} {
		t.Run(name, func(t *testing.T) {
			r := start(t, ok, limits(l))
			get := "GET /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\n\r\n"
			first, second := r.dial(t), r.dial(t)
			r.raw(t, first, get)
			if _, err := r.raw(t, second, get); err == "" {
				t.Error("no body")
			}
			if c, err := r.try(); err == nil {
				c.Close()
				t.Error("a third connection was served")
			}
			first.Close()
			var err error
			for range 100 { // until the server has seen the close
				var c net.Conn
				if c, err = r.try(); err == nil {
					c.Close()
					break
				}
			}
			if err != nil {
				t.Errorf("after one was closed: %v", err)
			}
		})
	}
}

func TestRequestsBeyondTheLimitAreAskedToWait(t *testing.T) {
	enter, leave := make(chan struct{}), make(chan struct{})
	r := start(t, func(context.Context, fhir.Request) gate.Reply {
		enter <- struct{}{}
		<-leave
		return answer(200, "{}")
	}, limits(transport.Limits{Requests: 1}))
	protocols(t, func(t *testing.T, h2 bool) {
		client := r.client(t, h2)
		done := make(chan int)
		go func() {
			res, err := client.Get(r.Base() + "/Basic")
			if err != nil {
				done <- 0
				return
			}
			res.Body.Close()
			done <- res.StatusCode
		}()
		<-enter
		res, body := r.do(t, client, "GET", "/Basic", "")
		checkRefusal(t, res, body, 503)
		if got := res.Header.Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After = %q, want 1", got)
		}
		leave <- struct{}{}
		if got := <-done; got != 200 {
			t.Errorf("the running one: %d, want 200", got)
		}
	})
}
