package client

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxURI is the longest URI that is registered or compared, in bytes.
const maxURI = 2000

var (
	errURIForm     = errors.New("is not an absolute URI of at most 2000 printable ASCII characters")
	errURIFragment = errors.New("has a fragment (RFC 6749 §3.1.2)")
	errURIWildcard = errors.New("has a wildcard: addresses are compared letter by letter")
	errURIUser     = errors.New("has a user name")
	errURIDots     = errors.New("has a path with . or .. in it")
	errURICase     = errors.New("has capital letters in its scheme or host")
	errURIPort     = errors.New("has a port that is not between 1 and 65535")
	errURIScheme   = errors.New("must be https; http is for 127.0.0.1, [::1] and localhost only")
	errURIPrivate  = errors.New("has a scheme that is not a domain name turned round, such as com.example.app (RFC 8252 §7.1)")
	errURIParams   = errors.New("has a query parameter that the answer uses (code, state, error, iss)")
)

// parseURI reads an address that will be compared byte by byte. Whatever two
// readers of URLs might take for different places is refused when it is
// registered, for then nothing like it can match later.
func parseURI(raw string) (*url.URL, error) {
	if raw == "" || len(raw) > maxURI || strings.ContainsFunc(raw, func(r rune) bool { return !uriRune(r) }) {
		return nil, errURIForm
	}
	switch {
	case strings.Contains(raw, "#"):
		return nil, errURIFragment
	case strings.Contains(raw, "*"):
		return nil, errURIWildcard
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme == "":
		return nil, errURIForm
	case u.User != nil || strings.Contains(u.Host, "@"):
		return nil, errURIUser
	case !strings.HasPrefix(raw, u.Scheme+":") || u.Host != strings.ToLower(u.Host):
		return nil, errURICase
	case dotted(u.Path) || dotted(u.Opaque):
		return nil, errURIDots
	case !portFits(u):
		return nil, errURIPort
	}
	return u, nil
}

// uriRune: RFC 3986 §2.2 and §2.3, and the percent sign. Brackets are for hosts.
func uriRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~:/?#[]@!$&'()*+,;=%", r)
}

// dotted looks at the path after decoding: %2e%2e leads up as well.
func dotted(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func portFits(u *url.URL) bool {
	if !strings.HasSuffix(u.Host, ":"+u.Port()) { // without port, and without a colon at the end
		return !strings.HasSuffix(u.Host, ":")
	}
	return validPort(u.Port())
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

// checkRedirect: RFC 9700 §2.1, RFC 8252 §7. A native app may be reached by a
// scheme of its own or on the loopback interface.
func checkRedirect(raw string, kind Kind) error {
	u, err := parseURI(raw)
	if err != nil {
		return err
	}
	for _, name := range []string{"code", "state", "error", "error_description", "iss", "response"} {
		if u.Query().Has(name) {
			return errURIParams
		}
	}
	switch {
	case u.Scheme == "https" || u.Scheme == "http":
		return checkWeb(u)
	case kind != Public:
		return errURIScheme
	case !strings.Contains(strings.Trim(u.Scheme, "."), "."):
		return errURIPrivate
	}
	return nil
}

func checkWeb(u *url.URL) error {
	host := u.Hostname()
	switch {
	case host == "" || u.Opaque != "":
		return errURIForm
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (host == "127.0.0.1" || host == "::1" || host == "localhost"):
		return nil
	}
	return errURIScheme
}

// checkAddress is for an address of the client that is not a redirect URI.
func checkAddress(raw string) error {
	u, err := parseURI(raw)
	if err != nil {
		return err
	}
	return checkWeb(u)
}

// RedirectAllowed reports whether a person may be sent back to uri: it must be
// one of the registered ones byte for byte (RFC 9700 §4.1.3). Only the port may
// differ, and only at http://127.0.0.1 and http://[::1], where a native app takes
// what port it is given (RFC 8252 §7.3). Localhost is a name, which other things
// can answer to (§8.3), so its port is fixed.
func RedirectAllowed(c Client, uri string) bool {
	if uri == "" || len(uri) > maxURI {
		return false
	}
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	asked, ok := withoutLoopbackPort(uri)
	return ok && slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		r, ok := withoutLoopbackPort(registered)
		return ok && r == asked
	})
}

// PostLogoutAllowed reports whether a person may be sent to uri after logout:
// one of the registered ones byte for byte (OpenID Connect RP-Initiated Logout
// 1.0 §3).
func PostLogoutAllowed(c Client, uri string) bool {
	return uri != "" && slices.Contains(c.PostLogoutRedirectURIs, uri)
}

// withoutLoopbackPort cuts the port from an address on the loopback interface.
// It works on the bytes: nothing is normalised.
func withoutLoopbackPort(uri string) (string, bool) {
	for _, base := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, ok := strings.CutPrefix(uri, base)
		if !ok {
			continue
		}
		if after, has := strings.CutPrefix(rest, ":"); has {
			end := strings.IndexAny(after, "/?")
			if end < 0 {
				end = len(after)
			}
			if !validPort(after[:end]) {
				return "", false
			}
			rest = after[end:]
		}
		return base + rest, true
	}
	return "", false
}
