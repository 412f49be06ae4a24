package patch

import (
	"bytes"
	"slices"
	"strconv"

	"firebreak/fhirjson"
)

// value is a JSON value of the document: as received, or open to change. Opening
// goes from the root to what an operation changes and no further, so everything
// beside the way keeps its bytes.
type value struct {
	from fhirjson.Node // when open is nil
	open *branch
}

// branch is an object or array open to change.
type branch struct {
	kind   fhirjson.Kind
	names  []name // of an object, one for each value
	values []value
	size   int // bytes as it will be written
	// shared: more than one value has this branch, since a copy. It must not
	// change any more; who wants to, clones it. So a copy costs no memory, and
	// no series of copies costs more than the size it is charged for.
	shared bool
}

// name is a member's name, as it is and as it is written.
type name struct{ key, quoted []byte }

// way is the containers from the root to one to be changed.
type way []*branch

// grow notes that the last container's content has grown by n bytes.
func (w way) grow(n int) {
	for _, b := range w {
		b.size += n
	}
}

// put sets the i-th child of the last container, in place of the one there or
// before it, with the token as a new member's name.
func (w way) put(i int, v value, inPlace bool, token string) {
	b := w[len(w)-1]
	if inPlace {
		w.grow(v.size() - b.values[i].size())
		b.values[i] = v
		return
	}
	b.values = slices.Insert(b.values, i, v)
	if b.kind == fhirjson.Object {
		b.names = slices.Insert(b.names, i, name{[]byte(token), fhirjson.Quote(token)})
	}
	w.grow(b.cost(i))
}

// cost is the bytes that the i-th child takes: name, colon, value and a comma
// if there is another.
func (b *branch) cost(i int) int {
	n := b.values[i].size()
	if b.kind == fhirjson.Object {
		n += len(b.names[i].quoted) + 1
	}
	if len(b.values) > 1 {
		n++
	}
	return n
}

func (v value) kind() fhirjson.Kind {
	if v.open != nil {
		return v.open.kind
	}
	return v.from.Kind()
}

func (v value) len() int {
	if v.open != nil {
		return len(v.open.values)
	}
	return v.from.Len()
}

func (v value) size() int {
	if v.open != nil {
		return v.open.size
	}
	return len(v.from.Raw())
}

func (v value) item(i int) value {
	if v.open != nil {
		return v.open.values[i]
	}
	return value{from: v.from.Item(i)}
}

// child is the position of the member or item that token names in v.
func (p *patching) child(v value, token string) (int, *Error) {
	switch v.kind() {
	case fhirjson.Object:
		i := 0
		for key := range v.members {
			if string(key) == token {
				p.steps += i
				return i, nil
			}
			i++
		}
		p.steps += i
	case fhirjson.Array:
		i, ok := index(token)
		if !ok || i >= v.len() {
			return 0, errIndex()
		}
		if v.open == nil {
			p.steps += i
		}
		return i, nil
	}
	return 0, errPath()
}

func errPath() *Error { return refuse(NoSuchPath, "the pointer leads to nothing in the resource") }

func errIndex() *Error {
	return refuse(NoSuchPath, "the pointer names no item of the array: an index has digits only, no leading zero, and is within the array")
}

// index reads an array index (RFC 6901 section 4).
func index(token string) (int, bool) {
	if len(token) == 0 || len(token) > 9 || len(token) > 1 && token[0] == '0' {
		return 0, false
	}
	for i := range len(token) {
		if token[i] < '0' || token[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(token)
	return n, err == nil
}

// members yields the names and values of an object in their order, and the
// values of an array without names.
func (v value) members(yield func([]byte, value) bool) {
	if v.open == nil {
		for n := range v.from.Children() {
			if !yield(n.NameBytes(), value{from: n}) {
				return
			}
		}
		return
	}
	for i, c := range v.open.values {
		var key []byte
		if v.open.kind == fhirjson.Object {
			key = v.open.names[i].key
		}
		if !yield(key, c) {
			return
		}
	}
}

// share marks what is open in v as had by another value too.
func (v value) share() {
	if v.open != nil {
		v.open.shared = true
	}
}

// own makes v, an object or array, open and had by no other value. It returns the
// number of children it passed.
func (v *value) own() int {
	if v.open == nil {
		v.open, v.from = opened(v.from), fhirjson.Node{}
		return len(v.open.values)
	}
	if !v.open.shared {
		return 0
	}
	b := *v.open
	b.shared, b.names, b.values = false, slices.Clone(b.names), slices.Clone(b.values)
	for _, c := range b.values {
		c.share()
	}
	v.open = &b
	return len(b.values)
}

func opened(n fhirjson.Node) *branch {
	b := &branch{kind: n.Kind(), values: make([]value, 0, n.Len()), size: 2 + max(0, n.Len()-1)}
	if b.kind == fhirjson.Object {
		b.names = make([]name, 0, n.Len())
	}
	for c := range n.Children() {
		if b.kind == fhirjson.Object {
			b.names = append(b.names, name{c.NameBytes(), quotedName(n, c)})
			b.size += len(b.names[len(b.names)-1].quoted) + 1
		}
		b.values = append(b.values, value{from: c})
		b.size += len(c.Raw())
	}
	return b
}

// quotedName is the name of a member as received, quotes and escapes included.
func quotedName(object, member fhirjson.Node) []byte {
	at, _ := object.Span()
	start, _ := member.MemberSpan()
	end, _ := member.Span()
	return bytes.TrimRight(object.Raw()[start-at:end-at], " \t\r\n:")
}

// append writes v: bytes as received where it is not open, else without white
// space and without arrays that lost their last item.
func (v value) append(dst []byte) []byte {
	b := v.open
	switch {
	case b == nil:
		return append(dst, v.from.Raw()...)
	case b.kind == fhirjson.Array:
		dst = append(dst, '[')
		for i, c := range b.values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = c.append(dst)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	first := true
	for i, c := range b.values {
		// An array is opened for an item that comes or goes. One that is open and
		// empty has lost its last; one that was empty before was never opened.
		if c.open != nil && c.open.kind == fhirjson.Array && len(c.open.values) == 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, b.names[i].quoted...), ':')
		dst = c.append(dst)
	}
	return append(dst, '}')
}
