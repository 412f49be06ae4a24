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
// belong (RFC 6750 §2.2, 2.3; RFC 7521 §4.2; RFC 7636 §4.5).
var secretParameters = [...]string{
	"access_token", "assertion", "client_assertion", "client_secret", "code_verifier", "id_token", "password",
	"refresh_token", "subject_token", "actor_token",
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
// byte as it is.
func maskParameters(query string) string {
	var b strings.Builder
	for pair := range strings.SplitAfterSeq(query, "&") {
		name, _, valued := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if !valued || err != nil || !slices.Contains(secretParameters[:], strings.ToLower(plain)) {
			b.WriteString(pair)
			continue
		}
		b.WriteString(name + "=" + masked)
		if strings.HasSuffix(pair, "&") {
			b.WriteByte('&')
		}
	}
	return b.String()
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
