package transport

import "bytes"

// head is what a request's head says about where the request ends, and how far
// it has been looked at. Offsets count from its first byte.
type head struct {
	line   int // where the line being looked at begins
	fields int // where the fields begin; 0 while in the request line

	hasLength bool
	length    int64
	chunked   bool
	old       bool // HTTP/1.0
	// authority and host are the spans of an absolute form's authority and of
	// the Host field.
	authority, host span
}

type span struct{ from, to int }

func (s span) of(b []byte) []byte { return b[s.from:s.to] }

// scan looks at b from where it left off. It returns the head's end, or 0 when
// more is needed.
func (h *head) scan(b []byte, l *Limits) (end int, bad refusal) {
	for {
		i := bytes.IndexByte(b[h.line:], '\n')
		if i < 0 {
			return 0, h.fits(len(b), l)
		}
		from, to := h.line, h.line+i
		h.line = to + 1
		// A line ends in CR LF here, whatever RFC 9112 section 2.2 lets a
		// server forgive, so that nobody before us can see another line.
		if i == 0 || b[to-1] != '\r' {
			return 0, malformed
		}
		to--
		if bytes.IndexByte(b[from:to], '\r') >= 0 {
			return 0, malformed
		}
		if bad = h.fits(to, l); bad != none {
			return 0, bad
		}
		switch {
		case h.fields == 0:
			bad = h.request(b, span{from, to}, l)
			h.fields = h.line
		case from == to:
			return h.line, h.consistent(b)
		default:
			bad = h.field(b, span{from, to})
		}
		if bad != none {
			return 0, bad
		}
	}
}

// fits checks the limits for a head that is n bytes so far.
func (h *head) fits(n int, l *Limits) refusal {
	if h.fields == 0 {
		if n > l.URL+32 { // the longest method and the version
			return longURL
		}
		return none
	}
	if n-h.fields > l.Header {
		return longHeader
	}
	return none
}

// request looks at the request line: token SP target SP HTTP/1.x.
func (h *head) request(b []byte, line span, l *Limits) refusal {
	s := line.of(b)
	method, rest, ok := bytes.Cut(s, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 || len(method) == 0 || len(target) == 0 || !isToken(method) {
		return malformed
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.old = true
	default:
		if bytes.HasPrefix(version, []byte("HTTP/")) && bytes.IndexByte(version, ' ') < 0 {
			return badVersion
		}
		return malformed
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return badTarget
		}
	}
	if len(target) > l.URL {
		return longURL
	}
	if target[0] == '/' || len(target) == 1 && target[0] == '*' {
		return none
	}
	if string(method) == "CONNECT" { // answered with a 405 in the handler
		return none
	}
	const scheme = "https://"
	if !bytes.HasPrefix(target, []byte(scheme)) {
		return badTarget
	}
	from := line.from + len(method) + 1 + len(scheme)
	n := bytes.IndexByte(target[len(scheme):], '/')
	if n <= 0 {
		return badTarget
	}
	h.authority = span{from, from + n}
	return none
}

// field looks at one field line: token ":" OWS value OWS, unfolded.
func (h *head) field(b []byte, line span) refusal {
	s := line.of(b)
	colon := bytes.IndexByte(s, ':')
	if colon <= 0 || !isToken(s[:colon]) {
		return badField
	}
	for _, c := range s[colon+1:] {
		if c < ' ' && c != '\t' || c == 0x7f {
			return badField
		}
	}
	value := bytes.Trim(s[colon+1:], " \t")
	switch colon {
	case len("Host"):
		if equalFold(s[:colon], "host") {
			if h.host.to != 0 {
				return twice
			}
			if len(value) == 0 {
				return badField
			}
			from := line.from + colon + 1 + bytes.Index(s[colon+1:], value)
			h.host = span{from, from + len(value)}
		}
	case len("Expect"):
		if equalFold(s[:colon], "expect") && !equalFold(value, "100-continue") {
			return expectation
		}
	case len("Content-Length"):
		if equalFold(s[:colon], "content-length") {
			return h.setLength(value)
		}
	case len("Transfer-Encoding"):
		if equalFold(s[:colon], "transfer-encoding") {
			if h.chunked {
				return transfer
			}
			if !equalFold(value, "chunked") {
				return coding
			}
			h.chunked = true
		}
	}
	return none
}

func (h *head) setLength(value []byte) refusal {
	if h.hasLength || len(value) == 0 || len(value) > 15 {
		return framing
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return framing
		}
		h.length = h.length*10 + int64(c-'0')
	}
	h.hasLength = true
	return none
}

// consistent checks what only the whole head can show.
func (h *head) consistent(b []byte) refusal {
	switch {
	case h.chunked && (h.hasLength || h.old): // RFC 9112 section 6.1
		return transfer
	case h.host.to == 0:
		return malformed
	case h.authority.to != 0 && !bytes.EqualFold(h.authority.of(b), h.host.of(b)):
		return badTarget
	}
	return none
}

// equalFold compares with a lower-case ASCII name.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// isToken reports a token of RFC 9110 section 5.6.2.
func isToken(b []byte) bool {
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		case bytes.IndexByte([]byte("!#$%&'*+.^_`|~"), c) < 0:
			return false
		}
	}
	return true
}
