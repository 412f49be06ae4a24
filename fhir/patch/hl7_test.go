package patch_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestHL7sOwnCases: https://github.com/FHIR/fhir-test-cases, r4/patch.
func TestHL7sOwnCases(t *testing.T) {
	cases := 0
	for c := range parse(t, string(hl7Cases(t))).Root().Children() {
		cases++
		name := c.Field("comment").Text()
		got, err := apply(t, string(c.Field("doc").Raw()), string(c.Field("patch").Raw()))
		want := c.Field("expected")
		if !want.Exists() {
			if err == nil {
				t.Errorf("%s: Apply = %s, want refused: %s", name, got, c.Field("error").Text())
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v, want %s", name, err, want.Raw())
			continue
		}
		if g, w := decode(t, got), decode(t, string(want.Raw())); !same(g, w) {
			t.Errorf("%s: Apply = %s, want %s", name, got, want.Raw())
		}
	}
	if cases < 15 {
		t.Errorf("%d cases read, want 15 at least", cases)
	}
}

func hl7Cases(tb testing.TB) []byte {
	tb.Helper()
	dir := os.Getenv("FIREBREAK_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	const name = "fhir-test-cases-r4-subset.tar.xz"
	packed := filepath.Join(dir, name)
	if _, err := os.Stat(packed); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("%s: %v", name, err)
		}
		tb.Skipf("%s is not there", name)
	}
	out, err := exec.Command("xz", "-dc", packed).Output()
	if err != nil {
		tb.Fatalf("xz -dc %s: %v", name, err)
	}
	files := tar.NewReader(bytes.NewReader(out))
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			tb.Fatalf("%s holds no JSON Patch cases", name)
		}
		if err != nil {
			tb.Fatal(err)
		}
		if h.Name == "fhir-test-cases/r4/patch/json-patch-tests.json" {
			body, err := io.ReadAll(files)
			if err != nil {
				tb.Fatal(err)
			}
			return body
		}
	}
}
