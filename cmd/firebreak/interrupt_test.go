package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"firebreak"
)

// wantStopped holds a command that was interrupted to saying that and no more:
// what it was doing when it was told to end is no fault.
func wantStopped(t *testing.T, code int, errs string) {
	t.Helper()
	if code != exitFailed || !strings.Contains(errs, "stopped; run the same command to go on") {
		t.Errorf("exit code %d, %q", code, errs)
	}
	for _, noise := range []string{"internal error", "closed network connection", "context canceled"} {
		if strings.Contains(errs, noise) {
			t.Errorf("it says %q: %s", noise, errs)
		}
	}
}

// TestInterruptedLoadingSaysHowToGoOn: TestLoadingGoesOnAfterCrashes
// is about going on.
func TestInterruptedLoadingSaysHowToGoOn(t *testing.T) {
	work := t.TempDir()
	dir := filepath.Join(work, "d")
	var out, errs bytes.Buffer
	cmd := exec.Command("firebreak", "demo", "--dir", dir, "--listen", "127.0.0.1:0", "--patients", "2000")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	loading := poll(func() bool {
		info, err := os.Stat(filepath.Join(dir, "store.db-wal"))
		return err == nil && info.Size() > 1<<20
	})
	if !loading {
		t.Fatal("it does not load")
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	wantStopped(t, cmd.ProcessState.ExitCode(), errs.String())
}

// TestInterruptedImportSaysHowToGoOn: with a server and without one.
func TestInterruptedImportSaysHowToGoOn(t *testing.T) {
	work := t.TempDir()
	dir := filepath.Join(work, "d")
	s, err := startServer(work, "s", "demo", "--dir", dir, "--listen", "127.0.0.1:0", "--patients", "1")
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for n := range 30_000 {
		fmt.Fprintf(&lines, `{"resourceType":"Basic","code":{"text":"%d"}}`+"\n", n)
	}
	file := filepath.Join(work, "in.ndjson")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	stopped := func() string {
		ctx, stop := context.WithCancel(t.Context())
		timer := time.AfterFunc(1500*time.Millisecond, stop) // opening a directory takes a part of it
		defer timer.Stop()
		var out, errs bytes.Buffer
		code := run(console{ctx, &out, &errs}, []string{"import", "--dir", dir, "--as-organization", "north", file})
		wantStopped(t, code, errs.String())
		return out.String()
	}
	stopped()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.done
	if out := stopped(); !strings.Contains(out, "resources in") {
		t.Errorf("no summary of what was done: %q", out)
	}
}

// TestDirectoryInUseIsCalledThat: what holds it need not be a server.
func TestDirectoryInUseIsCalledThat(t *testing.T) {
	work := t.TempDir()
	dir := filepath.Join(work, "d")
	s, err := startServer(work, "s", "demo", "--dir", dir, "--listen", "127.0.0.1:0", "--patients", "1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.done
	i, err := firebreak.Open(t.Context(), demoConfig(dir, s.base), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	file := filepath.Join(work, "in.ndjson")
	if err := os.WriteFile(file, []byte(`{"resourceType":"Basic","code":{"text":"x"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(console{t.Context(), &out, &errs}, []string{"import", "--dir", dir, file})
	if code != exitFailed || !strings.Contains(errs.String(), "a server, or an import or explain while none runs") {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}
