package client

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestGoodRegistrationsHaveNoFaults(t *testing.T) {
	signed := secretApp()
	signed.Method, signed.KeysURL = PrivateKeyJWT, "https://ward.example/jwks.json"
	native := publicApp()
	native.RedirectURIs = []string{"com.example.growth:/cb", "http://127.0.0.1/cb", "http://[::1]:4000/cb", "http://localhost:4000/cb"}
	cert := systemApp("")
	cert.Method, cert.Certificate = TLS, CertificateRule{DNS: "export.example"}
	checker := Client{ID: "rs", Name: "Imaging", Kind: Confidential, Method: SecretPost, Introspect: true}
	for _, c := range []Client{publicApp(), secretApp(), systemApp(newSigner(t, "export", jose.ES384).jwks(t)), signed, native, cert, checker} {
		if faults := c.Check(); faults != nil {
			t.Errorf("%s: %q", c.ID, faults)
		}
	}
}

func TestEachFaultIsFound(t *testing.T) {
	keys := newSigner(t, "export", jose.ES384).jwks(t)
	app := func(change func(*Client)) Client { c := secretApp(); change(&c); return c }
	sys := func(change func(*Client)) Client { c := systemApp(keys); change(&c); return c }
	pub := func(change func(*Client)) Client { c := publicApp(); change(&c); return c }
	cases := []struct {
		name string
		c    Client
		want string
	}{
		{"id with a space", app(func(c *Client) { c.ID = "a b" }), "the ID"},
		{"id that begins with a dot", app(func(c *Client) { c.ID = ".." }), "the ID"},
		{"no name", app(func(c *Client) { c.Name = "" }), "the Name"},
		{"name turned round", app(func(c *Client) { c.Name = "Ward\u202Eboard" }), "the Name"},
		{"name with a line end", app(func(c *Client) { c.Name = "Ward\nboard" }), "the Name"},
		{"name of spaces", app(func(c *Client) { c.Name = " " }), "the Name"},
		{"no kind", app(func(c *Client) { c.Kind = "" }), "the Kind"},
		{"public with a secret", pub(func(c *Client) { c.Method = SecretBasic }), "its Method must be none"},
		{"public that introspects", pub(func(c *Client) { c.Introspect = true }), "Introspect"},
		{"public without redirects", pub(func(c *Client) { c.RedirectURIs = nil }), "needs RedirectURIs"},
		{"confidential without proof", app(func(c *Client) { c.Method = None }), "a confidential client's Method"},
		{"confidential without redirects", app(func(c *Client) { c.RedirectURIs = nil }), "needs RedirectURIs"},
		{"system with a secret", sys(func(c *Client) { c.Method, c.Keys = SecretBasic, "" }), "a system's Method"},
		{"system with redirects", sys(func(c *Client) { c.RedirectURIs = []string{"https://a.example/"} }), "no browser"},
		{"system with refresh", sys(func(c *Client) { c.Offline = true }), "no refresh token"},
		{"system with a person's scope", sys(func(c *Client) { c.Scopes = []string{"patient/*.rs"} }), "a person grants"},
		{"system with openid", sys(func(c *Client) { c.Scopes = []string{"openid"} }), "a person grants"},
		{"trusted system", sys(func(c *Client) { c.Trusted = true }), "Trusted"},
		{"system without keys", sys(func(c *Client) { c.Keys = "" }), "needs Keys or a KeysURL"},
		{"system with both", sys(func(c *Client) { c.KeysURL = "https://a.example/k" }), "needs Keys or a KeysURL"},
		{"keys that are none", sys(func(c *Client) { c.Keys = "{}" }), "cannot be used"},
		{"keys of no use", sys(func(c *Client) { c.Keys = `{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}` }), "none that can be used"},
		{"keys at plain http", sys(func(c *Client) { c.Keys, c.KeysURL = "", "http://a.example/k" }), "the KeysURL must be https"},
		{"organisation no reference", sys(func(c *Client) { c.Organization = "Patient/1" }), "the Organization"},
		{"a role twice", sys(func(c *Client) { c.Roles = []string{"a", "a"} }), "Roles, number 2"},
		{"access too long for a system", sys(func(c *Client) { c.AccessLife = 301 }), "the AccessLife"},
		{"access too long", app(func(c *Client) { c.AccessLife = 3601 }), "the AccessLife"},
		{"refresh too short", app(func(c *Client) { c.RefreshLife = 60 }), "the RefreshLife"},
		{"app with roles", app(func(c *Client) { c.Roles = []string{"a"} }), "only a system"},
		{"app with a system's scope", app(func(c *Client) { c.Scopes = []string{"system/*.rs"} }), "is one for a system"},
		{"scope with a quote", app(func(c *Client) { c.Scopes = []string{`a"b`} }), "is not a scope"},
		{"two scopes in one", app(func(c *Client) { c.Scopes = []string{"a b"} }), "is not a scope"},
		{"offline not allowed", app(func(c *Client) { c.Offline = false }), "not Offline"},
		{"keys without need", app(func(c *Client) { c.Keys = keys }), "only a client whose Method is private_key_jwt"},
		{"certificate without need", app(func(c *Client) { c.Certificate.DNS = "a" }), "only a client whose Method is tls_client_auth"},
		{"no certificate", app(func(c *Client) { c.Method = TLS }), "exactly one of"},
		{"two names of a certificate", app(func(c *Client) { c.Method, c.Certificate = TLS, CertificateRule{DNS: "a", URI: "b"} }), "exactly one of"},
		{"certificate by wildcard", app(func(c *Client) { c.Method, c.Certificate = TLS, CertificateRule{DNS: "*.a.example"} }), "wildcard"},
		{"thumbprint in hexadecimal", app(func(c *Client) {
			c.Method, c.Certificate = TLS, CertificateRule{Thumbprint: strings.Repeat("ab", 32)}
		}), "SHA-256"},
		{"unknown binding", app(func(c *Client) { c.Bound = "both" }), "Bound"},
		{"origin with a slash", app(func(c *Client) { c.Origins = []string{"https://a.example/"} }), "Origins, number 1"},
		{"origin null", app(func(c *Client) { c.Origins = []string{"null"} }), "Origins, number 1"},
		{"origin with the usual port", app(func(c *Client) { c.Origins = []string{"https://a.example:443"} }), "Origins, number 1"},
		{"any origin", app(func(c *Client) { c.Origins = []string{"*"} }), "Origins, number 1"},
		{"trusted on a phone", pub(func(c *Client) { c.Trusted, c.RedirectURIs = true, []string{"com.example.a:/cb"} }), "Trusted public client"},
		{"a redirect twice", app(func(c *Client) { c.RedirectURIs = slices.Repeat(c.RedirectURIs, 2) }), "there twice"},
		{"rate below nothing", app(func(c *Client) { c.Rate = -1 }), "the Rate"},
		{"logout by http", app(func(c *Client) { c.BackchannelLogoutURI = "http://a.example/" }), "the BackchannelLogoutURI"},
		{"launch by script", app(func(c *Client) { c.LaunchURI = "javascript:alert(1)" }), "the LaunchURI"},
		{"an end that cannot be written", app(func(c *Client) { c.Until = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }), "Until"},
	}
	for _, c := range cases {
		faults := c.c.Check()
		if !slices.ContainsFunc(faults, func(line string) bool { return strings.Contains(line, c.want) }) {
			t.Errorf("%s: faults %q, want one of %q", c.name, faults, c.want)
		}
		if len(faults) > 2 {
			t.Errorf("%s: one fault makes %d lines: %q", c.name, len(faults), faults)
		}
	}
}

func TestCertificatesCountByTheirOneName(t *testing.T) {
	const print = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	cert := Certificate{Thumbprint: print, SubjectDN: "CN=a,O=b", DNSNames: []string{"a.example"}, URIs: []string{"urn:a"}, Verified: true}
	self := cert
	self.Verified = false
	wild := Certificate{DNSNames: []string{"*.example"}, Verified: true}
	cases := []struct {
		name string
		rule CertificateRule
		cert Certificate
		want bool
	}{
		{"subject", CertificateRule{SubjectDN: "CN=a,O=b"}, cert, true},
		{"subject turned round", CertificateRule{SubjectDN: "O=b,CN=a"}, cert, false},
		{"dns in any case", CertificateRule{DNS: "A.example"}, cert, true},
		{"another dns", CertificateRule{DNS: "b.example"}, cert, false},
		{"a wildcard is no name", CertificateRule{DNS: "a.example"}, wild, false},
		{"uri", CertificateRule{URI: "urn:a"}, cert, true},
		{"thumbprint", CertificateRule{Thumbprint: print}, cert, true},
		{"thumbprint of nobody's authority", CertificateRule{Thumbprint: print}, self, true},
		{"names of nobody's authority", CertificateRule{DNS: "a.example"}, self, false},
		{"subject of nobody's authority", CertificateRule{SubjectDN: "CN=a,O=b"}, self, false},
		{"no rule, no certificate", CertificateRule{}, Certificate{Verified: true}, false},
	}
	for _, c := range cases {
		if got := c.rule.fits(c.cert); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
