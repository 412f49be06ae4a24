package gate

import (
	"net/http"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/search"
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
	// Index is, of a change, what a search will find it by, when it was worked
	// out ahead; else nil, and the store works it out.
	Index []search.Row
	Ties  []Tie // of a change: what it establishes; empty in what a store fetched
	// Current is the header of the resource's current version when this is an
	// older one; both must be visible.
	Current *Sealed
}

// Reference is the version's literal reference, "Type/id".
func (h Header) Reference() string { return h.Type + "/" + h.ID }

// Sealed is one stored version on its way through. Anyone may seal; nobody
// outside this package can open: it shows neither header nor content, also not
// under %+v, in logs or as JSON. The zero Sealed is denied.
type Sealed struct{ in veil[sealed] }

type sealed struct {
	h    Header
	body []byte
}

// Seal closes a version. The body must not change afterwards.
func Seal(h Header, body []byte) Sealed {
	return Sealed{cover(sealed{h: h, body: body})}
}

func (s Sealed) at() *sealed { return s.in.lift() }

// After is an older version together with its resource's current one.
func (s Sealed) After(current Sealed) Sealed {
	in := *s.at()
	in.h.Current = &current
	return Sealed{cover(in)}
}

// String, Format by %v and JSON of a Sealed say only that it is one.
func (Sealed) String() string               { return "sealed" }
func (Sealed) GoString() string             { return "sealed" }
func (Sealed) MarshalJSON() ([]byte, error) { return []byte(`"sealed"`), nil }

// Judged is a version, or a change, that every layer has permitted. The zero
// Judged is nothing and is released as nothing.
type Judged struct {
	s      Sealed
	why    veil[Decision]
	action fhir.Action // that was permitted
	by     string      // digest of the principal that it was permitted to
	before Sealed      // a change: what it replaces; zero for a create
	change bool
	ok     bool
}

// of reports whether the principal is the one that the version was judged for.
func (j Judged) of(p Principal) bool { return j.ok && p.Valid() && j.by == p.digest }

// seen reports whether the version was judged for being seen. The target of a
// change was judged for that change, which may be permitted to whoever may not
// read what it replaces.
func (j Judged) seen() bool { return j.action == fhir.ActRead || j.action == fhir.ActSearch }

func (Judged) String() string               { return "judged" }
func (Judged) GoString() string             { return "judged" }
func (Judged) MarshalJSON() ([]byte, error) { return []byte(`"judged"`), nil }

// Header is the judged version's header: the caller may see it, so the
// pipeline may act on it.
func (j Judged) Header() Header { return j.s.at().h }

// Write hands what a judged change stores to a backend. It is the first of the
// two doors: bypass_test allows it to store packages only.
func (j Judged) Write() (Header, []byte, bool) {
	if !j.ok || !j.change || j.action == fhir.ActDelete && !j.s.at().h.Deleted {
		return Header{}, nil, false
	}
	return j.s.at().h, j.s.at().body, true
}

// Replaces reports whether a judged change replaces a version, rather than
// making the first one.
func (j Judged) Replaces() bool { return !j.before.in.empty() }

// Cleared is an answer that may leave: judged, shaped, not yet accounted for.
// The zero Cleared leaves as an empty 503.
type Cleared struct{ in veil[cleared] }

type cleared struct {
	modified time.Time // of the one version it is about
	outcome  bool      // the body says how a change went, and is not what is asked for
	status   int
	header   [][2]string
	body     []byte
	released []Released
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
func (c Cleared) Released() []Released { return c.in.lift().released }

// Status is the answer's HTTP status.
func (c Cleared) Status() int {
	if c.in.empty() {
		return fhir.Unavailable.Status()
	}
	return c.in.lift().status
}

// Reply is an answer whose audit record is durable. Its zero value is an empty 503.
type Reply struct{ in veil[reply] }

type reply struct {
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
	if r.in.empty() || r.in.lift().status == 0 {
		w.WriteHeader(fhir.Unavailable.Status())
		return 0, nil
	}
	out := r.in.lift()
	header, values := w.Header(), make([]string, len(out.header))
	for i, kv := range out.header {
		values[i] = kv[1]
		header[http.CanonicalHeaderKey(kv[0])] = values[i : i+1 : i+1]
	}
	w.WriteHeader(out.status)
	if head || len(out.body) == 0 {
		return 0, nil
	}
	n, err := w.Write(out.body)
	return int64(n), err
}
