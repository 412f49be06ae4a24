package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrUnavailable is the answer when the database cannot be reached, its disk is
// full or fails, or another program has locked it: it may be better later, and is
// no fault of what was asked. After a change it means that the outcome may be
// unknown.
var ErrUnavailable = errors.New("the database is not available")

// available marks an error that says the database is not.
func available(err error) error {
	if err == nil || !unavailable(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func unavailable(err error) bool {
	var lite *sqlite.Error
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.Is(err, errUnknown), errors.Is(err, driver.ErrBadConn), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &connect):
		return true
	case errors.As(err, &lite):
		switch lite.Code() & 0xff { // without what the extended code adds
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY:
			return true
		}
		return false
	case errors.As(err, &pg):
		// Connection, resources, operator's intervention, system
		// (PostgreSQL, appendix A). 57014 is a statement that was given up.
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "57P") || strings.HasPrefix(pg.Code, "58")
	}
	return errors.As(err, &network) && !network.Timeout()
}
