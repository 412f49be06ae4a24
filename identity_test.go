package firebreak_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"firebreak"
	"firebreak/internal/service"
	"firebreak/smart/client"
	"firebreak/transport"
	"firebreak/vault"
)

// TestALostKeyFileStopsTheStart: new keys in its place would open nothing that is
// there, and find nobody by name.
func TestALostKeyFileStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	cfg := local(t, dir)
	cfg.Smart.Enabled = true
	if err := openInstance(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "vault.key")
	keys, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start := func() error {
		i, err := firebreak.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err == nil {
			err = i.Close()
		}
		return err
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := start(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "smart.key_file") || !strings.Contains(err.Error(), "put it back") {
		t.Errorf("without the file: %v, want that it was lost", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another one was made: %v", err)
	}
	if _, err := vault.OpenKeys(path, true); err != nil {
		t.Fatal(err)
	}
	if err := start(); !errors.Is(err, vault.ErrOtherKeys) {
		t.Errorf("with another file: %v", err)
	}
	if err := os.WriteFile(path, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(); err != nil {
		t.Errorf("with the right one: %v", err)
	}
}

// TestNoServerMakesTheKeysOfASharedStore: each would make its own.
func TestNoServerMakesTheKeysOfASharedStore(t *testing.T) {
	cfg := local(t, t.TempDir())
	cfg.Smart.Enabled, cfg.Store.Postgres, cfg.Smart.KeyFile = true, service.Postgres(t), filepath.Join(cfg.Dir, "shared.key")
	i, err := firebreak.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "openssl rand -base64 32") {
		t.Fatalf("instance %v, error %v, want how the file is made", i, err)
	}
	if _, err := os.Stat(cfg.Smart.KeyFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
}

// TestNothingOfSigningInLeavesWithoutItsRecord: what has an event is answered
// when that is on record, and else not at all.
func TestNothingOfSigningInLeavesWithoutItsRecord(t *testing.T) {
	cfg := local(t, t.TempDir())
	cfg.Smart.Enabled = true
	i := openInstance(t, cfg)
	secret, err := i.SetClient(t.Context(), client.Client{ID: "lab", Name: "Laboratory", Kind: client.Confidential, Method: client.SecretPost, Introspect: true})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string, fields url.Values) transport.WebReply {
		return page(t, i, "POST", i.Issuer()+path, map[string]string{}, fields)
	}
	lab := url.Values{"client_id": {"lab"}, "client_secret": {secret}, "token": {"x"}}
	for _, c := range []struct {
		path   string
		fields url.Values
		want   int
	}{{"/introspect", lab, 200}, {"/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"lab"}, "client_secret": {"guess"}}, 401}} {
		if r := ask(c.path, c.fields); r.Status != c.want || len(r.Body) == 0 {
			t.Errorf("%s: %d %s, want %d", c.path, r.Status, r.Body, c.want)
		}
	}
	if err := i.LoseJournal(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/introspect", "/token"} {
		if r := ask(path, lab); r.Status != 503 || len(r.Body) != 0 || len(r.Cookies) != 0 {
			t.Errorf("%s without a journal: %d %s, want an empty 503", path, r.Status, r.Body)
		}
	}
	_ = i.Close() // which has a journal no more
}

// TestSigningInWaitsForNoStore: while the database does not answer, nor does it
// say no, a page and a token are refused when their time is up.
func TestSigningInWaitsForNoStore(t *testing.T) {
	dir := t.TempDir()
	cfg := local(t, dir)
	cfg.Smart.Enabled, cfg.Store.Postgres, cfg.Smart.KeyFile = true, service.Postgres(t), filepath.Join(dir, "vault.key")
	cfg.Limits.Time.Duration = 500 * time.Millisecond
	if _, err := vault.OpenKeys(cfg.Smart.KeyFile, true); err != nil {
		t.Fatal(err)
	}
	i := openInstance(t, cfg)
	defer func() { _ = i.Close() }()
	db, err := pgx.Connect(t.Context(), cfg.Store.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	if _, err := db.Exec(t.Context(), "BEGIN; LOCK TABLE vault IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	released := time.AfterFunc(20*time.Second, func() { _ = db.Close(context.Background()) })
	for method, path := range map[string]string{"GET": "/account", "POST": "/token"} {
		cookies := map[string]string{"__Host-session": "x"}
		began := time.Now()
		r := page(t, i, method, i.Issuer()+path, cookies, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x.1.y"}, "client_id": {"c"}})
		if took := time.Since(began); r.Status != 503 || took > 10*time.Second {
			t.Errorf("%s: %d after %v, want 503 after half a second", path, r.Status, took)
		}
	}
	if released.Stop() {
		_ = db.Close(t.Context())
	}
}
