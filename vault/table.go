package vault

import (
	"context"
	"errors"
)

// Row is an entry as a table has it: the body sealed.
type Row struct {
	Kind, Name string
	Rev        int64 // changes with every change of the entry; never 0
	Until      int64 // Unix milliseconds; the entry is absent from then on
	Body       []byte
}

// Change is one condition and what is done when it holds.
type Change struct {
	Row
	Tags   []string // by which the entry can be found, replacing those it had
	Was    int64    // the revision it must have; Absent; Whatever
	Delete bool     // instead of storing the Row
}

// What a Change may ask for instead of a revision.
const (
	Absent   int64 = 0 // there must be no such entry, or one whose time is up
	Whatever int64 = -1
)

// ErrChanged says that a condition did not hold, and that nothing was done.
var ErrChanged = errors.New("the entry is not what it was")

// Table is where entries lie. now is in Unix milliseconds everywhere; rows whose
// Until is not after it count as absent. Errors other than ErrChanged mean that
// the table is not available, or that the outcome is unknown.
type Table interface {
	// Row is one entry; found is false when it is absent.
	Row(ctx context.Context, kind, name string, now int64) (r Row, found bool, err error)
	// Rows are entries by tag, or all of the kind when tag is "", in the order of
	// their names, those after a name, at most limit.
	Rows(ctx context.Context, kind, tag, after string, limit int, now int64) ([]Row, error)
	// Apply does all changes or none, durably.
	Apply(ctx context.Context, changes []Change, now int64) error
	// Sweep takes away at most limit rows whose time is up, and says how many.
	Sweep(ctx context.Context, limit int, now int64) (int, error)
	// Shared reports whether other processes may change the table.
	Shared() bool
}
