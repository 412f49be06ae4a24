package vault

import (
	"context"
	"errors"
)

// mark is an entry by which keys are told from others. It is made with the first
// keys that a table is opened with.
type mark struct{ Named string }

var marks = Of[mark]("vault.mark")

const theMark = "keys"

// Errors of Fits.
var (
	ErrOtherKeys = errors.New("its keys are not those that sealed what is in the store: put the file back that was there, from its copy")
	ErrOtherLast = errors.New("its last line is not the one it was: new keys go before it, for names are made with it")
)

// Begun reports whether a table has been used with keys before.
func Begun(ctx context.Context, t Table) (bool, error) {
	_, found, err := t.Row(ctx, marks.name, theMark, 0)
	return found, err
}

// Fits reports whether the keys are those of the table, before anything is kept
// under other names or cannot be read: ErrOtherKeys, ErrOtherLast, or an error of
// the table's. A table that was never used takes the keys it is given.
func (v *Vault) Fits(ctx context.Context) error {
	mine := mark{v.Blind("vault.mark", theMark)}
	err := v.Apply(ctx, marks.New(theMark, mine, Never))
	if !errors.Is(err, ErrChanged) {
		return err
	}
	e, err := marks.Load(ctx, v, theMark)
	switch {
	case errors.Is(err, ErrUnreadable):
		return ErrOtherKeys
	case err == nil && e.Value != mine:
		return ErrOtherLast
	}
	return err
}
