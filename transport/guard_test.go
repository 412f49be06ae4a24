package transport_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"firebreak/fhir"
	"firebreak/gate"
)

// refused are requests with more than one reading, or none; each as sent.
var refused = []struct {
	name, request string
	status        int
}{
	{"length and chunked", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"chunked and length", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
	{"length twice, equal", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
	{"length twice, different", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 2\r\ncontent-length: 3\r\n\r\n{}", 400},
	{"length as a list", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 2, 2\r\n\r\n{}", 400},
	{"length with a sign", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: +2\r\n\r\n{}", 400},
	{"length without bounds", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 18446744073709551618\r\n\r\n{}", 400},
	{"chunked twice", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"chunked in HTTP/1.0", "POST /fhir/Patient HTTP/1.0\r\nHost: fhir.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"another transfer coding", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
	{"a coding in disguise", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400},
	{"chunk with a bad size", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n", 400},
	{"chunk ended by LF", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n", 400},
	{"chunk longer than said", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n", 400},
	{"trailer fields", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n", 400},
	{"host twice", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\nHost: fhir.test\r\n\r\n", 400},
	{"no host", "GET /fhir/metadata HTTP/1.1\r\n\r\n", 400},
	{"empty host", "GET /fhir/metadata HTTP/1.1\r\nHost: \r\n\r\n", 400},
	{"another host", "GET /fhir/metadata HTTP/1.1\r\nHost: evil.test\r\n\r\n", 421},
	{"another port", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test:1\r\n\r\n", 421},
	{"authority unlike host", "GET https://fhir.test/fhir/metadata HTTP/1.1\r\nHost: evil.test\r\n\r\n", 400},
	{"authority that isn't served", "GET https://evil.test/fhir/metadata HTTP/1.1\r\nHost: evil.test\r\n\r\n", 421},
	{"authority with userinfo", "GET https://a@fhir.test/fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"another scheme", "GET http://fhir.test/fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"authorization twice", "GET /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n", 400},
	{"if-match twice", "GET /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nIf-Match: W/\"1\"\r\nIf-Match: W/\"2\"\r\n\r\n", 400},
	{"if-none-exist twice", "GET /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nIf-None-Exist: a=b\r\nIf-None-Exist: c=d\r\n\r\n", 400},
	{"provenance not in ASCII", "GET /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nX-Provenance: {\"a\":\"\xc3\xa9\"}\r\n\r\n", 400},
	{"method override", "POST /fhir/Patient/1 HTTP/1.1\r\nHost: fhir.test\r\nX-HTTP-Method-Override: DELETE\r\nContent-Length: 2\r\n\r\n{}", 400},
	{"unknown expectation", "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nExpect: 200-ok\r\nContent-Length: 2\r\n\r\n{}", 417},
	{"space before the colon", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\nContent-Length : 0\r\n\r\n", 400},
	{"folded line", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\nAccept: a\r\n b\r\n\r\n", 400},
	{"line ended by LF", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\nAccept: a\r\n\r\n", 400},
	{"head ended by LF", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\n\n", 400},
	{"CR in a value", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\nAccept: a\rb\r\n\r\n", 400},
	{"NUL in a value", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\nAccept: a\x00b\r\n\r\n", 400},
	{"no name", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\n: a\r\n\r\n", 400},
	{"no colon", "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\nAccept\r\n\r\n", 400},
	{"empty line first", "\r\nGET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"two spaces", "GET  /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"no version", "GET /fhir/metadata\r\nHost: fhir.test\r\n\r\n", 400},
	{"HTTP/2 preface in HTTP/1.1", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
	{"HTTP/1.2", "GET /fhir/metadata HTTP/1.2\r\nHost: fhir.test\r\n\r\n", 505},
	{"not HTTP", "\x16\x03\x01\r\n\r\n", 400},
	{"relative target", "GET fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"body on GET", "GET /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 2\r\n\r\n{}", 400},
	{"TRACE", "TRACE /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 405},
	{"CONNECT", "CONNECT fhir.test:443 HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 405},
	{"lower-case method", "get /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 405},
	{"path: encoded slash", "GET /fhir/Patient%2F1 HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: dots", "GET /fhir/Patient/../Observation HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: encoded dots", "GET /fhir/Patient/%2e%2E/Observation HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: NUL", "GET /fhir/Patient/1%00 HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: backslash", "GET /fhir/Patient\\1 HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: encoded twice", "GET /fhir/Patient%252F1 HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: half an escape", "GET /fhir/Patient%2 HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: bad escape", "GET /fhir/Patient%zz HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: control", "GET /fhir/Patient/\x01 HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: not ASCII", "GET /fhir/Patient/\xc3\xa9 HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: empty segment", "GET /fhir//Patient HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: fragment", "GET /fhir/Patient#x HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 400},
	{"path: above the base", "GET / HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 404},
	{"path: beside the base", "GET /fhirs/Patient HTTP/1.1\r\nHost: fhir.test\r\n\r\n", 404},
}

func TestWhatHasTwoReadingsIsRefused(t *testing.T) {
	var handled atomic.Int64
	r := start(t, func(context.Context, fhir.Request) gate.Reply {
		handled.Add(1)
		return answer(200, "{}")
	})
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			conn := r.dial(t)
			res, body := r.raw(t, conn, c.request)
			checkRefusal(t, res, body, c.status)
			if c.status == 405 && res.Header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
	if n := handled.Load(); n != 0 {
		t.Errorf("%d refused requests reached the handler", n)
	}
}

// TestRefusalDoesNotDependOnPackets sends each request byte by byte, and behind
// another one, where net/http reads differently.
func TestRefusalDoesNotDependOnPackets(t *testing.T) {
	var handled atomic.Int64
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply {
		if q.Path != "Basic/first" {
			handled.Add(1)
		}
		return answer(200, "{}")
	})
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			drip := r.dial(t)
			go func() {
				for i := range len(c.request) {
					if _, err := io.WriteString(drip, c.request[i:i+1]); err != nil {
						return // refused before its end
					}
				}
			}()
			res, body := read(t, bufio.NewReader(drip))
			checkRefusal(t, res, body, c.status)

			second := r.dial(t)
			if _, err := io.WriteString(second, "GET /fhir/Basic/first HTTP/1.1\r\nHost: fhir.test\r\n\r\n"+c.request); err != nil {
				t.Fatal(err)
			}
			answers := bufio.NewReader(second)
			if res, _ := read(t, answers); res.StatusCode != 200 {
				t.Fatalf("the request before: %d, want 200", res.StatusCode)
			}
			res, body = read(t, answers)
			checkRefusal(t, res, body, c.status)
		})
	}
	if n := handled.Load(); n != 0 {
		t.Errorf("%d refused requests reached the handler", n)
	}
}

// TestNothingRidesBehindARefusal sends a good request in the body's place.
func TestNothingRidesBehindARefusal(t *testing.T) {
	var handled atomic.Int64
	r := start(t, func(context.Context, fhir.Request) gate.Reply {
		handled.Add(1)
		return answer(200, "{}")
	})
	rider := "GET /fhir/Patient/smuggled HTTP/1.1\r\nHost: fhir.test\r\n\r\n"
	for _, head := range []string{
		"POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n",
		"GET /fhir/Patient HTTP/1.1\r\nHost: fhir.test\nX: y\r\n\r\n",
	} {
		conn := r.dial(t)
		io.WriteString(conn, head+rider) // may fail half way, and may
		b := bufio.NewReader(conn)
		if res, _ := read(t, b); res.StatusCode != 400 {
			t.Errorf("%q: %d, want 400", head, res.StatusCode)
		}
		if rest, _ := io.ReadAll(b); len(rest) > 0 {
			t.Errorf("%q: answered twice: %q", head, rest)
		}
	}
	if n := handled.Load(); n != 0 {
		t.Errorf("%d smuggled requests reached the handler", n)
	}
}

func TestPipelinedRequestsKeepTheirBodies(t *testing.T) {
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply {
		return answer(200, fmt.Sprintf("%s %s %s", q.Method, q.Path, q.Body))
	})
	get := "GET /fhir/a HTTP/1.1\r\nHost: fhir.test\r\n\r\n"
	post := "POST /fhir/b HTTP/1.1\r\nHost: FHIR.test:443\r\nContent-Length: 3\r\n\r\n{1}"
	long := "PUT /fhir/c HTTP/1.1\r\nHost: fhir.test\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("x", 9000)
	chunked := "POST https://fhir.test/fhir/d HTTP/1.1\r\nHost: fhir.test\r\nTransfer-Encoding: Chunked\r\n\r\n2;a=b\r\n{}\r\n0001\r\n!\r\n0\r\n\r\n"
	all := get + post + chunked + long + get + chunked
	want := []string{"GET a ", "POST b {1}", "POST d {}!", "PUT c " + strings.Repeat("x", 9000), "GET a ", "POST d {}!"}
	for _, size := range []int{len(all), 1000, 7, 1} {
		t.Run(fmt.Sprint("in pieces of ", size), func(t *testing.T) {
			conn := r.dial(t)
			go func() {
				for i := 0; i < len(all); i += size {
					io.WriteString(conn, all[i:min(i+size, len(all))]) // a failure shows as a missing answer
				}
			}()
			b := bufio.NewReader(conn)
			for i, w := range want {
				if res, got := read(t, b); res.StatusCode != 200 || got != w {
					t.Fatalf("answer %d: %d %.40q, want %.40q", i, res.StatusCode, got, w)
				}
			}
		})
	}
}

func TestContinueIsAskedForOnlyWhenTheBodyIsWanted(t *testing.T) {
	r := start(t, ok)
	conn := r.dial(t)
	if _, err := io.WriteString(conn, "POST /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	b := bufio.NewReader(conn)
	if line, err := b.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v, want 100 Continue", line, err)
	}
	b.ReadString('\n') // the empty line
	io.WriteString(conn, "{}")
	if res, _ := read(t, b); res.StatusCode != 200 {
		t.Errorf("status %d, want 200", res.StatusCode)
	}
	res, body := r.raw(t, r.dial(t), "POST /fhir/Basic HTTP/1.1\r\nHost: fhir.test\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
	checkRefusal(t, res, body, 413)
}
