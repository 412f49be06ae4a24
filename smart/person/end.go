package person

import (
	"bytes"
	"slices"

	"firebreak/vault"
)

// Ends tells what is to be stored together with a change by which a person may
// do less than before, or is somebody else: whoever issues tokens for people
// makes those worthless that were issued for Account.Rights below these. It must
// be called before the first change.
func (d *Directory) Ends(with func(id ID, rights int64) []vault.Op) { d.ends = with }

// ending are those changes, if there is a reason for them. Who has not taken up
// the invitation has nothing to lose, and who only adds a factor loses nothing.
func (d *Directory) ending(was record, is *record) []vault.Op {
	now := d.clock.Now()
	held := is.RolesAt(now)
	less := slices.ContainsFunc(was.RolesAt(now), func(role string) bool { return !slices.Contains(held, role) })
	other := was.Epoch != is.Epoch && !onlyAdded(was, *is) || was.Organization != is.Organization
	if !was.Accepted || !other && !less {
		return nil
	}
	is.Rights = d.rightsAfter(was)
	return d.end(is.ID, is.Rights)
}

// rightsAfter is what Rights become: never what they were before, whatever the
// clock says.
func (d *Directory) rightsAfter(was record) int64 {
	return max(was.Rights+1, d.clock.Now().UnixMilli())
}

func (d *Directory) end(id ID, rights int64) []vault.Op {
	if d.ends == nil {
		return nil
	}
	return d.ends(id, rights)
}

// onlyAdded reports whether all that proved the person before still does, they
// are who they were, and there is one factor more.
func onlyAdded(was, is record) bool {
	kept := was.TOTP == nil || is.TOTP != nil && is.TOTP.Secret == was.TOTP.Secret
	for _, k := range was.Keys {
		kept = kept && slices.ContainsFunc(is.Keys, func(o credential) bool { return bytes.Equal(o.ID, k.ID) && o.Suspended == k.Suspended })
	}
	more := len(is.Keys) > len(was.Keys) || was.TOTP == nil && is.TOTP != nil
	return kept && more && is.Hash == was.Hash && is.Email == was.Email && is.FHIRUser == was.FHIRUser && is.Disabled == was.Disabled
}
