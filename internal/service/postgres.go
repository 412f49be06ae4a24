// Package service gives tests the real services they need: a PostgreSQL server
// that belongs to the test process, and a new empty database in it per call;
// two OpenID providers, Keycloak and oidc-provider; Chromium; Node.js with the
// npm packages that we talk to.
//
// It is for tests only and installs nothing: install.sh does, before them. When
// a service is not there the test is skipped, by the service's name, or fails
// when FIREBREAK_SERVICES=required. Its surprise: it holds package state, the
// servers of the process, of which Main starts none and stops all at the end.
package service

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The servers of this process, each started by the first test that asks for it.
var (
	mu      sync.Mutex
	running = map[care]*server{}
	under   bool // Main runs, so somebody will stop the servers
	number  int
)

// care is what a server does for its data's sake.
type care int

const (
	// quick forgets everything when the machine stops: files in memory where
	// there is room, no fsync.
	quick care = iota
	// durable waits for the disk, as in production.
	durable
)

// Main runs a package's tests and then stops what they started. A package that
// asks for a service calls it from TestMain:
//
//	func TestMain(m *testing.M) { service.Main(m) }
func Main(m *testing.M) {
	mu.Lock()
	under = true
	mu.Unlock()
	code := m.Run()
	mu.Lock()
	defer mu.Unlock()
	for _, s := range running {
		s.stop()
	}
	clear(running)
	for _, s := range held {
		s.stop()
	}
	clear(held)
	os.Exit(code)
}

// Postgres is the URL of a new, empty database whose commits do not wait for a
// disk, which is faster; the database is dropped when t ends.
func Postgres(t testing.TB) string {
	t.Helper()
	return database(t, quick)
}

// DurablePostgres is Postgres with commits that wait for the disk, as in production.
func DurablePostgres(t testing.TB) string {
	t.Helper()
	return database(t, durable)
}

func database(t testing.TB, c care) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if !under {
		t.Fatal("service: TestMain does not call service.Main")
	}
	s := running[c]
	if s == nil {
		var err error
		s, err = start(c)
		if errors.Is(err, errAbsent) && os.Getenv("FIREBREAK_SERVICES") != "required" {
			t.Skip("PostgreSQL is not installed; make services installs it")
		}
		if err != nil {
			t.Fatalf("PostgreSQL: %v", err)
		}
		running[c] = s
	}
	number++
	name := "test_" + strconv.Itoa(number)
	// ICU's collation, so that a test notices where byte order was relied on
	// and not asked for.
	if err := s.exec("CREATE DATABASE " + name + " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"); err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("PostgreSQL: %v", err)
		}
	})
	return s.url(name)
}

var errAbsent = errors.New("not installed")

// server is a PostgreSQL server on a socket in a directory of its own.
type server struct {
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// binaries is the directory of the newest PostgreSQL that is installed.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	best, version := "", 0
	for _, f := range found {
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(f)))); err == nil && v > version {
			best, version = filepath.Dir(f), v
		}
	}
	if best != "" {
		return best, nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errAbsent
	}
	return filepath.Dir(path), nil
}

// credential is whom the server runs as: PostgreSQL refuses to run as root.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("there is no user to run it as")
}

func start(c care) (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	cred, err := credential()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent(c), prefix)
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, done: make(chan struct{})}
	if err := s.launch(c, bin, cred); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// settings of a server: of all, and of a quick one besides.
var (
	settings = []string{"listen_addresses=", "max_connections=200", "shared_buffers=128MB", "max_wal_size=1GB", "autovacuum_naptime=5s"}
	careless = []string{"fsync=off", "full_page_writes=off", "synchronous_commit=off", "wal_level=minimal", "max_wal_senders=0", "max_wal_size=256MB", "min_wal_size=64MB"}
)

func (s *server) launch(c care, bin string, cred *syscall.Credential) error {
	if cred != nil {
		if err := os.Chown(s.dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--no-sync", "-A", "trust", "-U", "firebreak", "-E", "UTF8", "--locale=C", "-D", filepath.Join(s.dir, "data"))
	initdb.Dir, initdb.SysProcAttr = s.dir, attributes(cred, syscall.SIGQUIT)
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", filepath.Join(s.dir, "data"), "-k", s.dir)
	for _, setting := range settings {
		s.cmd.Args = append(s.cmd.Args, "-c", setting)
	}
	if c == quick {
		for _, setting := range careless {
			s.cmd.Args = append(s.cmd.Args, "-c", setting)
		}
	}
	s.cmd.Dir, s.cmd.SysProcAttr, s.cmd.Stdout, s.cmd.Stderr = s.dir, attributes(cred, syscall.SIGQUIT), log, log
	if err := startBound(s.cmd, s.done); err != nil {
		s.cmd = nil
		return err
	}
	return s.await()
}

// await returns when the server answers.
func (s *server) await() error {
	for range 600 {
		err := s.exec("SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the server ended: %s", text)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New("the server does not answer")
}

func (s *server) url(database string) string {
	return "postgres:///" + database + "?" + url.Values{"host": {s.dir}, "user": {"firebreak"}}.Encode()
}

func (s *server) exec(statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, q := range statements {
		if _, err := conn.Exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the server and removes its files. Immediate shutdown: nothing of it
// will be read again.
func (s *server) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-s.done:
		case <-time.After(10 * time.Second):
			_ = s.cmd.Process.Kill()
			<-s.done
		}
	}
	_ = os.RemoveAll(s.dir)
}
