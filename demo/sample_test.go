package demo_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"firebreak/demo"
	"firebreak/internal/service"
)

func TestMain(m *testing.M) { service.Main(m) }

// strangers is a FHIR server with its authorization server, on an origin of its
// own, that lets everybody in. It holds the application to what a server must.
type strangers struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	asked   url.Values // the authorization request
	answer  func(q url.Values) url.Values
	ended   bool // the token is taken back
	serial  int
	revoked []string
}

func newStrangers(t *testing.T) *strangers {
	s := &strangers{t: t}
	s.answer = func(q url.Values) url.Values {
		return url.Values{"code": {"c0de"}, "state": {q.Get("state")}, "iss": {s.URL + "/auth"}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/fhir/.well-known/smart-configuration", func(w http.ResponseWriter, _ *http.Request) {
		s.write(w, map[string]any{"issuer": s.URL + "/auth", "authorization_endpoint": s.URL + "/auth/authorize", "token_endpoint": s.URL + "/auth/token",
			"revocation_endpoint": s.URL + "/auth/revoke", "code_challenge_methods_supported": []string{"S256"}})
	})
	mux.HandleFunc("/auth/authorize", s.authorize)
	mux.HandleFunc("/auth/token", s.token)
	mux.HandleFunc("/auth/revoke", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.revoked = append(s.revoked, r.PostFormValue("token"))
	})
	mux.HandleFunc("/fhir/", s.fhir)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization")
		if r.Method != http.MethodOptions {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *strangers) write(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

func (s *strangers) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = r.URL.Query()
	http.Redirect(w, r, s.asked.Get("redirect_uri")+"?"+s.answer(s.asked).Encode(), http.StatusSeeOther)
}

func (s *strangers) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != s.asked.Get("code_challenge") || s.asked.Get("code_challenge_method") != "S256" ||
			r.PostFormValue("code") != "c0de" || r.PostFormValue("client_id") != "sample" || r.PostFormValue("redirect_uri") != s.asked.Get("redirect_uri") {
			w.WriteHeader(http.StatusBadRequest)
			s.write(w, map[string]any{"error": "invalid_grant"})
			return
		}
	case "refresh_token":
		if r.PostFormValue("refresh_token") != fmt.Sprint("refresh-", s.serial) {
			s.t.Errorf("refreshed with %q", r.PostFormValue("refresh_token"))
		}
	}
	s.serial++
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"fhirUser":"Practitioner/dr-adams","name":"Zoë"}`))
	s.write(w, map[string]any{"access_token": fmt.Sprint("access-", s.serial), "refresh_token": fmt.Sprint("refresh-", s.serial), "token_type": "Bearer", "expires_in": 300,
		"scope": "launch/patient openid fhirUser patient/Patient.rs patient/Observation.rs", "patient": "amy", "intent": "order-review", "id_token": "e30." + claims + ".x"})
}

func (s *strangers) fhir(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || r.Header.Get("Authorization") != fmt.Sprint("Bearer access-", s.serial) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch strings.TrimPrefix(r.URL.Path, "/fhir/") {
	case "Patient/amy":
		s.write(w, map[string]any{"resourceType": "Patient", "id": "amy", "birthDate": "1987-02-20", "gender": "female",
			"name": []any{map[string]any{"given": []string{"Amy", "V."}, "family": "<b>Shaw</b>"}}})
	case "Condition":
		w.WriteHeader(http.StatusForbidden)
	case "Observation":
		s.write(w, map[string]any{"resourceType": "Bundle", "entry": []any{map[string]any{"resource": map[string]any{"resourceType": "Observation", "code": map[string]any{"text": "Body weight"},
			"valueQuantity": map[string]any{"value": 61.5, "unit": "kg"}, "effectiveDateTime": "2026-11-01T10:00:00Z"}}}})
	default:
		s.t.Errorf("asked for %s", r.URL)
	}
}

// application serves the sample as the demo does, and a browser that opens it.
func application(t *testing.T, s *strangers) (context.Context, string) {
	t.Helper()
	ctx := service.Chromium(t)
	files := http.StripPrefix("/app/", http.FileServerFS(demo.App()))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", demo.AppPolicy(s.URL))
		if r.URL.Path == "/app/config.json" {
			b, err := demo.AppConfig{ClientID: "sample", FHIR: s.URL + "/fhir", Account: s.URL + "/auth/account"}.JSON()
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(b)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return ctx, srv.URL + "/app/"
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// await waits until the page shows a text, and returns all it shows.
func await(t *testing.T, ctx context.Context, want string) string {
	t.Helper()
	var got string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got, _ = chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.body?.innerText || "")`)) // between two pages there is none
		if strings.Contains(got, want) {
			return got
		}
	}
	t.Fatalf("the page does not come to show %q:\n%s", want, got)
	return ""
}

// until waits until a script's answer is true.
func until(t *testing.T, ctx context.Context, script string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !evaluate[bool](t, ctx, script); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never true: %s", script)
		}
	}
}

func open(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
}

func click(t *testing.T, ctx context.Context, id string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.ID(id))); err != nil {
		t.Fatal(err)
	}
}

func TestTheSampleReadsAChart(t *testing.T) {
	s := newStrangers(t)
	ctx, app := application(t, s)
	open(t, ctx, app)
	await(t, ctx, "Sign in and choose a patient")
	click(t, ctx, "go")
	shown := await(t, ctx, "61.5 kg")
	for _, want := range []string{app + "\n", "Amy V. <b>Shaw</b>", "born 1987-02-20", "Body weight", "Not granted", "patient/Observation.rs", "order-review", "Practitioner/dr-adams", "Zoë"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
	for _, secret := range []string{"access-1", "refresh-1", "c0de"} {
		if strings.Contains(evaluate[string](t, ctx, `document.documentElement.outerHTML + location.href`), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if got := evaluate[string](t, ctx, `document.querySelector(".scopes .left").textContent`); got != "patient/Condition.rs" {
		t.Errorf("not granted: %q", got)
	}
	for key, want := range map[string]string{"response_type": "code", "client_id": "sample", "redirect_uri": app, "aud": s.URL + "/fhir", "launch": "",
		"scope": "launch/patient openid fhirUser patient/Patient.rs patient/Condition.rs patient/Observation.rs"} {
		if got := s.asked.Get(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}

	// The server takes the newest refresh token only, and the newest access token.
	for turn := 2; turn <= 3; turn++ {
		evaluate[chromedp.Void](t, ctx, `document.getElementById("refresh").click(); document.getElementById("refresh").click()`)
		until(t, ctx, fmt.Sprintf(`JSON.parse(sessionStorage.session).answer.access_token === "access-%d" && document.getElementById("status").hidden`, turn))
	}
	await(t, ctx, "61.5 kg")
	if got := evaluate[string](t, ctx, `document.getElementById("account").href`); got != s.URL+"/auth/account" {
		t.Errorf("take it back at %q", got)
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	click(t, ctx, "again")
	await(t, ctx, "Access has ended")
}

func TestTheSampleForgets(t *testing.T) {
	s := newStrangers(t)
	ctx, app := application(t, s)
	open(t, ctx, app)
	await(t, ctx, "Sign in and choose a patient")
	click(t, ctx, "go")
	await(t, ctx, "61.5 kg")
	click(t, ctx, "forget")
	await(t, ctx, "Sign in and choose a patient")
	if n := evaluate[int](t, ctx, `sessionStorage.length + localStorage.length`); n != 0 {
		t.Errorf("%d things remembered", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fmt.Sprint(s.revoked) != "[refresh-1 access-1]" {
		t.Errorf("gave back %v", s.revoked)
	}
}

func TestTheSampleIsOpenedByARecord(t *testing.T) {
	s := newStrangers(t)
	ctx, app := application(t, s)
	open(t, ctx, app+"launch.html?launch=l4unch&iss="+url.QueryEscape(s.URL+"/fhir"))
	await(t, ctx, "61.5 kg")
	if s.asked.Get("launch") != "l4unch" || !strings.HasPrefix(s.asked.Get("scope"), "launch openid") || s.asked.Get("redirect_uri") != app {
		t.Errorf("asked %v", s.asked)
	}
	s.mu.Lock()
	s.asked = nil
	s.mu.Unlock()
	for query, want := range map[string]string{
		"?launch=l4unch&iss=https%3A%2F%2Fevil.example%2Ffhir": "not made for that server",
		"?launch=l4unch": "opened by a health record",
		"?iss=x":         "opened by a health record",
	} {
		open(t, ctx, app+"launch.html"+query)
		await(t, ctx, want)
	}
	if s.asked != nil {
		t.Errorf("asked %v", s.asked)
	}
}

func TestTheSampleTakesNoAnswerButItsOwn(t *testing.T) {
	s := newStrangers(t)
	ctx, app := application(t, s)
	for _, c := range []struct {
		name   string
		answer url.Values // instead of the true one
		want   string
	}{
		{"another state", url.Values{"code": {"c0de"}, "state": {"x"}}, "belongs to no request"},
		{"no state", url.Values{"code": {"c0de"}}, "belongs to no request"},
		{"another issuer", url.Values{"code": {"c0de"}, "state": nil, "iss": {"https://evil.example"}}, "from another server"},
		{"refused", url.Values{"error": {"access_denied"}, "state": nil}, "You did not allow it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.mu.Lock()
			s.answer = func(q url.Values) url.Values {
				out := url.Values{}
				for key, values := range c.answer {
					if out[key] = values; values == nil {
						out[key] = []string{q.Get("state")}
					}
				}
				return out
			}
			s.mu.Unlock()
			open(t, ctx, app)
			await(t, ctx, "Sign in and choose a patient")
			click(t, ctx, "go")
			await(t, ctx, c.want)
			if s.serial != 0 {
				t.Error("a token was asked for")
			}
		})
	}
	// An answer nobody asked for: login CSRF.
	open(t, ctx, app+"?code=c0de&state=")
	await(t, ctx, "belongs to no request")
}

func TestTheSampleIsMadeOfOurFilesOnly(t *testing.T) {
	for _, name := range []string{"index.html", "launch.html", "app.js", "app.css"} {
		b, err := fs.ReadFile(demo.App(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"https://", "http://", "//cdn", "innerHTML", "eval(", "localStorage", "<style", " style=", " onclick"} {
			if strings.Contains(string(b), word) {
				t.Errorf("%s has %q", name, word)
			}
		}
	}
	// data: is the pages' empty icon, without which a browser asks for one.
	if got := demo.AppPolicy("https://a.example:8443"); !strings.Contains(got, "img-src data:;") || !strings.Contains(got, "script-src 'self';") || !strings.Contains(got, "connect-src 'self' https://a.example:8443;") {
		t.Errorf("policy %s", got)
	}
	for _, bad := range []demo.AppConfig{{FHIR: "https://a/fhir", Account: "https://a/auth/account"}, {ClientID: "x", FHIR: "https://a/fhir", Account: "javascript:alert(1)"}, {ClientID: "x", FHIR: "/fhir", Account: "https://a"}} {
		if b, err := bad.JSON(); err == nil {
			t.Errorf("%+v gives %s", bad, b)
		}
	}
}
