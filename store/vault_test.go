package store_test

import (
	"path/filepath"
	"testing"

	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/store"
	"firebreak/vault/vaulttest"
)

func TestSQLiteHoldsAVault(t *testing.T) {
	s := sqliteAt(filepath.Join(t.TempDir(), "store.db"))(t, store.Options{Clock: clock.System{}})
	vaulttest.Run(t, s.Vault())
}

func TestPostgresHoldsAVault(t *testing.T) {
	s := postgresAt(service.Postgres(t))(t, store.Options{Clock: clock.System{}})
	vaulttest.Run(t, s.Vault())
}
