// Package service gives tests the real services they need: a PostgreSQL server
// that belongs to the test process, and a new empty database in it per call.
//
// It is for tests only and installs nothing: install.sh does, before them. When
// a service is not there the test is skipped, by the service's name, or fails
// when FIREBREAK_SERVICES=required. Its surprise: it holds package state, the one
// server of the process, which Main starts nothing of and stops at the end.
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

// The server of this process, started by the first test that asks for it.
var (
	mu      sync.Mutex
	running *server
	under   bool // Main runs, so somebody will stop the server
	number  int
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
	if running != nil {
		running.stop()
		running = nil
	}
	os.Exit(code)
}

// Postgres is the URL of a new, empty database. It acknowledges commits before
// they are on disk, which is faster; the database is dropped when t ends.
func Postgres(t testing.TB) string {
	t.Helper()
	return database(t, "off")
}

// DurablePostgres is Postgres with commits that wait for the disk, as in production.
func DurablePostgres(t testing.TB) string {
	t.Helper()
	return database(t, "on")
}

func database(t testing.TB, synchronous string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if !under {
		t.Fatal("service: TestMain does not call service.Main")
	}
	if running == nil {
		s, err := start()
		if errors.Is(err, errAbsent) && os.Getenv("FIREBREAK_SERVICES") != "required" {
			t.Skip("PostgreSQL is not installed; make services installs it")
		}
		if err != nil {
			t.Fatalf("PostgreSQL: %v", err)
		}
		running = s
	}
	number++
	name := "test_" + strconv.Itoa(number)
	// ICU's collation, so that a test notices where byte order was relied on
	// and not asked for.
	if err := running.exec("CREATE DATABASE "+name+" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'",
		"ALTER DATABASE "+name+" SET synchronous_commit="+synchronous); err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	s := running
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

func start() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	cred, err := credential()
	if err != nil {
		return nil, err
	}
	parent := os.TempDir()
	if len(parent) > 60 {
		parent = "/tmp" // a socket's path has some hundred bytes at most
	}
	dir, err := os.MkdirTemp(parent, "firebreak-pg-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, done: make(chan struct{})}
	if err := s.launch(bin, cred); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) launch(bin string, cred *syscall.Credential) error {
	if cred != nil {
		if err := os.Chown(s.dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--no-sync", "-A", "trust", "-U", "firebreak", "-E", "UTF8", "--locale=C", "-D", filepath.Join(s.dir, "data"))
	initdb.Dir, initdb.SysProcAttr = s.dir, attributes(cred)
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", filepath.Join(s.dir, "data"), "-k", s.dir,
		"-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "max_wal_size=1GB",
		"-c", "autovacuum_naptime=5s")
	s.cmd.Dir, s.cmd.SysProcAttr, s.cmd.Stdout, s.cmd.Stderr = s.dir, attributes(cred), log, log
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
