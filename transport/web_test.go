package transport_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"firebreak/transport"
)

// startWeb serves a handler under /web beside FHIR.
func startWeb(t *testing.T, h transport.WebHandler) *rig {
	return start(t, ok, func(c *transport.Config) {
		c.Web = transport.Web{Handle: h, Serves: func(_, path string) bool {
			return path == "/web" || strings.HasPrefix(path, "/web/") || path == "/fhir/.well-known/x"
		}}
	})
}

func exchangeWeb(t *testing.T, c *http.Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func newRequest(t *testing.T, method, url, body string, header ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return req
}

func TestWebGetsWhatIsItsAndFHIRTheRest(t *testing.T) {
	var got transport.WebRequest
	r := startWeb(t, func(_ context.Context, req transport.WebRequest) transport.WebReply {
		got = req
		return transport.WebReply{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("web")}
	})
	host := strings.TrimPrefix(strings.TrimSuffix(r.Base(), "/fhir"), "https://")
	protocols(t, func(t *testing.T, h2 bool) {
		c := r.client(t, h2)
		req := newRequest(t, "POST", "https://"+host+"/web/token?a=b%20c", "x=y", "Content-Type", "application/x-www-form-urlencoded",
			"Authorization", "Basic eA==", "Origin", "https://app.test", "Sec-Fetch-Site", "cross-site", "DPoP", "one", "User-Agent", "Browser/1",
			"Cookie", "__Host-a=1; other=2", "Cookie", "__Host-b=3; __Host-c=4; __Host-c=5", "X-Forwarded-For", "10.0.0.1")
		resp, body := exchangeWeb(t, c, req)
		if resp.StatusCode != 200 || body != "web" {
			t.Fatalf("%d %q", resp.StatusCode, body)
		}
		if got.Method != "POST" || got.Path != "/web/token" || got.Query != "a=b%20c" || string(got.Body) != "x=y" || got.Authorization != "Basic eA==" ||
			got.Origin != "https://app.test" || got.Site != "cross-site" || got.DPoP != "one" || got.Agent != "Browser/1" || got.Host != host || got.Peer != "127.0.0.1" || got.Visit == "" {
			t.Errorf("request %+v", got)
		}
		if len(got.Cookies) != 2 || got.Cookies["__Host-a"] != "1" || got.Cookies["__Host-b"] != "3" {
			t.Errorf("cookies %v: only unambiguous ones of this host count", got.Cookies)
		}
		if _, body = exchangeWeb(t, c, newRequest(t, "GET", r.Base()+"/.well-known/x", "")); body != "web" {
			t.Errorf("a path below the base that Web serves: %q", body)
		}
		for path, want := range map[string]int{"/fhir/Patient/1": 200, "/webs": 404, "/web/../fhir": 400, "/other": 404} {
			resp, body := exchangeWeb(t, c, newRequest(t, "GET", "https://"+host+path, ""))
			if resp.StatusCode != want || body == "web" {
				t.Errorf("%s: %d %q, want %d from FHIR's side", path, resp.StatusCode, body, want)
			}
		}
	})
}

func TestWebAnswersAreAsStrictAsTheyCanBe(t *testing.T) {
	reply := transport.WebReply{Status: 200, ContentType: "text/html; charset=utf-8", Body: []byte("<p>")}
	r := startWeb(t, func(context.Context, transport.WebRequest) transport.WebReply { return reply })
	c := r.client(t, true)
	url := strings.TrimSuffix(r.Base(), "/fhir") + "/web"
	resp, _ := exchangeWeb(t, c, newRequest(t, "GET", url, ""))
	for name, want := range map[string]string{
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		"Cache-Control":                "no-store",
		"Pragma":                       "no-cache",
		"Referrer-Policy":              "same-origin",
		"X-Frame-Options":              "DENY",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"X-Content-Type-Options":       "nosniff",
		"Strict-Transport-Security":    "max-age=31536000",
		"Access-Control-Allow-Origin":  "",
		"Set-Cookie":                   "",
	} {
		if got := strings.Join(resp.Header[http.CanonicalHeaderKey(name)], ", "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	reply = transport.WebReply{Status: 303, Location: "https://app.test/cb?x=y", Origin: "https://app.test", Policy: "default-src 'self'", Lasting: true,
		RetryAfter: 1500 * time.Millisecond, Challenge: "Basic", Nonce: "n", ETag: `W/"1"`,
		Cookies: []transport.Cookie{{Name: "__Host-s", Value: "v", Lax: true}, {Name: "__Host-t", Value: "w", Life: time.Minute}, {Name: "__Host-u", Life: -1},
			{Name: "plain", Value: "x"}, {Name: "__Host-bad", Value: "a; Domain=example.org"}}}
	resp, _ = exchangeWeb(t, c, newRequest(t, "GET", url, ""))
	want := []string{"__Host-s=v; Path=/; Secure; HttpOnly; SameSite=Lax", "__Host-t=w; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=60",
		"__Host-u=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"}
	if got := resp.Header["Set-Cookie"]; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("cookies:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for name, want := range map[string]string{"Location": "https://app.test/cb?x=y", "Access-Control-Allow-Origin": "https://app.test", "Content-Security-Policy": "default-src 'self'",
		"Cache-Control": "public, max-age=31536000, immutable", "Retry-After": "2", "Www-Authenticate": "Basic", "Dpop-Nonce": "n", "Etag": `W/"1"`, "Access-Control-Allow-Credentials": ""} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if strings.Contains(r.log.String(), "Domain=") || !strings.Contains(r.log.String(), "a cookie was not set") {
		t.Error("an unfit cookie is not told of, or repeated")
	}
}

func TestFHIRAnswersSetNoCookieAndSeeNone(t *testing.T) {
	r := start(t, ok)
	resp, _ := exchangeWeb(t, r.client(t, true), newRequest(t, "GET", r.Base()+"/Basic/1", "", "Cookie", "__Host-session=x"))
	if resp.StatusCode != 200 || resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("Content-Security-Policy") != "default-src 'none'; sandbox; frame-ancestors 'none'" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

func TestAPanicInWebIsAnsweredFor(t *testing.T) {
	r := startWeb(t, func(context.Context, transport.WebRequest) transport.WebReply { panic("secret") })
	resp, body := exchangeWeb(t, r.client(t, true), newRequest(t, "GET", strings.TrimSuffix(r.Base(), "/fhir")+"/web", ""))
	if resp.StatusCode != 500 || strings.Contains(body+r.log.String(), "secret") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}
