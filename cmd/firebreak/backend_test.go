package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"firebreak/internal/service"
)

// TestABackendServiceReadsWithFHIRKitClient: what demo.json says of the client
// nightly-export is all that npm's fhir-kit-client needs: it finds the token
// endpoint, proves itself with the key, and reads all pages of what its scopes
// name, in both hospitals, and nothing else.
func TestABackendServiceReadsWithFHIRKitClient(t *testing.T) {
	node, modules := service.Node(t), service.Modules(t)
	d, _ := startDemo(t)
	script, err := os.ReadFile(filepath.Join("testdata", "backend.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	c := d.Clients["nightly-export"]
	cmd := exec.Command(node, "--input-type=module", "--eval", string(script))
	cmd.Dir, cmd.Stderr = modules, &testLog{t}
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+d.CA, "BASE="+d.Base, "CLIENT=nightly-export", "KEY="+c.PrivateKey, "KID="+c.KeyID, "ALG="+c.Algorithm)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	granted, _ := got["granted"].(map[string]any)
	if life, _ := granted["expires"].(float64); life < 290 || life > 300 { // SMART App Launch 2.2, backend-services: five minutes
		t.Errorf("expires_in = %v, want 300 or a little less", granted["expires"])
	}
	delete(granted, "expires")
	const scope = "system/Patient.rs system/Observation.rs"
	for name, want := range map[string]any{
		"token": d.Issuer + "/token", "anonymous": 401.0,
		"granted": map[string]any{"status": 200.0, "type": "Bearer", "scope": scope, "refresh": false, "cache": "no-store"},
		"replay":  "invalid_client", "person": "invalid_scope",
		"read": "Patient/amy", "included": []any{"Observation", "Patient"}, "beyond": 403.0, "write": 403.0,
	} {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	if got["patients"] != got["total"] || got["pages"].(float64) < 2 {
		t.Errorf("%v patients on %v pages, want all %v on several", got["patients"], got["pages"], got["total"])
	}
}

// testLog passes a program's words on to the test.
type testLog struct{ t *testing.T }

func (l *testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", p)
	return len(p), nil
}
