package federation

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Config is one provider, as configuration has it. docs/federation.md shows it
// for Keycloak and for Okta.
type Config struct {
	// ID is part of URLs: lower-case letters, digits and -, at most 32.
	ID string `koanf:"id"`
	// Name is what the button says.
	Name string `koanf:"name"`
	// Issuer is the provider's URL, byte for byte as it writes it in its tokens.
	Issuer   string `koanf:"issuer"`
	ClientID string `koanf:"client_id"`
	// ClientSecretFile holds the secret, or PrivateKeyFile a key in PEM (PKCS #8;
	// RSA, or EC on P-256 or P-384) to sign assertions with (private_key_jwt,
	// RFC 7523), whose kid is KeyID. Exactly one of the two.
	ClientSecretFile string `koanf:"client_secret_file"`
	PrivateKeyFile   string `koanf:"private_key_file"`
	KeyID            string `koanf:"key_id"`
	// AssertionAudience is the aud of assertions: "issuer", which is the default,
	// or "token_endpoint" for providers that insist on it.
	AssertionAudience string `koanf:"assertion_audience"`
	// Scopes are asked for besides openid; none means profile and email.
	Scopes []string `koanf:"scopes"`
	// ACRValues are the provider's classes of authentication that every sign-in asks
	// for. When a step-up is needed, those of Rules.ACR that would do are instead.
	ACRValues []string `koanf:"acr_values"`
	// Algorithms are those that tokens may be signed with; none means RS256, PS256
	// and ES256.
	Algorithms []string `koanf:"algorithms"`
	// UserInfo asks the provider's userinfo endpoint for what the ID token lacks.
	UserInfo bool `koanf:"userinfo"`
	// Onward are further origins ("https://adfs.example.org") to which the provider
	// sends browsers at once, without a page of its own: it leaves the sign-in to
	// others. Browsers hold our forms to where a page says that they lead.
	Onward []string `koanf:"onward"`
	// PlainLoopback lets the issuer and its endpoints be http on a loopback
	// address.
	PlainLoopback bool  `koanf:"plain_loopback"`
	Rules         Rules `koanf:"rules"`
}

// algorithms that may be configured. None of them is symmetric: who knows the
// secret, or a public key taken for one, could sign.
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// Check tells what is wrong with the configuration, each by its key.
func (c Config) Check(fault func(key, format string, args ...any)) {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`).MatchString(c.ID) {
		fault("id", "must be lower-case letters, digits and -, at most 32: it is part of URLs")
	}
	if c.Name == "" || len(c.Name) > 100 || strings.ContainsFunc(c.Name, unicode.IsControl) {
		fault("name", "must be set, in at most 100 printable characters: the button says it")
	}
	if u, ok := c.endpoint(c.Issuer); !ok || u.RawQuery != "" || u.Fragment != "" {
		fault("issuer", "must be an https URL without user, query or fragment (http only with plain_loopback, to a loopback address)")
	}
	if c.ClientID == "" {
		fault("client_id", "must be set")
	}
	if (c.ClientSecretFile == "") == (c.PrivateKeyFile == "") {
		fault("client_secret_file", "exactly one of client_secret_file and private_key_file must be set")
	}
	if c.KeyID != "" && c.PrivateKeyFile == "" {
		fault("key_id", "goes with private_key_file")
	}
	if !slices.Contains([]string{"", "issuer", "token_endpoint"}, c.AssertionAudience) {
		fault("assertion_audience", "must be issuer or token_endpoint")
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(algorithms(), a) {
			fault("algorithms", "%q is not one of %s", a, strings.Join(algorithms(), ", "))
		}
	}
	for _, o := range c.Onward {
		if u, ok := c.endpoint(o); !ok || u.Scheme+"://"+u.Host != o {
			fault("onward", "%q must be an origin, https://host[:port]", o)
		}
	}
	for key, list := range map[string][]string{"scopes": c.Scopes, "acr_values": c.ACRValues} {
		for _, v := range list {
			if v == "" || strings.ContainsAny(v, " \t\r\n") {
				fault(key, "%q must be a word without spaces", v)
			}
		}
	}
	c.Rules.Check(func(key, format string, args ...any) { fault("rules."+key, format, args...) })
}

// endpoint is a URL that may be spoken to: https, or plain to this very machine.
func (c Config) endpoint(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return nil, false
	}
	plain := u.Scheme == "http" && c.PlainLoopback && net.ParseIP(u.Hostname()).IsLoopback()
	return u, u.Scheme == "https" || plain
}
