package service

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// held are the process's servers but for PostgreSQL's, by what they are called
// in a skipped test.
var held = map[string]stopper{}

type stopper interface{ stop() }

// the is the process's one server of a kind, started by the first test that
// asks for it. A server that is not installed skips the test, or fails it when
// services are required.
func the[T stopper](t testing.TB, name string, start func() (T, error)) T {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if !under {
		t.Fatal("service: TestMain does not call service.Main")
	}
	if s, ok := held[name].(T); ok {
		return s
	}
	s, err := start()
	missing(t, name, err)
	held[name] = s
	return s
}

// missing ends a test whose service could not be had.
func missing(t testing.TB, name string, err error) {
	t.Helper()
	if errors.Is(err, errAbsent) && os.Getenv("FIREBREAK_SERVICES") != "required" {
		t.Skipf("%s is not installed; make services installs it", name)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// cache is the directory that install.sh puts things in.
func cache() (string, error) {
	if dir := os.Getenv("FIREBREAK_CACHE"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "firebreak"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".cache", "firebreak"), err
}

// program is a server that ends with the test process, in a directory of its
// own that goes with it.
type program struct {
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// run starts a program in a new directory, with its words in the file log.
func run(dir string, cmd *exec.Cmd) (*program, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &program{dir: dir, cmd: cmd, done: make(chan struct{})}
	cmd.SysProcAttr, cmd.Stderr = attributes(nil, syscall.SIGKILL), log
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	if err := startBound(cmd, p.done); err != nil {
		return nil, err
	}
	return p, nil
}

// await returns when a URL of the program answers 200.
func (p *program) await(url string, patience time.Duration) error {
	client := &http.Client{Timeout: 5 * time.Second}
	for end := time.After(patience); ; {
		if r, err := client.Get(url); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("the server ended: %s", p.words())
		case <-end:
			return fmt.Errorf("the server does not answer: %s", p.words())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// words are the last that the program said.
func (p *program) words() string {
	text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// stop kills the program and removes its files: nothing of it will be read again.
func (p *program) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
	_ = os.RemoveAll(p.dir)
}

// port is one that nobody listens on. Another process could take it before it is
// used; the program then ends and says so.
func port() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, p, err := net.SplitHostPort(l.Addr().String())
	return p, err
}
