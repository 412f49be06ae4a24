package transport

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server is one TLS listener with the FHIR service behind it.
type Server struct {
	cfg     Config
	handle  Handler
	base    string
	prefix  string
	hosts   map[string]bool
	origins map[string][]string
	always  []fixed

	http     *http.Server
	listener *listener

	crowd  crowd
	bodies atomic.Int64  // bytes of bodies being held
	gunzip sync.Pool     // of *gzip.Reader
	large  chan struct{} // holds one for each large body that is worked on
}

// New checks the configuration, loads the certificate and binds the address. It
// serves nothing before Serve. Its errors are the operator's.
func New(cfg Config, h Handler) (*Server, error) {
	if h == nil {
		return nil, errors.New("transport: no handler")
	}
	cfg = cfg.withDefaults()
	if err := cfg.Limits.check(); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	s := &Server{cfg: cfg, handle: h, always: alwaysSent(), large: make(chan struct{}, largeAtOnce)}
	s.gunzip.New = func() any { return new(gzip.Reader) }
	var err error
	if s.origins, err = cfg.origins(); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	t, err := cfg.tls()
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	if _, _, _, err = cfg.base("0"); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	s.names(l.Addr())
	s.http = s.server()
	// net/http is shown that HTTP/2 is wanted; the handshakes are the listener's.
	s.http.TLSConfig = t.Clone()
	s.listener = newListener(l, s, t)
	return s, nil
}

// names settles the base and the hosts, now that the port is known.
func (s *Server) names(a net.Addr) {
	bound, port, _ := net.SplitHostPort(a.String()) // a TCP address always splits
	var host string
	s.base, host, s.prefix, _ = s.cfg.base(port) // New has checked it
	s.hosts = map[string]bool{host: true}
	if ip := net.ParseIP(bound); ip != nil && !ip.IsUnspecified() {
		s.hosts[normalHost(a.String())] = true
	}
	for _, h := range s.cfg.Hosts {
		if name, any := strings.CutSuffix(h, ":0"); any {
			h = name + ":" + port
		}
		s.hosts[normalHost(h)] = true
	}
}

func (s *Server) server() *http.Server {
	l := s.cfg.Limits
	return &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            l.HeaderTimeout,
		ReadTimeout:                  l.BodyTimeout,
		WriteTimeout:                 l.WriteTimeout,
		IdleTimeout:                  l.IdleTimeout,
		// Ours are checked before (guard) or after (HTTP/2, which knows only the
		// one limit and would answer in HTML); this one is the backstop.
		MaxHeaderBytes: 4 * maxHeader,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: l.Streams,
			WriteByteTimeout:     l.WriteTimeout,
			SendPingTimeout:      l.IdleTimeout,
		},
		// net/http's messages may repeat what a client sent.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// Addr is the bound address.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Base is the service's URL, with the port when the configuration had 0.
func (s *Server) Base() string { return s.base }

// Serve answers requests until the context ends, then lets the running ones
// finish for at most Limits.Drain. It returns nil after a shutdown in which all
// did, and may be called once.
func (s *Server) Serve(ctx context.Context) error {
	served := make(chan error, 1)
	go s.listener.run()
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		s.listener.Close()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.log(slog.LevelInfo, "shutting down")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Limits.Drain)
	defer cancel()
	err := s.http.Shutdown(drain)
	s.listener.Close()
	if err != nil {
		s.http.Close()
		<-served
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("drain: after %v requests were still running, which were cut off; clients may send them again, and limits.drain gives more time: %w", s.cfg.Limits.Drain, err)
		}
		return fmt.Errorf("drain: %w", err)
	}
	<-served
	return nil
}

// Close drops the listener and every connection without waiting.
func (s *Server) Close() error {
	err := s.http.Close()
	return errors.Join(err, s.listener.Close())
}

// bucket is a duration as the log has it: coarse, so that the log is no timing
// side channel into what was found.
func bucket(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1ms"
	case d < 5*time.Millisecond:
		return "<5ms"
	case d < 25*time.Millisecond:
		return "<25ms"
	case d < 100*time.Millisecond:
		return "<100ms"
	case d < time.Second:
		return "<1s"
	case d < 10*time.Second:
		return "<10s"
	}
	return ">=10s"
}
