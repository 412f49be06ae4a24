package transport

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"firebreak/clock"
)

// tls is the TLS configuration by RFC 9325: 1.3, or 1.2 with forward secrecy
// and authenticated encryption only. Sessions resume by tickets.
func (c Config) tls() (*tls.Config, error) {
	if c.MinTLS != tls.VersionTLS12 && c.MinTLS != tls.VersionTLS13 {
		return nil, errors.New("MinTLS: must be TLS 1.2 or 1.3")
	}
	t := &tls.Config{
		MinVersion:     c.MinTLS,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: c.GetCertificate,
		// RFC 9325 section 4.2; for TLS 1.2, 1.3 has no others.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		// Timestamps of tickets and validity of client certificates.
		Time: c.Clock.Now,
	}
	if c.GetCertificate == nil {
		f := &certFiles{cert: c.CertFile, key: c.KeyFile, clock: c.Clock, log: c.Logger}
		if err := f.load(); err != nil {
			return nil, err
		}
		t.GetCertificate = f.get
	}
	if c.ClientCAs != nil && c.ClientCAFile != "" {
		return nil, errors.New("ClientCAs and ClientCAFile exclude each other")
	}
	if c.ClientCAFile != "" {
		a := &authorities{path: c.ClientCAFile, clock: c.Clock, log: c.Logger}
		if err := a.install(t); err != nil {
			return nil, err
		}
	} else {
		t.ClientCAs = c.ClientCAs
	}
	switch {
	case t.ClientCAs != nil:
		t.ClientAuth = tls.VerifyClientCertIfGiven
		if c.RequireClientCertificate {
			t.ClientAuth = tls.RequireAndVerifyClientCert
		}
	case c.RequireClientCertificate:
		return nil, errors.New("RequireClientCertificate needs ClientCAs or ClientCAFile")
	}
	return t, nil
}

// certFiles is a certificate that is read again when its files change. A pair
// that does not load, while it is being replaced for instance, leaves the last
// one in use; and so does one that is not valid now, as long as the last one is.
type certFiles struct {
	cert, key string
	clock     clock.Clock
	log       *slog.Logger

	mu      sync.Mutex
	checked time.Time
	seen    [2]time.Time // modification times
	now     *tls.Certificate
}

// recheck is how long a look at the files is good for.
const recheck = time.Second

func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.clock.Now(); now.Sub(f.checked).Abs() >= recheck { // Abs: clocks step back
		f.checked = now
		if seen, err := f.times(); err != nil || seen != f.seen {
			if err := f.read(); err != nil {
				f.log.Warn("certificate not reloaded, the last one stays", slog.Any("error", err))
			}
		}
	}
	return f.now, nil
}

func (f *certFiles) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checked = f.clock.Now()
	return f.read()
}

func (f *certFiles) times() (t [2]time.Time, err error) {
	for i, name := range []string{f.cert, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return t, err
		}
		t[i] = info.ModTime()
	}
	return t, nil
}

func (f *certFiles) read() error {
	seen, err := f.times() // before reading: a change in between is seen next time
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	c, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	// RSA signing alone costs more than all the rest of a handshake.
	switch c.Leaf.PublicKey.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return errors.New("certificate: the key must be ECDSA or Ed25519")
	}
	// What nobody accepts now must not take the place of what everybody does.
	if now := f.clock.Now(); f.now != nil && inTime(f.now.Leaf, now) && !inTime(c.Leaf, now) {
		return errors.New("certificate: the new one has expired, or is not valid yet")
	}
	f.now, f.seen = &c, seen
	return nil
}

func inTime(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}
