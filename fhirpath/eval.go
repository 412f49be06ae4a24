package fhirpath

import (
	"strings"

	"firebreak/fhirjson"
)

// evaluator runs one evaluation. Collections live on a stack: evaluating a node
// pushes its result, and what it needed in between is dropped again.
type evaluator struct {
	x     *Expr
	env   Env
	focus Item
	stack []Item
	left  int // units of work left
	props map[propKey]prop
	names map[string]string
	top   scope
	spare *scope // scopes to use again
}

// scope is what $this, $index and $total mean.
type scope struct {
	this  Item
	index int // of $this, while a function goes through a collection
	each  bool
	total []Item
	up    *scope // in the list of spare ones
}

// release drops what the evaluation held, so that a pooled evaluator does not
// keep documents alive.
func (ev *evaluator) release() {
	ev.env, ev.focus, ev.top = Env{}, Item{}, scope{}
	if cap(ev.stack) > 1024 {
		ev.stack = make([]Item, 0, startItems)
		return
	}
	clear(ev.stack[:cap(ev.stack)])
	ev.stack = ev.stack[:0]
}

func (ev *evaluator) fail(n *node, msg string) error { return &EvalError{n.pos, msg} }

func (ev *evaluator) spend(units int) error {
	if ev.left -= units; ev.left < 0 {
		return ErrTooCostly
	}
	return nil
}

func (ev *evaluator) push(it Item) error {
	if len(ev.stack) >= MaxItems {
		return ErrTooCostly
	}
	ev.stack = append(ev.stack, it)
	return ev.spend(1)
}

// pushAll pushes a collection. The check comes first: it bounds memory too.
func (ev *evaluator) pushAll(items []Item) error {
	if err := ev.spend(len(items)); err != nil {
		return err
	}
	if len(ev.stack)+len(items) > MaxItems {
		return ErrTooCostly
	}
	ev.stack = append(ev.stack, items...)
	return nil
}

// sibling is Item.Sibling, and accounts for the search through a long array.
func (ev *evaluator) sibling(it *Item) (fhirjson.Node, error) {
	if !it.bare {
		if err := ev.spend(it.node.Parent().Len() / 16); err != nil {
			return fhirjson.Node{}, err
		}
	}
	return it.Sibling(), nil
}

func (ev *evaluator) pushText(s string) error {
	if len(s) > MaxString {
		return ErrTooCostly
	}
	if err := ev.spend(len(s) / 64); err != nil {
		return err
	}
	return ev.push(String(s))
}

// drop removes stack[from:to] below the result.
func (ev *evaluator) drop(from, to int) {
	k := copy(ev.stack[from:], ev.stack[to:])
	ev.stack = ev.stack[:from+k]
}

// collect evaluates a node and takes the result off the stack. The slice stays
// valid until something is pushed.
func (ev *evaluator) collect(n *node, sc *scope) ([]Item, error) {
	lo := len(ev.stack)
	err := ev.eval(n, sc)
	out := ev.stack[lo:]
	ev.stack = ev.stack[:lo]
	return out, err
}

// eval pushes the node's collection.
func (ev *evaluator) eval(n *node, sc *scope) error {
	if err := ev.spend(1); err != nil {
		return err
	}
	switch n.op {
	case opLiteral:
		return ev.push(n.lit[0])
	case opNothing:
		return nil
	case opThis:
		return ev.pushAny(sc.this)
	case opIndex:
		if !sc.each {
			return ev.fail(n, "$index outside of a function over a collection")
		}
		return ev.push(Item{kind: kindInteger, num: int64(sc.index)})
	case opTotal:
		return ev.pushAll(sc.total)
	case opVariable:
		return ev.variable(n)
	case opRoot:
		return ev.rootName(n, sc)
	case opAnd, opOr, opXor, opImplies:
		return ev.logic(n, sc)
	}
	return ev.apply(n, sc)
}

// apply evaluates operators and calls: first the operands, then the operation.
func (ev *evaluator) apply(n *node, sc *scope) error {
	lo := len(ev.stack)
	if n.kids[0] == nil {
		if err := ev.pushAny(sc.this); err != nil {
			return err
		}
	} else if err := ev.eval(n.kids[0], sc); err != nil {
		return err
	}
	mid := len(ev.stack)
	in := ev.stack[lo:mid]
	var err error
	switch n.op {
	case opMember:
		for i := range in {
			if err := ev.navigate(n, &in[i]); err != nil {
				return err
			}
		}
	case opCall:
		err = n.fn.call(ev, in, n, sc)
	case opIs:
		err = ev.typeTest(in, n)
	case opAs:
		err = ev.typeFilter(in, n)
	case opNegate, opPlus:
		err = ev.sign(n, in)
	case opIndexer:
		err = ev.indexer(n, in, sc)
	case opUnion:
		if err := ev.eval(n.kids[1], sc); err != nil {
			return err
		}
		return ev.distinct(lo)
	case opBinary:
		if err := ev.eval(n.kids[1], sc); err != nil {
			return err
		}
		top := len(ev.stack)
		err = n.binary(ev, n, ev.stack[lo:mid:mid], ev.stack[mid:top:top])
		mid = top
	}
	if err == nil {
		ev.drop(lo, mid)
	}
	return err
}

func (ev *evaluator) pushAny(it Item) error {
	if !it.Exists() {
		return nil
	}
	return ev.push(it)
}

func (ev *evaluator) indexer(n *node, in []Item, sc *scope) error {
	i, ok, err := ev.integerArg(n.kids[1], sc)
	if err != nil || !ok || i < 0 || i >= int64(len(in)) {
		return err
	}
	return ev.push(in[i])
}

// rootName resolves the name an expression starts with: the type of the context
// (Patient.name on a Patient), or a member of $this.
func (ev *evaluator) rootName(n *node, sc *scope) error {
	if n.typed && (sc.this.kind == kindElement || sc.this.kind == kindTypeOnly) {
		if isA(ev.x.model, sc.this.text, n.name) {
			return ev.push(sc.this)
		}
		if ev.env.Strict {
			return ev.fail(n, "the expression is for another type")
		}
		return nil
	}
	return ev.navigate(n, &sc.this)
}

// variable resolves %name. http://hl7.org/fhir/R4/fhirpath.html#variables
func (ev *evaluator) variable(n *node) error {
	if v, ok := ev.env.Vars[n.name]; ok {
		return ev.pushAll(v)
	}
	switch n.name {
	case "context":
		return ev.pushAny(ev.focus)
	case "resource":
		return ev.pushAny(ev.resource())
	case "rootResource":
		return ev.pushAny(ev.rootResource())
	case "ucum":
		return ev.push(String("http://unitsofmeasure.org"))
	case "sct":
		return ev.push(String("http://snomed.info/sct"))
	case "loinc":
		return ev.push(String("http://loinc.org"))
	}
	if vs, ok := strings.CutPrefix(n.name, "vs-"); ok {
		return ev.push(String("http://hl7.org/fhir/ValueSet/" + vs))
	}
	if ext, ok := strings.CutPrefix(n.name, "ext-"); ok {
		return ev.push(String("http://hl7.org/fhir/StructureDefinition/" + ext))
	}
	return ev.fail(n, "unknown variable")
}

// resource is %resource: the nearest resource around the focus.
func (ev *evaluator) resource() Item {
	if ev.env.Resource.Exists() {
		return ev.env.Resource
	}
	for n := ev.focus.node; n.Exists(); n = n.Parent() {
		if n.Field("resourceType").Exists() {
			return Resource(n)
		}
	}
	return Item{}
}

// rootResource is %rootResource: the container of a contained resource.
func (ev *evaluator) rootResource() Item {
	if ev.env.Root.Exists() {
		return ev.env.Root
	}
	res := ev.resource()
	if list := res.node.Parent(); list.Name() == "contained" {
		return Resource(list.Parent())
	}
	return res
}
