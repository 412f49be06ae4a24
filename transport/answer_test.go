package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

// paths are one request for each way an answer can come about.
var paths = []struct {
	name, method, path, body string
	header                   []string
	status                   int
}{
	{"answer", "GET", "/Patient/1", "", nil, 200},
	{"HEAD", "HEAD", "/Patient/1", "", nil, 200},
	{"change", "PUT", "/Patient/1", "{}", nil, 200},
	{"no content", "DELETE", "/Patient/204", "", nil, 204},
	{"not modified", "GET", "/Patient/304", "", nil, 304},
	{"problem", "GET", "/Patient/404", "", nil, 404},
	{"unaudited", "GET", "/Patient/503", "", nil, 503},
	{"panic", "GET", "/Patient/panic", "", nil, 500},
	{"panic with a runtime error", "GET", "/Patient/nil", "", nil, 500},
	{"outside the base", "GET", "/../other", "", nil, 400},
	{"method", "PROPFIND", "/Patient", "", nil, 405},
	{"too large", "POST", "/Patient", strings.Repeat("x", 2000), nil, 413},
	{"encoding", "POST", "/Patient", "{}", []string{"Content-Encoding", "br"}, 415},
	{"bad header", "GET", "/Patient", "", []string{"If-Match", "a", "If-Match", "b"}, 400},
	{"preflight", "OPTIONS", "/Patient", "", []string{"Origin", "https://app.test", "Access-Control-Request-Method", "GET"}, 204},
	{"preflight of a stranger", "OPTIONS", "/Patient", "", []string{"Origin", "https://evil.test", "Access-Control-Request-Method", "GET"}, 204},
	{"options", "OPTIONS", "/Patient", "", nil, 200},
	{"a reply that tries", "GET", "/Patient/tries", "", nil, 200},
}

func everyWay(_ context.Context, q fhir.Request) gate.Reply {
	switch q.Path {
	case "Patient/204":
		return answer(204, "")
	case "Patient/304":
		return answer(304, "", [2]string{"ETag", `W/"1"`})
	case "Patient/404":
		g := gate.New(nil, nil)
		r, _ := g.Close(context.Background(), noRecord{}, g.ReleaseProblem(fhir.Absent(), q.Visit, false), nil, nil)
		return r
	case "Patient/503":
		return gate.Reply{}
	case "Patient/panic":
		panic("content: " + q.Path)
	case "Patient/nil":
		var none []int
		_ = none[len(q.Path)]
	case "Patient/tries":
		return answer(200, "{}", [2]string{"Cache-Control", "public"}, [2]string{"Server", "x/1.0"},
			[2]string{"Set-Cookie", "a=b"}, [2]string{"Content-Security-Policy", "default-src *"})
	}
	return answer(200, `{"resourceType":"Patient"}`)
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	r := start(t, everyWay, limits(transport.Limits{Body: 1000}))
	protocols(t, func(t *testing.T, h2 bool) {
		for _, c := range paths {
			t.Run(c.name, func(t *testing.T) {
				res, body := r.do(t, r.client(t, h2), c.method, c.path, c.body, c.header...)
				if res.StatusCode != c.status {
					t.Fatalf("status %d, want %d", res.StatusCode, c.status)
				}
				checkHeaders(t, res)
				if c.status >= 400 && c.name != "unaudited" {
					checkRefusal(t, res, body, c.status)
				}
				if h2 != (res.ProtoMajor == 2) {
					t.Errorf("spoke %s", res.Proto)
				}
			})
		}
	})
}

func TestAnEmptyReplyIsAnEmpty503(t *testing.T) {
	r := start(t, everyWay)
	res, body := r.do(t, r.client(t, false), "GET", "/Patient/503", "")
	if res.StatusCode != 503 || body != "" || res.Header.Get("Content-Length") != "0" {
		t.Errorf("%d %q, Content-Length %q, want an empty 503", res.StatusCode, body, res.Header.Get("Content-Length"))
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply {
		if q.Path == "Basic/long" {
			return answer(200, long, [2]string{"ETag", `W/"1"`})
		}
		return everyWay(context.Background(), q)
	})
	protocols(t, func(t *testing.T, h2 bool) {
		client := r.client(t, h2)
		for _, path := range []string{"/Patient/1", "/Basic/long", "/Patient/404", "/Patient/204", "/Patient/304"} {
			get, _ := r.do(t, client, "GET", path, "")
			head, body := r.do(t, client, "HEAD", path, "")
			if body != "" {
				t.Errorf("HEAD %s has a body", path)
			}
			for _, h := range []*http.Response{get, head} {
				h.Header.Del("Date")
				h.Header.Del("X-Request-Id")
			}
			if g, h := fmt.Sprint(get.StatusCode, get.Header), fmt.Sprint(head.StatusCode, head.Header); g != h {
				t.Errorf("%s:\n GET %s\nHEAD %s", path, g, h)
			}
			if path == "/Basic/long" && head.ContentLength != int64(len(long)) {
				t.Errorf("%s: Content-Length %d, want %d", path, head.ContentLength, len(long))
			}
		}
	})
}

func TestRequestIDsAreEchoedWhenPlain(t *testing.T) {
	var seen fhir.Request
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply {
		seen = q
		return answer(200, "{}")
	}, func(c *transport.Config) { c.NewVisit = func() string { return "visit-1" } })
	for _, c := range []struct{ name, sent, echo, correlation string }{
		{"none", "", "visit-1", ""},
		{"plain", "a.B_c-9", "a.B_c-9", ""},
		{"longest", strings.Repeat("a", 128), strings.Repeat("a", 128), ""},
		{"too long", strings.Repeat("a", 129), "visit-1", ""},
		{"other characters", "urn:uuid:1/2", "visit-1", "urn:uuid:1/2"},
		{"spaces", "a b", "visit-1", "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h []string
			if c.sent != "" {
				h = []string{"X-Request-Id", c.sent}
			}
			res, _ := r.do(t, r.client(t, false), "GET", "/Patient", "", h...)
			if got := res.Header.Get("X-Request-Id"); got != c.echo {
				t.Errorf("X-Request-Id = %q, want %q", got, c.echo)
			}
			if got := res.Header.Get("X-Correlation-Id"); got != c.correlation {
				t.Errorf("X-Correlation-Id = %q, want %q", got, c.correlation)
			}
			want := ""
			if c.echo == c.sent {
				want = c.sent
			}
			if seen.RequestID != want || seen.Visit != "visit-1" {
				t.Errorf("RequestID %q, Visit %q, want %q and visit-1", seen.RequestID, seen.Visit, want)
			}
		})
	}
}

func TestARequestHasWhatCameAndNothingForwarded(t *testing.T) {
	var seen fhir.Request
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply {
		seen = q
		return answer(200, "{}")
	})
	protocols(t, func(t *testing.T, h2 bool) {
		res, _ := r.do(t, r.client(t, h2), "PUT", "/Patient/%31/?name=a%2Fb&x", `{"a":1}`,
			"Authorization", "Bearer t", "Accept", "application/json", "Accept", "text/html", "Content-Type", "application/fhir+json",
			"Prefer", "return=minimal", "Prefer", "handling=strict", "If-Match", `W/"1"`, "If-None-Match", "*",
			"If-Modified-Since", "x", "If-None-Exist", "a=b", "X-Request-Id", "id-1", "X-Provenance", `{"a":"\u00e9"}`,
			"X-Forwarded-For", "10.9.9.9", "X-Forwarded-Host", "evil.test", "Forwarded", "for=10.9.9.9",
			"X-Forwarded-Client-Cert", "Hash=00", "X-Real-Ip", "10.9.9.9", "Cookie", "session=1")
		want := fhir.Request{
			Method: "PUT", Path: "Patient/1", Query: "name=a%2Fb&x", Body: []byte(`{"a":1}`),
			Authorization: "Bearer t", Accept: "application/json, text/html", ContentType: "application/fhir+json",
			Prefer: "return=minimal, handling=strict", IfMatch: `W/"1"`, IfNoneMatch: "*", IfModifiedSince: "x",
			IfNoneExist: "a=b", RequestID: "id-1", Provenance: `{"a":"\u00e9"}`,
			Peer: "127.0.0.1", Visit: seen.Visit, Base: r.Base(),
		}
		if got, want := fmt.Sprintf("%q", fmt.Sprint(seen)), fmt.Sprintf("%q", fmt.Sprint(want)); got != want || seen.Visit == "" {
			t.Errorf("request\n%s, want\n%s", got, want)
		}
		if res.StatusCode != 200 {
			t.Errorf("status %d", res.StatusCode)
		}
	})
}

func TestCORS(t *testing.T) {
	var registered atomic.Value // as an administrator would change it
	registered.Store("https://new.test")
	r := start(t, ok, func(c *transport.Config) {
		c.Origin = func(o string) bool { return o == registered.Load() || o == "null" }
	})
	pre := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization"}
	for _, c := range []struct {
		name, method, path, origin string
		preflight                  bool
		allow                      string
	}{
		{"no origin", "GET", "/Patient", "", false, ""},
		{"listed", "GET", "/Patient", "https://app.test", false, "https://app.test"},
		{"listed, preflight", "OPTIONS", "/Patient", "https://app.test", true, "https://app.test"},
		{"stranger", "GET", "/Patient", "https://evil.test", false, ""},
		{"stranger, preflight", "OPTIONS", "/Patient", "https://evil.test", true, ""},
		{"scheme differs", "GET", "/Patient", "http://app.test", false, ""},
		{"port differs", "GET", "/Patient", "https://app.test:8443", false, ""},
		{"listed as prefix", "GET", "/Patient", "https://app.test.evil.test", false, ""},
		{"listed as suffix", "GET", "/Patient", "https://evilapp.test", false, ""},
		{"upper case", "GET", "/Patient", "https://APP.test", false, ""},
		{"null", "GET", "/Patient", "null", false, ""},
		{"registered", "GET", "/Patient", "https://new.test", false, "https://new.test"},
		{"registered, preflight", "OPTIONS", "/Patient", "https://new.test", true, "https://new.test"},
		{"registered later", "GET", "/Patient", "https://newer.test", false, ""},
		{"capabilities, stranger", "GET", "/metadata", "https://evil.test", false, "*"},
		{"capabilities, preflight", "OPTIONS", "/metadata", "https://evil.test", true, "*"},
		{"discovery, stranger", "GET", "/.well-known/smart-configuration", "null", false, "*"},
		{"below capabilities", "GET", "/metadata/x", "https://evil.test", false, ""},
		{"a refusal", "POST", "/Patient", "https://app.test", false, "https://app.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h []string
			body := ""
			if c.origin != "" {
				h = append(h, "Origin", c.origin)
			}
			if c.preflight {
				h = append(h, pre...)
			}
			if c.method == "POST" {
				h, body = append(h, "Content-Encoding", "br"), "x"
			}
			res, _ := r.do(t, r.client(t, false), c.method, c.path, body, h...)
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != c.allow {
				t.Errorf("Allow-Origin = %q, want %q", got, c.allow)
			}
			if got := res.Header.Get("Access-Control-Allow-Credentials"); got != "" {
				t.Errorf("Allow-Credentials = %q, want none", got)
			}
			exposed := "ETag, Location, Content-Location, Last-Modified, X-Request-Id, X-Progress, Retry-After, WWW-Authenticate, DPoP-Nonce"
			if got := res.Header.Get("Access-Control-Expose-Headers"); (got == exposed) != (c.allow != "") {
				t.Errorf("Expose-Headers = %q", got)
			}
			if c.preflight && res.StatusCode != 204 {
				t.Errorf("preflight: %d, want 204", res.StatusCode)
			}
			if got := strings.Contains(res.Header.Get("Access-Control-Allow-Methods"), "PATCH"); got != (c.preflight && c.allow != "") {
				t.Errorf("Allow-Methods = %q", res.Header.Get("Access-Control-Allow-Methods"))
			}
			if got := strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "DPoP"); got != (c.preflight && c.allow != "") {
				t.Errorf("Allow-Headers = %q", res.Header.Get("Access-Control-Allow-Headers"))
			}
		})
	}
	for origin, want := range map[string]string{"https://newer.test": "https://newer.test", "https://new.test": ""} {
		registered.Store("https://newer.test")
		res, _ := r.do(t, r.client(t, true), "GET", "/Patient", "", "Origin", origin)
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s after the change: Allow-Origin = %q, want %q", origin, got, want)
		}
	}
}

// TestTheLogHasNoSecrets puts a word into every place a client can write to.
func TestTheLogHasNoSecrets(t *testing.T) {
	const canary = "s3cr3t"
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply {
		if strings.HasPrefix(q.Path, "Patient/panic") {
			panic(errors.New(canary))
		}
		return answer(200, canary, [2]string{"ETag", canary})
	}, func(c *transport.Config) { c.NewVisit = func() string { return "visit-1" } })
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	all := new(buffer)
	noisy := start(t, ok, func(c *transport.Config) { c.Logger = slog.New(slog.NewTextHandler(all, debug)) })

	protocols(t, func(t *testing.T, h2 bool) {
		for _, path := range []string{"/Patient/" + canary, "/" + canary, "/Patient/" + canary + "/_history/" + canary, "/$" + canary,
			"/Patient/panic" + canary, "/Patient/1/" + canary + "/" + canary, "/%2F" + canary, "/Patient/1/$" + canary} {
			for _, method := range []string{"GET", "POST", canary} {
				body := ""
				if method != "GET" {
					body = canary
				}
				r.do(t, r.client(t, h2), method, path+"?name="+canary, body, "Authorization", "Bearer "+canary,
					"X-Request-Id", canary, "Prefer", canary, "X-Provenance", canary, "Cookie", canary, "Origin", "https://"+canary,
					"User-Agent", canary, "Content-Type", canary, "X-"+canary, canary)
			}
		}
	})
	for _, bad := range []string{canary + "\r\n\r\n", "GET /" + canary + "\x00 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n" + canary + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: " + canary + "\r\n\r\n"} {
		r.raw(t, r.dial(t), bad)
		noisy.raw(t, noisy.dial(t), bad)
	}
	sni := noisy.tls()
	sni.ServerName, sni.NextProtos = canary+".test", []string{canary}
	if c, err := tls.Dial("tcp", noisy.Addr().String(), sni); err == nil {
		c.Close()
		t.Error("an unknown protocol was agreed to")
	}
	for name, log := range map[string]string{"info": r.log.String(), "debug": all.String()} {
		if strings.Contains(strings.ToLower(log), canary) {
			t.Errorf("%s log holds the word:\n%s", name, log)
		}
		if !strings.Contains(log, "request") {
			t.Errorf("%s log holds no requests: the test sees nothing", name)
		}
	}
	for _, want := range []string{`"route":"Patient/{id}"`, `"route":"Patient/{id}/_history/{version}"`, `"route":"$operation"`,
		`"route":"other"`, `"method":"other"`, `"msg":"handler panicked"`, `"visit":"visit-1"`} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if n, want := bytes.Count([]byte(r.log.String()), []byte(`"msg":"request"`)), 2*8*3+4; n != want {
		t.Errorf("%d log lines for %d requests", n, want)
	}
}

func TestAPanicSaysOnlyTheVisit(t *testing.T) {
	r := start(t, everyWay, func(c *transport.Config) { c.NewVisit = func() string { return "visit-7" } })
	_, body := r.do(t, r.client(t, false), "GET", "/Patient/panic", "")
	want := `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception","diagnostics":"internal error; visit visit-7"}]}`
	if body != want {
		t.Errorf("%s, want %s", body, want)
	}
}

func TestABaseMayHaveNoPath(t *testing.T) {
	var path string
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply {
		path = q.Path
		return answer(200, "{}")
	}, func(c *transport.Config) { c.Base = "https://127.0.0.1:0" })
	for in, want := range map[string]string{"": "", "/": "", "/Patient/1": "Patient/1"} {
		if res, _ := r.do(t, r.client(t, false), "GET", in, ""); res.StatusCode != 200 || path != want {
			t.Errorf("%q: %d, path %q, want %q", in, res.StatusCode, path, want)
		}
	}
}
