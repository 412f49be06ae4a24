package fhirpath

import "sync/atomic"

type op uint8

const (
	opLiteral op = iota
	opNothing    // {}
	opThis
	opIndex
	opTotal
	opVariable // %name
	opRoot     // a name at the start: a member of $this, or its type
	opMember   // kids[0].name
	opCall     // kids[0].name(kids[1:]); kids[0] is nil when called on $this
	opIndexer  // kids[0][kids[1]]
	opNegate
	opPlus // unary: only checks that there is a number
	opIs
	opAs
	opBinary // an operator with its function in binary
	opAnd
	opOr
	opXor
	opImplies
	opUnion
)

// node is one part of a compiled expression.
type node struct {
	op     op
	pos    int
	height int
	name   string
	under  string // "_" + name: the JSON sibling of a primitive
	typed  bool   // opRoot: the name is that of a FHIR type
	kids   []*node
	lit    []Item // opLiteral: exactly one
	spec   typeSpec
	fn     function
	binary func(ev *evaluator, n *node, l, r []Item) error
	re     *regex // matches(): a constant pattern
	// cache remembers, per parent type, what the name means: expressions meet
	// the same few types again and again.
	cache atomic.Pointer[step]
}

// typeSpec is a type specifier: Patient, FHIR.Patient, System.String.
type typeSpec struct {
	fhir   string // the FHIR type it may name, or ""
	system kind   // the System type it may name, or kindNone
}

// function is what a call does: it reads its input and pushes its output.
type function struct {
	min, max int // number of arguments
	call     func(ev *evaluator, in []Item, n *node, sc *scope) error
}

// args are the argument expressions of a call.
func (n *node) args() []*node { return n.kids[1:] }
