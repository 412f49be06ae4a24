package client

import (
	"slices"
	"time"

	"firebreak/authn"
)

// Kind is what an application is able to keep to itself.
type Kind string

// The kinds. A public app runs on its user's machine and has no secret (RFC 6749
// §2.1). A confidential one has a server of its own. A system acts for itself,
// with no person behind it (SMART App Launch 2.2, backend-services).
const (
	Public       Kind = "public"
	Confidential Kind = "confidential"
	System       Kind = "system"
)

// Method is how a client proves who it is, as the registry of token endpoint
// authentication methods names it (RFC 7591 §2, RFC 8705 §2.1.1).
type Method string

// The methods.
const (
	None          Method = "none"
	SecretBasic   Method = "client_secret_basic"
	SecretPost    Method = "client_secret_post"
	PrivateKeyJWT Method = "private_key_jwt"
	TLS           Method = "tls_client_auth"
)

// Methods are all methods, for the discovery document.
func Methods() []Method { return []Method{None, SecretBasic, SecretPost, PrivateKeyJWT, TLS} }

// Algorithms are those that assertions may be signed with.
func Algorithms() []string { return authn.AssertionAlgorithms() }

// Binding is what a client's tokens must be bound to.
type Binding string

// The bindings. Unbound tokens may still be bound when the client asks for it.
const (
	Unbound          Binding = ""
	BoundKey         Binding = "dpop" // RFC 9449
	BoundCertificate Binding = "mtls" // RFC 8705 §3
)

// Seconds is a length of time.
type Seconds int64

// Duration is s as package time has it.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// Client is a registered application. The zero values of what is optional are
// the careful ones. Its secrets are no part of it.
type Client struct {
	ID   string // letters, digits, "-", ".", "_"; it never changes
	Name string // what people are shown

	Publisher string `json:",omitempty"` // who answers for it, shown beside the name
	Contact   string `json:",omitempty"` // for the administrator

	Kind   Kind
	Method Method

	// RedirectURIs are where people may be sent back to, byte for byte: see
	// RedirectAllowed. PostLogoutRedirectURIs are where they may go after logout.
	RedirectURIs           []string `json:",omitempty"`
	PostLogoutRedirectURIs []string `json:",omitempty"`
	BackchannelLogoutURI   string   `json:",omitempty"` // OpenID Connect Back-Channel Logout 1.0
	LaunchURI              string   `json:",omitempty"` // where an EHR launch opens the app

	Scopes []string `json:",omitempty"` // all that it may ask for

	// Keys is the JWK Set of a client that signs assertions, KeysURL where it is
	// published: one of the two.
	Keys        string          `json:",omitempty"`
	KeysURL     string          `json:",omitempty"`
	Certificate CertificateRule `json:",omitzero"`

	Bound   Binding  `json:",omitempty"`
	Origins []string `json:",omitempty"` // web pages that may call, besides those of https redirect URIs

	// Organization and Roles are those of a system: what policies see of it.
	Organization string   `json:",omitempty"` // "Organization/…"
	Roles        []string `json:",omitempty"`

	Trusted    bool `json:",omitempty"` // of this house: people are not asked for consent
	Offline    bool `json:",omitempty"` // may ask for offline_access
	Introspect bool `json:",omitempty"` // a resource server, which may ask about the tokens of others (RFC 7662)

	Launches bool `json:",omitempty"` // a health record system, which may launch applications for a patient

	AccessLife  Seconds `json:",omitempty"` // of its access tokens; 0 means as configured
	RefreshLife Seconds `json:",omitempty"` // of its refresh tokens; 0 means as configured
	Rate        int     `json:",omitempty"` // requests per second; 0 means as configured

	Until    time.Time `json:",omitzero"` // the registration's end; zero means none
	Disabled bool      `json:",omitempty"`

	Created   time.Time // when it was registered, by whom
	CreatedBy string
	Changed   time.Time // when it was last changed, by whom
	ChangedBy string
}

// GrantTypes are the grants of the client's kind (RFC 6749 §1.3). A refresh token
// is not for systems: they have what they need to ask again.
func (c Client) GrantTypes() []string {
	switch c.Kind {
	case System:
		return []string{"client_credentials"}
	case Public, Confidential:
		if len(c.RedirectURIs) > 0 {
			return []string{"authorization_code", "refresh_token"}
		}
	}
	return nil
}

// MayUse reports whether a grant is one of the client's.
func (c Client) MayUse(grantType string) bool { return slices.Contains(c.GrantTypes(), grantType) }

// Live reports whether the registration counts at a time.
func (c Client) Live(now time.Time) bool {
	return !c.Disabled && (c.Until.IsZero() || now.Before(c.Until))
}
