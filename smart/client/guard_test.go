package client

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestOnlyPublicAddressesAreReachable(t *testing.T) {
	public := []string{"8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "223.255.255.255", "2606:4700::1", "2a00::1", "::ffff:8.8.8.8"}
	for _, ip := range public {
		if !(Outbound{}).reachable(netip.MustParseAddr(ip)) {
			t.Errorf("%s is not reachable", ip)
		}
	}
	for _, ip := range []string{"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8",
		"192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
		"3fff::1", "4000::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1", "ff02::1"} {
		if (Outbound{}).reachable(netip.MustParseAddr(ip)) {
			t.Errorf("%s is reachable", ip)
		}
	}
	private := Outbound{Private: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for ip, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "127.0.0.1": false} {
		if got := private.reachable(netip.MustParseAddr(ip)); got != want {
			t.Errorf("with 10.1/16: %s %v, want %v", ip, got, want)
		}
	}
}

func TestAddressesAreCheckedBeforeTheyAreAsked(t *testing.T) {
	listed := Outbound{Hosts: []string{"keys.example", ".hospital.example"}}
	plain := Outbound{PlainLoopback: true}
	cases := []struct {
		rules Outbound
		url   string
		ok    bool
	}{
		{Outbound{}, "https://keys.example/jwks?a=b", true},
		{Outbound{}, "https://8.8.8.8/jwks", true},
		{Outbound{}, "http://keys.example/jwks", false},
		{Outbound{}, "http://127.0.0.1/jwks", false},
		{Outbound{}, "https://127.0.0.1/jwks", false},
		{Outbound{}, "https://[::1]/jwks", false},
		{Outbound{}, "https://169.254.169.254/latest/meta-data", false},
		{Outbound{}, "https://user@keys.example/jwks", false},
		{Outbound{}, "https://keys.example/jwks#a", false},
		{Outbound{}, "file:///etc/passwd", false},
		{Outbound{}, "gopher://keys.example/", false},
		{Outbound{}, "https:jwks", false},
		{Outbound{}, "", false},
		{listed, "https://keys.example/jwks", true},
		{listed, "https://keys.example:8443/jwks", true},
		{listed, "https://a.b.hospital.example/jwks", true},
		{listed, "https://hospital.example/jwks", false},
		{listed, "https://evilhospital.example/jwks", false},
		{listed, "https://keys.example.evil.example/jwks", false},
		{listed, "https://evil.example/keys.example", false},
		{listed, "https://8.8.8.8/jwks", false},
		{Outbound{}, "https://localhost/jwks", false},
		{Outbound{}, "https://keys.localhost./jwks", false},
		{Outbound{Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, "https://localhost/jwks", true},
		{plain, "http://127.0.0.1:8080/jwks", true},
		{plain, "http://[::1]:8080/jwks", true},
		{plain, "http://localhost:8080/jwks", false},
		{plain, "http://10.0.0.1/jwks", false},
	}
	for _, c := range cases {
		if err := c.rules.Allows(c.url); (err == nil) != c.ok {
			t.Errorf("%+v, %q: %v, want it allowed %v", c.rules.Hosts, c.url, err, c.ok)
		}
	}
}

// target counts who comes.
func target(t *testing.T, tls bool) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var came atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { came.Add(1) }))
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			came.Add(100)
		}
	}
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, &came
}

// TestANameThatLeadsInsideIsNotConnectedTo: the address is looked at when the
// connection is made, whatever the name led to before; not a byte is sent.
func TestANameThatLeadsInsideIsNotConnectedTo(t *testing.T) {
	s, came := target(t, true)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	must(t, err)
	c := Outbound{}.Client(time.Second)
	// localhost stands for a name that its owner has made to lead inside.
	_, err = c.Get("https://localhost:" + port + "/")
	if err == nil || !strings.Contains(err.Error(), errNetwork.Error()) || came.Load() != 0 {
		t.Errorf("error %v; %d came", err, came.Load())
	}
	inside := Outbound{Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}.Client(time.Second)
	if _, err := inside.Get("https://localhost:" + port + "/"); err == nil || strings.Contains(err.Error(), errNetwork.Error()) || came.Load() == 0 {
		t.Errorf("configured to be reachable: %v; %d came", err, came.Load())
	}
}

func TestControlRefusesWhatItCannotRead(t *testing.T) {
	for _, c := range [][2]string{{"udp4", "8.8.8.8:443"}, {"unix", "/tmp/socket"}, {"tcp4", "keys.example:443"}, {"tcp4", ""}} {
		if err := (Outbound{}).control(c[0], c[1], nil); !errors.Is(err, errNetwork) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if err := (Outbound{}).control("tcp4", "8.8.8.8:443", nil); err != nil {
		t.Error(err)
	}
}

func TestTheEnvironmentsProxyIsNotUsed(t *testing.T) {
	s, came := target(t, false)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, s.URL)
	}
	_, err := Outbound{Hosts: []string{"keys.invalid"}}.Client(time.Second).Get("https://keys.invalid/")
	if err == nil || came.Load() != 0 {
		t.Errorf("error %v; %d came", err, came.Load())
	}
	// One that is configured is, for hosts that are listed and no others.
	proxy, err := url.Parse(s.URL)
	must(t, err)
	rules := Outbound{Hosts: []string{"keys.invalid"}, Proxy: proxy}
	_, _ = rules.Client(time.Second).Get("https://keys.invalid/")
	if came.Load() == 0 {
		t.Error("the configured proxy is not used")
	}
	came.Store(0)
	if _, err := rules.Client(time.Second).Get("https://evil.invalid/"); err == nil || came.Load() != 0 {
		t.Errorf("a host that is not listed: %v; %d came", err, came.Load())
	}
	if _, err := NewFetcher(Outbound{Proxy: proxy}, nil); !errors.Is(err, errProxy) {
		t.Errorf("a proxy for any host: %v", err)
	}
}
