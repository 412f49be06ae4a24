package federation_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"firebreak/smart/federation"
)

// huge answers with more than anybody wants.
func huge(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"keys":[],"x":"`)
	for range 64 {
		if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, `"}`)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestProvidersThatMisbehaveAreUnavailable(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}
	const discovery = "/.well-known/openid-configuration"
	publishes := func(name string, value any) func(*forger) {
		return func(f *forger) { f.metadata = func(m object) { m[name] = value } }
	}
	instead := func(path string, h http.HandlerFunc) func(*forger) {
		return func(f *forger) { f.instead[path] = h }
	}
	for _, c := range []struct {
		name   string
		change func(*forger)
		begins bool // the trouble shows after the sign-in was begun
	}{
		{"discovery leads elsewhere", instead(discovery, away), false},
		{"discovery is huge", instead(discovery, huge), false},
		{"discovery is not there", instead(discovery, status(404)), false},
		{"discovery is no JSON", instead(discovery, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }), false},
		{"discovery is another's", publishes("issuer", "https://other.example"), false},
		{"discovery is nearly ours", func(f *forger) { f.metadata = func(m object) { m["issuer"] = f.server.URL + "/" } }, false},
		{"discovery is another's, with a long name", publishes("issuer", strings.Repeat("x\n", 5000)), false},
		{"the token endpoint is plain", publishes("token_endpoint", "http://192.0.2.1/token"), false},
		{"the keys are in a file", publishes("jwks_uri", "file:///etc/passwd"), false},
		{"people are sent to a script", publishes("authorization_endpoint", "javascript:alert(1)"), false},
		{"people are signed out at a script", publishes("end_session_endpoint", "javascript:alert(1)"), false},
		{"the keys are elsewhere", instead("/jwks", away), true},
		{"the keys are huge", instead("/jwks", huge), true},
		{"the keys are not there", instead("/jwks", status(500)), true},
		{"the token endpoint fails", instead("/token", status(503)), true},
		{"the token endpoint is huge", instead("/token", huge), true},
		{"userinfo is elsewhere", instead("/userinfo", away), true},
		{"userinfo is huge", instead("/userinfo", huge), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newForger(t)
			c.change(f)
			to := fed(t, func(c *federation.Config) { c.UserInfo = true }, f)
			if !c.begins {
				_, err := to.Begin(context.Background(), "p0", federation.Flow{ID: "id", Secret: "flow"}, federation.Ask{})
				must(t, err, federation.ErrUnavailable)
				if len(err.Error()) > 400 {
					t.Errorf("%d bytes of it go to the log", len(err.Error()))
				}
				return
			}
			_, answer := f.begin(to, "p0", "flow", federation.Ask{})
			_, _, err := to.Finish(context.Background(), "p0", holding("flow"), answer)
			must(t, err, federation.ErrUnavailable)
		})
	}
	t.Run("the token endpoint leads elsewhere", func(t *testing.T) {
		f := newForger(t)
		f.instead["/token"] = away
		to := fed(t, nil, f)
		_, answer := f.begin(to, "p0", "flow", federation.Ask{})
		_, _, err := to.Finish(context.Background(), "p0", holding("flow"), answer)
		must(t, err, "does not take the code")
	})
}

func TestAProviderThatIsDownComesBack(t *testing.T) {
	f, other := newForger(t), newForger(t)
	f.instead["/.well-known/openid-configuration"] = status(502)
	to := fed(t, nil, f, other)
	if got := len(to.Buttons()); got != 2 {
		t.Fatalf("%d buttons, want 2", got)
	}
	for range 20 {
		_, err := to.Begin(context.Background(), "p0", federation.Flow{ID: "id", Secret: "flow"}, federation.Ask{})
		must(t, err, federation.ErrUnavailable)
	}
	if got := f.count("/.well-known/openid-configuration"); got != 1 {
		t.Errorf("asked %d times within an instant, want once", got)
	}
	other.begin(to, "p1", "flow", federation.Ask{})
	delete(f.instead, "/.well-known/openid-configuration")
	f.clock.Advance(6 * time.Second)
	f.begin(to, "p0", "flow", federation.Ask{})
	// Once found it does without it for a day.
	f.instead["/.well-known/openid-configuration"] = status(502)
	f.clock.Advance(23 * time.Hour)
	f.begin(to, "p0", "flow", federation.Ask{})
	f.clock.Advance(2 * time.Hour)
	_, err := to.Begin(context.Background(), "p0", federation.Flow{ID: "id", Secret: "flow"}, federation.Ask{})
	must(t, err, federation.ErrUnavailable)
	_, err = to.Begin(context.Background(), "p2", federation.Flow{ID: "id", Secret: "flow"}, federation.Ask{})
	must(t, err, federation.ErrUnknown)
}
