package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExplainReadsWhatTheRequestWouldCarry(t *testing.T) {
	dir := t.TempDir()
	full, empty := filepath.Join(dir, "full"), filepath.Join(dir, "empty")
	for name, text := range map[string]string{full: `{"resourceType":"Patient"}`, empty: ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, file, want, fault string }{
		{"none", "", "", ""},
		{"a file", full, `{"resourceType":"Patient"}`, ""},
		{"an empty one", empty, "", "is empty; leave it out"},
		{"one that is not there", filepath.Join(dir, "nowhere"), "", "nowhere"},
	} {
		body, err := explainCommand{Body: c.file}.body()
		if string(body) != c.want || (err != nil) != (c.fault != "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: body %q, %v; want %q and fault %q", c.name, body, err, c.want, c.fault)
		}
	}
}
