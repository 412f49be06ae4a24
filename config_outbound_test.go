package firebreak

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"firebreak/smart"
	"firebreak/smart/client"
)

// registers is what becomes of a key set's address at a server of this
// configuration: "" when it is registered.
func registers(t *testing.T, c OutboundConfig, url string) string {
	t.Helper()
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.Dir, cfg.Listen, cfg.Base, cfg.LocalIssuer = dir, "", "https://out.example/fhir", dir
	cfg.Smart.Enabled, cfg.Smart.Letters, cfg.Smart.Outbound = true, filepath.Join(dir, "letters"), c
	i, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = i.Close() }()
	_, err = i.Administer(t.Context(), smart.Operation{Task: smart.AddClient, Client: client.Client{Name: "Export", Kind: client.System, Method: client.PrivateKeyJWT,
		KeysURL: url, Scopes: []string{"system/*.rs"}}}, "test")
	var invalid *client.Invalid
	if err != nil && !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestKeySetsAreWhereTheConfigurationLetsThem.
func TestKeySetsAreWhereTheConfigurationLetsThem(t *testing.T) {
	inside := OutboundConfig{Networks: []string{"10.1.0.0/16"}}
	ours := OutboundConfig{Hosts: []string{".example.org", "keys.example.net"}}
	for _, c := range []struct {
		name, url string
		config    OutboundConfig
		want      string
	}{
		{"public", "https://keys.example.com/jwks", OutboundConfig{}, ""},
		{"private", "https://10.1.2.3/jwks", OutboundConfig{}, "may not be reached"},
		{"private and named", "https://10.1.2.3/jwks", inside, ""},
		{"private, and another is named", "https://10.2.2.3/jwks", inside, "may not be reached"},
		{"in the clear", "http://10.1.2.3/jwks", inside, "must be https"},
		{"of the list", "https://keys.example.net/jwks", ours, ""},
		{"below one of the list", "https://a.b.example.org/jwks", ours, ""},
		{"beside the list", "https://badexample.org/jwks", ours, "not among those allowed"},
	} {
		if got := registers(t, c.config, c.url); got == "" != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
