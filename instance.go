package firebreak

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"firebreak/audit"
	"firebreak/authn"
	"firebreak/authz"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/smart"
	"firebreak/store"
	"firebreak/transport"
)

// Instance is an open server: journal, store, policies, verifier and, when the
// configuration has an address, a bound listener. Close it.
type Instance struct {
	cfg       Config
	base      string
	log       *slog.Logger
	clock     clock.Clock
	held      io.Closer         // the lock on the directory
	transport *transport.Server // nil without a listener
	more      []*transport.Server
	journal   *audit.Log
	store     *store.Store
	policies  *authz.Policies
	folder    *policyFolder
	hold      *policyHold // of policies that are not approved; nil where one person does
	identity  *identity   // the authorization server; nil without one
	verifier  *authn.Verifier
	server    *Server
	operator  *Server // the same, for the operator's imports
	parts     Parts
}

// Open opens everything that cfg names, in the order in which it depends on
// each other, and puts on record what an earlier run left unsaid. The locks come
// before what they protect: on the directory (ErrInUse), the journal
// (audit.ErrLocked) and the embedded store (store.ErrLocked), for two
// configurations may share one and not the others. Without cfg.Listen nothing
// is bound.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (_ *Instance, err error) {
	cfg.resolve("")
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	i := &Instance{cfg: cfg, base: cfg.Base, log: log, clock: clock.System{}}
	defer func() {
		if err != nil {
			_ = i.Close()
		}
	}()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("dir: %w", err)
	}
	if i.held, err = lockDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("dir %s: %w", cfg.Dir, err)
	}
	begun, err := filepath.Glob(filepath.Join(cfg.Audit.Dir, "*.journal"))
	if err != nil {
		return nil, fmt.Errorf("audit.dir: %w", err)
	}
	if i.journal, err = audit.Open(cfg.Audit.Dir, audit.Options{Clock: i.clock.Now, SegmentSize: cfg.Audit.Segment}); err != nil {
		return nil, fmt.Errorf("audit journal %s: %w", cfg.Audit.Dir, err)
	}
	i.folder = newPolicyFolder(cfg)
	if i.policies, err = authz.NewPolicies(i.openPolicies); err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	// Binding settles the base, when the configuration leaves the port open;
	// nothing is served before Run.
	if err := i.listen(); err != nil {
		return nil, err
	}
	if i.store, err = cfg.openStore(ctx, i.base, i.clock, log); err != nil {
		return nil, err
	}
	if err := Recover(ctx, i.store, i.journal); err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	if err := i.assemble(ctx, len(begun) == 0); err != nil {
		return nil, err
	}
	return i, nil
}

// assemble makes the servers, once the base is known. When the store or the
// journal is older than the other, that is worth a warning.
func (i *Instance) assemble(ctx context.Context, newJournal bool) error {
	var err error
	if i.cfg.Smart.Enabled {
		if i.identity, err = i.openIdentity(ctx); err != nil {
			return err
		}
		if err := i.holdPolicies(ctx); err != nil {
			return fmt.Errorf("policies: %w", err)
		}
	}
	if i.verifier, err = i.newVerifier(); err != nil {
		return err
	}
	newStore := false
	key, err := i.store.Setting(ctx, "page-key", func() []byte {
		newStore = true
		b := make([]byte, 32)
		_, _ = rand.Read(b) // never fails
		return b
	})
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if newJournal && !newStore {
		i.log.Warn("the journal begins anew, and the store has been served before: unless this server is new to a shared store, its journal is lost", "journal", i.cfg.Audit.Dir)
	}
	if newStore && !newJournal {
		i.log.Warn("the store begins anew, and the journal has been written before: unless an earlier first start failed, what was stored is elsewhere or lost", "journal", i.cfg.Audit.Dir)
	}
	l := i.cfg.Limits
	i.parts = Parts{Base: i.base, Authn: Bearer{Verifier: i.verifier, Tenant: i.cfg.Tenant},
		Layers:  []gate.Authorizer{authz.NewScopes(search.NewExtractor(i.base), i.base), i.policies},
		Backend: SQL{Store: i.store}, Journal: i.journal, Clock: i.clock, PageKey: key, Log: i.log, CORS: len(i.cfg.AllowedOrigins) > 0 || i.identity != nil,
		Limits: Limits{Entries: l.Entries, Count: l.Count, Chain: l.Chain, Iterate: l.Iterate, PageLife: l.PageLife.Duration, URL: l.URL, Time: l.Time.Duration,
			Client: Rate{l.PerClient, l.PerClientBurst}, Person: Rate{l.PerPerson, l.PerPersonBurst}}}
	if issuer := i.Issuer(); issuer != "" {
		i.parts.RateOf = i.identity.rateOf(issuer)
		i.parts.StepUp = StepUp{Issuer: issuer, Classes: smart.Strengths()}
		i.parts.OAuth = OAuth{Authorize: issuer + "/authorize", Token: issuer + "/token", Introspect: issuer + "/introspect", Revoke: issuer + "/revoke", Manage: issuer + "/account"}
	}
	if i.server, err = New(i.parts); err != nil {
		return err
	}
	if i.identity != nil {
		i.identity.connect(i.verifier, i.server, i.Issuer())
	}
	i.operator, err = New(i.parts.forOperator(i.cfg.Tenant))
	return err
}

// newVerifier trusts the configured issuers, and must prove itself on forgeries
// before the server starts.
func (i *Instance) newVerifier() (*authn.Verifier, error) {
	var issuers []authn.Issuer
	for n, c := range i.cfg.Issuers {
		issuer, err := c.issuer(i.base)
		if err != nil {
			return nil, fmt.Errorf("issuers[%d].%w", n, err)
		}
		issuers = append(issuers, issuer)
	}
	if i.cfg.LocalIssuer != "" {
		local, err := LocalIssuer(i.cfg.LocalIssuer, i.base, i.cfg.LocalPurposes)
		if err != nil {
			return nil, err
		}
		issuers = append(issuers, local.Issuer())
	}
	if i.identity != nil {
		issuers = append(issuers, i.identity.issuer(i.base, i.cfg.Smart.issuer(i.base)))
	}
	v, err := authn.New(authn.Config{Issuers: issuers, Replay: i.replay()}, i.clock, i.egress())
	if err != nil {
		return nil, fmt.Errorf("issuers: %w", err)
	}
	if err := v.SelfTest(); err != nil {
		return nil, fmt.Errorf("issuers: self-test: %w", err)
	}
	return v, nil
}

// egress is the way out to issuers and providers that the configuration names.
func (i *Instance) egress() http.RoundTripper {
	return &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, Proxy: http.ProxyFromEnvironment,
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute}
}

// LocalIssuer is the issuer of a demo directory, for the service at base.
func LocalIssuer(dir, base string, purposes map[string][]string) (*authn.LocalIssuer, error) {
	return authn.OpenLocalIssuer(dir, authn.LocalConfig{Name: base + "/local-issuer", Audience: base, Purposes: purposes}, clock.System{})
}

func (i *Instance) listen() error {
	if i.cfg.Listen == "" {
		return nil
	}
	c, l := i.cfg, i.cfg.Limits
	t := transport.Config{Listen: c.Listen, Base: c.Base, Hosts: c.Hosts, CertFile: c.TLS.Cert, KeyFile: c.TLS.Key,
		RequireClientCertificate: c.TLS.RequireClientCertificate, AllowedOrigins: c.AllowedOrigins, Logger: i.log, Clock: i.clock,
		Limits: transport.Limits{Body: l.Body, Bodies: l.Bodies, GzipRatio: l.GzipRatio, Header: l.Header, URL: l.URL,
			HeaderTimeout: l.HeaderTimeout.Duration, BodyTimeout: l.BodyTimeout.Duration, BodyRate: l.BodyRate,
			WriteTimeout: l.WriteTimeout.Duration, IdleTimeout: l.IdleTimeout.Duration, Drain: l.Drain.Duration,
			Connections: l.Connections, PerPeer: l.PerPeer, Requests: l.Requests, Streams: l.Streams}}
	if c.Smart.Enabled {
		t.Hosts = append(slices.Clone(c.Hosts), c.Smart.host(c.Base))
		t.Web = transport.Web{Handle: i.serveWeb, Serves: i.isWeb}
		t.Origin = i.mayCall
	}
	if c.TLS.Min == "1.2" {
		t.MinTLS = tls.VersionTLS12
	}
	t.ClientCAFile = c.TLS.ClientCAs
	var err error
	if i.transport, err = transport.New(t, i.handle); err != nil {
		return listenFault("listen", c.Listen, err)
	}
	i.base = i.transport.Base()
	return i.listenMore(t)
}

func (i *Instance) handle(ctx context.Context, req fhir.Request) gate.Reply {
	return i.server.Serve(ctx, req)
}

// Base is the service's URL.
func (i *Instance) Base() string { return i.base }

// Issuer is the authorization server's URL; "" in a server that has none.
func (i *Instance) Issuer() string {
	if i.identity == nil {
		return ""
	}
	return i.cfg.Smart.issuer(i.base)
}

// Setting is store.Setting: a small fact of the directory, about no record.
func (i *Instance) Setting(ctx context.Context, name string, make func() []byte) ([]byte, error) {
	return i.store.Setting(ctx, name, make)
}

// Run answers requests until ctx ends and the running ones are answered. A
// value on reload, such as a SIGHUP, reads the policies again at once.
func (i *Instance) Run(ctx context.Context, reload <-chan os.Signal) error {
	if i.transport == nil {
		return errors.New("there is no address to listen on")
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	every := time.NewTicker(i.cfg.Policies.Reload.Duration)
	defer every.Stop()
	go i.watchKeys(watching)
	if i.identity != nil {
		go i.sweep(watching)
	}
	go i.policies.Watch(watching, every.C, reload, func(epoch string, err error) {
		if err != nil {
			i.log.Error("policies are not reloaded; those in force stay", "error", err)
			return
		}
		i.log.Info("policies reloaded", "epoch", epoch)
	})
	return i.serveAll(ctx)
}

// Close gives everything back, the journal last: what the store still had to
// say is on record then.
func (i *Instance) Close() error {
	var all []error
	all = append(all, i.closeAll()...)
	if i.identity != nil {
		all = append(all, i.identity.people.Close(), i.identity.closeMail())
	}
	if i.store != nil {
		// Outcomes that are on record leave the outbox with a commit; this is one.
		_, err := i.store.Setting(context.Background(), "closed", func() []byte { return []byte{1} })
		all = append(all, err, i.store.Close())
	}
	if i.journal != nil {
		all = append(all, i.journal.Close())
	}
	if i.held != nil {
		all = append(all, i.held.Close())
	}
	return errors.Join(all...)
}

func (c Config) openStore(ctx context.Context, base string, clk clock.Clock, log *slog.Logger) (*store.Store, error) {
	opt := store.Options{Base: base, Clock: clk, Log: log, Readers: c.Store.Readers}
	if c.Store.Postgres == "" {
		st, err := store.OpenSQLite(ctx, c.Store.SQLite, opt)
		if err != nil {
			return nil, fmt.Errorf("store: %w", err) // it names the file
		}
		return st, nil
	}
	where, err := c.Store.url()
	if err != nil {
		return nil, err
	}
	return store.OpenPostgres(ctx, where, opt)
}

// url is the database's, with the password from where it is kept.
func (s StoreConfig) url() (string, error) {
	secret := ""
	switch {
	case s.PostgresPasswordEnv != "":
		secret = os.Getenv(s.PostgresPasswordEnv)
	case s.PostgresPasswordFile != "":
		b, err := os.ReadFile(s.PostgresPasswordFile)
		if err != nil {
			return "", fmt.Errorf("store.postgres_password_file: %w", err)
		}
		secret = strings.TrimRight(string(b), "\r\n")
	default:
		return s.Postgres, nil
	}
	u, err := url.Parse(s.Postgres)
	if err != nil {
		return "", errors.New("store.postgres: not a URL")
	}
	u.User = url.UserPassword(u.User.Username(), secret)
	return u.String(), nil
}

func (i IssuerConfig) issuer(base string) (authn.Issuer, error) {
	c := i.Claims
	asked, err := i.Introspection.introspection()
	return authn.Issuer{Name: i.Name, Audience: i.Audience, JWKSFile: i.JWKSFile, JWKSURL: i.JWKSURL, PlainLoopback: i.PlainLoopback,
		Algorithms: i.Algorithms, Leeway: i.Leeway.Duration, MaxKeyAge: i.MaxKeyAge.Duration, FHIRBases: append([]string{base}, i.FHIRBases...),
		RequireType: i.RequireType, Introspection: asked,
		Claims: authn.ClaimNames{ClientID: c.ClientID, Scope: c.Scope, FHIRUser: c.FHIRUser, Patient: c.Patient,
			Organization: c.Organization, Roles: c.Roles, Purpose: c.Purpose, ACR: c.ACR}}, err
}
