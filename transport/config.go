package transport

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/gate"
)

// Handler answers one request. That it returns a gate.Reply, and is given no
// way to write, is the security policy: an answer is judged and on record, or
// it is none. The context ends when the client goes away or the drain time of a
// shutdown is over. A Handler that panics is answered for with a 500.
type Handler func(ctx context.Context, req fhir.Request) gate.Reply

// Config is what a Server is made of. Base and a certificate are required.
type Config struct {
	Listen string // TCP address, as net.Listen's; ":0" picks a port
	// Base is the public URL of the FHIR service, https and without trailing
	// slash. Its path is the prefix of every request; its host and port, and
	// those of Listen unless it is a wildcard, are the hosts that are answered.
	// Port 0 stands for the port that Listen picked.
	Base  string
	Hosts []string // further values of the Host header, "host" or "host:port"; port 0 as in Base

	// CertFile and KeyFile are PEM files, read again when they change.
	// GetCertificate, when set, is used instead.
	CertFile, KeyFile string
	GetCertificate    func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// MinTLS is tls.VersionTLS13 (the zero value too) or tls.VersionTLS12, the
	// latter with the suites of RFC 9325 section 4.2 only.
	MinTLS uint16
	// ClientCAs, when set, asks clients for a certificate (RFC 8705) and refuses
	// one that does not verify; RequireClientCertificate refuses to go without.
	// ClientCAFile does the same with a PEM file, read again when it changes.
	ClientCAs                *x509.CertPool
	ClientCAFile             string
	RequireClientCertificate bool

	Web Web // what is served beside FHIR

	Limits Limits
	// AllowedOrigins may call the API from a browser (CORS), matched exactly:
	// "https://app.example.org". No wildcard.
	AllowedOrigins []string
	// Origin, when set, says of any other origin whether it may: registered
	// applications come and go. It is asked at each of their requests.
	Origin func(origin string) bool

	NewVisit func() string // our id of a request; nil: 130 random bits
	Logger   *slog.Logger  // nil: nothing is logged
	Clock    clock.Clock   // for durations in the log and for certificates; nil: the machine's
}

// Limits bound what a client can make the server hold. A zero field has the
// default, in brackets.
type Limits struct {
	Body      int64 // bytes of a request's body, decompressed too [10 MiB]
	Bodies    int64 // bytes of all bodies being held [512 MiB]; beyond: 503
	GzipRatio int64 // decompressed to compressed, at most 100 [100]
	Header    int   // bytes of header fields [16 KiB]
	URL       int   // bytes of the request target [8 KiB]

	HeaderTimeout time.Duration // for the handshake, and for a request's header [5 s]
	BodyTimeout   time.Duration // for header and body [60 s]
	BodyRate      int64         // bytes a second a body must keep up, after HeaderTimeout's grace [4 KiB]
	WriteTimeout  time.Duration // from the header read to the answer written [90 s]
	IdleTimeout   time.Duration // between requests [60 s]
	Drain         time.Duration // for running requests at shutdown [10 s]

	Connections int // open connections [1024]; more are closed at once
	PerPeer     int // of them from one address [no limit but Connections]
	Requests    int // running at once [512]; more are answered 503 with Retry-After
	Streams     int // of one HTTP/2 connection [100]
}

func or[T int | int64 | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

func (l Limits) withDefaults() Limits {
	l.Body = or(l.Body, 10<<20)
	l.Bodies = or(l.Bodies, 512<<20)
	l.GzipRatio = or(l.GzipRatio, 100)
	l.Header = or(l.Header, 16<<10)
	l.URL = or(l.URL, 8<<10)
	l.HeaderTimeout = or(l.HeaderTimeout, 5*time.Second)
	l.BodyTimeout = or(l.BodyTimeout, 60*time.Second)
	l.BodyRate = or(l.BodyRate, 4<<10)
	l.WriteTimeout = or(l.WriteTimeout, 90*time.Second)
	l.IdleTimeout = or(l.IdleTimeout, 60*time.Second)
	l.Drain = or(l.Drain, 10*time.Second)
	l.Connections = or(l.Connections, 1024)
	l.PerPeer = or(l.PerPeer, l.Connections)
	l.Requests = or(l.Requests, 512)
	l.Streams = or(l.Streams, 100)
	return l
}

func (l Limits) check() error {
	switch {
	case l.Body < 0 || l.Bodies < l.Body || l.BodyRate < 0:
		return errors.New("limits: the bodies' limits must not be negative, and Bodies not below Body")
	case l.GzipRatio < 1 || l.GzipRatio > 100:
		return errors.New("limits: GzipRatio must be 1 to 100")
	case l.Header < 256 || l.Header > maxHeader || l.URL < 64 || l.URL > maxHeader:
		return errors.New("limits: Header must be 256 bytes to 32 KiB, URL 64 bytes to 32 KiB")
	case l.Connections < 1 || l.PerPeer < 1 || l.Requests < 1 || l.Streams < 1:
		return errors.New("limits: Connections, PerPeer, Requests and Streams must be positive")
	case min(l.HeaderTimeout, l.BodyTimeout, l.WriteTimeout, l.IdleTimeout, l.Drain) < 0:
		return errors.New("limits: a time must not be negative")
	}
	return nil
}

// maxHeader bounds the two head limits, so that net/http's own limit, which it
// answers in HTML over HTTP/2, always lies above ours.
const maxHeader = 32 << 10

func (c Config) withDefaults() Config {
	c.Limits = c.Limits.withDefaults()
	if c.MinTLS == 0 {
		c.MinTLS = tls.VersionTLS13
	}
	if c.NewVisit == nil {
		c.NewVisit = rand.Text
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return c
}

// base is the Base in parts: host as a Host header has it, and the path prefix.
func (c Config) base(port string) (base, host, prefix string, err error) {
	u, err := url.Parse(c.Base)
	if err != nil {
		return "", "", "", errors.New("base: not a URL")
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", "", errors.New("base: must be https://host[:port]/path, without more")
	}
	if u.Port() == "0" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	prefix = u.EscapedPath()
	if prefix != "" {
		clean, ok := canonical(prefix)
		if !ok || clean != prefix {
			return "", "", "", errors.New("base: the path must be plain and without trailing slash")
		}
	}
	host = normalHost(u.Host)
	return "https://" + u.Host + prefix, host, prefix, nil
}

// normalHost is lower case and without https' own port, so that the ways to
// write one host are one.
func normalHost(h string) string {
	return strings.TrimSuffix(strings.ToLower(h), ":443")
}

func (c Config) origins() (map[string][]string, error) {
	m := make(map[string][]string, len(c.AllowedOrigins))
	for _, o := range c.AllowedOrigins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Scheme+"://"+u.Host != o {
			return nil, fmt.Errorf("allowed origin %q: must be scheme://host[:port] as browsers send it", o)
		}
		m[o] = []string{o}
	}
	return m, nil
}
