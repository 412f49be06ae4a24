package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// tmpfs mounts a small file system, or skips.
func tmpfs(t *testing.T, options string) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a tmpfs")
	}
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

func TestFullDiskAcknowledgesNothingMore(t *testing.T) {
	dir := filepath.Join(tmpfs(t, "size=1m"), "journal")
	opts := Options{Clock: ticking(), SegmentSize: 200 << 10}
	l := mustOpen(t, dir, opts)
	var acknowledged []string
	var err error
	for i := 0; err == nil && i < 10000; i++ {
		p := fmt.Sprintf("%d %0*d", i, 1000, 0)
		if _, err = l.Append(context.Background(), []byte(p)); err == nil {
			acknowledged = append(acknowledged, p)
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(l.Failed(), syscall.ENOSPC) {
		t.Errorf("the full disk gave %v, Failed %v", err, l.Failed())
	}
	if _, err := l.Append(context.Background(), []byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("after the error: %v", err)
	}
	if err := l.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close = %v", err)
	}
	if r := mustVerify(t, dir); len(r.Damage) > 0 {
		t.Errorf("a full disk reads as damage: %v", r.Damage)
	}
	if got := payloads(t, dir); !slices.Equal(got, acknowledged) {
		t.Errorf("%d records there, %d acknowledged", len(got), len(acknowledged))
	}
}

func TestReadOnlyDirectoryIsVerifiedButNotOpened(t *testing.T) {
	root := tmpfs(t, "size=1m")
	dir := filepath.Join(root, "journal")
	l := mustOpen(t, dir, small())
	mustAppend(t, l, "x")
	mustClose(t, l)
	if err := syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("needs the right to remount: %v", err)
	}
	if _, err := Open(dir, small()); !errors.Is(err, syscall.EROFS) {
		t.Errorf("Open = %v, want read-only file system", err)
	}
	if r := mustVerify(t, dir); len(r.Damage) > 0 || r.Records != 3 {
		t.Errorf("Verify = %+v", r)
	}
	_, err := Open(filepath.Join(root, "new"), small())
	if !errors.Is(err, syscall.EROFS) {
		t.Errorf("Open of a new journal = %v", err)
	}
}
