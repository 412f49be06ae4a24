package firebreak_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firebreak"
	"firebreak/audit"
	"firebreak/store"
)

// TestTwoServersShareNothing: whatever two configurations have in common is
// locked, not only the journal. Two servers on one embedded store would show,
// from their caches, what the other has deleted.
func TestTwoServersShareNothing(t *testing.T) {
	first := local(t, t.TempDir())
	i := openInstance(t, first)
	other := func(change func(c *firebreak.Config)) firebreak.Config {
		c := local(t, t.TempDir())
		change(&c)
		return c
	}
	link := filepath.Join(t.TempDir(), "linked.db")
	if err := os.Symlink(filepath.Join(first.Dir, "store.db"), link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  firebreak.Config
		want error
	}{
		{"the directory, another journal", other(func(c *firebreak.Config) { c.Dir, c.Audit.Dir = first.Dir, t.TempDir() }), firebreak.ErrInUse},
		{"the store", other(func(c *firebreak.Config) { c.Store.SQLite = filepath.Join(first.Dir, "store.db") }), store.ErrLocked},
		{"the store by a link", other(func(c *firebreak.Config) { c.Store.SQLite = link }), store.ErrLocked},
		{"the journal", other(func(c *firebreak.Config) { c.Audit.Dir = filepath.Join(first.Dir, "audit") }), audit.ErrLocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			second, err := firebreak.Open(t.Context(), c.cfg, slog.New(slog.DiscardHandler))
			if err == nil {
				_ = second.Close()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("error = %v, want %v", err, c.want)
			}
		})
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openInstance(t, first).Close(); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

// TestPolicyFilesThatOthersMayWriteAreRefused: at the start, and later, when
// those in force stay. The folder alone says little: a file in it may be
// anybody's to change.
func TestPolicyFilesThatOthersMayWriteAreRefused(t *testing.T) {
	for name, mode := range map[string]os.FileMode{"everybody": 0o646, "the group": 0o664} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			own := filepath.Join(dir, "policies")
			file := filepath.Join(own, "below", "a.cedar")
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(`@id("all") permit (principal, action, resource);`), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := openInstance(t, local(t, dir)).Close(); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{file, filepath.Dir(file)} {
				was, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, was.Mode().Perm()|mode); err != nil {
					t.Fatal(err)
				}
				i, err := firebreak.Open(t.Context(), local(t, dir), slog.New(slog.DiscardHandler))
				if err == nil {
					_ = i.Close()
				}
				if err == nil || !strings.Contains(err.Error(), "others than its owner may write") || !strings.Contains(err.Error(), "below") {
					t.Errorf("%s with mode %o: %v", path, mode, err)
				}
				if err := os.Chmod(path, was.Mode()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestLostJournalOrStoreIsWarnedOf: a server starts on an empty journal and an
// empty store, for the first start is one; the other one, when it is older, says
// that it is not.
func TestLostJournalOrStoreIsWarnedOf(t *testing.T) {
	for lost, warning := range map[string]string{"audit": "the journal begins anew", "store.db": "the store begins anew"} {
		t.Run(lost, func(t *testing.T) { warnsOfLost(t, lost, warning) })
	}
}

func warnsOfLost(t *testing.T, lost, warning string) {
	cfg := local(t, t.TempDir())
	opened := func() string {
		var out bytes.Buffer
		i, err := firebreak.Open(t.Context(), cfg, slog.New(slog.NewTextHandler(&out, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for _, start := range []string{"first", "second"} {
		if got := opened(); strings.Contains(got, "begins anew") {
			t.Errorf("the %s start warns:\n%s", start, got)
		}
	}
	if err := os.RemoveAll(filepath.Join(cfg.Dir, lost)); err != nil {
		t.Fatal(err)
	}
	if got := opened(); strings.Count(got, warning) != 1 || !strings.Contains(got, "level=WARN") {
		t.Errorf("without %s it starts with the log\n%s", lost, got)
	}
}
