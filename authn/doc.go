// Package authn says who is asking. It serves OAuth 2.0 access tokens that are
// JWTs (RFC 7519, RFC 9068) signed by configured issuers, with the claims of
// SMART App Launch 2.2: bearer tokens (RFC 6750), and those that are bound to a
// key (DPoP, RFC 9449) or to a client's certificate (RFC 8705 §3). It does not
// decide what the caller may do: that is authz. A user-level token without
// fhirUser is let through here with the field empty, and authz denies it.
//
// Algorithms are chosen by configuration, never by the token (RFC 8725 §3.1);
// keys come from the issuer's key set, never from the token (§3.5, §3.10).
//
// Its one surprise: a verified token is remembered by the SHA-256 of its bytes,
// and what is remembered is tied to the very key set that verified it. When the
// issuer's keys change in any way, every token of that issuer is verified anew.
package authn

import (
	"errors"
	"slices"
	"time"
)

// MaxTokenBytes is the longest token that is looked at.
const MaxTokenBytes = 16 << 10

// ErrKeysUnavailable says that an issuer's keys were never read, or are older
// than Issuer.MaxKeyAge and cannot be read again. It is the server's trouble,
// not the token's: the request is denied, but the client need not ask for
// another token.
var ErrKeysUnavailable = errors.New("issuer keys unavailable")

// Token is what a verified access token says. Texts are as the issuer wrote
// them, free of control characters; absent claims are zero. Nothing here is a
// decision: roles and scopes are claims of a trusted issuer, no more.
type Token struct {
	Issuer       string   // iss, one of the configured names
	Subject      string   // sub, never empty
	ClientID     string   // client_id, else azp
	JTI          string   // jti; the token's identity for revocation, where the issuer sets it
	KeyID        string   // kid of the key that signed it; "" where its issuer was asked, or the token names none
	Scope        string   // scopes in the token's order, one space between
	FHIRUser     string   // relative reference, such as "Practitioner/x"
	Patient      string   // launch context: id of a Patient (SMART App Launch, scopes-and-launch-context)
	Organization []string // organisations the user acts for
	Roles        []string
	Purpose      string // purpose of use, one code
	ACR          string // authentication context class, OpenID Connect Core §2
	Grant        string // grant; what was granted, at our own authorization server
	Session      string // sid; the sign-in's session, OpenID Connect Back-Channel Logout §2.1

	// Type is how the token must be sent. Confirmation is what its sender must
	// prove; who gets a Token from Verify or VerifyRequest knows that it was.
	Type         Scheme
	Confirmation Confirmation

	AuthTime            time.Time // auth_time, OpenID Connect Core §2; zero where the token does not say
	IssuedAt, NotBefore time.Time // zero where the token does not say
	Expires             time.Time

	// Hash is the SHA-256 of the token's bytes. It is a key for caches, not an
	// identity: of an ECDSA signature (r, s) another valid form (r, n−s) exists,
	// so a list of revoked hashes could be walked round. Revoke by JTI.
	Hash [32]byte
}

// clone keeps callers from changing what the cache holds.
func (t *Token) clone() Token {
	out := *t
	out.Organization = slices.Clone(t.Organization)
	out.Roles = slices.Clone(t.Roles)
	return out
}
