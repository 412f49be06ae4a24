package store_test

import (
	"context"
	"testing"

	"firebreak/internal/service"
	"firebreak/store"
	"firebreak/store/storetest"
)

// postgresAt opens the same database each time.
func postgresAt(url string) storetest.Opener {
	return func(t testing.TB, opt store.Options) *store.Store {
		t.Helper()
		s, err := store.OpenPostgres(context.Background(), url, opt)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
}

func newPostgres(t testing.TB, opt store.Options) *store.Store {
	t.Helper()
	return postgresAt(service.Postgres(t))(t, opt)
}

func TestPostgresKeepsTheContract(t *testing.T) { storetest.Run(t, newPostgres) }

func TestPostgresKeepsTheContractAcrossRestarts(t *testing.T) {
	storetest.RunShared(t, func(t testing.TB) storetest.Opener { return postgresAt(service.DurablePostgres(t)) })
}
