package validate_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"firebreak/fhirjson"
)

// archive gives the files of a tar.xz of the test data, in its order; it skips
// the test when the data is not there, but fails where CI=true.
func archive(tb testing.TB, name string, use func(file string, content []byte)) {
	tb.Helper()
	dir := os.Getenv("FIREBREAK_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("FIREBREAK_TESTDATA: %v", err)
		}
		tb.Skipf("needs %s in FIREBREAK_TESTDATA", name)
	}
	defer f.Close()
	xz := exec.Command("xz", "-dc")
	xz.Stdin = f
	plain, err := xz.Output()
	if err != nil {
		tb.Fatalf("xz: %v", err)
	}
	for r := tar.NewReader(bytes.NewReader(plain)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			tb.Fatal(err)
		}
		use(h.Name, content)
	}
}

func parse(tb testing.TB, src []byte) fhirjson.Node {
	tb.Helper()
	doc, err := fhirjson.Parse(src)
	if err != nil {
		tb.Fatal(err)
	}
	return doc.Root()
}
