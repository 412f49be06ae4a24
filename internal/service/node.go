package service

import (
	"bytes"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// locked says which npm packages the tests were written for.
//
//go:embed node/package-lock.json
var locked []byte

// Node is the path of the program node.
func Node(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		err = errAbsent
	}
	missing(t, "Node.js", err)
	return path
}

// Modules is the directory that holds node_modules: fhirclient, fhir-kit-client,
// oidc-provider and what they need. A program that imports them is run from there.
func Modules(t testing.TB) string {
	t.Helper()
	dir, err := modules()
	missing(t, "the npm packages", err)
	return dir
}

// Module is the directory of one npm package.
func Module(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(Modules(t), "node_modules", name)
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func modules() (string, error) {
	dir, err := cache()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "node")
	if text, err := os.ReadFile(filepath.Join(dir, "package-lock.json")); err != nil || !bytes.Equal(text, locked) {
		return "", errAbsent
	}
	return dir, nil
}
