package transport

import (
	"bytes"
	"net/http"

	"firebreak/gate"
)

// Within is an answer for a page of ours that asked as its person does, by the
// same way: the answer was judged, and is on record. bypass_test holds who may
// call it.
func Within(r gate.Reply) (status int, body []byte, err error) {
	w := &within{header: http.Header{}}
	_, err = r.WriteTo(w, false)
	return w.status, w.body.Bytes(), err
}

type within struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *within) Header() http.Header         { return w.header }
func (w *within) WriteHeader(status int)      { w.status = status }
func (w *within) Write(b []byte) (int, error) { return w.body.Write(b) }
