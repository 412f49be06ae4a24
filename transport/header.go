package transport

import (
	"net"
	"net/http"
	"strings"
)

// readHeader takes what a Request has from the header fields, each of which may
// come once. Names arrive in net/http's canonical form. Cookies and everything
// that claims to speak for an earlier hop (X-Forwarded-*, Forwarded,
// X-Forwarded-Client-Cert) have no place to go.
func (x *exchange) readHeader() refusal {
	size := 0
	for name, values := range x.r.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
		if bad := x.takeField(name, values); bad != none {
			x.field = name // takeField refuses none but those it names
			return bad
		}
	}
	if size > x.s.cfg.Limits.Header {
		return longHeader
	}
	return none
}

func (x *exchange) takeField(name string, values []string) refusal {
	var to *string
	switch name {
	case "Accept", "Prefer": // lists: RFC 9110 section 5.3 joins them
		to = &x.req.Accept
		if name == "Prefer" {
			to = &x.req.Prefer
		}
		*to = strings.Join(values, ", ")
		return plain(*to)
	case "Authorization":
		to = &x.req.Authorization
	case "Dpop":
		to = &x.req.DPoP
	case "Content-Type":
		to = &x.req.ContentType
	case "Content-Encoding":
		to = &x.encoding
	case "If-Match":
		to = &x.req.IfMatch
	case "If-None-Match":
		to = &x.req.IfNoneMatch
	case "If-Modified-Since":
		to = &x.req.IfModifiedSince
	case "If-None-Exist":
		to = &x.req.IfNoneExist
	case "Origin":
		to = &x.origin
	case "X-Provenance":
		to = &x.req.Provenance
	case "X-Request-Id":
		to = &x.wishedID
	case "Host": // HTTP/2, beside :authority
		if len(values) != 1 || values[0] != x.r.Host {
			return twice
		}
		return none
	case "X-Http-Method-Override", "X-Http-Method", "X-Method-Override":
		return override
	case "Content-Length", "If-Unmodified-Since", "X-Security-Context", "Access-Control-Request-Method":
		if len(values) > 1 {
			return twice
		}
		return none
	default:
		return none
	}
	if len(values) > 1 {
		return twice
	}
	if *to = values[0]; *to == "" && (name == "If-None-Exist" || name == "If-Match" || name == "If-None-Match") {
		*to = "?" // a condition that is there and says nothing is not the same as none: it is refused
	}
	return plain(values[0])
}

// plain refuses what is not ASCII: no field of a Request has a use for it, and
// its reading depends on who reads (RFC 9110 section 5.5).
func plain(v string) refusal {
	for i := 0; i < len(v); i++ {
		if v[i] >= 0x80 {
			return badField
		}
	}
	return none
}

// identify settles the request's id (http.html#custom): the client's when it is
// a plain one, else ours, beside the client's as X-Correlation-Id when that is
// fit to be sent.
func (x *exchange) identify() {
	switch {
	case x.wishedID == "":
		x.id[0] = x.visit
	case isID(x.wishedID):
		x.id[0] = x.wishedID
		x.req.RequestID = x.wishedID
	default:
		x.id[0] = x.visit
		if isVisible(x.wishedID) {
			x.related[0] = x.wishedID
		}
	}
}

const maxID = 128

// isID reports [A-Za-z0-9._\-]{1,128}.
func isID(v string) bool {
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(v) <= maxID
}

func isVisible(v string) bool {
	for i := 0; i < len(v); i++ {
		if v[i] < ' ' || v[i] >= 0x7f {
			return false
		}
	}
	return len(v) <= maxID
}

// peer is the network address without the port.
func peer(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

// share sets the CORS headers (SMART App Launch 2.2, "CORS support"): discovery
// for any origin, the rest for the listed and the registered ones, never with
// credentials.
func (x *exchange) share() {
	if x.origin == "" {
		return
	}
	origin := x.s.origins[x.origin]
	// null is any page that hides where it is from.
	if registered := x.s.cfg.Origin; origin == nil && registered != nil && x.origin != "null" && registered(x.origin) {
		origin = []string{x.origin}
	}
	if x.req.Path == "metadata" || x.req.Path == ".well-known/smart-configuration" {
		origin = []string{"*"}
	}
	if origin == nil {
		return
	}
	h := x.Header()
	h["Access-Control-Allow-Origin"] = origin
	h["Access-Control-Expose-Headers"] = []string{exposed}
}

// exposed are the fields a page may read: FHIR's, and those that say how to sign
// in (RFC 9449 section 8 has the nonce, which servers behind the same name may use).
const exposed = "ETag, Location, Content-Location, Last-Modified, X-Request-Id, X-Progress, Retry-After, WWW-Authenticate, DPoP-Nonce"

// preflight answers a browser's question before a request (Fetch, "CORS
// preflight"), which has no credentials and touches nothing.
func (x *exchange) preflight() bool {
	if x.r.Method != http.MethodOptions || x.origin == "" || x.r.Header["Access-Control-Request-Method"] == nil {
		return false
	}
	h := x.Header()
	if h["Access-Control-Allow-Origin"] != nil {
		h["Access-Control-Allow-Methods"] = []string{allowed}
		h["Access-Control-Allow-Headers"] = []string{"Accept, Authorization, Content-Type, DPoP, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer, X-Provenance, X-Request-Id"}
		h["Access-Control-Max-Age"] = []string{"600"}
	}
	x.status = http.StatusNoContent
	x.flush()
	return true
}
