package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Outbound says where requests may go to addresses that clients have given: their
// key sets, their logout addresses. The zero Outbound is any public address, by
// https.
type Outbound struct {
	// Hosts, when there are any, are the only ones: "keys.example.org", or
	// ".example.org" for all below it.
	Hosts []string
	// Private are networks that may be reached though they are not public.
	Private []netip.Prefix
	// PlainLoopback lets an address be http when its host is a loopback address.
	// For tests and for a client on the same machine.
	PlainLoopback bool
	// Proxy is asked for everything when it is set. It finds the hosts' addresses
	// itself, out of reach of the rule about networks: so Hosts must be set.
	Proxy *url.URL
	Roots *x509.CertPool // nil means the machine's
}

var (
	errHostName = errors.New("is at a host that is not among those allowed")
	errNetwork  = errors.New("is in a network that may not be reached")
	errProxy    = errors.New("with a proxy the allowed hosts must be listed")
)

// Check is what is wrong with the rules themselves.
func (o Outbound) Check() error {
	if o.Proxy != nil && len(o.Hosts) == 0 {
		return errProxy
	}
	return nil
}

// Allows is why an address may not be asked, fit to follow its name; nil when it
// may. Where the host's name leads is looked at when a connection is made.
func (o Outbound) Allows(raw string) error {
	u, err := parseURI(raw)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	name := strings.TrimSuffix(u.Hostname(), ".")
	here := name == "localhost" || strings.HasSuffix(name, ".localhost") // RFC 6761 §6.3
	switch {
	case u.Opaque != "" || u.Hostname() == "":
		return errURIForm
	case u.Scheme == "http" && !(o.PlainLoopback && literal && ip.IsLoopback()):
		return errors.New("must be https")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("must be https")
	case !o.hostAllowed(u.Hostname()):
		return errHostName
	case literal && o.Proxy == nil && !o.reachable(ip):
		return errNetwork
	case here && o.Proxy == nil && !o.reachable(netip.IPv6Loopback()) && !o.reachable(netip.AddrFrom4([4]byte{127, 0, 0, 1})):
		return errNetwork
	}
	return nil
}

func (o Outbound) hostAllowed(host string) bool {
	return len(o.Hosts) == 0 || slices.ContainsFunc(o.Hosts, func(h string) bool {
		return h == host || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h)
	})
}

// reachable: only addresses that are globally reachable by the registries of
// special-purpose addresses (RFC 6890), unless a network is named. Of IPv6 that
// is 2000::/3 without those parts that stand for something else: documentation,
// and the tunnels and translations that lead back to any IPv4 address.
func (o Outbound) reachable(ip netip.Addr) bool {
	ip = ip.Unmap() // of addresses with a zone, no network contains any
	if slices.ContainsFunc(o.Private, func(p netip.Prefix) bool { return p.Contains(ip) }) || o.PlainLoopback && ip.IsLoopback() {
		return true
	}
	if ip.Is4() {
		return !within(ip, "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
			"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3")
	}
	return within(ip, "2000::/3") && !within(ip, "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
}

func within(ip netip.Addr, networks ...string) bool {
	return slices.ContainsFunc(networks, func(n string) bool { return netip.MustParsePrefix(n).Contains(ip) })
}

// control looks at the address that a connection is about to be made to. A name
// that leads to one address when it is checked and to another when it is used
// gains nothing: there is only this one use.
func (o Outbound) control(network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" || !o.reachable(to.Addr()) {
		return errNetwork
	}
	return nil
}

const (
	dialTimeout    = 3 * time.Second
	maxHeaderBytes = 16 << 10
)

// Client is an HTTP client that keeps to the rules. It follows no redirects and
// uses no proxy of the environment: either would choose the address anew. Its
// timeout is that of the whole exchange.
func (o Outbound) Client(timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	t := &http.Transport{
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		TLSHandshakeTimeout:    timeout,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           16,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true, // what is limited is what is read
		ForceAttemptHTTP2:      true,
	}
	if o.Proxy != nil {
		t.Proxy = http.ProxyURL(o.Proxy)
	} else {
		dialer.Control = o.control
	}
	t.DialContext = dialer.DialContext
	return &http.Client{Transport: guarded{o, t}, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// guarded asks Allows for every request, whoever made it.
type guarded struct {
	rules Outbound
	next  http.RoundTripper
}

// RoundTrip is http.RoundTripper's.
func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.rules.Allows(r.URL.String()); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	return g.next.RoundTrip(r)
}
