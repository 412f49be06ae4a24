package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"firebreak": main})
}

// TestScripts runs the how-tos in testdata.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": scriptCode, "server": scriptServer, "end": scriptEnd, "crash": scriptCrash, "get": scriptGet, "until": scriptUntil},
	})
}

// code N PROGRAM ARG… runs a program and wants exit code N; its output is in
// the files out and err.
func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	out, errs := create(ts, "out"), create(ts, "err")
	cmd.Stdout, cmd.Stderr = out, errs
	err = cmd.Run()
	ts.Check(errors.Join(out.Close(), errs.Close()))
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d\n%s%s", got, want, ts.ReadFile("out"), ts.ReadFile("err"))
	}
}

func create(ts *testscript.TestScript, name string) *os.File {
	f, err := os.Create(ts.MkAbs(name))
	ts.Check(err)
	return f
}

// server NAME ARG… starts firebreak and waits until it is ready; its output is in
// NAME.out and NAME.err. $BASE is its base.
func scriptServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: server NAME ARG...")
	}
	s, err := startServer(ts.Getenv("WORK"), args[0], args[1:]...)
	ts.Check(err)
	ts.Defer(func() { s.kill() })
	ts.Setenv("BASE", s.base)
	ts.Setenv("PID_"+args[0], strconv.Itoa(s.cmd.Process.Pid))
}

// end NAME ends a server as an operator does, and wants exit code 0. crash NAME
// kills it.
func scriptEnd(ts *testscript.TestScript, neg bool, args []string) {
	if code := signalled(ts, args, syscall.SIGTERM); neg || code != "0" {
		ts.Fatalf("it ended with code %q\n%s", code, ts.ReadFile(args[0]+".err"))
	}
}

func scriptCrash(ts *testscript.TestScript, _ bool, args []string) {
	signalled(ts, args, syscall.SIGKILL)
}

func signalled(ts *testscript.TestScript, args []string, sig syscall.Signal) (code string) {
	if len(args) != 1 {
		ts.Fatalf("usage: end NAME, crash NAME")
	}
	pid, err := strconv.Atoi(ts.Getenv("PID_" + args[0]))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, sig))
	done := ts.MkAbs(args[0] + ".code")
	if !poll(func() bool { b, err := os.ReadFile(done); return err == nil && len(b) > 0 }) {
		ts.Fatalf("%s does not end", args[0])
	}
	return ts.ReadFile(args[0] + ".code")
}

// until FILE TEXT waits for a text in a file.
func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until FILE TEXT")
	}
	if !poll(func() bool { return strings.Contains(ts.ReadFile(args[0]), args[1]) }) {
		ts.Fatalf("%s never held %q:\n%s", args[0], args[1], ts.ReadFile(args[0]))
	}
}

// get DIR NAME PATH STATUS [TEXT…] reads as a demo user ("-" is nobody) and wants a
// status, and texts in the answer. The token is minted by DIR.
func scriptGet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: get DIR NAME PATH STATUS TEXT...")
	}
	dir := ts.MkAbs(args[0])
	token := ""
	if args[1] != "-" {
		var err error
		token, err = tokenCommand{Dir: dir, As: args[1], TTL: time.Minute}.mint()
		ts.Check(err)
	}
	status, body, err := read(httpClient(ts.Check, dir), ts.Getenv("BASE")+"/"+args[2], token)
	ts.Check(err)
	if strconv.Itoa(status) != args[3] {
		ts.Fatalf("status %d, want %s: %s", status, args[3], body)
	}
	for _, want := range args[4:] {
		if !strings.Contains(body, want) {
			ts.Fatalf("no %q in %s", want, body)
		}
	}
}

// poll asks until the answer is yes, for a minute.
func poll(yes func() bool) bool {
	end := time.NewTimer(time.Minute)
	defer end.Stop()
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	for {
		if yes() {
			return true
		}
		select {
		case <-end.C:
			return false
		case <-every.C:
		}
	}
}

// process is a firebreak that serves.
type process struct {
	cmd  *exec.Cmd
	base string
	done chan struct{} // closed when it has ended
}

// startServer starts the program in a folder and waits until it is ready.
func startServer(in, name string, args ...string) (*process, error) {
	out, err := os.Create(filepath.Join(in, name+".out"))
	if err != nil {
		return nil, err
	}
	errs, err := os.Create(filepath.Join(in, name+".err"))
	if err != nil {
		return nil, err
	}
	code := filepath.Join(in, name+".code")
	_ = os.Remove(code)
	s := &process{cmd: exec.Command("firebreak", args...), done: make(chan struct{})}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = in, out, errs
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		_, _ = out.Close(), errs.Close()
		_ = os.WriteFile(code, []byte(strconv.Itoa(s.cmd.ProcessState.ExitCode())), 0o600)
		close(s.done)
	}()
	ready := poll(func() bool {
		b, err := os.ReadFile(out.Name())
		if err == nil && strings.HasPrefix(string(b), "ready ") && strings.Contains(string(b), "\n") {
			s.base, _, _ = strings.Cut(strings.TrimPrefix(string(b), "ready "), "\n")
		}
		select {
		case <-s.done:
			return true
		default:
			return s.base != ""
		}
	})
	if !ready || s.base == "" {
		s.kill()
		b, _ := os.ReadFile(errs.Name())
		return nil, fmt.Errorf("%v is not ready: %s", args, b)
	}
	return s, nil
}

// startRaw starts the program and does not wait.
func startRaw(in string, out io.Writer, args ...string) (*process, error) {
	s := &process{cmd: exec.Command("firebreak", args...), done: make(chan struct{})}
	s.cmd.Dir, s.cmd.Stdout = in, out
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

func (s *process) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// client trusts a demo directory's authority.
func httpClient(check func(error), dir string) *http.Client {
	pem, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{Timeout: 20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 32, ForceAttemptHTTP2: false}}
}

func read(c *http.Client, url, token string, header ...string) (status int, body string, err error) {
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for n := 0; n < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}
