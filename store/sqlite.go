package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// ErrLocked is OpenSQLite's error while the store is open already.
var ErrLocked = errors.New("another process has this store open")

// OpenSQLite opens or creates the embedded store in one file, for this process
// alone until Close: what another one changed would be unknown to this one's
// caches, and what it relabelled or deleted would still be shown. SQLite's own
// tools may read the file meanwhile.
func OpenSQLite(ctx context.Context, path string, opt Options) (*Store, error) {
	held, err := lockBeside(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s, err := openSQLite(ctx, path, opt)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, errors.Join(err, held.Close()))
	}
	s.held = held
	return s, nil
}

func openSQLite(ctx context.Context, path string, opt Options) (*Store, error) {
	// synchronous=FULL: a commit is acknowledged when the log is on disk.
	pragmas := []string{"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(OFF)",
		"wal_autocheckpoint(8000)", "cache_size(-8000)", "mmap_size(268435456)", "temp_store(MEMORY)"}
	q := url.Values{"_pragma": pragmas}
	at, err := placeOf(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, db, sqliteDialect, opt)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := at.hold(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.place = at
	return s, nil
}

// lockBeside keeps others from the database at path until the result is closed
// or the process ends, however it ends. The lock is on a file of its own, which
// stays: SQLite has locks on the database, and POSIX drops those when any
// descriptor of that file is closed.
func lockBeside(path string) (io.Closer, error) {
	real, err := realPath(path) // by whatever links it is reached, it has one lock
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(real+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

var sqliteDialect = dialect{
	name:       "sqlite",
	goose:      goose.DialectSQLite3,
	prepare:    true,
	byRID:      "+",
	inSet:      "IN (",
	inSetEnd:   ")",
	beginRead:  "BEGIN DEFERRED",
	beginWrite: "BEGIN IMMEDIATE",
	// There is one writer, and busy_timeout is patience enough with another
	// program's lock.
	conflict: func(error) bool { return false },
}
