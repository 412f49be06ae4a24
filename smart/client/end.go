package client

import (
	"slices"

	"firebreak/vault"
)

// Ends tells what is to be stored together with a change by which a client may
// do other things than before: whoever issues tokens to clients makes them
// worthless by it. It must be called before the first change.
func (r *Registry) Ends(with func(id string) []vault.Op) { r.ends = with }

// ending are those changes, if there is a reason for them. A client that only
// gained something loses its tokens too, and gets better ones.
func (r *Registry) ending(was, is Client) []vault.Op {
	as := was.Disabled == is.Disabled && was.Until.Equal(is.Until) && was.Organization == is.Organization && was.Bound == is.Bound &&
		slices.Equal(was.Roles, is.Roles) && slices.Equal(was.Scopes, is.Scopes)
	if r.ends == nil || as {
		return nil
	}
	return r.ends(is.ID)
}
