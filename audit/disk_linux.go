package audit

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// durableWrites makes each write return when its bytes are durable: one system
// call in the place of write and fdatasync, about a sixth faster.
const durableWrites = unix.O_DSYNC

func reserve(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil // the zeros written next take the space
	}
	return err
}

func flush(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

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

// settle flushes the file and drops it from the page cache: after a failed
// flush the cache may hold as clean what the disk never received.
func settle(f *os.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
