package patch

import (
	"slices"
	"strings"

	"firebreak/fhirjson"
)

// verb is an operation's op (RFC 6902 section 4).
type verb uint8

const (
	noVerb verb = iota
	add
	remove
	replace
	move
	copying
	test
)

func verbOf(op fhirjson.Node) verb {
	switch op.Text() {
	case "add":
		return add
	case "remove":
		return remove
	case "replace":
		return replace
	case "move":
		return move
	case "copy":
		return copying
	case "test":
		return test
	}
	return noVerb
}

// operation is one operation, its shape checked.
type operation struct {
	verb  verb
	path  pointer
	from  pointer       // of move and copy
	value fhirjson.Node // of add, replace and test
}

// read checks the shape of a patch and takes its pointers apart.
func read(operations *fhirjson.Doc) ([]operation, *Error) {
	root := operations.Root()
	if root.Kind() != fhirjson.Array {
		return nil, &Error{Malformed, Whole, "a JSON Patch is an array of operations"}
	}
	if root.Len() > MaxOperations {
		return nil, &Error{TooLarge, Whole, "too many operations"}
	}
	ops := make([]operation, 0, root.Len())
	for n := range root.Children() {
		op, bad := readOperation(n)
		if bad != nil {
			bad.Operation = len(ops)
			return nil, bad
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// readOperation reads one operation. Members that its op does not define are
// ignored (RFC 6902 section 4).
func readOperation(n fhirjson.Node) (operation, *Error) {
	if n.Kind() != fhirjson.Object {
		return operation{}, refuse(Malformed, "an operation is an object")
	}
	name := n.Field("op")
	if name.Kind() != fhirjson.String {
		return operation{}, refuse(Malformed, "op is missing or not a string")
	}
	op := operation{verb: verbOf(name)}
	if op.verb == noVerb {
		return operation{}, refuse(Malformed, "op is none of add, remove, replace, move, copy, test")
	}
	var bad *Error
	if op.path, bad = readPointer(n.Field("path")); bad != nil {
		return operation{}, bad
	}
	switch op.verb {
	case add, replace, test:
		if op.value = n.Field("value"); !op.value.Exists() {
			return operation{}, refuse(Malformed, "value is missing")
		}
	case move, copying:
		if op.from, bad = readPointer(n.Field("from")); bad != nil {
			return operation{}, bad
		}
	}
	// RFC 6902 section 4.4.
	if op.verb == move && len(op.from) < len(op.path) && slices.Equal(op.from, op.path[:len(op.from)]) {
		return operation{}, refuse(Malformed, "a value cannot be moved into itself")
	}
	return op, nil
}

// pointer is a JSON Pointer's reference tokens, unescaped. It is empty for "",
// the whole document.
type pointer []string

// readPointer reads the pointer in a path or from (RFC 6901 sections 3 and 4).
func readPointer(n fhirjson.Node) (pointer, *Error) {
	if n.Kind() != fhirjson.String {
		return nil, refuse(Malformed, "path or from is missing or not a string")
	}
	text := n.Text()
	if len(text) > MaxPointer {
		return nil, refuse(TooLarge, "a pointer is too long")
	}
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, refuse(Malformed, "a pointer starts with /")
	}
	tokens := strings.Split(text[1:], "/")
	if len(tokens) > MaxTokens {
		return nil, refuse(TooLarge, "a pointer has too many tokens")
	}
	for i, t := range tokens {
		if strings.Count(t, "~") != strings.Count(t, "~0")+strings.Count(t, "~1") {
			return nil, refuse(Malformed, "in a pointer ~ is written ~0, and / in a name ~1")
		}
		// In this order, so that ~01 is ~1 and not /.
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, nil
}

// owned reports whether the pointer leads to or into an element that only the
// server changes (http.html#patch, resource.html#Meta). In FHIR's JSON the member
// with _ before its name is the other half of the same element.
func (p pointer) owned() bool {
	if len(p) == 0 {
		return false
	}
	switch strings.TrimPrefix(p[0], "_") {
	case "id", "resourceType":
		return true
	case "meta":
		return len(p) > 1 && slices.Contains(stamps[:], p[1])
	}
	return false
}

// inMeta reports whether the pointer leads to or into meta.
func (p pointer) inMeta() bool { return len(p) > 0 && p[0] == "meta" }

// stamps are the members of meta that the server sets; a constant in all but name.
var stamps = [...]string{"versionId", "lastUpdated", "_versionId", "_lastUpdated"}
