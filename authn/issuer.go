package authn

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
)

const (
	maxLeeway        = 60 * time.Second // clock skew that is forgiven at most
	defaultMaxKeyAge = 24 * time.Hour
	defaultCacheSize = 16384
)

// supported are the algorithms an issuer may be allowed. All are asymmetric:
// with a shared secret the verifier could mint.
var supported = []jose.SignatureAlgorithm{
	jose.ES256, jose.ES384, jose.EdDSA, jose.PS256, jose.PS384, jose.RS256,
}

// Config says whose tokens are accepted.
type Config struct {
	Issuers   []Issuer // at least one; names are unique
	CacheSize int      // verified tokens remembered, about 1 KB each; 0 means 16384
	// Replay remembers the DPoP proofs that were used; nil means a Memory. Nodes
	// of one service that do not share one let each proof through once per node.
	Replay Replay
}

// Issuer is one authorization server whose access tokens are accepted.
type Issuer struct {
	Name     string   // compared with iss byte for byte (RFC 8414 §2: no normalisation)
	Audience []string // aud must hold one of these, byte for byte

	// One of the three, or none with Introspection. The file is looked at again when it changes, at most once
	// a second. The URL must be https. Keys are from inside the process.
	JWKSFile string
	JWKSURL  string
	Keys     KeySource
	// PlainLoopback lets JWKSURL be http when its host is a loopback address.
	// For tests and for an authorization server on the same machine.
	PlainLoopback bool

	Algorithms []string      // allow-list, from ES256 ES384 EdDSA PS256 PS384 RS256
	Leeway     time.Duration // clock skew forgiven, 0 to 60 s

	// MaxKeyAge is how long keys are used after they were last read with
	// success; then tokens of this issuer are denied. 0 means 24 h.
	MaxKeyAge time.Duration

	// RequireType refuses tokens whose typ is not at+jwt (RFC 9068 §4). Without
	// it JWT and no typ pass too, as Keycloak's and Okta's need; then what is an
	// ID token or a refresh token by its claims is refused.
	RequireType bool
	// Introspection, when set, is asked about tokens that are no JWS. Of several
	// issuers that have it, the one without Always is; there can be one such.
	Introspection *Introspection
	// Live, when set, is asked for every request with one of its tokens.
	Live Liveness

	Claims ClaimNames
	// FHIRBases are base URLs of this server, without a slash at the end. An
	// absolute fhirUser is made relative below one of them. Below any other it
	// names a stranger, and the token is refused.
	FHIRBases []string
}

// ClaimNames maps an issuer's claims to Token's fields. An empty name means the
// usual one, given below. A name that begins with "/" is a JSON Pointer
// (RFC 6901) through objects, such as "/realm_access/roles".
type ClaimNames struct {
	ClientID     string // client_id, else azp
	Scope        string // scope, else scp; a text or an array of texts
	FHIRUser     string // fhirUser
	Patient      string // patient
	Organization string // organization; a text or an array of texts
	Roles        string // roles; a text or an array of texts
	Purpose      string // purpose_of_use; a text or an array of one text
	ACR          string // acr
}

// trusted is an Issuer that was found valid, with its keys.
type trusted struct {
	Issuer
	keys  keySource
	asker *asker // nil without Introspection
}

func (i *trusted) allows(alg jose.SignatureAlgorithm) bool {
	return slices.Contains(i.Algorithms, string(alg))
}

func trust(cfg Issuer, clk clock.Clock, egress http.RoundTripper) (*trusted, error) {
	if cfg.MaxKeyAge == 0 {
		cfg.MaxKeyAge = defaultMaxKeyAge
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	t := &trusted{Issuer: cfg}
	if (cfg.JWKSURL != "" || cfg.Introspection != nil) && egress == nil {
		return nil, errors.New("a URL is set, but there is no way out to the network")
	}
	var err error
	if cfg.Introspection != nil {
		if t.asker, err = newAsker(*cfg.Introspection, cfg.Name, clk, egress); err != nil {
			return nil, err
		}
	}
	switch {
	case cfg.Keys != nil:
		t.keys = newSourceKeys(cfg.Keys, cfg.MaxKeyAge, clk)
	case cfg.JWKSFile != "":
		t.keys, err = openFileKeys(cfg.JWKSFile, cfg.MaxKeyAge, clk)
	case cfg.JWKSURL != "":
		t.keys = newURLKeys(cfg.JWKSURL, cfg.MaxKeyAge, clk, egress)
	default:
		t.keys = fixedKeys{&keySet{}}
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (i Issuer) check() error {
	switch {
	case i.Name == "" || !printable(i.Name):
		return errors.New("an issuer needs a Name of printable text")
	case len(i.Audience) == 0 || slices.Contains(i.Audience, ""):
		return errors.New("the Audience must hold at least one text, and no empty one")
	case i.keySources() > 1, i.keySources() == 0 && i.Introspection == nil:
		return errors.New("one of JWKSFile, JWKSURL and Keys must be set, or Introspection")
	case i.Leeway < 0 || i.Leeway > maxLeeway:
		return fmt.Errorf("the Leeway must be between 0 and %v", maxLeeway)
	case i.MaxKeyAge < 0:
		return errors.New("the MaxKeyAge is negative")
	case len(i.Algorithms) == 0 && i.keySources() > 0:
		return errors.New("the list of Algorithms is empty: name those the issuer signs with")
	}
	for n, alg := range i.Algorithms {
		if !slices.Contains(supported, jose.SignatureAlgorithm(alg)) {
			return fmt.Errorf("algorithm %q is not one of %v", alg, supported)
		}
		if slices.Contains(i.Algorithms[:n], alg) {
			return fmt.Errorf("algorithm %q is listed twice", alg)
		}
	}
	for _, base := range i.FHIRBases {
		u, err := url.Parse(base)
		if err != nil || !u.IsAbs() || u.Host == "" || strings.HasSuffix(base, "/") {
			return errors.New("FHIRBases must hold absolute URLs without a slash at the end")
		}
	}
	if i.Introspection != nil {
		if err := i.Introspection.check(i.PlainLoopback); err != nil {
			return err
		}
	}
	if i.JWKSURL != "" {
		return checkURL("JWKSURL", i.JWKSURL, i.PlainLoopback)
	}
	return nil
}

func (i Issuer) keySources() (n int) {
	for _, set := range []bool{i.JWKSFile != "", i.JWKSURL != "", i.Keys != nil} {
		if set {
			n++
		}
	}
	return n
}

// checkURL: whoever can change the answer can mint, so TLS is no option.
func checkURL(name, raw string, plainLoopback bool) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%s must be an absolute URL without user or fragment", name)
	}
	if u.Scheme == "https" {
		return nil
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && plainLoopback && ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s must be https (http only with PlainLoopback, to a loopback address)", name)
}
