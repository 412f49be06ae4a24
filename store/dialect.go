package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// dialect is what differs between the databases.
type dialect struct {
	name     string
	goose    goose.Dialect
	numbered bool // placeholders are $1, $2 … instead of ?
	prepare  bool // statements are prepared by the session, not by the driver
	// byRID goes before a column of an index row that is found by its resource:
	// a sign that keeps the planner from going by the column's value instead.
	byRID string
	// inSet and inSetEnd go around a SELECT whose rows a column must be among,
	// so that it is evaluated once and from the inside out.
	inSet, inSetEnd string
	beginRead       string
	beginWrite      string
	// shared: other processes write to the database too, so nothing that can
	// change is remembered outside a snapshot.
	shared bool
	// lock and unlock hold other servers off while the schema is brought up to
	// date, where several may do that at once.
	lock, unlock string
	// together and alone admit a server's batch of changes, leave ends it.
	together, alone, leave string
	// gone reports whether a driver's connection is known to be closed.
	gone func(conn any) bool
	// conflict reports whether an error means that the change should be run again.
	conflict func(error) bool
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, db *sql.DB, d dialect) error {
	files, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(d.goose, db, files)
	if err != nil {
		return err
	}
	if d.lock != "" {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.ExecContext(ctx, d.lock); err != nil {
			return err
		}
		defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), d.unlock) }()
	}
	_, err = p.Up(ctx)
	return err
}

// statement is SQL text under construction with its arguments in order. A value
// from outside is always an argument; text comes from this package only.
type statement struct {
	dialect *dialect
	text    strings.Builder
	args    []any
}

// literal is a number that becomes text, and no argument: one that a plan hangs
// on, of which there are few. SQLite (3.54) plans a statement again when a LIMIT
// that is an argument changes, and when another one becomes 0 or 1 or ceases to be:
// each new statement was planned twice, for its tenant, and many again with each
// size of page.
type literal int64

// add appends text in which each ? is the next argument.
func (q *statement) add(text string, args ...any) *statement {
	for _, a := range args {
		before, after, ok := strings.Cut(text, "?")
		if !ok {
			panic(fmt.Sprintf("store: more arguments than places in %q", text))
		}
		q.text.WriteString(before)
		if n, ok := a.(literal); ok {
			q.text.WriteString(strconv.FormatInt(int64(n), 10))
		} else {
			q.place(a)
		}
		text = after
	}
	q.text.WriteString(text)
	return q
}

// place appends an argument's place.
func (q *statement) place(a any) {
	q.args = append(q.args, a)
	if !q.dialect.numbered {
		q.text.WriteByte('?')
		return
	}
	q.text.WriteByte('$')
	q.text.WriteString(strconv.Itoa(len(q.args)))
}

func (q *statement) String() string { return q.text.String() }
