package firebreak_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firebreak"
	"firebreak/audit"
	"firebreak/authn"
	"firebreak/internal/service"
)

// TestMain stops the PostgreSQL server of this package's tests after them.
func TestMain(m *testing.M) { service.Main(m) }

// local is a configuration with a local issuer and no listener.
func local(t *testing.T, dir string) firebreak.Config {
	t.Helper()
	cfg := firebreak.DefaultConfig()
	cfg.Dir, cfg.Listen, cfg.Base, cfg.LocalIssuer = dir, "", base, dir
	return cfg
}

func openInstance(t *testing.T, cfg firebreak.Config) *firebreak.Instance {
	t.Helper()
	i, err := firebreak.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// mint is an Authorization header for a person.
func mint(t *testing.T, dir, subject, fhirUser, organization, role string) string {
	t.Helper()
	issuer, err := firebreak.LocalIssuer(dir, base, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := authn.LocalClaims{Subject: subject, ClientID: "app", Scope: "user/*.cruds", FHIRUser: fhirUser, Roles: []string{role}}
	if organization != "" {
		c.Organization = []string{organization}
	}
	token, err := issuer.Mint(c, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}

const northBundle = `{"resourceType":"Bundle","type":"transaction","entry":[
 {"resource":{"resourceType":"Organization","id":"north","name":"North"},"request":{"method":"PUT","url":"Organization/north"}},
 {"resource":{"resourceType":"Patient","id":"p1","name":[{"family":"Secretive"}]},"request":{"method":"PUT","url":"Patient/p1"}}]}`

func north(name string) firebreak.Import {
	return firebreak.Import{Writer: firebreak.Writer{Organization: "Organization/north"}, RequestID: name, Bundle: []byte(northBundle)}
}

func TestWhatWasImportedIsThereWhenOpenedAgain(t *testing.T) {
	for name, store := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return service.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := local(t, dir)
			cfg.Store.Postgres = store(t)
			i := openInstance(t, cfg)
			done, err := i.Import(t.Context(), north("one"))
			if err != nil || done.Status != 200 || len(done.Changed) != 2 {
				t.Fatalf("Import = %+v, %v, want two changes", done, err)
			}
			if _, err := firebreak.Open(t.Context(), cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, firebreak.ErrInUse) {
				t.Errorf("a second server on the directory: %v, want %v", err, firebreak.ErrInUse)
			}
			if err := i.Close(); err != nil {
				t.Fatal(err)
			}
			i = openInstance(t, cfg)
			if done, err = i.Import(t.Context(), north("one")); err != nil || done.Status != 200 || len(done.Changed) != 0 {
				t.Errorf("the same import again = %+v, %v, want no change", done, err)
			}
			if known, err := i.Knows(t.Context(), "Organization/north"); err != nil || !known {
				t.Errorf("Knows = %v, %v, want true", known, err)
			}
			if known, err := i.Knows(t.Context(), "Organization/south"); err != nil || known {
				t.Errorf("Knows = %v, %v, want false", known, err)
			}
			if err := i.Close(); err != nil {
				t.Fatal(err)
			}
			report, err := audit.Verify(filepath.Join(dir, "audit"))
			if err != nil || len(report.Damage) > 0 {
				t.Errorf("journal: %+v, %v", report.Damage, err)
			}
		})
	}
}

func TestImportIsRefusedAsEveryChangeIs(t *testing.T) {
	dir := t.TempDir()
	i := openInstance(t, local(t, dir))
	defer i.Close()
	bad := north("bad")
	bad.Bundle = []byte(strings.Replace(northBundle, `"name":[{`, `"nonsense":1,"name":[{`, 1))
	done, err := i.Import(t.Context(), bad)
	if err != nil || done.Status != 400 || !strings.Contains(string(done.Outcome), "nonsense") || len(done.Changed) > 0 {
		t.Errorf("Import of a faulty resource = %d %s, %v", done.Status, done.Outcome, err)
	}
	// The policies bind the importer too: evidence is append-only, so it may be
	// made and not be put in the place of what is there.
	const event = `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Provenance","id":"a",
	 "target":[{"reference":"Patient/p1"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]},"request":{"method":"PUT","url":"Provenance/a"}}]}`
	made := strings.Replace(event, `"PUT","url":"Provenance/a"`, `"POST","url":"Provenance"`, 1)
	for text, want := range map[string]int{made: 200, event: 403} {
		done, err := i.Import(t.Context(), firebreak.Import{Bundle: []byte(text), RequestID: text[len(text)-30:]})
		if err != nil || done.Status != want {
			t.Errorf("Import of %s = %d %s, %v, want %d", text, done.Status, done.Outcome, err, want)
		}
	}
}

func TestUnsafePoliciesStopTheStart(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "policies")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(own, "a.cedar"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`@id("more") permit (principal, action, resource) when { resource.colour == "red" };`)
	if _, err := firebreak.Open(context.Background(), local(t, dir), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("a policy that asks for more than there is: %v", err)
	}
	write(`@id("none") forbid (principal, action, resource);`)
	if err := os.Chmod(own, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := firebreak.Open(context.Background(), local(t, dir), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "others than its owner may write") {
		t.Errorf("policies that everybody may write: %v", err)
	}
}
