package transport

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// fixed is a header that every answer carries.
type fixed struct {
	name  string
	value []string
}

// alwaysSent are they (security.html, and security-page C10: a browser that
// opens an answer must run nothing of it). No answer of FHIR's can change them.
func alwaysSent() []fixed {
	return []fixed{
		{"Cache-Control", []string{"no-store"}},
		{"Content-Security-Policy", []string{"default-src 'none'; sandbox; frame-ancestors 'none'"}},
		{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
		{"Referrer-Policy", []string{"no-referrer"}},
		{"Strict-Transport-Security", []string{"max-age=31536000"}},
		{"Vary", []string{"Accept, Authorization, Origin, Prefer"}},
		{"X-Content-Type-Options", []string{"nosniff"}},
	}
}

func (x *exchange) Header() http.Header { return x.w.Header() }

// WriteHeader keeps the status until the length is known.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
}

// Write sends header and body. A body is written at once, or with a
// Content-Length set before.
func (x *exchange) Write(p []byte) (int, error) {
	if !x.begun {
		x.begin(len(p))
	}
	if x.r.Method == http.MethodHead || !hasBody(x.status) {
		return len(p), nil
	}
	n, err := x.w.Write(p)
	x.sent += int64(n)
	return n, err
}

// flush sends an answer without body.
func (x *exchange) flush() {
	if !x.begun {
		x.begin(0)
	}
}

func (x *exchange) begin(length int) {
	x.begun = true
	if x.status == 0 {
		x.status = http.StatusServiceUnavailable
	}
	h := x.w.Header()
	for i := range x.s.always {
		h[x.s.always[i].name] = x.s.always[i].value
	}
	for i := range x.own {
		h[x.own[i].name] = x.own[i].value
	}
	h["X-Request-Id"] = x.id[:]
	if x.id[0] == "" { // refused before the header was read
		x.id[0] = x.visit
	}
	if x.related[0] != "" {
		h["X-Correlation-Id"] = x.related[:]
	}
	if length > 0 && h["Content-Type"] == nil {
		h["Content-Type"] = []string{"application/octet-stream"} // or net/http guesses
	}
	delete(h, "Set-Cookie")
	if len(x.setCookies) > 0 {
		h["Set-Cookie"] = x.setCookies
	}
	delete(h, "Server")
	if hasBody(x.status) && h["Content-Length"] == nil {
		x.length[0] = strconv.Itoa(length)
		h["Content-Length"] = x.length[:]
	}
	x.w.WriteHeader(x.status)
}

// hasBody is RFC 9110 section 6.4.1.
func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// rawRefusal is a whole HTTP/1.1 answer, for a request that never became one,
// and its log line.
func (s *Server) rawRefusal(bad refusal) []byte {
	visit := s.cfg.NewVisit()
	body := bad.outcome(visit, "")
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(bad.status()) + " " + http.StatusText(bad.status()) + "\r\n")
	h := http.Header{
		"Connection":     {"close"},
		"Content-Length": {strconv.Itoa(len(body))},
		"Content-Type":   {fhirJSON},
		"Date":           {s.cfg.Clock.Now().UTC().Format(http.TimeFormat)},
		"X-Request-Id":   {visit},
	}
	for _, f := range s.always {
		h[f.name] = f.value
	}
	h.Write(&b) // a Buffer does not fail
	b.WriteString("\r\n")
	b.Write(body)
	s.line(visit, "", "", bad.status(), int64(len(body)), time.Duration(0))
	return b.Bytes()
}
