package firebreak

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"

	"golang.org/x/sync/errgroup"

	"firebreak/transport"
)

// ListenerConfig is one more address at which the same service answers, for
// clients that come with certificates for instance.
type ListenerConfig struct {
	// Listen and Base are as the server's own. Required.
	Listen string `koanf:"listen"`
	Base   string `koanf:"base"`
	// ClientCAs, RequireClientCertificate and MinTLS are those of this address.
	ClientCAs                string `koanf:"client_cas"`
	RequireClientCertificate bool   `koanf:"require_client_certificate"`
	MinTLS                   string `koanf:"min_tls"`
}

func (c *Config) checkListeners(fault faultFunc) {
	if len(c.Listeners) > 0 && c.Listen == "" {
		fault("listeners", "needs listen, the server's own address")
	}
	for n, l := range c.Listeners {
		of := func(key, format string, args ...any) { fault(fmt.Sprintf("listeners[%d].%s", n, key), format, args...) }
		if err := checkListen(l.Listen); err != nil {
			of("listen", "%w", err)
		}
		if err := checkBase(l.Base, l.Listen); err != nil {
			of("base", "%w", err)
		}
		if !slices.Contains([]string{"", "1.3", "1.2"}, l.MinTLS) {
			of("min_tls", `must be "1.3" or "1.2"; older versions are broken (RFC 8996)`)
		}
		checkFile(of, "client_cas", l.ClientCAs, false)
		if l.RequireClientCertificate && l.ClientCAs == "" {
			of("require_client_certificate", "needs client_cas")
		}
	}
}

// listenMore binds the further addresses. They are served as the first is, each
// with limits of its own.
func (i *Instance) listenMore(first transport.Config) error {
	for n, l := range i.cfg.Listeners {
		t := first
		t.Listen, t.Base, t.ClientCAFile, t.RequireClientCertificate = l.Listen, l.Base, l.ClientCAs, l.RequireClientCertificate
		switch l.MinTLS {
		case "1.2":
			t.MinTLS = tls.VersionTLS12
		case "1.3":
			t.MinTLS = tls.VersionTLS13
		}
		s, err := transport.New(t, i.handle)
		if err != nil {
			return listenFault(fmt.Sprintf("listeners[%d].listen", n), l.Listen, err)
		}
		i.more = append(i.more, s)
	}
	return nil
}

// Bases are the URLs of the service at its further addresses, in the
// configuration's order.
func (i *Instance) Bases() []string {
	var out []string
	for _, s := range i.more {
		out = append(out, s.Base())
	}
	return out
}

// listenFault says in an operator's terms why an address cannot be listened on.
func listenFault(key, listen string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: %s is taken by another program: end it, or choose another address; port 0 picks a free one", key, listen)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s: this user may not listen on %s: ports below 1024 need a right of their own", key, listen)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: %s is no address of this machine: choose one that is, or 0.0.0.0 for all that it has", key, listen)
	}
	return err
}

// serveAll answers at all addresses until ctx ends. When one cannot go on, all end.
func (i *Instance) serveAll(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, s := range append([]*transport.Server{i.transport}, i.more...) {
		all.Go(func() error { return s.Serve(ctx) })
	}
	return all.Wait()
}

// closeAll gives the addresses back; Run may have done so before.
func (i *Instance) closeAll() (all []error) {
	for _, s := range append(i.more, i.transport) {
		if s == nil {
			continue
		}
		if err := s.Close(); !errors.Is(err, net.ErrClosed) {
			all = append(all, err)
		}
	}
	return all
}
