package search_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"firebreak/fhirjson"
)

// synthea calls f for each resource of the Synthea bundles; it skips the test
// when they are not there, unless CI wants them.
func synthea(tb testing.TB, bundles int, f func(fhirjson.Node)) {
	tb.Helper()
	dir := os.Getenv("FIREBREAK_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	const name = "synthea-r4-120p.tar.xz"
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
	for bundles > 0 {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, ".json") {
			continue
		}
		body, err := io.ReadAll(files)
		if err != nil {
			tb.Fatal(err)
		}
		for entry := range parse(tb, resolved(parse(tb, string(body)))).Field("entry").Each() {
			f(parse(tb, string(entry.Field("resource").Raw())))
		}
		bundles--
	}
}

// resolved is the bundle with the references between its entries rewritten to
// Type/id, as a server does when it takes the transaction.
func resolved(bundle fhirjson.Node) string {
	var with []string
	for entry := range bundle.Field("entry").Each() {
		r := entry.Field("resource")
		with = append(with, `"`+entry.Field("fullUrl").Text()+`"`, `"`+r.Field("resourceType").Text()+"/"+r.Field("id").Text()+`"`)
	}
	return strings.NewReplacer(with...).Replace(string(bundle.Raw()))
}

func parse(tb interface {
	Helper()
	Fatalf(string, ...any)
}, text string) fhirjson.Node {
	tb.Helper()
	doc, err := fhirjson.Parse([]byte(text))
	if err != nil {
		tb.Fatalf("bad JSON in test: %v", err)
	}
	return doc.Root()
}
