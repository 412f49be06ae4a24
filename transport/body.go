package transport

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"firebreak/clock"
	"firebreak/gate"
)

// readBody is the request's body, decompressed. It is not pooled: what a change
// stores is these bytes.
func (x *exchange) readBody() ([]byte, refusal) {
	if x.r.ContentLength == 0 {
		return nil, none
	}
	l := &x.s.cfg.Limits
	zipped := false
	switch strings.ToLower(x.encoding) {
	case "", "identity":
	case "gzip", "x-gzip":
		zipped = true
	default:
		return nil, badEncoding
	}
	if x.r.ContentLength > l.Body {
		return nil, tooLarge
	}
	body, bad := x.receive()
	if bad != none || !zipped {
		return body, bad
	}
	return x.decompress(body)
}

// hold counts n more bytes towards all bodies being held.
func (x *exchange) hold(n int64) bool {
	x.held += n
	return x.s.bodies.Add(n) <= x.s.cfg.Limits.Bodies
}

// firstRead is how much is set aside before a byte has come: what a client
// announces costs it nothing.
const firstRead = 64 << 10

func (x *exchange) receive() ([]byte, refusal) {
	l := &x.s.cfg.Limits
	want := x.r.ContentLength // -1: chunked
	most := want
	if want < 0 {
		most = l.Body + 1 // the one byte that shows it is too large
	}
	size := min(most, firstRead)
	if !x.hold(size) {
		return nil, busy
	}
	body := make([]byte, 0, size)
	control := http.NewResponseController(x.w)
	// A deadline is the kernel's, by the machine's clock.
	now := clock.System{}.Now()
	start, last := now.Add(l.HeaderTimeout), now.Add(l.BodyTimeout)
	for {
		if int64(len(body)) == want {
			return body, none
		}
		if len(body) == cap(body) {
			more := min(int64(cap(body)), most-int64(cap(body)))
			if !x.hold(more) {
				return nil, busy
			}
			grown := make([]byte, len(body), cap(body)+int(more))
			copy(grown, body)
			body = grown
		}
		due := start.Add(time.Duration(int64(len(body)) * int64(time.Second) / l.BodyRate))
		if due.After(last) {
			due = last
		}
		if err := control.SetReadDeadline(due); err != nil {
			return nil, crashed
		}
		n, err := x.r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > l.Body:
			return nil, tooLarge
		case err == io.EOF && (want < 0 || int64(len(body)) == want):
			return body, none
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, slowBody
		case err != nil:
			return nil, badBody
		}
	}
}

// Working on a body takes up to twenty times its size in memory, so that all the
// bodies that may be held would need more than a machine has. Large ones
// therefore take turns.
const (
	largeBody   = 1 << 20
	largeAtOnce = 4
)

// answer has the request handled, when its turn has come.
func (x *exchange) answer() (gate.Reply, refusal) {
	if len(x.req.Body) > largeBody {
		patience := time.NewTimer(x.s.cfg.Limits.BodyTimeout)
		defer patience.Stop()
		select {
		case x.s.large <- struct{}{}:
			defer func() { <-x.s.large }()
		case <-patience.C:
			return gate.Reply{}, busy
		case <-x.r.Context().Done():
			return gate.Reply{}, busy
		}
	}
	return x.s.handle(x.r.Context(), x.req), none
}

// decompress stops as soon as more has come out than either limit allows.
func (x *exchange) decompress(packed []byte) ([]byte, refusal) {
	l := &x.s.cfg.Limits
	z := x.s.gunzip.Get().(*gzip.Reader)
	defer x.s.gunzip.Put(z)
	in := bytes.NewReader(packed) // an io.ByteReader: nothing is read ahead
	if err := z.Reset(in); err != nil {
		return nil, badBody
	}
	limit := min(l.Body, int64(len(packed))*l.GzipRatio)
	size := min(limit+1, 4*int64(len(packed))+512)
	if !x.hold(size) {
		return nil, busy
	}
	body := make([]byte, 0, size)
	for {
		if len(body) == cap(body) {
			more := min(int64(cap(body)), limit+1-int64(cap(body)))
			if !x.hold(more) {
				return nil, busy
			}
			grown := make([]byte, len(body), cap(body)+int(more))
			copy(grown, body)
			body = grown
		}
		n, err := z.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, bomb
		case err == io.EOF:
			return body, none
		case err != nil:
			return nil, badBody
		}
	}
}
