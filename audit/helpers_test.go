package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// ticking is a clock that moves one millisecond at each look.
func ticking() func() time.Time {
	t := time.Date(2026, 11, 22, 3, 30, 0, 0, time.UTC)
	return func() time.Time { t = t.Add(time.Millisecond); return t }
}

func small() Options { return Options{Clock: ticking(), SegmentSize: MinSegment} }

func mustOpen(t testing.TB, dir string, opts Options) *Log {
	t.Helper()
	l, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustAppend(t testing.TB, l *Log, payload string) Receipt {
	t.Helper()
	r, err := l.Append(context.Background(), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustVerify(t testing.TB, dir string) Report {
	t.Helper()
	r, err := Verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// payloads are the payloads of a journal that are not the journal's own, in order.
func payloads(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	if err := Scan(dir, 0, func(e Entry) error {
		if _, err := ParseRecord(e.Payload); err != nil {
			list = append(list, string(e.Payload))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// written makes a closed journal of n records in segments of the least size.
func written(t testing.TB, n int) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "journal")
	l := mustOpen(t, dir, small())
	for i := range n {
		mustAppend(t, l, fmt.Sprintf("payload %d %0*d", i, 400+i%7, 0))
	}
	mustClose(t, l)
	return dir
}

// files are a directory's files by name.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := make(map[string][]byte)
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m[n.Name()] = b
	}
	return m
}

// lay puts files into a new directory.
func lay(t testing.TB, files map[string][]byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, b := range files {
		put(t, filepath.Join(dir, name), b)
	}
	return dir
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// patch changes one byte of a file.
func patch(t testing.TB, path string, off int, b byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b}, int64(off)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// place is where a record lies.
type place struct {
	name     string
	off, end int
	seq      uint64
}

// places finds every record of a journal by its magic.
func places(t testing.TB, files map[string][]byte) []place {
	t.Helper()
	var list []place
	for n := uint64(1); ; n++ {
		b, ok := files[segmentName(n)]
		if !ok {
			return list
		}
		if _, ok := parseHeader(b); !ok {
			return list
		}
		for off := headerSize; off+overhead <= len(b) && [4]byte(b[off:]) == recordMagic; {
			f, _ := parseRecordHead(b[off:])
			end := off + overhead + int(f.length)
			list = append(list, place{segmentName(n), off, end, f.seq})
			off = end
		}
	}
}
