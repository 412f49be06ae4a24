package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"syscall"

	"firebreak"
	"firebreak/audit"
	"firebreak/authn"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

// serverMain is one server under measurement, in a process of its own so that
// its CPU and memory can be told from the client's: "bare" answers the same
// bytes with net/http alone, "secure" is Firebreak whole, "open" is Firebreak
// with the gate permitting all, tokens unread and no journal on disk, "unread" is
// whole but for the tokens, and "authorization" has the authorization server, whose
// parties "authorization-new" registers first.
func serverMain(args []string) error {
	fs := flag.NewFlagSet("server", flag.ContinueOnError)
	kind := fs.String("kind", "", "bare, secure, open, unread, authorization or authorization-new")
	dir := fs.String("dir", "", "directory")
	world := fs.String("world", "", "store")
	profile := fs.String("profile", "", "write a CPU profile of the server here")
	bytes := fs.String("body", "", "bare: file to answer with")
	if err := fs.Parse(args); err != nil {
		return err
	}
	debug.SetGCPercent(300) // as cmd/firebreak does; the bare server gains by it too
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := transport.LocalCA(*dir, nil, clock.System{}); err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	switch *kind {
	case "bare":
		return bare(ctx, *dir, *bytes)
	case "authorization", "authorization-new":
		return authorizationServer(ctx, *dir, *world, *kind == "authorization-new")
	}
	return whole(ctx, *kind, *dir, *world)
}

func bare(ctx context.Context, dir, file string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	files := transport.LocalCAFiles(dir)
	cert, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
		w.Header().Set("ETag", `W/"v1"`)
		_, _ = w.Write(body)
	})}
	fmt.Printf("ready https://%s/fhir\n", l.Addr())
	go func() { <-ctx.Done(); _ = srv.Close() }()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// anybody authenticates everyone as one physician, without reading the token.
type anybody struct{}

func (anybody) Authenticate(context.Context, *fhir.Request) (gate.Identity, error) {
	return identity("dr-south", "Organization/south", "user/*.cruds", "physician"), nil
}

func whole(ctx context.Context, kind, dir, world string) error {
	st, err := openWorld(ctx, world)
	if err != nil {
		return err
	}
	defer st.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	_ = l.Close()
	base := "https://" + addr + "/fhir"
	var journal firebreak.Journal = &forgetful{}
	var who firebreak.Authenticator = anybody{}
	secure := kind != "open"
	if secure {
		log, err := audit.Open(filepath.Join(dir, "audit"), audit.Options{Clock: clock.System{}.Now})
		if err != nil {
			return err
		}
		defer log.Close()
		journal = log
		issuer, err := localIssuer(dir)
		if err != nil {
			return err
		}
		v, err := authn.New(authn.Config{Issuers: []authn.Issuer{issuer.Issuer()}}, clock.System{}, nil)
		if err != nil {
			return err
		}
		who = firebreak.Bearer{Verifier: v, Tenant: "main"}
		if kind == "unread" {
			who = unread{}
		}
	}
	s, err := pipeline(st, secure, journal, who, base)
	if err != nil {
		return err
	}
	files := transport.LocalCAFiles(dir)
	t, err := transport.New(transport.Config{Listen: addr, Base: base, CertFile: files.Cert, KeyFile: files.Key}, s.Serve)
	if err != nil {
		return err
	}
	fmt.Printf("ready %s\n", base)
	return t.Serve(ctx)
}

func localIssuer(dir string) (*authn.LocalIssuer, error) {
	return authn.OpenLocalIssuer(dir, authn.LocalConfig{Name: "bench", Audience: "bench"}, clock.System{})
}

func roots(dir string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(transport.LocalCAFiles(dir).CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool, nil
}
