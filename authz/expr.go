package authz

import (
	"strings"

	"firebreak/gate"
)

// op is what an expr does.
type op uint8

const (
	opConst op = iota + 1
	opAttr
	opAnd
	opOr
	opNot
	opIf
	opEqual
	opLess
	opLessEqual
	opContains
	opContainsAll
	opContainsAny
	opEmpty
	opSet
	opIn // args[0] is the principal or the action
	opIs // the principal's, action's or resource's entity type is text
)

// expr is a policy's condition as net 1 has it: typed when it is compiled, so
// that evaluation has no errors and && and || are plain logic.
type expr struct {
	op   op
	kind kind
	elem kind   // what a set holds
	val  value  // of opConst
	attr attr   // of opAttr
	text string // of opIs: the variable, and in val.text the type
	args []*expr
}

func constant(v value) *expr {
	e := &expr{op: opConst, kind: v.kind, val: v}
	if len(v.set) > 0 {
		e.elem = v.set[0].kind
	}
	return e
}

func logic(o op, args ...*expr) *expr { return &expr{op: o, kind: kindBool, args: args} }

func (e *expr) isConst(b bool) bool { return e.op == opConst && e.val.is(b) }

// asksKeys reports whether the answer depends on a row's keys.
func (e *expr) asksKeys() bool {
	if e.op == opAttr {
		return attributes[e.attr].stage == ofKeys
	}
	for _, a := range e.args {
		if a.asksKeys() {
			return true
		}
	}
	return false
}

// of is the value for rows of a class. Nothing in e may ask the request, which
// simplify has answered, or keys.
func (e *expr) of(c gate.Class) value {
	switch e.op {
	case opConst:
		return e.val
	case opAttr:
		return ask(c, e.attr)
	case opAnd:
		return boolean(e.args[0].of(c).bool && e.args[1].of(c).bool)
	case opOr:
		return boolean(e.args[0].of(c).bool || e.args[1].of(c).bool)
	case opIf:
		if e.args[0].of(c).bool {
			return e.args[1].of(c)
		}
		return e.args[2].of(c)
	}
	in := make([]value, len(e.args))
	for i, a := range e.args {
		in[i] = a.of(c)
	}
	return e.apply(in)
}

// apply is an operator that looks at all of its operands.
func (e *expr) apply(in []value) value {
	switch e.op {
	case opNot:
		return boolean(!in[0].bool)
	case opEqual:
		return boolean(in[0].equal(in[1]))
	case opLess:
		return boolean(in[0].long < in[1].long)
	case opLessEqual:
		return boolean(in[0].long <= in[1].long)
	case opContains:
		return boolean(in[0].contains(in[1]))
	case opContainsAll:
		return boolean(in[0].containsAll(in[1]))
	case opContainsAny:
		return boolean(in[0].containsAny(in[1]))
	case opEmpty:
		return boolean(len(in[0].set) == 0)
	default: // opSet
		return value{kind: kindSet, set: in}
	}
}

// String is the expression in Cedar's syntax.
func (e *expr) String() string {
	s := make([]string, len(e.args))
	for i, a := range e.args {
		s[i] = a.String()
		if infix(a.op) && (infix(e.op) && a.op != e.op || e.op == opNot) {
			s[i] = "(" + s[i] + ")"
		}
	}
	switch e.op {
	case opConst:
		return e.val.String()
	case opAttr:
		return attributes[e.attr].name
	case opAnd:
		return s[0] + " && " + s[1]
	case opOr:
		return s[0] + " || " + s[1]
	case opNot:
		if a := e.args[0]; a.op == opEqual {
			return a.args[0].String() + " != " + a.args[1].String()
		}
		return "!" + s[0]
	case opIf:
		return "(if " + s[0] + " then " + s[1] + " else " + s[2] + ")"
	case opEqual:
		return s[0] + " == " + s[1]
	case opLess, opLessEqual:
		return e.compared(s[0], s[1])
	case opContains:
		return s[0] + ".contains(" + s[1] + ")"
	case opContainsAll:
		return s[0] + ".containsAll(" + s[1] + ")"
	case opContainsAny:
		return s[0] + ".containsAny(" + s[1] + ")"
	case opEmpty:
		return s[0] + ".isEmpty()"
	case opIn:
		return s[0] + " in " + s[1]
	case opIs:
		return e.text + " is " + e.val.text
	default:
		return "[" + strings.Join(s, ", ") + "]"
	}
}

// compared prints a comparison with the number on the right.
func (e *expr) compared(left, right string) string {
	sign, turned := " < ", " > "
	if e.op == opLessEqual {
		sign, turned = " <= ", " >= "
	}
	if e.args[0].op == opConst {
		return right + turned + left
	}
	return left + sign + right
}

func infix(o op) bool {
	return o == opAnd || o == opOr || o == opEqual || o == opLess || o == opLessEqual || o == opIn || o == opIs
}
