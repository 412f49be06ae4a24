package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// OpenSQLite opens or creates the embedded store in one file. One process
// writes to it; others may read it while it runs.
func OpenSQLite(ctx context.Context, path string, opt Options) (*Store, error) {
	// synchronous=FULL: a commit is acknowledged when the log is on disk.
	pragmas := []string{"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(OFF)",
		"wal_autocheckpoint(8000)", "cache_size(-8000)", "mmap_size(268435456)", "temp_store(MEMORY)"}
	q := url.Values{"_pragma": pragmas}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s, err := open(ctx, db, sqliteDialect, opt)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return s, nil
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
	conflict: func(err error) bool {
		return err != nil && strings.Contains(err.Error(), "SQLITE_BUSY")
	},
}
