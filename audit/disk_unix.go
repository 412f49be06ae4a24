//go:build unix && !linux

package audit

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const durableWrites = syscall.O_SYNC

func reserve(*os.File, int64) error { return nil }

func flush(f *os.File) error { return f.Sync() }

func lockFile(d *os.File) error {
	err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

func settle(f *os.File) error { return f.Sync() }
