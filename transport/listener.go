package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"firebreak/clock"
)

// listener accepts connections within the limits and completes their
// handshakes before net/http sees them, so that it can put a guard before its
// HTTP/1 parser. A connection beyond a limit is closed at once: letting it wait
// would let those who hold connections decide who waits.
type listener struct {
	net.Listener
	s     *Server
	tls   *tls.Config
	ready chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu      sync.Mutex
	open    int
	peers   map[netip.Addr]int
	waiting map[*counted]struct{} // in their handshake
}

func newListener(l net.Listener, s *Server, t *tls.Config) *listener {
	return &listener{
		Listener: l, s: s, tls: t,
		ready: make(chan net.Conn), done: make(chan struct{}),
		peers: map[netip.Addr]int{}, waiting: map[*counted]struct{}{},
	}
}

// Accept returns connections whose handshake is complete.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close stops accepting and drops the handshakes that are under way.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	err := l.Listener.Close()
	l.mu.Lock()
	drop := make([]*counted, 0, len(l.waiting))
	for c := range l.waiting {
		drop = append(drop, c)
	}
	l.mu.Unlock()
	for _, c := range drop {
		c.Close()
	}
	return err
}

// run accepts until the listener is closed.
func (l *listener) run() {
	pause := 5 * time.Millisecond
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			l.s.log(slog.LevelError, "accept failed") // out of descriptors, mostly
			select {
			case <-time.After(pause):
			case <-l.done:
				return
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = 5 * time.Millisecond
		c, ok := l.admit(raw)
		if !ok {
			raw.Close()
			l.s.log(slog.LevelDebug, "connection over the limit")
			continue
		}
		go l.handshake(c)
	}
}

// counted is a connection that counts towards the limits until it is closed.
type counted struct {
	net.Conn
	l    *listener
	peer netip.Addr
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.l.release(c) })
	return c.Conn.Close()
}

func (l *listener) admit(raw net.Conn) (*counted, bool) {
	var peer netip.Addr
	if a, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		peer = a.AddrPort().Addr().Unmap()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.s.cfg.Limits.Connections || l.peers[peer] >= l.s.cfg.Limits.PerPeer {
		return nil, false
	}
	l.open++
	l.peers[peer]++
	c := &counted{Conn: raw, l: l, peer: peer}
	l.waiting[c] = struct{}{}
	return c, true
}

func (l *listener) release(c *counted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.peers[c.peer]--; l.peers[c.peer] <= 0 {
		delete(l.peers, c.peer)
	}
	delete(l.waiting, c)
}

func (l *listener) handshake(c *counted) {
	// A deadline is the kernel's, by the machine's clock.
	deadline := clock.System{}.Now().Add(l.s.cfg.Limits.HeaderTimeout)
	t := tls.Server(c, l.tls)
	err := c.SetDeadline(deadline)
	if err == nil {
		err = t.Handshake()
	}
	if err == nil {
		err = c.SetDeadline(time.Time{})
	}
	if err != nil {
		c.Close()
		l.s.log(slog.LevelDebug, "handshake failed") // its error may repeat what the client said
		return
	}
	l.mu.Lock()
	delete(l.waiting, c)
	l.mu.Unlock()
	// net/http runs HTTP/2 only over a *tls.Conn; its framing needs no guard.
	var conn net.Conn = t
	if t.ConnectionState().NegotiatedProtocol != "h2" {
		conn = newGuard(t, l.s)
	}
	select {
	case l.ready <- conn:
	case <-l.done:
		c.Close()
	}
}

func (s *Server) log(level slog.Level, what string, attrs ...slog.Attr) {
	s.cfg.Logger.LogAttrs(context.Background(), level, what, attrs...)
}
