package patch

import (
	"slices"

	"firebreak/fhirjson"
)

// patching is a document while operations are applied to it. When one fails, it
// is thrown away as it is.
type patching struct {
	root     value
	received fhirjson.Node // the document before all operations
	steps    int           // members and items passed so far
}

// perform applies one operation and checks what must hold after each.
func (p *patching) perform(op *operation) *Error {
	if bad := op.mayChange(); bad != nil {
		return bad
	}
	var bad *Error
	switch op.verb {
	case add:
		bad = p.insert(op.path, value{from: op.value})
	case remove:
		_, bad = p.take(op.path)
	case replace:
		bad = p.replace(op.path, value{from: op.value})
	case move:
		bad = p.move(op)
	case copying:
		bad = p.copy(op)
	case test:
		bad = p.test(op)
	}
	switch {
	case bad != nil:
		return bad
	case p.steps > maxSteps:
		return refuse(TooLarge, "the operations pass over too many values")
	case op.verb != test && p.root.size() > MaxResult:
		return refuse(TooLarge, "the result is too large")
	case op.verb != test && (op.path.inMeta() || op.from.inMeta()) && !p.stamped():
		return refuse(Forbidden, "meta.versionId and meta.lastUpdated are the server's")
	}
	return nil
}

// mayChange refuses operations that change what the server owns, whatever the
// document is. A test, and a copy from there, change nothing.
func (op *operation) mayChange() *Error {
	if op.verb == test {
		return nil
	}
	if len(op.path) == 0 { // as a move's from, the root is its path's ancestor
		return refuse(Forbidden, "a resource as a whole is replaced by an update, not by a patch")
	}
	if op.path.owned() || op.verb == move && op.from.owned() {
		return refuse(Forbidden, "resourceType, id, meta.versionId and meta.lastUpdated are the server's")
	}
	return nil
}

// stamped reports whether meta says what it said at first about what the server
// owns: meta as a whole may be replaced, or removed where it has none of it.
func (p *patching) stamped() bool {
	for _, name := range stamps {
		was := p.received.Field("meta").Field(name)
		now, _ := p.find(pointer{"meta", name}) // or the zero value, which equals an absent node
		if !p.equal(now, was) {
			return false
		}
	}
	return true
}

// move takes a value away and adds it elsewhere (RFC 6902 section 4.4). Indices
// of path count without it.
func (p *patching) move(op *operation) *Error {
	if slices.Equal(op.from, op.path) {
		_, bad := p.find(op.from)
		return bad
	}
	v, bad := p.take(op.from)
	if bad != nil {
		return bad
	}
	return p.insert(op.path, v)
}

func (p *patching) copy(op *operation) *Error {
	v, bad := p.find(op.from)
	if bad != nil {
		return bad
	}
	v.share()
	return p.insert(op.path, v)
}

func (p *patching) test(op *operation) *Error {
	v, bad := p.find(op.path)
	if bad != nil {
		return bad
	}
	if !p.equal(v, op.value) {
		return refuse(TestFailed, "the tested value differs")
	}
	return nil
}

// find is the value at path. It changes nothing.
func (p *patching) find(path pointer) (value, *Error) {
	v := p.root
	for _, token := range path {
		i, bad := p.child(v, token)
		if bad != nil {
			return value{}, bad
		}
		v = v.item(i)
	}
	return v, nil
}

// insert adds v at path: it replaces a member, and shifts an array's items
// (RFC 6902 section 4.1).
func (p *patching) insert(path pointer, v value) *Error {
	way, bad := p.reach(path)
	if bad != nil {
		return bad
	}
	b, token := way[len(way)-1], path[len(path)-1]
	if b.kind == fhirjson.Object {
		i, absent := p.child(value{open: b}, token)
		if absent != nil {
			i = len(b.values)
		}
		way.put(i, v, absent == nil, token)
		return nil
	}
	i, ok := len(b.values), true
	if token != "-" {
		i, ok = index(token)
	}
	if !ok || i > len(b.values) {
		return errIndex()
	}
	p.steps += len(b.values) - i
	way.put(i, v, false, "")
	return nil
}

func (p *patching) replace(path pointer, v value) *Error {
	way, i, bad := p.reachChild(path)
	if bad != nil {
		return bad
	}
	way.put(i, v, true, "")
	return nil
}

// take removes the value at path and returns it.
func (p *patching) take(path pointer) (value, *Error) {
	way, i, bad := p.reachChild(path)
	if bad != nil {
		return value{}, bad
	}
	b := way[len(way)-1]
	p.steps += len(b.values) - i
	v := b.values[i]
	way.grow(-b.cost(i))
	b.values = slices.Delete(b.values, i, i+1)
	if b.kind == fhirjson.Object {
		b.names = slices.Delete(b.names, i, i+1)
	}
	return v, nil
}

// reachChild is reach, and where in the last container path leads to.
func (p *patching) reachChild(path pointer) (way, int, *Error) {
	w, bad := p.reach(path)
	if bad != nil {
		return nil, 0, bad
	}
	i, bad := p.child(value{open: w[len(w)-1]}, path[len(path)-1])
	return w, i, bad
}

// reach opens the containers on the way to what path, not empty, leads to.
// After it each of them is open and nobody else's.
func (p *patching) reach(path pointer) (way, *Error) {
	at, w := &p.root, make(way, 0, len(path))
	for _, token := range path {
		if k := at.kind(); k != fhirjson.Object && k != fhirjson.Array {
			return nil, errPath()
		}
		was := at.size()
		if p.steps += at.own(); p.steps > maxSteps {
			return nil, refuse(TooLarge, "the operations pass over too many values")
		}
		w.grow(at.open.size - was)
		w = append(w, at.open)
		if len(w) == len(path) {
			break
		}
		i, bad := p.child(*at, token)
		if bad != nil {
			return nil, bad
		}
		at = &at.open.values[i]
	}
	return w, nil
}
