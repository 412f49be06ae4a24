package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Identity is who a verified credential says is asking. It is plain data that
// anyone can fill in; only a Principal made of it counts.
type Identity struct {
	Tenant   string
	Issuer   string // OAuth issuer, or the name of another credential authority
	Subject  string // the issuer's name for the person or system
	ClientID string // the application
	TokenID  string // jti, for the audit trail
	// FHIRUser is the person's own record, "Practitioner/…" or "Patient/…"; ""
	// for a system client.
	FHIRUser string
	// Organization is the reference of the organisation the principal acts for.
	Organization string
	Roles        []string
	Scope        string // SMART scopes, as granted
	Patient      string // the launch context's Patient id
	Purpose      string // purpose of use, a code of v3-ActReason
	ACR          string // authentication context class
	Until        time.Time
}

// Principal is an authenticated caller. The zero Principal is nobody and is
// refused everywhere.
type Principal struct {
	id     veil[Identity]
	digest string
}

// NewPrincipal vouches for an identity. It may be called by the pipeline's
// authentication step only; bypass_test holds the allow-list.
func NewPrincipal(id Identity) Principal {
	id.Roles = slices.Clone(id.Roles)
	slices.Sort(id.Roles)
	var room [1024]byte
	b := room[:0]
	for _, s := range [...]string{id.Tenant, id.Issuer, id.Subject, id.ClientID, id.FHIRUser, id.Organization,
		strings.Join(id.Roles, "\x1f"), id.Scope, id.Patient, id.Purpose, id.ACR} {
		b = strconv.AppendInt(b, int64(len(s)), 10) // lengths, so that no two lists look alike
		b = append(append(b, ':'), s...)
	}
	sum := sha256.Sum256(b)
	var digest [32]byte
	hex.Encode(digest[:], sum[:16])
	return Principal{id: cover(id), digest: string(digest[:])}
}

// Valid reports whether the principal is somebody.
func (p Principal) Valid() bool { return p.digest != "" }

// Digest names everything about the principal that a decision may depend on;
// equal digests get equal decisions under one policy epoch. Token id and
// expiry are left out: they end an identity, they don't change it.
func (p Principal) Digest() string { return p.digest }

// Identity is a copy of what the principal was made of.
func (p Principal) Identity() Identity {
	id := *p.id.lift()
	id.Roles = slices.Clone(id.Roles)
	return id
}

// Tenant is the principal's tenant.
func (p Principal) Tenant() string { return p.id.lift().Tenant }

// Owner names the person or system together with the application, for what
// belongs to both: page links, jobs, stored results.
func (p Principal) Owner() string {
	id := p.id.lift()
	return id.Issuer + "\x1f" + id.Subject + "\x1f" + id.ClientID
}

// String and GoString keep persons out of logs by accident.
func (p Principal) String() string   { return "principal " + p.digest }
func (p Principal) GoString() string { return p.String() }
