package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/vault"
	"firebreak/vault/vaulttest"
)

func TestMemoryIsATable(t *testing.T) {
	m := vault.NewMemory()
	vaulttest.Run(t, m)
}

type secret struct{ Password string }

func TestTheTableShowsNoBody(t *testing.T) {
	m := vault.NewMemory()
	clk := clock.NewFixed(time.Unix(1, 0))
	v := vault.New(m, vault.RandomKeys(), clk)
	kind := vault.Of[secret]("secret")
	if err := v.Apply(context.Background(), kind.New("n", secret{"hunter2"}, vault.Never)); err != nil {
		t.Fatal(err)
	}
	r, _, _ := m.Row(context.Background(), "secret", "n", 1)
	if bytes.Contains(r.Body, []byte("hunter2")) || bytes.Contains(r.Body, []byte("Password")) {
		t.Errorf("the body is in the clear: %q", r.Body)
	}
}

// TestKeysCanBeChanged: a new first line seals from then on, and what the old
// one sealed is still read, by its old name.
func TestKeysCanBeChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.key")
	old, err := vault.OpenKeys(path, true)
	if err != nil {
		t.Fatal(err)
	}
	m, clk, kind := vault.NewMemory(), clock.NewFixed(time.Unix(1, 0)), vault.Of[secret]("secret")
	before := vault.New(m, old, clk)
	if err := before.Apply(context.Background(), kind.New(before.Blind("login", "anna"), secret{"1"}, vault.Never)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rewrite := func(content string, mode os.FileMode) (*vault.Keys, error) {
		if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte(content), mode)); err != nil {
			t.Fatal(err)
		}
		return vault.OpenKeys(path, true)
	}
	const added = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
	both, err := rewrite(added+string(b), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	after := vault.New(m, both, clk)
	if e, err := kind.Load(context.Background(), after, after.Blind("login", "anna")); err != nil || e.Value.Password != "1" {
		t.Errorf("loaded %v, %v", e, err)
	}
	if err := after.Apply(context.Background(), kind.New("new", secret{"2"}, vault.Never)); err != nil {
		t.Fatal(err)
	}
	if _, err := kind.Load(context.Background(), before, "new"); !errors.Is(err, vault.ErrUnreadable) {
		t.Errorf("the old key reads what the new one sealed: %v", err)
	}
	for content, mode := range map[string]os.FileMode{"": 0o600, "# nothing\n": 0o600, "too short\n": 0o600, added + "AAEC\n": 0o600, added: 0o644} {
		if _, err := rewrite(content, mode); err == nil {
			t.Errorf("accepted %q with mode %o", content, mode)
		}
	}
}

func TestAMissingKeyFileIsMadeOnlyWhenAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.key")
	if _, err := vault.OpenKeys(path, false); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("error = %v", err)
	}
	if _, err := vault.OpenKeys(path, true); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	first, _ := os.ReadFile(path)
	if _, err := vault.OpenKeys(path, true); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(path); !bytes.Equal(first, second) {
		t.Error("the keys were replaced")
	}
}

func TestBlindNamesTellUsesApart(t *testing.T) {
	k := vault.RandomKeys()
	once, again := k.Blind("a", "b"), k.Blind("a", "b")
	if k.Blind("a", "bc") == k.Blind("ab", "c") || once != again || vault.RandomKeys().Blind("a", "b") == k.Blind("a", "b") {
		t.Error("names are not of use, text and keys")
	}
	if strings.Contains(k.Blind("login", "anna"), "anna") {
		t.Error("the name shows the text")
	}
}

func TestGenerationsGrowWithChangesOnly(t *testing.T) {
	v := vault.New(vault.NewMemory(), vault.RandomKeys(), clock.NewFixed(time.Unix(1, 0)))
	kind := vault.Of[secret]("secret")
	op := kind.New("n", secret{}, vault.Never)
	for i, want := range []uint64{1, 1} { // the second finds it there
		err := v.Apply(context.Background(), op)
		if got := v.Generation("secret"); got != want || v.Generation("other") != 0 {
			t.Errorf("after change %d (%v): generation %d, want %d", i, err, got, want)
		}
	}
}
