package transport

import (
	"strings"

	"firebreak/fhir"
)

// Target is the path and the query that the server makes of what a request
// target has below the base, "/Patient/123?x=y". A Problem is what it answers
// to a target that it refuses.
func Target(raw string) (path, query string, refused *fhir.Problem) {
	t, bad := parseTarget(raw)
	if bad != none {
		r := refusals[bad]
		return "", "", fhir.NewProblem(r.code, r.text).At(r.at)
	}
	return strings.TrimPrefix(t.path, "/"), t.query, nil
}

// target is a request target (RFC 9112 section 3.2) in its one form.
type target struct {
	path  string // canonical, absolute
	query string // as received
}

// parseTarget takes a target apart. An absolute form's authority has been
// compared with the Host field by the guard.
func parseTarget(raw string) (target, refusal) {
	if !strings.HasPrefix(raw, "/") {
		rest, ok := strings.CutPrefix(raw, "https://")
		if !ok {
			return target{}, badTarget
		}
		slash := strings.IndexByte(rest, '/')
		if slash < 0 || strings.IndexByte(rest[:slash], '?') >= 0 {
			return target{}, badTarget
		}
		raw = rest[slash:]
	}
	path, query, _ := strings.Cut(raw, "?")
	for i := 0; i < len(query); i++ {
		if c := query[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return target{}, badTarget
		}
	}
	clean, ok := canonical(path)
	if !ok {
		return target{}, badPath
	}
	return target{clean, query}, none
}

// canonical is the path decoded once and without one trailing slash. What has
// a second reading is refused, not repaired: encoded slashes, percent signs and
// control characters, backslashes, empty and dot segments. FHIR has no path
// with a character outside pchar of RFC 3986.
func canonical(raw string) (string, bool) {
	if raw == "" || raw[0] != '/' {
		return "", false
	}
	p := raw
	if strings.IndexByte(raw, '%') >= 0 {
		var ok bool
		if p, ok = decoded(raw); !ok {
			return "", false
		}
	}
	start := 1
	for i := 1; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			if !pathByte(p[i]) {
				return "", false
			}
			continue
		}
		switch seg := p[start:i]; {
		case seg == "" && i < len(p), seg == ".", seg == "..":
			return "", false
		}
		start = i + 1
	}
	return strings.TrimSuffix(p, "/"), true
}

func decoded(raw string) (string, bool) {
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '%' {
			b = append(b, raw[i])
			continue
		}
		if i+2 >= len(raw) {
			return "", false
		}
		hi, lo := hexDigit(raw[i+1]), hexDigit(raw[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		c := byte(hi<<4 | lo)
		if !pathByte(c) {
			return "", false
		}
		b = append(b, c)
		i += 2
	}
	return string(b), true
}

// pathByte reports pchar of RFC 3986 section 3.3, as one decoded byte.
func pathByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// below is the path under the prefix, without leading slash.
func below(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	switch {
	case !ok:
		return "", false
	case rest == "":
		return "", true
	case rest[0] != '/':
		return "", false
	}
	return rest[1:], true
}
