package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firebreak/fhirjson"
)

// unpacked is a folder with Synthea's 120 patients.
func unpacked(t *testing.T) string {
	t.Helper()
	archive := filepath.Join(cmp.Or(os.Getenv("FIREBREAK_TESTDATA"), "../../../shared/data"), "synthea-r4-120p.tar.xz")
	if _, err := os.Stat(archive); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("synthea-r4-120p.tar.xz is not there")
	}
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-C", dir, "--use-compress-program=xz", "-xf", archive).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	return dir
}

// census counts resources in the files, by type.
func census(t *testing.T, dir string) map[string]int {
	t.Helper()
	out := map[string]int{}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil || len(files) != 120 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := fhirjson.Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		for e := range doc.Root().Field("entry").Each() {
			out[e.Field("resource").Field("resourceType").Text()]++
		}
	}
	return out
}

// TestSyntheaImportsWholeAndOnce brings in real transactions, all POST, and
// again: nothing is lost and nothing doubled.
func TestSyntheaImportsWholeAndOnce(t *testing.T) {
	data := unpacked(t)
	want := census(t, data)
	work := t.TempDir()
	dir := filepath.Join(work, "d")
	s, err := startServer(work, "s", "demo", "--dir", dir, "--listen", "127.0.0.1:0", "--patients", "1")
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := counts(t, s, dir, want)
	var first, second, errs bytes.Buffer
	if code := run(console{t.Context(), &first, &errs}, []string{"import", "--dir", dir, "--as-organization", "north", data}); code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, first.String(), errs.String())
	}
	if code := run(console{t.Context(), &second, &errs}, []string{"import", "--dir", dir, "--as-organization", "north", data}); code != exitOK {
		t.Fatalf("again: exit code %d\n%s%s", code, second.String(), errs.String())
	}
	if !strings.Contains(first.String(), "18740 resources in") || !strings.Contains(second.String(), "18740 were there already") {
		t.Errorf("summaries:\n%s\n%s", first.String(), second.String())
	}
	t.Log(first.String())
	for typ, n := range counts(t, s, dir, want) {
		if n-before[typ] != want[typ] {
			t.Errorf("%d more of %s, want %d", n-before[typ], typ, want[typ])
		}
	}
	// What referred to an entry refers to the resource that it became.
	token, err := tokenCommand{Dir: dir, As: "dr-adams", TTL: time.Minute}.mint()
	check(err)
	_, body, err := read(httpClient(check, dir), s.base+"/Observation?_summary=count&subject:missing=true", token)
	check(err)
	if !strings.Contains(body, `"total":0`) {
		t.Errorf("Observations without a subject: %s", body)
	}
	_, body, err = read(httpClient(check, dir), s.base+"/Encounter?_count=500&_elements=subject", token)
	check(err)
	if strings.Contains(body, "urn:uuid:") {
		t.Error("references to entries are left")
	}
}

func counts(t *testing.T, s *process, dir string, types map[string]int) map[string]int {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	token, err := tokenCommand{Dir: dir, As: "warehouse", TTL: time.Minute}.mint()
	check(err)
	c := httpClient(check, dir)
	out := map[string]int{}
	for typ := range types {
		_, body, err := read(c, s.base+"/"+typ+"?_summary=count", token)
		check(err)
		doc, err := fhirjson.Parse([]byte(body))
		check(err)
		n := 0
		_, err = fmt.Sscan(string(doc.Root().Field("total").Raw()), &n)
		check(err)
		out[typ] = n
	}
	return out
}
