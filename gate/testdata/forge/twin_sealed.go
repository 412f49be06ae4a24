// A twin: a struct with the same field, to convert a Sealed to. Unexported
// names of two packages are two names, so the types are not identical.
//
// want: cannot convert s
package forge

import "firebreak/gate"

type sealed struct {
	h    gate.Header
	body []byte
}

type veil[T any] struct{ p **T }

type twin struct{ in veil[sealed] }

func open(s gate.Sealed) []byte { return (*twin(s).in.p).body }
