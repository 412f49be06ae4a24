package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"math/rand/v2"
	"time"
)

// maxStatements is how many prepared statements a session keeps. Planning is
// most of the cost of a small query, so texts are made to repeat: values are
// arguments, and only the shape of a query and the classes a caller sees are text.
const maxStatements = 512

// session is one connection with its prepared statements. One goroutine uses
// it at a time.
type session struct {
	conn    *sql.Conn
	dialect dialect
	stmts   map[string]*sql.Stmt
	held    held
	inserts map[insertKey]string // texts of the writer's inserts
	// written counts statements that may have written, and rows held; failed says
	// that something went wrong since the writer last looked.
	written int
	failed  bool
	writes  bool  // it is the writer's
	doubt   int64 // the store's doubt when it was last known to work
	// asked, in tests, is told of every statement.
	asked func(text string, args []any)
}

func (x *session) statement() *statement { return &statement{dialect: &x.dialect} }

func (x *session) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := x.stmts[text]; ok {
		return st, nil
	}
	if len(x.stmts) >= maxStatements {
		for t, st := range x.stmts {
			_ = st.Close()
			delete(x.stmts, t)
			if len(x.stmts) <= maxStatements/2 {
				break
			}
		}
	}
	st, err := x.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	x.stmts[text] = st
	return st, nil
}

func (x *session) exec(ctx context.Context, text string, args ...any) error {
	x.written++
	return x.run(ctx, text, args...)
}

func (x *session) run(ctx context.Context, text string, args ...any) (err error) {
	if x.asked != nil {
		x.asked(text, args)
	}
	defer func() { x.failed = x.failed || err != nil }()
	if !x.dialect.prepare {
		_, err = x.conn.ExecContext(ctx, text, args...)
		return err
	}
	st, err := x.prepared(ctx, text)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx, args...)
	return err
}

// query asks the database, after it has been given what is held and concerned.
func (x *session) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if len(x.held.keys) > 0 && concerns(text) {
		if err := x.settle(ctx); err != nil {
			return nil, err
		}
	}
	return x.ask(ctx, text, args...)
}

func (x *session) ask(ctx context.Context, text string, args ...any) (rows *sql.Rows, err error) {
	if x.asked != nil {
		x.asked(text, args)
	}
	defer func() { x.failed = x.failed || err != nil }()
	if !x.dialect.prepare {
		return x.conn.QueryContext(ctx, text, args...)
	}
	st, err := x.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// one scans the first row; found is false when there is none.
func (x *session) one(ctx context.Context, text string, args []any, dest ...any) (found bool, err error) {
	rows, err := x.query(ctx, text, args...)
	if err != nil {
		return false, err
	}
	return x.first(rows, dest)
}

// oneAside is one for a question about a resource of which nothing is held.
func (x *session) oneAside(ctx context.Context, text string, args []any, dest ...any) (found bool, err error) {
	rows, err := x.ask(ctx, text, args...)
	if err != nil {
		return false, err
	}
	return x.first(rows, dest)
}

func (x *session) first(rows *sql.Rows, dest []any) (found bool, err error) {
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		found = true
	}
	x.failed = x.failed || rows.Err() != nil
	return found, rows.Err()
}

// rollback ends a read or a failed change; there is nothing to do when it fails,
// for the next begin on the connection will.
func (x *session) rollback() {
	x.forget()
	_ = x.exec(context.Background(), "ROLLBACK")
}

func (x *session) close() {
	for _, st := range x.stmts {
		_ = st.Close()
	}
	clear(x.stmts)
	_ = x.conn.Close()
}

// pause is a random while, longer with each attempt, so that servers which
// conflict with each other don't do so in step.
func (s *Store) pause(attempt int) {
	time.Sleep(rand.N(time.Duration(attempt*attempt) * 200 * time.Microsecond))
}

// alive reports whether the connection is open, as far as this end knows.
func (x *session) alive() bool {
	return x.conn.Raw(func(c any) error {
		if x.dialect.gone != nil && x.dialect.gone(c) {
			return driver.ErrBadConn
		}
		return nil
	}) == nil
}
