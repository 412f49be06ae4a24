package transport

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"firebreak/clock"
)

// authorities are the clients', from a PEM file that is read again when it
// changes. A file that does not load leaves the last ones in force.
type authorities struct {
	path  string
	clock clock.Clock
	log   *slog.Logger

	mu      sync.Mutex
	checked time.Time
	seen    time.Time // modification time
	pool    *x509.CertPool
	config  *tls.Config // a server's, with the pool
}

// install makes the server's handshakes use the authorities as they are. That a
// session is not resumed when its authority is gone is crypto/tls' part.
func (a *authorities) install(t *tls.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.checked = a.clock.Now()
	if err := a.read(); err != nil {
		return err
	}
	t.ClientCAs = a.pool
	t.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return a.current(t), nil }
	return nil
}

// current is the server's configuration with the authorities in force: always
// the same while they are, so that tickets go on to be good.
func (a *authorities) current(base *tls.Config) *tls.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.clock.Now(); now.Sub(a.checked).Abs() >= recheck { // Abs: clocks step back
		a.checked = now
		if info, err := os.Stat(a.path); err != nil || info.ModTime() != a.seen {
			if err := a.read(); err != nil {
				a.log.Warn("client authorities not reloaded, the last ones stay", slog.Any("error", err))
			}
		}
	}
	if a.config == nil {
		a.config = base.Clone() // which shares its ticket keys
		a.config.GetConfigForClient = nil
		a.config.ClientCAs = a.pool
	}
	return a.config
}

func (a *authorities) read() error {
	info, err := os.Stat(a.path) // before reading: a change in between is seen next time
	if err != nil {
		return fmt.Errorf("client authorities: %w", err)
	}
	text, err := os.ReadFile(a.path)
	if err != nil {
		return fmt.Errorf("client authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return errors.New("client authorities: the file holds no certificate")
	}
	a.pool, a.seen, a.config = pool, info.ModTime(), nil
	return nil
}

// shown is what is told of a client's certificate.
type shown struct {
	fingerprint, subject string
	names                []string
}

// certificate is the client's: the handshake has verified it, or there is none.
func certificate(state *tls.ConnectionState) shown {
	if state == nil || len(state.PeerCertificates) == 0 {
		return shown{}
	}
	c := state.PeerCertificates[0]
	sum := sha256.Sum256(c.Raw)
	return shown{hex.EncodeToString(sum[:]), distinguished(c.RawSubject), alternative(c)}
}

func (x *exchange) shows(c shown) {
	x.req.ClientCertificate, x.req.ClientSubject, x.req.ClientNames = c.fingerprint, c.subject, c.names
}

// alternative are the subject's alternative names, by kind as RFC 8705 section
// 2.1.2 tells them apart, in the certificate's order within each.
func alternative(c *x509.Certificate) []string {
	var out []string
	for _, name := range c.DNSNames {
		out = append(out, "dns:"+name)
	}
	for _, uri := range c.URIs {
		out = append(out, "uri:"+uri.String())
	}
	for _, ip := range c.IPAddresses {
		out = append(out, "ip:"+ip.String())
	}
	for _, address := range c.EmailAddresses {
		out = append(out, "email:"+address)
	}
	return slices.Clip(out)
}
