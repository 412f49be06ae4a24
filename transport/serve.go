package transport

import (
	"container/list"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
)

// serve is the way of one request: every return leaves an answer and a log line.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r, visit: s.cfg.NewVisit(), start: s.cfg.Clock.Now()}
	defer x.finish()
	if !s.crowd.enter(s.cfg.Limits.Requests, clock.System{}.Now()) {
		x.refuse(busy)
		return
	}
	defer s.crowd.leave(x)
	if bad := x.admit(); bad != none {
		x.refuse(bad)
		return
	}
	if !x.web && x.preflight() {
		return
	}
	defer func() { s.bodies.Add(-x.held) }()
	var bad refusal
	s.crowd.await(x, func() { x.req.Body, bad = x.readBody() })
	if bad != none {
		x.refuse(bad)
		return
	}
	if x.web {
		x.serveWeb()
		return
	}
	reply, bad := x.answer()
	if bad != none {
		x.refuse(bad)
		return
	}
	// The body is needed for a HEAD's Content-Length; x leaves it out.
	s.crowd.await(x, func() {
		if _, err := reply.WriteTo(x, false); err != nil {
			x.cut = true
		}
		x.flush()
	})
}

// admit takes the request over into FHIR's terms, or says why not.
func (x *exchange) admit() refusal {
	s, r := x.s, x.r
	bad := x.readHeader()
	x.identify()
	switch {
	case bad != none:
		return bad
	case !s.serves(r.Host):
		return misdirected
	case !known(r.Method):
		return badMethod
	case len(r.RequestURI) > s.cfg.Limits.URL:
		return longURL
	}
	t, bad := parseTarget(r.RequestURI)
	if bad != none {
		return bad
	}
	path, ok := below(t.path, s.prefix)
	switch {
	case x.isWeb(t):
		return x.bodiless()
	case !ok:
		return outside
	}
	x.route = route(path)
	x.req.Method, x.req.Path, x.req.Query = r.Method, path, t.query
	x.req.Visit, x.req.Base = x.visit, s.base
	x.req.Peer = peer(r.RemoteAddr)
	x.shows(certificate(r.TLS))
	x.share()
	return x.bodiless()
}

// bodiless refuses a body where none has a meaning.
func (x *exchange) bodiless() refusal {
	switch x.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if x.r.ContentLength != 0 {
			return noBody
		}
	}
	return none
}

// serves reports whether the Host is one of ours, so that no other name's pages
// can reach this one by DNS (rebinding).
func (s *Server) serves(host string) bool {
	return s.hosts[host] || s.hosts[normalHost(host)]
}

const allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

func known(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// finish answers for a panic and writes the one log line.
func (x *exchange) finish() {
	if v := recover(); v != nil {
		x.crash(v)
	}
	took := x.s.cfg.Clock.Now().Sub(x.start)
	x.s.line(x.visit, x.r.Method, x.route, x.status, x.sent, took)
	if x.cut {
		panic(http.ErrAbortHandler) // the only way net/http has to drop what is half written
	}
}

// crash logs where, and of which type, but not what: a panic's value may hold content.
func (x *exchange) crash(v any) {
	what := "panic"
	if e, ok := v.(runtime.Error); ok {
		what = e.Error()
	}
	x.s.log(slog.LevelError, "handler panicked", slog.String("visit", x.visit),
		slog.String("what", what), slog.String("stack", string(debug.Stack())))
	if x.begun {
		x.cut = true
		return
	}
	x.refuse(crashed)
}

// line logs one request: never its URL, its ids or anything a client chose.
func (s *Server) line(visit, method, route string, status int, sent int64, took time.Duration) {
	if !known(method) {
		method = "other"
	}
	if route == "" {
		route = "none"
	}
	s.log(slog.LevelInfo, "request", slog.String("visit", visit), slog.String("method", method),
		slog.String("route", route), slog.Int("status", status), slog.Int64("bytes", sent),
		slog.String("took", bucket(took)))
}

// refuse answers by itself.
func (x *exchange) refuse(bad refusal) {
	h := x.Header()
	if bad == badMethod {
		h["Allow"] = []string{allowed}
	}
	if bad == busy {
		h["Retry-After"] = []string{"1"}
	}
	if bad.ends() && x.r.ProtoMajor == 1 {
		h["Connection"] = []string{"close"}
	}
	h["Content-Type"] = []string{fhirJSON}
	x.WriteHeader(bad.status())
	x.Write(bad.outcome(x.visit, x.field)) // when it cannot be written nobody is there to be told
	x.flush()
}

const fhirJSON = "application/fhir+json; charset=utf-8"

var _ http.ResponseWriter = (*exchange)(nil)

// exchange is one request and its answer. It is the http.ResponseWriter that a
// Reply is written to, so that length and headers are settled in one place.
type exchange struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	visit string
	start time.Time
	route string
	req   fhir.Request

	origin      string
	encoding    string
	wishedID    string // X-Request-Id as the client sent it
	field       string // the header field that is refused, if it is one that is read
	held        int64  // bytes of its body that count towards Limits.Bodies
	status      int
	sent        int64
	begun       bool          // the header is on its way
	cut         bool          // the answer cannot be completed
	waits       time.Time     // since when it waits for its client; this and the next two are the crowd's
	place       *list.Element // among those that wait
	dropped     bool
	id, related [1]string
	length      [1]string
	web         bool     // it is not FHIR's
	own         []fixed  // header fields over those that every answer carries
	setCookies  []string // Set-Cookie
}
