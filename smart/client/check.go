package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"firebreak/authn"

	"firebreak/fhir/r4"
)

// What a registration may hold.
const (
	maxName   = 100 // characters
	maxText   = 300 // bytes
	maxList   = 50
	minLife   = Seconds(30)
	maxAccess = Seconds(3600) // SMART App Launch 2.2, app-launch: an hour at most
	maxSystem = Seconds(300)  // SMART App Launch 2.2, backend-services
	minAgain  = Seconds(3600)
	maxAgain  = Seconds(400 * 24 * 3600)
	maxRate   = 10000
)

// Check is what is wrong with a registration, a line for each fault, in words for
// an administrator; nil when nothing is.
func (c Client) Check() []string {
	f := &faults{}
	c.checkTexts(f)
	c.checkKind(f)
	c.checkURIs(f)
	c.checkProof(f)
	c.checkScopes(f)
	c.checkLimits(f)
	return f.lines
}

type faults struct{ lines []string }

func (f *faults) add(format string, args ...any) {
	f.lines = append(f.lines, fmt.Sprintf(format, args...))
}

func (f *faults) when(fault bool, line string) {
	if fault {
		f.add("%s", line)
	}
}

func (f *faults) err(what string, err error) {
	if err != nil {
		f.add("%s %v", what, err)
	}
}

// ValidID reports whether a text can be a client's id: it goes unchanged through
// forms, headers, file names and policies.
func ValidID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || i > 0 && (c == '-' || c == '.' || c == '_')) {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 100
}

func (c Client) checkTexts(f *faults) {
	f.when(!ValidID(c.ID), "the ID must be 1 to 100 letters, digits, '-', '.', '_', and begin with a letter or digit")
	f.when(c.Name == "" || utf8.RuneCountInString(c.Name) > maxName || !plain(c.Name), "the Name must be 1 to 100 characters that can be seen: it is what people are asked about")
	f.when(len(c.Publisher) > maxText || !plain(c.Publisher), "the Publisher must be at most 300 bytes of text that can be seen")
	f.when(len(c.Contact) > maxText || !plain(c.Contact), "the Contact must be at most 300 bytes of text that can be seen")
}

// plain keeps out what is not seen, or turns round what is: a name is shown to
// people who decide by it.
func plain(s string) bool {
	return utf8.ValidString(s) && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
	})
}

func (c Client) checkKind(f *faults) {
	switch c.Kind {
	case Public:
		f.when(c.Method != None, "a public client has no secret: its Method must be none")
		f.when(c.Launches, "only a system may launch others")
		f.when(c.Introspect, "a public client must not Introspect: anybody could be it")
		f.when(len(c.RedirectURIs) == 0, "a public client needs RedirectURIs")
	case Confidential:
		f.when(!slices.Contains(Methods()[1:], c.Method), "a confidential client's Method must be one of client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth")
		f.when(c.Launches, "only a system may launch others")
		f.when(len(c.RedirectURIs) == 0 && !c.Introspect, "a confidential client needs RedirectURIs, unless it is there to Introspect")
	case System:
		f.when(c.Method != PrivateKeyJWT && c.Method != TLS, "a system's Method must be private_key_jwt or tls_client_auth (SMART App Launch, backend-services)")
		f.when(len(c.RedirectURIs)+len(c.PostLogoutRedirectURIs)+len(c.Origins) > 0 || c.BackchannelLogoutURI != "" || c.LaunchURI != "",
			"a system has no person and no browser: it must not have RedirectURIs, PostLogoutRedirectURIs, BackchannelLogoutURI, LaunchURI or Origins")
		f.when(c.Offline || c.RefreshLife != 0, "a system gets no refresh token: it must not be Offline or have a RefreshLife")
		f.when(c.Trusted, "a system cannot be Trusted: there is nobody to ask for consent")
	default:
		f.add("the Kind must be public, confidential or system")
	}
	if c.Kind != System {
		f.when(c.Organization != "" || len(c.Roles) > 0, "only a system has an Organization and Roles of its own: an app's are those of its user")
	}
}

func (c Client) checkURIs(f *faults) {
	lists := []struct {
		name string
		uris []string
	}{{"RedirectURIs", c.RedirectURIs}, {"PostLogoutRedirectURIs", c.PostLogoutRedirectURIs}}
	for _, l := range lists {
		f.checkList(l.name, l.uris)
		for n, uri := range l.uris {
			f.err(fmt.Sprintf("%s, number %d,", l.name, n+1), checkRedirect(uri, c.Kind))
		}
	}
	if c.LaunchURI != "" {
		f.err("the LaunchURI", checkAddress(c.LaunchURI))
	}
	if c.BackchannelLogoutURI != "" {
		f.err("the BackchannelLogoutURI", checkAddress(c.BackchannelLogoutURI))
	}
	f.checkList("Origins", c.Origins)
	for n, o := range c.Origins {
		f.when(originOf(o) != o, fmt.Sprintf("Origins, number %d, is not as browsers write it: https://host or https://host:port, in small letters", n+1))
	}
	// RFC 8252 §8.6: who else could receive the answer could also have asked.
	f.when(c.Trusted && c.Kind == Public && slices.ContainsFunc(c.RedirectURIs, func(uri string) bool { return !strings.HasPrefix(uri, "https://") }),
		"a Trusted public client must have https RedirectURIs only: another program on the same machine could pass for it")
}

func (f *faults) checkList(name string, list []string) {
	f.when(len(list) > maxList, fmt.Sprintf("%s must be at most %d", name, maxList))
	for n, s := range list {
		f.when(slices.Contains(list[:n], s), fmt.Sprintf("%s, number %d, is there twice", name, n+1))
	}
}

func (c Client) checkProof(f *faults) {
	if c.Method == PrivateKeyJWT {
		f.when((c.Keys == "") == (c.KeysURL == ""), "a client that signs assertions needs Keys or a KeysURL, and not both")
	} else {
		f.when(c.Keys != "" || c.KeysURL != "", "only a client whose Method is private_key_jwt has Keys or a KeysURL")
	}
	if c.Keys != "" {
		keys, err := authn.ParseAssertionKeys([]byte(c.Keys))
		f.err("the Keys cannot be used:", err)
		f.when(err == nil && keys.Len() == 0, "the Keys hold none that can be used: each needs a kid, and must be RSA of 2048 to 8192 bits, EC on P-256 or P-384, or Ed25519")
	}
	if c.KeysURL != "" {
		f.err("the KeysURL", checkAddress(c.KeysURL))
	}
	if c.Method == TLS {
		f.err("the Certificate", c.Certificate.check())
	} else {
		f.when(!c.Certificate.empty(), "only a client whose Method is tls_client_auth has a Certificate")
	}
	f.when(!slices.Contains([]Binding{Unbound, BoundKey, BoundCertificate}, c.Bound), "Bound must be empty, dpop or mtls")
}

// ofPersons are scopes that a person grants; a system asks nobody.
func ofPersons(scope string) bool {
	return strings.HasPrefix(scope, "patient/") || strings.HasPrefix(scope, "user/") || scope == "launch" || strings.HasPrefix(scope, "launch/") ||
		slices.Contains([]string{"openid", "profile", "email", "fhirUser", "online_access", "offline_access"}, scope)
}

func (c Client) checkScopes(f *faults) {
	f.when(len(c.Scopes) > 500, "Scopes must be at most 500")
	for n, s := range c.Scopes {
		f.when(!scopeToken(s), fmt.Sprintf("Scopes, number %d, is not a scope (RFC 6749 §3.3)", n+1))
		f.when(slices.Contains(c.Scopes[:n], s), fmt.Sprintf("Scopes, number %d, is there twice", n+1))
		f.when(c.Kind == System && ofPersons(s), fmt.Sprintf("Scopes, number %d, is one that a person grants, and a system has none", n+1))
		f.when(c.Kind != System && strings.HasPrefix(s, "system/"), fmt.Sprintf("Scopes, number %d, is one for a system", n+1))
	}
	f.when(!c.Offline && slices.Contains(c.Scopes, "offline_access"), "Scopes has offline_access, but the client is not Offline")
	f.when(len(c.Roles) > maxList, "Roles must be at most 50")
	for n, r := range c.Roles {
		f.when(r == "" || len(r) > maxText || !plain(r) || slices.Contains(c.Roles[:n], r), fmt.Sprintf("Roles, number %d, is empty, too long or there twice", n+1))
	}
	id, ok := strings.CutPrefix(c.Organization, "Organization/")
	f.when(c.Organization != "" && (!ok || !r4.IsID(id)), `the Organization must be a reference such as "Organization/1"`)
}

// scopeToken: RFC 6749 §3.3.
func scopeToken(s string) bool {
	return s != "" && len(s) <= maxText && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x21 || r > 0x7E || r == '"' || r == '\\' })
}

func (c Client) checkLimits(f *faults) {
	longest := maxAccess
	if c.Kind == System {
		longest = maxSystem
	}
	f.when(c.AccessLife != 0 && (c.AccessLife < minLife || c.AccessLife > longest), fmt.Sprintf("the AccessLife must be %d to %d seconds, or 0", minLife, longest))
	f.when(c.RefreshLife != 0 && (c.RefreshLife < minAgain || c.RefreshLife > maxAgain), fmt.Sprintf("the RefreshLife must be %d to %d seconds, or 0", minAgain, maxAgain))
	f.when(c.Rate < 0 || c.Rate > maxRate, fmt.Sprintf("the Rate must be 0 to %d requests a second", maxRate))
	f.when(c.Until.Year() > 9999, "Until must be before the year 10000")
}

// Invalid is a registration that was not accepted, and why.
type Invalid struct{ Faults []string }

func (i *Invalid) Error() string { return strings.Join(i.Faults, "; ") }

// ErrExists says that the id is taken.
var ErrExists = errors.New("there is a client of this id already")
