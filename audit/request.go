package audit

import (
	"net/url"
	"slices"
	"strings"
)

// keptHeaders are those that bear on the answer and hold no credential. All
// others, Authorization, Cookie and DPoP first, have no way into the text.
var keptHeaders = [...]string{
	"Accept", "Content-Type", "If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer", "X-Request-Id",
}

// secretParameters are credentials that a client may put where they do not
// belong (RFC 6750 §2.2, 2.3; RFC 7009 §2.1; RFC 7521 §4.2; RFC 7636 §4.5), and
// what they are called otherwise. None is a search parameter of FHIR R4.
var secretParameters = [...]string{
	"access_token", "accesstoken", "token", "jwt", "bearer", "authorization", "assertion", "client_assertion", "client_secret", "secret",
	"code_verifier", "id_token", "password", "passwd", "pwd", "refresh_token", "subject_token", "actor_token", "api_key", "apikey",
}

const masked = "***"

// RequestText is a request as a Record's Query holds it: the request line, the
// headers that bear on the answer, and the body, which is to be given for
// searches only. It is unaltered, malicious input included (ITI TF-3 §5.7.5.5.1),
// but for credentials: they are left out, or masked where they are parameters.
// Of a target or a body over maxPlain bytes it has the beginning, see cut.
func RequestText(method, target string, header map[string][]string, body []byte) []byte {
	path, query, asked := strings.Cut(withoutUserinfo(target), "?")
	if asked {
		path += "?" + maskParameters(query)
	}
	b := make([]byte, 0, len(method)+min(len(path), maxPlain)+min(len(body), maxPlain)+3)
	b = append(append(b, cut(method, maxText, raw)...), ' ')
	b = append(append(b, cut(path, maxPlain, raw)...), '\n')
	for _, name := range keptHeaders {
		for _, v := range header[name] {
			b = append(append(append(b, name...), ": "...), v...)
			b = append(b, '\n')
		}
	}
	if len(body) > 0 {
		b = append(append(b, '\n'), cut(maskParameters(string(body)), maxPlain, raw)...)
	}
	return b
}

// maskParameters masks the values of secret parameters and leaves every other
// byte as it is. Where a pair ends is for whoever reads it: a semicolon separates
// some, and no search parameter ends with one.
func maskParameters(query string) string {
	var b strings.Builder
	for pair := range strings.SplitAfterSeq(query, "&") {
		for start := 0; start < len(pair); {
			name, _, valued := strings.Cut(pair[start:], "=")
			if valued && secret(name) {
				end := start + len(name)
				pair = pair[:end] + "=" + masked + pair[len(strings.TrimSuffix(pair, "&")):]
				break
			}
			next := strings.IndexByte(pair[start:], ';')
			if next < 0 {
				break
			}
			start += next + 1
		}
		b.WriteString(pair)
	}
	return b.String()
}

// secret tells whether a parameter's name, however it is encoded, is that of a
// credential, with a modifier or without. It may be encoded more than once.
func secret(name string) bool {
	for range 3 {
		plain, err := url.QueryUnescape(name)
		if err != nil {
			break
		}
		name = plain
	}
	name, _, _ = strings.Cut(name, ":")
	name = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "-", "_")
	return slices.Contains(secretParameters[:], name)
}

// withoutUserinfo drops "user:password@" from an absolute target (RFC 3986 §3.2.1).
func withoutUserinfo(target string) string {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return target
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest[:end], '@')+1:]
}
