// Package fhirpath evaluates FHIRPath (http://hl7.org/fhirpath/N1, with FHIR
// R4's additions, http://hl7.org/fhir/R4/fhirpath.html) on fhirjson documents.
// An expression is compiled once and evaluated often, by many goroutines at
// once: the search index, invariants and FHIRPath Patch all do.
//
// It knows no terminology and no profiles: memberOf, subsumes and conformsTo
// are errors. It fetches nothing: resolve() asks Env.Resolve.
//
// Its surprise: as and ofType match a FHIR primitive type exactly, so a code is
// not kept by ofType(string), though it is a string; and as filters a
// collection where the specification wants a single item. HL7's tests and R4's
// published search parameters require the two.
package fhirpath

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Limits that keep a hostile expression from exhausting stack, memory or time.
const (
	MaxExpression = 16 << 10 // bytes of an expression; R4's longest has 3 KB
	MaxNesting    = 64       // parentheses, arguments and indexers within each other
	MaxHeight     = 512      // operators and path steps above each other
	MaxSteps      = 1 << 20  // units of work in one evaluation
	MaxItems      = 1 << 19  // items held at one time
	MaxString     = 1 << 20  // bytes of a string that is computed
	MaxPattern    = 1 << 10  // bytes of a regular expression
)

// Model is what an expression needs to know of FHIR's types.
type Model interface {
	// Element is the element of that name ("value", not "valueQuantity") of a
	// type or backbone path ("Patient.contact"): the types it may have.
	Element(parent, name string) (types []string, choice, ok bool)
	// Supertype is the type that typ specializes, "" at the top.
	Supertype(typ string) string
	IsPrimitive(typ string) bool
}

// startItems is what an evaluator has room for at first: most expressions need less.
const startItems = 12

// SyntaxError says why an expression cannot be compiled.
type SyntaxError struct {
	Pos int // byte in the expression
	Msg string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("fhirpath: %s at byte %d", e.Msg, e.Pos) }

// EvalError says why an evaluation stopped. It never quotes data.
type EvalError struct {
	Pos int // byte in the expression
	Msg string
}

func (e *EvalError) Error() string { return fmt.Sprintf("fhirpath: %s at byte %d", e.Msg, e.Pos) }

// ErrTooCostly is returned when an evaluation passes MaxSteps or MaxString.
var ErrTooCostly = errors.New("fhirpath: the expression needs too much work")

// Env is what surrounds an evaluation. The zero Env is usable.
type Env struct {
	Resource Item              // %resource; zero: the resource around the focus
	Root     Item              // %rootResource; zero: the container of a contained %resource, else %resource
	Vars     map[string][]Item // %name, without the percent sign
	// Resolve finds the resource that resolve() asks for. When it is nil,
	// resolve() yields an Item without content, whose type comes from the
	// reference: enough for "resolve() is Patient". A reference to a contained
	// resource (#id) is always looked up in the document.
	Resolve func(ref string) (Item, bool)
	// Now is the time of now(), today() and timeOfDay(); zero makes them an error.
	Now time.Time
	// Strict makes it an error to ask a type for an element it does not define.
	Strict bool
}

// Expr is a compiled expression. It is immutable and safe for concurrent use.
type Expr struct {
	text  string
	model Model
	root  *node
	pool  sync.Pool // of *evaluator
}

// Compile parses an expression. Errors are *SyntaxError.
func Compile(expr string, m Model) (*Expr, error) {
	if len(expr) > MaxExpression {
		return nil, &SyntaxError{MaxExpression, "the expression is too long"}
	}
	toks, err := lex(expr)
	if err != nil {
		return nil, err
	}
	p := parser{toks: toks, model: m}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Expr{text: expr, model: m, root: root}, nil
}

// String is the expression's text.
func (e *Expr) String() string { return e.text }

// Eval evaluates the expression with focus as $this and %context. An empty
// collection is nil. Errors are *EvalError or ErrTooCostly.
func (e *Expr) Eval(ctx Env, focus Item) ([]Item, error) {
	return e.AppendEval(nil, ctx, focus)
}

// AppendEval is Eval that appends its result to dst, for callers that reuse it.
func (e *Expr) AppendEval(dst []Item, ctx Env, focus Item) ([]Item, error) {
	ev, _ := e.pool.Get().(*evaluator)
	if ev == nil {
		ev = &evaluator{x: e, stack: make([]Item, 0, startItems)}
	}
	ev.env, ev.focus, ev.left = ctx, focus, MaxSteps
	ev.top = scope{this: focus}
	err := ev.eval(e.root, &ev.top)
	if err == nil && len(ev.stack) > 0 {
		dst = append(dst, ev.stack...)
	}
	ev.release()
	e.pool.Put(ev)
	return dst, err
}

// Bool evaluates an expression that is a condition, such as an invariant, by
// FHIRPath's singleton evaluation. known is false for the empty collection, which
// is neither: R4's ref-1 yields it for a Reference without reference, and its
// author meant that to hold.
func (e *Expr) Bool(ctx Env, focus Item) (value, known bool, err error) {
	out, err := e.Eval(ctx, focus)
	if err != nil {
		return false, false, err
	}
	t, ok := truth(out)
	if !ok {
		return false, false, &EvalError{0, "a condition has more than one item"}
	}
	return t == yes, t != unknown, nil
}
