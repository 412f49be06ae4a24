package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"time"

	"firebreak/clock"
)

// errRefused ends the reading of a request that the guard refuses. It is no
// net.Error, so that net/http answers it (and the guard rewrites the answer).
var errRefused = errors.New("request refused")

// guard stands between a TLS connection and net/http's HTTP/1 parser. It hands
// on a request's head only when it is complete and has one reading, and keeps
// count of where the body ends, so that both agree on where the next request
// begins. It repairs nothing (RFC 9112 section 11.2, request smuggling).
//
// Reads come from one goroutine at a time, as net/http makes them.
type guard struct {
	*tls.Conn
	s *Server

	buf  []byte // what the client sent, from r to w not yet handed on
	r, w int
	pass int // bytes from r on that may be handed on
	lead int // bytes of an incomplete head that have been handed on
	bad  refusal

	phase  phase
	head   head
	left   int64 // bytes of the body, or of the chunk
	chunks chunking

	deadline readDeadline
}

type phase uint8

const (
	inHead phase = iota
	inBody
	inChunks
)

// wake is how many bytes of a head net/http waits for between requests, before
// its timeout for headers begins to run. No more than these leave the guard
// before the head is complete.
const wake = 4

func newGuard(c *tls.Conn, s *Server) *guard { return &guard{Conn: c, s: s} }

// Read hands on what has been checked. After a refusal it fails for good.
func (g *guard) Read(p []byte) (int, error) {
	if len(p) == ahead && g.phase == inHead && g.r == g.w && g.bad == none {
		if err := g.rest(); err != nil {
			return 0, err
		}
	}
	for {
		if g.pass > 0 {
			n := copy(p, g.buf[g.r:g.r+g.pass])
			g.r += n
			g.pass -= n
			return n, nil
		}
		if g.bad != none {
			return g.refuse(p)
		}
		more := true
		switch g.phase {
		case inHead:
			more = g.readHead()
		case inBody:
			if g.r == g.w {
				n, err := g.receive(p[:min(int64(len(p)), g.left)])
				g.took(int64(n))
				return n, err
			}
			g.pass = int(min(int64(g.w-g.r), g.left))
			g.took(int64(g.pass))
			more = false
		case inChunks:
			more = g.readChunks()
		}
		if !more {
			continue
		}
		if err := g.fill(); err != nil {
			return 0, err
		}
	}
}

// refuse fails the read, after as many bytes as net/http needs to notice that
// there is a request to fail.
func (g *guard) refuse(p []byte) (int, error) {
	if g.phase != inHead || g.lead >= wake || len(p) == 0 {
		return 0, errRefused
	}
	p[0] = 'x'
	g.lead++
	return 1, nil
}

func (g *guard) took(n int64) {
	if g.left -= n; g.left == 0 {
		g.begin()
	}
}

// begin prepares for the next head.
func (g *guard) begin() {
	g.phase, g.lead, g.head = inHead, 0, head{}
}

// readHead looks at the head as far as it is there, and reports whether more of
// it must be read.
func (g *guard) readHead() bool {
	if g.lead == 0 && g.r > 0 { // the head's offsets count from the buffer's start
		copy(g.buf, g.buf[g.r:g.w])
		g.w -= g.r
		g.r = 0
	}
	end, bad := g.head.scan(g.buf[:g.w], &g.s.cfg.Limits)
	switch {
	case bad != none:
		g.bad = bad
		return false
	case end == 0:
		if g.pass = min(wake, g.w) - g.lead; g.pass > 0 {
			g.lead += g.pass
			return false
		}
		g.pass = 0
		return true
	}
	g.pass = end - g.r
	switch {
	case g.head.chunked:
		g.phase, g.chunks = inChunks, chunking{}
	case g.head.length > 0:
		g.phase, g.left = inBody, g.head.length
	default:
		g.begin()
	}
	return false
}

func (g *guard) readChunks() bool {
	n, done, ok := g.chunks.scan(g.buf[g.r:g.w])
	if !ok {
		g.bad = badBody
		return false
	}
	if done {
		g.begin()
	}
	g.pass = n
	return n == 0
}

// fill reads from the client. Outside a head the buffer is empty then.
func (g *guard) fill() error {
	if g.r == g.w && (g.phase != inHead || g.lead == 0) {
		g.r, g.w = 0, 0
		if len(g.buf) > 4<<10 { // a long head's; the next one will be short
			g.buf = nil
		}
	}
	if g.buf == nil {
		g.buf = make([]byte, 4<<10)
	}
	if g.w == len(g.buf) { // scan bounds the head, and so this
		g.buf = append(g.buf, make([]byte, len(g.buf))...)
	}
	n, err := g.receive(g.buf[g.w:])
	g.w += n
	if n > 0 {
		return nil
	}
	return err
}

// ownError is how net/http's HTTP/1 server answers what it cannot parse: past
// the Handler, in plain text and without our headers. No answer of ours begins
// so, because headers are written in the order of their names.
const ownError = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// Write passes answers on, and puts ours in the place of net/http's own.
func (g *guard) Write(p []byte) (int, error) {
	if len(p) > 512 || !bytes.HasPrefix(p, []byte("HTTP/1.1 ")) {
		return g.Conn.Write(p)
	}
	if i := bytes.IndexByte(p, '\r'); i < 0 || !bytes.HasPrefix(p[i:], []byte(ownError)) {
		return g.Conn.Write(p)
	}
	// net/http answers so only between requests, when nobody reads: g.bad is still.
	bad := g.bad
	switch {
	case bad == none && g.phase == inHead && g.lead > 0:
		bad = slowHeader // net/http gave up on a head that the guard still holds
	case bad == none:
		bad = malformed
	}
	if _, err := g.Conn.Write(g.s.rawRefusal(bad)); err != nil {
		return 0, err
	}
	g.linger()
	return len(p), nil
}

// linger takes in what a refused client is still sending, for a while: a
// connection that is closed before is reset, and the answer may be lost with it
// (RFC 9112 section 9.6).
func (g *guard) linger() {
	const while, most = 500 * time.Millisecond, 1 << 20
	if g.Conn.CloseWrite() != nil || g.Conn.SetReadDeadline(clock.System{}.Now().Add(while)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, g.Conn, most)
}
