package person

import (
	"slices"
	"time"
)

// ID names an account for ever: it is the OAuth subject. Ids are random and are
// not given again.
type ID string

// Operator acts from the machine itself, by the command line. It counts as two
// persons: who has the machine has the directory.
const Operator ID = "operator"

// Provider is who grants the roles that another directory gives.
const Provider ID = "provider"

// Account is what may be known of a person's account; it holds no secret.
type Account struct {
	ID            ID
	Login         string // as it is compared: NFKC, case folded; "" for a linked account
	Display       string // the person's name, for people to read
	Email         string
	EmailVerified bool
	FHIRUser      string // "Practitioner/…", "Patient/…", "RelatedPerson/…", or ""
	Organization  string // "Organization/…", or ""
	Roles         []RoleGrant
	Source        Source
	Disabled      bool
	MustEnrol     bool // a second factor is wanted before anything else
	Accepted      bool // the invitation was taken up, or the account is linked
	Created       time.Time
	CreatedBy     ID
	Epoch         uint64 // grows when a credential changes: sessions of a lower one are over
	Rights        int64  `json:",omitempty"` // grows when the person may do less: tokens for lower ones are over

	// What follows is told, not kept here.
	HasTOTP       bool      `json:"-"`
	Passkeys      []Passkey `json:"-"`
	RecoveryCodes int       `json:"-"` // how many are left
}

// Source is where an account comes from. The zero Source is this directory.
type Source struct {
	Provider, Issuer, Subject string
}

// Linked reports whether the person signs in elsewhere.
func (s Source) Linked() bool { return s != Source{} }

// RoleGrant is a role and why it is held.
type RoleGrant struct {
	Role   string
	Until  time.Time // the zero time: until it is taken away
	Reason string
	By     ID
	Since  time.Time
}

// RolesAt are the names of the roles held at a time, sorted, each once.
func (a Account) RolesAt(t time.Time) []string {
	var out []string
	for _, g := range a.Roles {
		if !t.Before(g.Since) && (g.Until.IsZero() || t.Before(g.Until)) {
			out = append(out, g.Role)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Live reports whether a session that began at an epoch goes on.
func (a Account) Live(epoch uint64) bool { return !a.Disabled && a.Accepted && a.Epoch == epoch }

// Passkey is a passkey as its owner may see it.
type Passkey struct {
	ID        string // of the credential, base64url
	Name      string // given by the owner
	Created   time.Time
	Used      time.Time // last
	Synced    bool      // it may be on several devices
	Suspended bool      // its counter went back: a copy may be about
}

// record is an account with its secrets, as it is kept.
type record struct {
	Account
	Hash     string // PHC string; "" when there is no password
	TOTP     *totpKey
	Keys     []credential
	Recovery []string // blind names of the codes that are left
}

// public is the account without its secrets.
func (r record) public() Account {
	a := r.Account
	a.HasTOTP, a.RecoveryCodes = r.TOTP != nil, len(r.Recovery)
	a.Passkeys = nil
	for _, k := range r.Keys {
		a.Passkeys = append(a.Passkeys, k.public())
	}
	return a
}

// second reports whether the account has a second factor of its own.
func (r record) second() bool { return r.TOTP != nil || len(r.Keys) > 0 }

// mayProve reports whether anything may be proved for the account.
func (r record) mayProve() bool { return !r.Disabled && r.Accepted }

// Hands are who makes a change, and who else agreed to it. Package smart asks
// the second administrator; two names that are the same are one person.
type Hands struct{ By, Second ID }

func (h Hands) two() bool {
	return h.By == Operator || h.Second != "" && h.Second != h.By
}
