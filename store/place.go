package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// place is where an embedded database is: its file and, beside it, the log that
// holds what was committed last. SQLite keeps writing to files that somebody
// removed or renamed, and commits there; whoever opens the path next finds
// nothing of it.
type place struct {
	main, log string
	held      [2]fs.FileInfo // the files that are open
}

// realPath is the path of a database by whatever links it is reached; it need
// not be there yet.
func realPath(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if real, err = filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			real = filepath.Join(real, filepath.Base(path))
		}
	}
	return real, err
}

// placeOf refuses a log without its database: SQLite would remove it, and with
// it what was acknowledged and is nowhere else.
func placeOf(path string) (*place, error) {
	real, err := realPath(path)
	if err != nil {
		return nil, err
	}
	p := &place{main: real, log: real + "-wal"}
	log, err := os.Stat(p.log)
	if err != nil || log.Size() == 0 {
		return p, nil
	}
	if main, err := os.Stat(p.main); errors.Is(err, fs.ErrNotExist) || err == nil && main.Size() == 0 {
		return nil, fmt.Errorf("the database is gone, and %s holds changes of it: put the database back beside it, or move that file away to begin anew", p.log)
	}
	return p, nil
}

// hold remembers the files that are open now.
func (p *place) hold() (err error) {
	for n, path := range []string{p.main, p.log} {
		if p.held[n], err = os.Stat(path); err != nil {
			return err
		}
	}
	return nil
}

// stays reports, as ErrUnavailable, that the open files are no longer at their
// paths. A change is not committed then.
func (p *place) stays() error {
	for n, path := range []string{p.main, p.log} {
		now, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if !os.SameFile(now, p.held[n]) {
			return fmt.Errorf("%w: %s was replaced by another file", ErrUnavailable, path)
		}
	}
	return nil
}
