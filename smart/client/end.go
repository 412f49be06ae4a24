package client

import (
	"context"
	"slices"
	"time"

	"firebreak/vault"
)

// Ends tells what is to be stored together with a change by which a client may
// do other things than before: whoever issues tokens to clients makes them
// those worthless that were issued to the client as it was before a time of
// Client.Changed. It must be called before the first change.
func (r *Registry) Ends(with func(id string, from time.Time) []vault.Op) { r.ends = with }

// Leaves tells what is to be stored together with the removal of a client, besides
// what Ends tells: whoever keeps what was granted to it forgets that. It must be
// called before the first change.
func (r *Registry) Leaves(with func(ctx context.Context, id string) ([]vault.Op, error)) {
	r.leaves = with
}

// ending are those changes, if there is a reason for them. A client that only
// gained something loses its tokens too, and gets better ones.
func (r *Registry) ending(was, is Client) []vault.Op {
	as := was.Disabled == is.Disabled && was.Until.Equal(is.Until) && was.Organization == is.Organization && was.Bound == is.Bound &&
		slices.Equal(was.Roles, is.Roles) && slices.Equal(was.Scopes, is.Scopes)
	if r.ends == nil || as {
		return nil
	}
	return r.ends(is.ID, is.Changed)
}
