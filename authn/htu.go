package authn

import (
	"net/url"
	"strings"
)

// sameTarget reports whether a proof's htu names the request's URL: without
// query and fragment, after normalising by syntax and scheme (RFC 9449 §4.3
// point 9, RFC 3986 §6.2.2 and §6.2.3). Neither may have user information.
func sameTarget(htu, request string) bool {
	a, ok := normalTarget(htu)
	if !ok {
		return false
	}
	b, ok := normalTarget(request)
	return ok && a == b
}

// normalTarget is scheme, host and path in one form. Beyond RFC 3986 one slash
// at the end does not count, and any character of a path may be percent-encoded:
// the transport reads both ways as one target. What it would refuse to read, an
// encoded slash for one, stays encoded and so is equal to nothing that is served.
func normalTarget(raw string) (string, bool) {
	raw, _, _ = strings.Cut(raw, "#")
	raw, _, _ = strings.Cut(raw, "?")
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.User != nil || u.Hostname() == "" {
		return "", false
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme { // in lower case already
	case "https":
		host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":")
	case "http": // a test's, or between machines of one site
		host = strings.TrimSuffix(strings.TrimSuffix(host, ":80"), ":")
	default:
		return "", false
	}
	path, ok := normalPath(u.EscapedPath())
	return u.Scheme + "://" + host + path, ok
}

// normalPath decodes what may stand in a path as it is, and writes the rest in
// capitals. Dot segments are resolved first (RFC 3986 §5.2.4).
func normalPath(escaped string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		if escaped[i] != '%' {
			b.WriteByte(escaped[i])
			continue
		}
		if i+2 >= len(escaped) {
			return "", false
		}
		c, err := url.PathUnescape(escaped[i : i+3])
		if err != nil {
			return "", false
		}
		if pchar(c[0]) {
			b.WriteString(c)
		} else {
			b.WriteString(strings.ToUpper(escaped[i : i+3]))
		}
		i += 2
	}
	var out []string
	for seg := range strings.SplitSeq(strings.TrimPrefix(b.String(), "/"), "/") {
		switch seg {
		case ".":
		case "..":
			out = out[:max(len(out)-1, 0)]
		default:
			out = append(out, seg)
		}
	}
	return strings.TrimSuffix("/"+strings.Join(out, "/"), "/"), true
}

// pchar: RFC 3986 §3.3, one byte.
func pchar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}
