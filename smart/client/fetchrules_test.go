package client

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/authn"
	"firebreak/clock"
	"firebreak/vault"
)

func TestOnlyAllowedPlacesAreRegistered(t *testing.T) {
	h := houseOver(t, vault.NewMemory(), Outbound{Hosts: []string{"keys.example"}})
	c := systemApp("")
	c.KeysURL = "https://other.example/jwks"
	var invalid *Invalid
	if _, _, err := h.reg.Register(background, c, "admin"); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "not among those allowed") {
		t.Errorf("another host: %v", err)
	}
	c.KeysURL = "https://keys.example/jwks"
	h.register(t, c)
	app := secretApp()
	app.BackchannelLogoutURI = "https://other.example/logout"
	if _, _, err := h.reg.Register(background, app, "admin"); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "the BackchannelLogoutURI is at a host") {
		t.Errorf("logout at another host: %v", err)
	}
	none := NewRegistry(h.vault, h.clk, nil)
	c.ID = "another"
	if _, _, err := none.Register(background, c, "admin"); !errors.As(err, &invalid) {
		t.Errorf("without a fetcher: %v", err)
	}
	a, err := NewAuthenticator(none)
	must(t, err)
	var refusal *Refusal
	s := newSigner(t, "export", jose.ES256)
	if _, _, err := a.Authenticate(background, h.fresh(t, s, nil)); !errors.As(err, &refusal) {
		t.Errorf("registered before, without a fetcher: %v", err)
	}
}

func TestLifetimesKeepToTheHeaderWithinBounds(t *testing.T) {
	cases := []struct {
		control, age string
		want         time.Duration
	}{
		{"", "", usualTTL}, {"public", "", usualTTL}, {"max-age=120", "", 2 * time.Minute}, {`Public, MAX-AGE="120"`, "", 2 * time.Minute},
		{"max-age=120", "60", time.Minute}, {"max-age=120", "119", time.Second}, {"max-age=120", "120", 0}, {"max-age=120", "121", 0}, {"max-age=120", "x", 2 * time.Minute},
		{"max-age=0", "", 0}, {"max-age=9", "", 9 * time.Second}, {"max-age=3601", "", maxTTL}, {"max-age=99999999999999999999", "", 0},
		{"max-age=-1", "", 0}, {"max-age=", "", 0}, {"no-store", "", 0}, {"max-age=3600, no-cache", "", 0},
	}
	for _, c := range cases {
		h := http.Header{}
		h.Set("Cache-Control", c.control)
		h.Set("Age", c.age)
		if got := lifetime(h); got != c.want {
			t.Errorf("%q, age %q: %v, want %v", c.control, c.age, got, c.want)
		}
	}
}

// TestTheLimitsAreThoseAskedFor guards numbers that are promised elsewhere.
func TestTheLimitsAreThoseAskedFor(t *testing.T) {
	if authn.MaxAssertionKeysBytes != 64<<10 || maxAhead != 5*time.Minute || leeway > time.Minute || refetchGap < 10*time.Second || maxTTL > time.Hour {
		t.Error("a limit has been moved")
	}
}

// TestKeysComeByTrustedTLSOnly: whoever can change the answer can be the client.
func TestKeysComeByTrustedTLSOnly(t *testing.T) {
	s := newSigner(t, "export", jose.ES256)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, s.jwks(t)) }))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, c := range []struct {
		name  string
		rules Outbound
		ok    bool
	}{
		{"trusted and allowed", Outbound{Private: loopback, Roots: roots}, true},
		{"not trusted", Outbound{Private: loopback, Roots: x509.NewCertPool()}, false},
		{"not allowed", Outbound{Roots: roots}, false},
	} {
		f, err := NewFetcher(c.rules, clock.NewFixed(start))
		must(t, err)
		if _, err := f.Keys(background, server.URL+"/jwks"); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrKeysUnavailable) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
