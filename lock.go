package firebreak

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrInUse is Open's error for a directory that another process works on.
var ErrInUse = errors.New("it is in use by another firebreak: a server, or an import or explain while none runs; try again when that has ended")

// lockDir keeps others out of a directory, admin socket included, until the
// result is closed or the process ends, however it ends. It locks the directory
// itself: there is no file to be left behind.
func lockDir(dir string) (io.Closer, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(ErrInUse, d.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock: %w", err), d.Close())
	}
	return d, nil
}
