package authz

import (
	"errors"
	"fmt"
)

// check holds an operator's operands to their kinds. It repeats what Cedar's
// validator says, so that net 1 does not rest on that.
func check(e *expr) error {
	a := e.args
	switch e.op {
	case opAnd, opOr, opNot:
		for _, x := range a {
			if err := want(x, kindBool, "an operand of &&, || and !"); err != nil {
				return err
			}
		}
		return nil
	case opIf:
		return errors.Join(want(a[0], kindBool, "the condition of an if"), alike(a[1], a[2]))
	case opEqual:
		return errors.Join(alike(a[0], a[1]), typeNames(a[0], a[1]), typeNames(a[1], a[0]))
	case opLess, opLessEqual:
		return errors.Join(want(a[0], kindLong, "an operand of a comparison"), want(a[1], kindLong, "an operand of a comparison"))
	case opContains:
		if a[0].kind != kindSet || a[0].elem != a[1].kind {
			return errors.New("contains needs a set, and an element of its kind")
		}
		return typeNames(a[1], a[0])
	case opContainsAll, opContainsAny:
		return errors.Join(want(a[0], kindSet, "an operand of containsAll and containsAny"), alike(a[0], a[1]))
	case opEmpty:
		return want(a[0], kindSet, "an operand of isEmpty")
	case opIn:
		right := a[1].kind
		if right == kindSet {
			right = a[1].elem
		}
		if a[0].op != opAttr || a[0].kind != kindEntity || right != kindEntity {
			return errIn
		}
	}
	return nil
}

func want(e *expr, k kind, what string) error {
	if e.kind != k {
		return fmt.Errorf("%s must be %v, not %v", what, k, e.kind)
	}
	return nil
}

func alike(a, b *expr) error {
	if a.kind != b.kind || a.elem != b.elem {
		return fmt.Errorf("%v and %v can't be compared", a.kind, b.kind)
	}
	return nil
}

// typeNames holds texts that resource.type is compared with to FHIR's types: a
// misspelt type in a forbid would forbid nothing.
func typeNames(a, b *expr) error {
	if a.op != opAttr || a.attr != resourceType {
		return nil
	}
	for _, x := range append([]*expr{b}, b.args...) {
		if x.op == opConst && x.kind == kindString && !known(x.val.text) {
			return fmt.Errorf("%q is not a resource type of FHIR R4", x.val.text)
		}
	}
	return nil
}

// keysAsConditions refuses questions about a row's keys anywhere but under &&,
// ||, !, if with conditions, and == between conditions: a store can join them,
// but not compute with them.
func keysAsConditions(e *expr) error {
	if !e.asksKeys() {
		return nil
	}
	switch {
	case e.op == opAttr:
		return nil
	case e.op == opAnd || e.op == opOr || e.op == opNot,
		e.op == opIf && e.kind == kindBool,
		e.op == opEqual && e.args[0].kind == kindBool:
		for _, a := range e.args {
			if err := keysAsConditions(a); err != nil {
				return err
			}
		}
		return nil
	}
	return errKeysValue
}
