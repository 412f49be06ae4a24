package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"firebreak"
)

// taker takes every Bundle and looks at the heap now and then.
type taker struct {
	operator
	mu    sync.Mutex
	names map[string]bool
	peak  uint64
}

func (o *taker) Import(_ context.Context, in firebreak.Import) (firebreak.Imported, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names[in.RequestID] = true
	if len(o.names)%200 == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		o.peak = max(o.peak, m.HeapAlloc)
	}
	return firebreak.Imported{Status: 200}, nil
}

func taking(t *testing.T) (*importing, *taker) {
	o := &taker{names: map[string]bool{}}
	c := console{ctx: t.Context(), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	return &importing{c: c, op: o, types: map[string]int{}, seen: map[string]bool{}}, o
}

// How much memory an import of NDJSON needs is not for the length of the file to
// say.
func TestALongFileIsNotHeld(t *testing.T) {
	const size, lines = 96 << 20, 3000
	path := filepath.Join(t.TempDir(), "long.ndjson")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, filler := bufio.NewWriter(f), strings.Repeat("x", size/lines)
	for n := range lines {
		fmt.Fprintf(w, "{\"resourceType\":\"Patient\",\"id\":\"p%d\",\"name\":[{\"text\":\"%s\"}]}\n", n, filler)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	x, o := taking(t)
	if err := x.file(t.Context(), path); err != nil || len(x.failures) > 0 {
		t.Fatalf("%v, %v", err, x.failures)
	}
	if len(o.names) != lines {
		t.Errorf("%d of %d lines were brought in", len(o.names), lines)
	}
	if o.peak == 0 || o.peak > size/2 {
		t.Errorf("the heap grew to %d MiB for a file of %d", o.peak>>20, size>>20)
	}
}

// Names of equal lines and numbers of lines go on from one part of a file to
// the next.
func TestPartsOfAFileAreOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ndjson")
	same := `{"resourceType":"Basic","code":{"text":"` + strings.Repeat("x", maxLines) + `"}}` + "\n"
	if err := os.WriteFile(path, []byte(mark+same+"\n"+same+"{\r\n"+same+`{"id":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	x, o := taking(t)
	if err := x.file(t.Context(), path); err != nil || len(o.names) != 3 {
		t.Errorf("%d lines have a name of their own, want 3: %v", len(o.names), err)
	}
	slices.Sort(x.failures)
	if len(x.failures) != 2 || !strings.HasPrefix(x.failures[0], path+": line 4: ") || x.failures[1] != path+": line 6: it has no resourceType" {
		t.Errorf("failures: %q", x.failures)
	}
}

func TestWhatIsTooLongIsToldAndTheRestBroughtIn(t *testing.T) {
	dir := t.TempDir()
	large, long := filepath.Join(dir, "large.json"), filepath.Join(dir, "long.ndjson")
	for path, size := range map[string]int64{large: maxFile + 1, long: maxLine + 1} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil { // holes take no room
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(long, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("\n{\"resourceType\":\"Basic\"}\n")
	_ = f.Close()
	x, o := taking(t)
	for _, path := range []string{large, long} {
		if err := x.file(t.Context(), path); err != nil {
			t.Error(err)
		}
	}
	if len(x.failures) != 2 || !strings.Contains(x.failures[0], "larger than 256 MiB") || !strings.HasSuffix(x.failures[1], "line 1: it is longer than 64 MiB") || len(o.names) != 1 {
		t.Errorf("%q, and %d brought in, want 1", x.failures, len(o.names))
	}
}
