package transport

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Web is what a listener serves beside FHIR: discovery, tokens, pages for people.
// The zero Web serves nothing.
type Web struct {
	Handle WebHandler
	// Serves tells, from the host and the canonical path, which requests are for
	// Handle. All others are FHIR's.
	Serves func(host, path string) bool
}

// WebHandler answers one request that is not FHIR's. Like a Handler it is given
// no way to write: what it returns has been put on record before.
type WebHandler func(ctx context.Context, req WebRequest) WebReply

// WebRequest is one such request, free of HTTP's types. Fields of the header that
// are not here have no say. Absent is "".
type WebRequest struct {
	Visit  string // our id of the request
	Peer   string // network address of the client
	Method string // GET, HEAD, POST or any other that is known
	Host   string // as the client named us: one of our names
	Path   string // absolute and canonical, "/auth/token"
	Query  string // raw, as received
	Body   []byte

	ContentType   string
	Accept        string
	Authorization string
	Origin        string
	Site          string // Sec-Fetch-Site
	DPoP          string
	Agent         string            // User-Agent: what the browser says it is, which proves nothing
	Cookies       map[string]string // those named __Host-…, of which there is only one each
	Certificate   string            // SHA-256 of the client's certificate in hexadecimal

	CertificateSubject string   // its subject, "CN=app,O=Clinic" (RFC 4514)
	CertificateNames   []string // its alternative names, "dns:app.example.org", "uri:…", "ip:…", "email:…"
}

// WebReply is the answer to one. What is not set is as strict as it can be.
type WebReply struct {
	Status      int
	ContentType string
	Body        []byte
	Location    string
	Challenge   string   // WWW-Authenticate
	Allow       string   // with 405
	Policy      string   // Content-Security-Policy
	Cookies     []Cookie // to be set
	// Origin may read the answer from a browser: "*", or the request's own.
	Origin string
	Nonce  string // DPoP-Nonce
	// Lasting lets the client keep it for a year: for what has its hash in its name.
	Lasting    bool
	RetryAfter time.Duration
	ETag       string
	Route      string // the path for the log: a literal
}

// Cookie is one that only this host gets and that no script reads. Its name must
// begin with "__Host-".
type Cookie struct {
	Name, Value string
	// Life is how long the browser keeps it: 0 until it is closed; below 0: not
	// any more.
	Life time.Duration
	// Lax also sends it when another site's link or redirect leads here.
	Lax bool
}

const hostPrefix = "__Host-"

// pagePolicy is for an answer that has not named its own.
const pagePolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// isWeb reports whether the request is for Web, which then has the target.
func (x *exchange) isWeb(t target) bool {
	w := x.s.cfg.Web
	if w.Handle == nil || !w.Serves(normalHost(x.r.Host), t.path) {
		return false
	}
	x.web, x.route = true, "web"
	x.req.Method, x.req.Path, x.req.Query = x.r.Method, t.path, t.query
	x.req.Peer = peer(x.r.RemoteAddr)
	x.shows(certificate(x.r.TLS))
	return true
}

// serveWeb hands the request to Web and writes its answer.
func (x *exchange) serveWeb() {
	reply := x.s.cfg.Web.Handle(x.r.Context(), x.webRequest())
	if reply.Route != "" {
		x.route = reply.Route
	}
	x.webHeader(&reply)
	x.WriteHeader(reply.Status)
	x.s.crowd.await(x, func() {
		if len(reply.Body) > 0 {
			if _, err := x.Write(reply.Body); err != nil {
				x.cut = true
			}
		}
		x.flush()
	})
}

func (x *exchange) webRequest() WebRequest {
	one := func(name string) string { // one of several is none: which one would be chosen by chance
		if v := x.r.Header[name]; len(v) == 1 {
			return v[0]
		}
		return ""
	}
	return WebRequest{Visit: x.visit, Peer: x.req.Peer, Method: x.req.Method, Host: normalHost(x.r.Host), Path: x.req.Path, Query: x.req.Query,
		Body: x.req.Body, ContentType: x.req.ContentType, Accept: x.req.Accept, Authorization: x.req.Authorization,
		Origin: x.origin, Site: one("Sec-Fetch-Site"), DPoP: one("Dpop"), Agent: one("User-Agent"), Cookies: cookies(x.r.Header["Cookie"]), Certificate: x.req.ClientCertificate,
		CertificateSubject: x.req.ClientSubject, CertificateNames: x.req.ClientNames}
}

// cookies are those that this host has set, and nobody for it: a name that comes
// twice was set by somebody else, and neither counts.
func cookies(fields []string) map[string]string {
	out := map[string]string{}
	twice := map[string]bool{}
	for _, f := range fields {
		for part := range strings.SplitSeq(f, ";") {
			name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
			if !ok || !strings.HasPrefix(name, hostPrefix) {
				continue
			}
			if _, there := out[name]; there {
				twice[name] = true
			}
			out[name] = value
		}
	}
	for name := range twice {
		delete(out, name)
	}
	return out
}

// webHeader sets what the reply asks for, over what every answer carries.
func (x *exchange) webHeader(r *WebReply) {
	set := func(name, value string) {
		if value != "" {
			x.own = append(x.own, fixed{name, []string{value}})
		}
	}
	policy := r.Policy
	if policy == "" {
		policy = pagePolicy
	}
	set("Content-Security-Policy", policy)
	// A form of ours names its origin only where the page may name itself
	// (Fetch, "append a request Origin header").
	set("Referrer-Policy", "same-origin")
	set("X-Frame-Options", "DENY")
	set("Cross-Origin-Opener-Policy", "same-origin")
	set("Vary", "Accept, Authorization, Cookie, Origin")
	set("Content-Type", r.ContentType)
	set("Location", r.Location)
	set("WWW-Authenticate", r.Challenge)
	set("Allow", r.Allow)
	set("DPoP-Nonce", r.Nonce)
	set("ETag", r.ETag)
	if r.Lasting {
		set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		set("Pragma", "no-cache") // RFC 6749 section 5.1
	}
	if r.RetryAfter > 0 {
		set("Retry-After", strconv.Itoa(int((r.RetryAfter+time.Second-1)/time.Second)))
	}
	if r.Origin != "" {
		set("Access-Control-Allow-Origin", r.Origin)
		set("Access-Control-Expose-Headers", "DPoP-Nonce, Retry-After, WWW-Authenticate, X-Request-Id")
		if x.r.Method == http.MethodOptions {
			set("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
			set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, DPoP, X-Request-Id")
			set("Access-Control-Max-Age", "600")
		}
		if r.Origin == "*" {
			set("Cross-Origin-Resource-Policy", "cross-origin")
		}
	}
	for _, c := range r.Cookies {
		x.setCookie(c)
	}
}

func (x *exchange) setCookie(c Cookie) {
	if !strings.HasPrefix(c.Name, hostPrefix) || url.PathEscape(c.Name+c.Value) != c.Name+c.Value {
		x.s.log(slog.LevelError, "a cookie was not set: its name or value is not fit", slog.String("visit", x.visit))
		return
	}
	text := c.Name + "=" + c.Value + "; Path=/; Secure; HttpOnly; SameSite="
	if c.Lax {
		text += "Lax"
	} else {
		text += "Strict"
	}
	switch {
	case c.Life > 0:
		text += "; Max-Age=" + strconv.Itoa(int(c.Life/time.Second))
	case c.Life < 0:
		text += "; Max-Age=0"
	}
	x.setCookies = append(x.setCookies, text)
}
