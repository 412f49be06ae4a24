package person

import (
	"slices"

	"firebreak/vault"
)

// Ends tells what is to be stored together with a change by which a person may
// do less than before, or is somebody else: whoever issues tokens for people
// makes them worthless by it. It must be called before the first change.
func (d *Directory) Ends(with func(ID) []vault.Op) { d.ends = with }

// ending are those changes, if there is a reason for them. Who has not taken up
// the invitation has nothing to lose.
func (d *Directory) ending(was, is Account) []vault.Op {
	now := d.clock.Now()
	held := is.RolesAt(now)
	less := slices.ContainsFunc(was.RolesAt(now), func(role string) bool { return !slices.Contains(held, role) })
	if d.ends == nil || !was.Accepted || was.Epoch == is.Epoch && was.Organization == is.Organization && !less {
		return nil
	}
	return d.ends(is.ID)
}
