package gate

import (
	"crypto/sha256"
	"net/http"
	"time"

	"firebreak/fhir"
)

// Header is what may be known of a version without opening it. A store fills
// it in; decisions are made on it.
type Header struct {
	Type        string
	ID          string
	Version     string
	LastUpdated time.Time
	Deleted     bool   // a tombstone; its content is the version before, for judging only
	Method      string // POST, PUT, PATCH or DELETE: what made the version
	Class       Class
	Keys        Keys
	Facts       Facts
	Ties        []Tie // of a change: what it establishes; empty in what a store fetched
	// Current is the header of the resource's current version when this is an
	// older one; both must be visible.
	Current *Sealed
}

// Reference is the version's literal reference, "Type/id".
func (h Header) Reference() string { return h.Type + "/" + h.ID }

// Sealed is one stored version on its way through. Anyone may seal; nobody
// outside this package can open: it shows neither header nor content, also not
// under %+v, in logs or as JSON. The zero Sealed is denied.
type Sealed struct {
	h    Header
	body []byte
	hash [32]byte
}

// Seal closes a version. The body must not change afterwards.
func Seal(h Header, body []byte) Sealed {
	return Sealed{h: h, body: body, hash: sha256.Sum256(body)}
}

// After is an older version together with its resource's current one.
func (s Sealed) After(current Sealed) Sealed {
	s.h.Current = &current
	return s
}

// String, Format by %v and JSON of a Sealed say only that it is one.
func (Sealed) String() string               { return "sealed" }
func (Sealed) GoString() string             { return "sealed" }
func (Sealed) MarshalJSON() ([]byte, error) { return []byte(`"sealed"`), nil }

// Judged is a version, or a change, that every layer has permitted. The zero
// Judged is nothing and is released as nothing.
type Judged struct {
	s      Sealed
	why    Decision
	before *Header // a change: what it replaces; nil for a create
	change bool
	ok     bool
}

func (Judged) String() string               { return "judged" }
func (Judged) GoString() string             { return "judged" }
func (Judged) MarshalJSON() ([]byte, error) { return []byte(`"judged"`), nil }

// Header is the judged version's header: the caller may see it, so the
// pipeline may act on it.
func (j Judged) Header() Header { return j.s.h }

// Write hands what a judged change stores to a backend. It is the first of the
// two doors: bypass_test allows it to store packages only.
func (j Judged) Write() (Header, []byte, bool) {
	return j.s.h, j.s.body, j.ok && j.change
}

// Replaces reports whether a judged change replaces a version, rather than
// making the first one.
func (j Judged) Replaces() bool { return j.before != nil }

// Cleared is an answer that may leave: judged, shaped, not yet accounted for.
type Cleared struct {
	status   int
	header   [][2]string
	body     []byte
	released []Released
	ok       bool
}

func (Cleared) String() string               { return "cleared" }
func (Cleared) GoString() string             { return "cleared" }
func (Cleared) MarshalJSON() ([]byte, error) { return []byte(`"cleared"`), nil }

// Released says which version an answer shows, and whose record it is.
type Released struct {
	Reference string // "Type/id/_history/version"
	Subjects  []string
}

// Released are the versions the answer shows.
func (c Cleared) Released() []Released { return c.released }

// Status is the answer's HTTP status.
func (c Cleared) Status() int { return c.status }

// Reply is an answer whose audit record is durable. Its zero value is an empty 503.
type Reply struct {
	status int
	header [][2]string
	body   []byte
}

func (Reply) String() string               { return "reply" }
func (Reply) GoString() string             { return "reply" }
func (Reply) MarshalJSON() ([]byte, error) { return []byte(`"reply"`), nil }

// WriteTo is the second door: the transport, and nobody else, turns a Reply
// into bytes. head leaves the body out.
func (r Reply) WriteTo(w http.ResponseWriter, head bool) (int64, error) {
	if r.status == 0 {
		w.WriteHeader(fhir.Unavailable.Status())
		return 0, nil
	}
	for _, kv := range r.header {
		w.Header().Set(kv[0], kv[1])
	}
	w.WriteHeader(r.status)
	if head || len(r.body) == 0 {
		return 0, nil
	}
	n, err := w.Write(r.body)
	return int64(n), err
}
