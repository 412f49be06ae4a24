package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// faulty is a disk that fails at one of its operations, and from then on
// records what is still asked of it.
type faulty struct {
	osDisk
	ops   atomic.Int64
	at    int64                                              // the operation that fails
	fault func(f file, p []byte, off int64) (n int, e error) // how a write fails
	after atomic.Int64                                       // writes after the fault
}

var errDisk = errors.New("input/output error")

func (d *faulty) create(path string, size int64) (file, error) {
	if d.ops.Add(1) == d.at {
		return nil, syscall.ENOSPC
	}
	f, err := d.osDisk.create(path, size)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, d}, nil
}

func (d *faulty) open(path string) (file, error) {
	f, err := d.osDisk.open(path)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, d}, nil
}

type faultyFile struct {
	file
	d *faulty
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	n := f.d.ops.Add(1)
	if n > f.d.at {
		f.d.after.Add(1)
	}
	if n == f.d.at {
		return f.d.fault(f.file, p, off)
	}
	return f.file.WriteAt(p, off)
}

// faults are the ways in which a write goes wrong.
var faults = map[string]func(f file, p []byte, off int64) (int, error){
	"nothing written": func(file, []byte, int64) (int, error) { return 0, errDisk },
	"short write": func(f file, p []byte, off int64) (int, error) {
		n, _ := f.WriteAt(p[:len(p)/2], off)
		return n, errDisk
	},
	"flush after write": func(f file, p []byte, off int64) (int, error) { n, _ := f.WriteAt(p, off); return n, errDisk },
}

func TestDiskErrorBreaksTheLogForGood(t *testing.T) {
	for name, fault := range faults {
		for at := int64(2); at < 40; at += 3 {
			d := &faulty{at: at, fault: fault}
			dir := filepath.Join(t.TempDir(), "journal")
			opts := small()
			opts.disk = d
			l, err := Open(dir, opts)
			if err != nil {
				continue // failed while opening: nothing was promised
			}
			var acknowledged []string
			for i := 0; l.Failed() == nil && i < 100; i++ {
				p := fmt.Sprintf("%d %0*d", i, 300, 0)
				if _, err := l.Append(context.Background(), []byte(p)); err == nil {
					acknowledged = append(acknowledged, p)
				}
			}
			broken := l.Failed()
			if broken == nil {
				mustClose(t, l) // a failed preparation was made good in time
			} else {
				// Preparing the next segment may still be under way; records may not.
				if _, err := l.Append(context.Background(), []byte("late")); !errors.Is(err, broken) {
					t.Errorf("%s at %d: an Append after the error gave %v", name, at, err)
				}
				if err := l.Close(); !errors.Is(err, broken) {
					t.Errorf("%s at %d: Close gave %v, want %v", name, at, err, broken)
				}
				if n := d.after.Load(); n > 0 {
					t.Errorf("%s at %d: %d writes after the error", name, at, n)
				}
			}
			mustClose(t, mustOpen(t, dir, small()))
			got := payloads(t, dir)
			if len(got) < len(acknowledged) || !slices.Equal(got[:len(acknowledged)], acknowledged) {
				t.Errorf("%s at %d: %d records there, %d acknowledged", name, at, len(got), len(acknowledged))
			}
			if r := mustVerify(t, dir); len(r.Damage) > 0 {
				t.Errorf("%s at %d: after opening anew: %v", name, at, r.Damage)
			}
		}
	}
}

func TestEveryoneWaitingIsToldOfTheError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	d := &faulty{at: 5, fault: faults["nothing written"]}
	l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 1 << 20, disk: d})
	var group sync.WaitGroup
	var refused atomic.Int64
	for range 64 {
		group.Go(func() {
			for {
				if _, err := l.Append(context.Background(), []byte("x")); err != nil {
					if !errors.Is(err, errDisk) {
						t.Errorf("got %v, want the disk's error", err)
					}
					refused.Add(1)
					return
				}
			}
		})
	}
	group.Wait()
	if refused.Load() != 64 || !errors.Is(l.Failed(), errDisk) {
		t.Errorf("%d of 64 refused, Failed is %v", refused.Load(), l.Failed())
	}
	if err := l.Close(); !errors.Is(err, errDisk) {
		t.Errorf("Close = %v", err)
	}
}

func TestRemovedOrMovedJournalIsNotWrittenOn(t *testing.T) {
	for name, harm := range map[string]func(dir string) error{
		"directory removed": os.RemoveAll,
		"directory moved":   func(dir string) error { return os.Rename(dir, dir+".old") },
		"segment removed":   func(dir string) error { return os.Remove(filepath.Join(dir, segmentName(1))) },
		"segment replaced": func(dir string) error {
			path := filepath.Join(dir, segmentName(1))
			b, err := os.ReadFile(path)
			return errors.Join(err, os.Remove(path), os.WriteFile(path, b, 0o600))
		},
		"segment cut": func(dir string) error { return os.Truncate(filepath.Join(dir, segmentName(1)), 100) },
	} {
		dir := filepath.Join(t.TempDir(), "journal")
		l := mustOpen(t, dir, small())
		mustAppend(t, l, "x")
		if err := harm(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(context.Background(), []byte("y")); err == nil {
			t.Errorf("%s: acknowledged", name)
		}
		if l.Failed() == nil {
			t.Errorf("%s: not failed", name)
		}
		if err := l.Close(); err == nil {
			t.Errorf("%s: closed without an error", name)
		}
	}
}
