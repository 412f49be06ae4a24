package federation_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"firebreak/smart/federation"
)

// A provider's pages may be at another name than its issuer (OpenID Connect
// Discovery 1.0 section 3): a form that leads there must be allowed to.
func TestFormsLeadWhereAProviderPublishes(t *testing.T) {
	f, plain := newForger(t), newForger(t)
	f.metadata = func(m object) {
		m["authorization_endpoint"] = "https://login.clinic.example/authorize"
		m["end_session_endpoint"] = "https://bye.clinic.example/end"
	}
	to := fed(t, func(c *federation.Config) {
		if c.Issuer == f.server.URL {
			c.Onward = []string{"https://adfs.clinic.example:8443"}
		}
	}, f, plain)
	want := []string{"https://adfs.clinic.example:8443", "https://login.clinic.example/authorize", "https://bye.clinic.example/end", plain.server.URL + "/authorize"}
	if got := to.Leads(); !slices.Equal(got, want) {
		t.Errorf("forms lead to %q, want %q", got, want)
	}
	// What it publishes anew is read anew, aside.
	f.metadata = func(m object) { m["authorization_endpoint"] = "https://new.clinic.example/authorize" }
	f.clock.Advance(2 * time.Hour)
	for range 200 {
		if got := to.Leads(); got[1] == "https://new.clinic.example/authorize" {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("forms still lead to %q", to.Leads())
}

// Pages are for all: only the first waits for a provider that hangs, and that not
// for long. Its issuer stands for it until it is found.
func TestAProviderThatHangsHoldsNoPageUp(t *testing.T) {
	f := newForger(t)
	const discovery = "/.well-known/openid-configuration"
	end := make(chan struct{})
	f.instead[discovery] = func(http.ResponseWriter, *http.Request) { <-end }
	t.Cleanup(func() { close(end) })
	to := fed(t, nil, f)
	began := time.Now()
	for range 20 {
		if got := to.Leads(); !slices.Equal(got, []string{f.server.URL}) {
			t.Errorf("forms lead to %q, want the issuer", got)
		}
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("twenty pages took %v, want one second for the first and none for others", took)
	}
	if got := f.count(discovery); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
	_, err := to.Begin(context.Background(), "none", federation.Flow{ID: "id", Secret: "x"}, federation.Ask{})
	must(t, err, federation.ErrUnknown)
}
