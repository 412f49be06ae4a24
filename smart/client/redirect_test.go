package client

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRedirectURIsAreChecked(t *testing.T) {
	good := []string{"https://app.example", "https://app.example/", "https://app.example:8443/a/b?c=d", "https://10.0.0.1/cb", "http://127.0.0.1/cb",
		"http://127.0.0.1:3000", "http://[::1]:3000/cb", "http://localhost:3000/cb", "com.example.app:/cb", "com.example.app://cb"}
	for _, uri := range good {
		if err := checkRedirect(uri, Public); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
	bad := map[string]error{
		"": errURIForm, "/cb": errURIForm, "//app.example/cb": errURIForm, "https://app.example/\n": errURIForm, "https://app.example/ä": errURIForm,
		"https://app.example\\@evil.example/": errURIForm, "https:///cb": errURIForm, "https:cb": errURIForm, " https://app.example": errURIForm,
		"https://app.example/" + strings.Repeat("a", maxURI): errURIForm,
		"https://app.example/#":                              errURIFragment, "https://app.example/cb#a": errURIFragment,
		"https://*.example/cb": errURIWildcard, "https://app.example/*": errURIWildcard,
		"https://user@app.example/cb": errURIUser, "https://app.example:x@evil.example/": errURIUser,
		"https://app.example/a/../b": errURIDots, "https://app.example/a/%2e%2e/b": errURIDots, "https://app.example/.": errURIDots,
		"HTTPS://app.example/cb": errURICase, "https://App.example/cb": errURICase,
		"https://app.example:0/cb": errURIPort, "https://app.example:/cb": errURIPort, "https://app.example:65536/cb": errURIPort, "https://app.example:0443/": errURIPort,
		"http://app.example/cb": errURIScheme, "http://127.0.0.2/cb": errURIScheme, "http://127.0.0.1.evil.example/cb": errURIScheme, "http://localhost.evil.example/": errURIScheme,
		"app:/cb": errURIPrivate, "javascript:alert(1)": errURIPrivate, "data:text/html,a": errURIPrivate, "file:///etc/passwd": errURIPrivate,
		"https://app.example/cb?code=1": errURIParams, "https://app.example/cb?a=1&iss=2": errURIParams,
	}
	for uri, want := range bad {
		if err := checkRedirect(uri, Public); err != want {
			t.Errorf("%q: %v, want %v", uri, err, want)
		}
	}
	if err := checkRedirect("com.example.app:/cb", Confidential); err != errURIScheme {
		t.Errorf("a scheme of its own, for a client with a server: %v", err)
	}
}

func TestRedirectsMatchByteForByte(t *testing.T) {
	c := Client{RedirectURIs: []string{"https://app.example/cb", "https://app.example/cb?a=b", "com.example.app:/cb", "http://127.0.0.1:3000/cb", "http://[::1]/cb", "http://localhost:3000/cb"}}
	cases := map[string]bool{
		"https://app.example/cb": true, "https://app.example/cb?a=b": true, "com.example.app:/cb": true,
		"https://app.example/cb/": false, "https://app.example/CB": false, "https://app.example:443/cb": false, "https://app.example/cb?a=c": false,
		"https://app.example/cb?": false, "https://app.example/cb#": false, "https://app.example/x/../cb": false, "https://app.example/%63b": false,
		"https://app.example.evil.example/cb": false, "https://app.example@evil.example/cb": false, "http://app.example/cb": false, "": false,
		"http://127.0.0.1:3000/cb": true, "http://127.0.0.1:1/cb": true, "http://127.0.0.1/cb": true, "http://127.0.0.1:65535/cb": true,
		"http://127.0.0.1:65536/cb": false, "http://127.0.0.1:0/cb": false, "http://127.0.0.1:/cb": false, "http://127.0.0.1:03000/cb": false, "http://127.0.0.1:+80/cb": false,
		"http://127.0.0.1:3000/other": false, "http://127.0.0.1:3000/cb?a": false, "http://127.0.0.1:3000@evil.example/cb": false,
		"http://127.0.0.1.evil.example/cb": false, "http://127.0.0.1@evil.example/cb": false, "https://127.0.0.1:3000/cb": false, "http://127.0.0.2:3000/cb": false,
		"http://[::1]:9/cb": true, "http://[::1]/cb": true, "http://[::1]evil.example/cb": false, "http://[0:0:0:0:0:0:0:1]/cb": false,
		"http://localhost:3000/cb": true, "http://localhost:3001/cb": false, "http://localhost/cb": false,
	}
	for uri, want := range cases {
		if got := RedirectAllowed(c, uri); got != want {
			t.Errorf("%q: %v, want %v", uri, got, want)
		}
	}
}

// TestOnlyTheRegisteredRedirectIsAllowed: of all addresses made of these parts,
// one that may be registered allows those that differ in one part only when the
// part is the port of a loopback address.
func TestOnlyTheRegisteredRedirectIsAllowed(t *testing.T) {
	parts := [][]string{
		{"http://", "https://", "com.example.app:", "HTTP://", "http:/"},
		{"", "app.example@", "127.0.0.1:80@"},
		{"127.0.0.1", "[::1]", "localhost", "app.example", "127.0.0.2", "[0:0:0:0:0:0:0:1]", "127.1"},
		{"", ":1", ":3000", ":65535", ":0", ":", ":65536", ":01", ":+1", ".evil.example", "evil.example", "@evil.example"},
		{"", "/", "/cb", "/CB", "/cb/", "/%63b", "/cb?a=b", "/cb#a", "?a=b", "/a/../cb", "/*", "\\cb", "/cb "},
	}
	registered, varied := 0, 0
	var try func(chosen []string)
	try = func(chosen []string) {
		if len(chosen) < len(parts) {
			for _, p := range parts[len(chosen)] {
				try(append(chosen[:len(chosen):len(chosen)], p))
			}
			return
		}
		uri := strings.Join(chosen, "")
		if checkRedirect(uri, Public) != nil {
			return
		}
		registered++
		c := Client{RedirectURIs: []string{uri}}
		for n, list := range parts {
			for _, p := range list {
				near := slices.Clone(chosen)
				near[n] = p
				asked := strings.Join(near, "")
				loopback := n == 3 && chosen[0] == "http://" && (chosen[2] == "127.0.0.1" || chosen[2] == "[::1]") && slices.Contains(list[:4], p)
				if got, want := RedirectAllowed(c, asked), asked == uri || loopback; got != want {
					t.Errorf("%q allows %q: %v, want %v", uri, asked, got, want)
				} else if got && asked != uri {
					varied++
				}
			}
		}
	}
	try(nil)
	if registered < 50 || varied < 50 {
		t.Errorf("only %d addresses and %d ports were tried", registered, varied)
	}
}

// TestNoOtherAddressIsAllowed: whatever two addresses are, one that may be
// registered allows the other only under the same host.
func TestNoOtherAddressIsAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		registered := rapid.SampledFrom([]string{"https://app.example/cb", "http://127.0.0.1/cb", "http://[::1]:3000/", "http://localhost:1/cb", "com.example.app:/cb"}).Draw(t, "registered")
		cut := rapid.IntRange(0, len(registered)).Draw(t, "cut")
		skip := rapid.IntRange(cut, len(registered)).Draw(t, "skip")
		asked := registered[:cut] + rapid.StringMatching(`[a-z0-9:/@.#?%\\ *-]{0,8}`).Draw(t, "put in") + registered[skip:]
		if !RedirectAllowed(Client{RedirectURIs: []string{registered}}, asked) || asked == registered {
			return
		}
		r, err1 := url.Parse(registered)
		a, err2 := url.Parse(asked)
		if err1 != nil || err2 != nil || r.Scheme != "http" || r.Hostname() == "localhost" || a.Hostname() != r.Hostname() || a.User != nil || a.RequestURI() != r.RequestURI() {
			t.Fatalf("%q allows %q", registered, asked)
		}
	})
}

func TestAfterLogoutOnlyTheRegisteredAddressIsAllowed(t *testing.T) {
	c := Client{RedirectURIs: []string{"https://app.example/cb"}, PostLogoutRedirectURIs: []string{"https://app.example/bye", "http://127.0.0.1:1/bye"}}
	for uri, want := range map[string]bool{"https://app.example/bye": true, "https://app.example/bye/": false, "https://app.example/cb": false,
		"http://127.0.0.1:1/bye": true, "http://127.0.0.1:2/bye": false, "": false} {
		if got := PostLogoutAllowed(c, uri); got != want {
			t.Errorf("%q: %v, want %v", uri, got, want)
		}
	}
}

func TestGrantsFollowFromTheKind(t *testing.T) {
	checker := Client{Kind: Confidential, Introspect: true}
	for _, c := range []struct {
		client Client
		want   string
	}{{publicApp(), "authorization_code refresh_token"}, {secretApp(), "authorization_code refresh_token"}, {systemApp(""), "client_credentials"}, {checker, ""}, {Client{}, ""}} {
		if got := strings.Join(c.client.GrantTypes(), " "); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.client.Kind, c.client.ID, got, c.want)
		}
	}
}
