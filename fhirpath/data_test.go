package fhirpath_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

// archive reads the files of a test data archive whose base name passes want.
func archive(t testing.TB, name string, want func(base string) bool) map[string][]byte {
	t.Helper()
	dir := os.Getenv("FIREBREAK_TESTDATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("test data %s is required: %v", name, err)
		}
		t.Skipf("test data %s is not here", name)
	}
	raw, err := exec.Command("xz", "-dc", file).Output()
	if err != nil {
		t.Fatalf("xz -dc %s: %v", name, err)
	}
	out := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if base := path.Base(h.Name); h.Typeflag == tar.TypeReg && want(base) {
			if out[base], err = io.ReadAll(r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// lines yields the documents of an ndjson file.
func lines(t testing.TB, raw []byte) []fhirjson.Node {
	t.Helper()
	var out []fhirjson.Node
	s := bufio.NewScanner(bytes.NewReader(raw))
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		out = append(out, parse(t, s.Text()))
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func parse(t testing.TB, src string) fhirjson.Node {
	t.Helper()
	doc, err := fhirjson.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root()
}

func definitions(base string) bool { return strings.HasSuffix(base, ".ndjson") }

func texts(items []fhirpath.Item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.Text())
	}
	return out
}
