// Package fhirjson reads FHIR's JSON (http://hl7.org/fhir/R4/json.html) into a
// flat arena: one slice of nodes that point into the bytes received. Nothing is
// copied or converted, so decimals keep their digits, members keep their order,
// and what is stored is what arrived.
//
// It refuses what JSON parsers often let pass: duplicate member names, invalid
// UTF-8, trailing data, nesting past a limit. It does not know FHIR's types;
// package r4 does. Its one surprise: an absent node is a valid Node that is
// empty in every way, so paths can be walked without checks in between.
package fhirjson

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind is the JSON kind of a node.
type Kind uint8

// The kinds of a node. Absent is the zero Kind.
const (
	Absent Kind = iota
	Object
	Array
	String
	Number
	Bool
	Null
)

// MaxDepth is how deeply objects and arrays may nest. The deepest resource in
// HL7's R4 examples nests about 20 levels.
const MaxDepth = 64

// MaxNodes bounds the arena.
const MaxNodes = 1 << 23

// mostNodes is how many values a document may have: a small one any number, a
// large one a value for every four bytes. The shortest strings of a list take as
// much, and resources five times that; [0,0,0] and [{},{}] repeated a million
// times would make an arena twenty times as large as they are.
func mostNodes(src []byte) int { return min(MaxNodes, 1<<16+len(src)/4) }

// A SyntaxError says where a document stops being JSON, or passes a limit. Its
// text names places and kinds, never content.
type SyntaxError struct {
	Offset int64  // bytes from the start
	Path   string // JSON Pointer of the innermost value reached
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at byte %d", e.Msg, e.Offset)
}

type node struct {
	kind               Kind
	start, end         int32 // the value's bytes
	keyStart, keyEnd   int32 // the member name's bytes without quotes, or 0,0
	parent, next       int32 // next sibling, or 0
	first, count       int32 // first child or 0, number of children
	escaped, keyEscape bool  // the string, the name, contain a backslash
}

// Doc is one parsed document. It is immutable and safe for concurrent use.
type Doc struct {
	src   []byte
	nodes []node
}

// Node is one value of a Doc. The zero Node is absent.
type Node struct {
	doc *Doc
	i   int32
}

// Parse reads exactly one JSON value. The Doc keeps src, which must not change
// afterwards. Errors are *SyntaxError.
func Parse(src []byte) (*Doc, error) {
	if len(src) > 1<<31-2 {
		return nil, &SyntaxError{Msg: "document too long"}
	}
	nodes, full := scan(src)
	switch {
	case nodes != nil:
		return &Doc{src: src, nodes: nodes}, nil
	case full > 0:
		return nil, &SyntaxError{Offset: int64(full), Msg: tooMany}
	}
	return parse(src)
}

// Root is the document's value.
func (d *Doc) Root() Node {
	if d == nil || len(d.nodes) == 0 {
		return Node{}
	}
	return Node{d, 0}
}

// Bytes is the document as received. It must not be changed.
func (d *Doc) Bytes() []byte { return d.src }

func (n Node) at() *node { return &n.doc.nodes[n.i] }

// Exists reports whether the node is there; a JSON null is.
func (n Node) Exists() bool { return n.doc != nil }

// Kind is the node's JSON kind, Absent for the zero Node.
func (n Node) Kind() Kind {
	if n.doc == nil {
		return Absent
	}
	return n.at().kind
}

// Len is the number of members or items; 0 for anything but objects and arrays.
func (n Node) Len() int {
	if n.doc == nil {
		return 0
	}
	return int(n.at().count)
}

// Field is the member of that name, or absent.
func (n Node) Field(name string) Node {
	if n.doc == nil || n.at().kind != Object || n.at().count == 0 {
		return Node{}
	}
	for i := n.at().first; ; {
		c := &n.doc.nodes[i]
		if c.keyEscape {
			if (Node{n.doc, i}).Name() == name {
				return Node{n.doc, i}
			}
		} else if string(n.doc.src[c.keyStart:c.keyEnd]) == name {
			return Node{n.doc, i}
		}
		if c.next == 0 {
			return Node{}
		}
		i = c.next
	}
}

// Children yields members or items in document order.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if n.doc == nil || n.at().count == 0 {
			return
		}
		for i := n.at().first; ; {
			if !yield(Node{n.doc, i}) {
				return
			}
			if i = n.doc.nodes[i].next; i == 0 {
				return
			}
		}
	}
}

// FirstChild is the first member or item, or absent. With NextSibling it walks
// as Children does, for callers that count nanoseconds.
func (n Node) FirstChild() Node {
	if n.doc == nil || n.at().count == 0 {
		return Node{}
	}
	return Node{n.doc, n.at().first}
}

// NextSibling is the member or item that follows, or absent.
func (n Node) NextSibling() Node {
	if n.doc == nil || n.at().next == 0 {
		return Node{}
	}
	return Node{n.doc, n.at().next}
}

// Each yields the items of an array, the node itself when it is any other
// value, and nothing when it is absent: FHIRPath's view of an element.
func (n Node) Each() iter.Seq[Node] {
	if n.Kind() == Array {
		return n.Children()
	}
	return func(yield func(Node) bool) {
		if n.doc != nil {
			yield(n)
		}
	}
}

// Item is the i-th child, or absent.
func (n Node) Item(i int) Node {
	for c := range n.Children() {
		if i == 0 {
			return c
		}
		i--
	}
	return Node{}
}

// Name is the member name of a node in an object, else "".
func (n Node) Name() string {
	if n.doc == nil || n.at().keyEnd == 0 {
		return ""
	}
	c := n.at()
	if !c.keyEscape {
		return string(n.doc.src[c.keyStart:c.keyEnd])
	}
	return unquote(n.doc.src[c.keyStart-1 : c.keyEnd+1])
}

// NameBytes is Name without an allocation, unless the name has escapes. It must
// not be changed.
func (n Node) NameBytes() []byte {
	if n.doc == nil || n.at().keyEnd == 0 {
		return nil
	}
	c := n.at()
	if !c.keyEscape {
		return n.doc.src[c.keyStart:c.keyEnd]
	}
	return []byte(unquote(n.doc.src[c.keyStart-1 : c.keyEnd+1]))
}

// Parent is the object or array around the node, or absent at the root.
func (n Node) Parent() Node {
	if n.doc == nil || n.at().parent < 0 {
		return Node{}
	}
	return Node{n.doc, n.at().parent}
}

// Raw is the value as received, quotes included. It must not be changed.
func (n Node) Raw() []byte {
	if n.doc == nil {
		return nil
	}
	return n.doc.src[n.at().start:n.at().end]
}

// Span is where the value's bytes lie in the document.
func (n Node) Span() (start, end int) {
	if n.doc == nil {
		return 0, 0
	}
	return int(n.at().start), int(n.at().end)
}

// MemberSpan is where the member lies: name, colon and value.
func (n Node) MemberSpan() (start, end int) {
	if n.doc == nil {
		return 0, 0
	}
	if c := n.at(); c.keyEnd > 0 {
		return int(c.keyStart) - 1, int(c.end)
	}
	return n.Span()
}

// Text is a string's value, unescaped; the literal of a number or boolean; else "".
func (n Node) Text() string {
	switch n.Kind() {
	case String:
		raw := n.Raw()
		if !n.at().escaped {
			return string(raw[1 : len(raw)-1])
		}
		return unquote(raw)
	case Number, Bool:
		return string(n.Raw())
	default:
		return ""
	}
}

// Is reports whether the node is a string with that value, without allocating.
func (n Node) Is(s string) bool {
	if n.Kind() != String {
		return false
	}
	if n.at().escaped {
		return n.Text() == s
	}
	raw := n.Raw()
	return string(raw[1:len(raw)-1]) == s
}

// Same reports whether both are the same node of the same document.
func (n Node) Same(o Node) bool { return n == o }

// Path is the node's place as FHIRPath writes it, starting at root:
// Path("Patient") may be "Patient.name[0].given[1]".
func (n Node) Path(root string) string {
	if n.doc == nil {
		return root
	}
	var steps []string
	for p := n.Parent(); p.Exists(); n, p = p, p.Parent() {
		if p.Kind() == Object {
			steps = append(steps, "."+n.Name())
			continue
		}
		i := 0
		for c := range p.Children() {
			if c == n {
				break
			}
			i++
		}
		steps = append(steps, "["+strconv.Itoa(i)+"]")
	}
	var b strings.Builder
	b.WriteString(root)
	for i := len(steps) - 1; i >= 0; i-- {
		b.WriteString(steps[i])
	}
	return b.String()
}

func unquote(quoted []byte) string {
	out, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return "" // cannot happen: the decoder accepted the string
	}
	return string(out)
}

// Quote is s as a JSON string.
func Quote(s string) []byte { return AppendQuote(nil, s) }

// AppendQuote appends s as a JSON string; invalid UTF-8 becomes U+FFFD.
func AppendQuote(dst []byte, s string) []byte {
	out, err := jsontext.AppendQuote(dst, s)
	if err != nil {
		out, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return out
}
