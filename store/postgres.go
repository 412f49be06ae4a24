package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// OpenPostgres opens a store in a PostgreSQL database, which any number of
// servers may share.
func OpenPostgres(ctx context.Context, url string, opt Options) (*Store, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the PostgreSQL URL cannot be read") // pgx's error may quote the password
	}
	// Plans depend on the caller's classes and on the values asked for; a
	// generic plan serves no one, unless the URL says so.
	if cfg.RuntimeParams["plan_cache_mode"] == "" {
		cfg.RuntimeParams["plan_cache_mode"] = "force_custom_plan"
	}
	cfg.RuntimeParams["jit"] = "off"
	db := stdlib.OpenDB(*cfg)
	s, err := open(ctx, db, postgresDialect, opt)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	return s, nil
}

var postgresDialect = dialect{
	name:     "postgres",
	goose:    goose.DialectPostgres,
	numbered: true,
	// As a join the planner would guess an order, badly where values are skewed:
	// seconds for three hops over a hundred resources.
	inSet:      "= ANY(ARRAY(",
	inSetEnd:   "))",
	beginRead:  "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	beginWrite: "BEGIN ISOLATION LEVEL SERIALIZABLE",
	shared:     true,
	lock:       "SELECT pg_advisory_lock(5064010001)",
	unlock:     "SELECT pg_advisory_unlock(5064010001)",
	together:   "SELECT pg_advisory_lock_shared(5064010002)",
	alone:      "SELECT pg_advisory_lock(5064010002)",
	leave:      "SELECT pg_advisory_unlock_all()",
	gone: func(c any) bool {
		pg, ok := c.(*stdlib.Conn)
		return ok && pg.Conn().IsClosed()
	},
	conflict: func(err error) bool {
		var pg *pgconn.PgError
		if !errors.As(err, &pg) {
			return false
		}
		switch pg.Code {
		case "40001", "40P01", "23505": // serialization, deadlock, two nodes interned the same term
			return true
		}
		return false
	},
}
