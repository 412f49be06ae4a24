package client

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/store"
	"firebreak/vault"
)

// TestClientsAndReplaysOutliveTheServer: on SQLite across a restart, on
// PostgreSQL by another server of the same database too.
func TestClientsAndReplaysOutliveTheServer(t *testing.T) {
	s := newSigner(t, "export", jose.ES384)
	keys := vault.RandomKeys()
	serve := func(t *testing.T, st *store.Store) *house {
		h := newHouse(t)
		h.table, h.vkeys = st.Vault(), keys
		h.open(t, Outbound{})
		return h
	}
	refuses := func(t *testing.T, h *house, r Request, basicAuth string) {
		t.Helper()
		if refusal := h.refusalOfRequest(t, "again", r); !strings.Contains(refusal.Why, "used before") {
			t.Errorf("again: %+v", refusal)
		}
		if _, _, err := h.auth.Authenticate(background, Request{Authorization: basicAuth}); err != nil {
			t.Errorf("by secret: %v", err)
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		open := func() *store.Store {
			st, err := store.OpenSQLite(background, path, store.Options{Clock: clock.System{}})
			must(t, err)
			return st
		}
		st := open()
		h := serve(t, st)
		h.register(t, systemApp(s.jwks(t)))
		auth := basic("ward", h.register(t, secretApp()))
		r := h.fresh(t, s, nil)
		must(t, h.accepts(r))
		must(t, st.Close())
		st = open()
		defer st.Close()
		refuses(t, serve(t, st), r, auth)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := service.Postgres(t)
		open := func() *store.Store {
			st, err := store.OpenPostgres(background, url, store.Options{Clock: clock.System{}})
			must(t, err)
			t.Cleanup(func() { st.Close() })
			return st
		}
		one, two := serve(t, open()), serve(t, open())
		if !one.vault.Shared() {
			t.Fatal("the database is not shared")
		}
		one.register(t, systemApp(s.jwks(t)))
		auth := basic("ward", one.register(t, secretApp()))
		r := one.fresh(t, s, nil)
		must(t, one.accepts(r))
		refuses(t, two, r, auth)
		two.refusalOfRequest(t, "an id that no text can hold", Request{Form: form("client_id", "a\x00\xff")})
		must(t, two.reg.Disable(background, "ward", "admin"))
		if _, _, err := one.auth.Authenticate(background, Request{Authorization: auth}); err == nil {
			t.Error("disabled by another server, and still let in")
		}
	})
}
