// Package patch changes a resource by JSON Patch (RFC 6902, with the pointers of
// RFC 6901), as FHIR's patch asks (http://hl7.org/fhir/R4/http.html#patch). It
// is pure: a document and operations in, a document out. All operations apply or
// none does, and values that no operation touches keep their bytes: a decimal its
// digits, an object its order.
//
// It knows of FHIR only what the server owns (resourceType, id, meta.versionId,
// meta.lastUpdated and their extensions: never changed here) and that no array
// is empty. Whether the result is a valid resource, and who may ask, is decided
// elsewhere. It has no FHIRPath Patch and no XML Patch.
//
// Its one surprise: an array whose last item is removed is removed too, for FHIR
// has no empty arrays (http://hl7.org/fhir/R4/json.html). That happens after the
// last operation, so in between it is an empty array as RFC 6902 says, and can be
// added to again. Nothing else is tidied: an object that is left without members,
// or an item whose other half is in the parallel array of a primitive ("given"
// and "_given"), stays for validation to refuse, because what was meant there
// cannot be known.
package patch

import (
	"fmt"
	"slices"

	"firebreak/fhirjson"
)

// The limits. A patch past one of them is TooLarge.
const (
	MaxOperations = 200      // operations in one patch
	MaxPointer    = 512      // bytes of a pointer
	MaxTokens     = 32       // reference tokens of a pointer
	MaxResult     = 10 << 20 // bytes of the document after any operation

	// maxSteps bounds the members and items that are passed on the way to what
	// operations name. The largest resources need some thousands an operation;
	// an array of millions, copied and changed in turns, would need minutes.
	maxSteps = 1 << 24
)

// Kind says why a patch was refused.
type Kind uint8

// The kinds of an Error.
const (
	Malformed  Kind = iota // not a JSON Patch document
	NoSuchPath             // a pointer leads to nothing in this document
	TestFailed             // a test operation's value differs
	Forbidden              // it would change what the server owns
	TooLarge               // past one of the limits
)

// Literal is text that is a constant of this program: untyped constants convert
// to it by themselves, strings do not, so no content of a patch or a resource
// gets into it.
type Literal string

// Whole is the Operation of an Error that no single operation caused.
const Whole = -1

// Error is what a client may know about a patch that was refused. It holds no
// value, pointer or member name of the patch or the document.
type Error struct {
	Kind      Kind
	Operation int // counted from 0, or Whole
	Text      Literal
}

func (e *Error) Error() string {
	if e.Operation == Whole {
		return string(e.Text)
	}
	return fmt.Sprintf("operation %d: %s", e.Operation, e.Text)
}

func refuse(kind Kind, text Literal) *Error { return &Error{Kind: kind, Text: text} }

// Check reports whether operations have the shape of a JSON Patch within the
// limits; a nil result does not say that they apply to a document. Its error is
// an *Error, Malformed or TooLarge.
func Check(operations *fhirjson.Doc) error {
	if _, bad := read(operations); bad != nil {
		return bad
	}
	return nil
}

// Apply returns the document, a JSON object, as it is after the operations; its
// error is an *Error. It makes Check's checks itself. Values that no operation
// touches keep their bytes; objects and arrays around one that is changed are
// written without white space. A document that nothing changes is returned
// byte for byte. The result is always one that fhirjson.Parse accepts, and
// shares no memory with document.
func Apply(document []byte, operations *fhirjson.Doc) ([]byte, error) {
	ops, bad := read(operations)
	if bad != nil {
		return nil, bad
	}
	doc, err := fhirjson.Parse(document)
	if err != nil || doc.Root().Kind() != fhirjson.Object {
		return nil, &Error{Malformed, Whole, "the document is not a JSON object"}
	}
	p := &patching{root: value{from: doc.Root()}, received: doc.Root()}
	for i := range ops {
		if bad := p.perform(&ops[i]); bad != nil {
			bad.Operation = i
			return nil, bad
		}
	}
	if p.root.open == nil {
		return slices.Clone(document), nil
	}
	out := p.root.append(make([]byte, 0, p.root.size()))
	// No operation can make anything that is not JSON, but each can nest values
	// deeper than every reader of ours allows.
	if _, err := fhirjson.Parse(out); err != nil {
		return nil, &Error{TooLarge, Whole, "the result nests too deeply"}
	}
	return out, nil
}
