package authz

import (
	"errors"
	"fmt"

	"firebreak/gate"
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
		return errors.Join(alike(a[0], a[1]), spelling(a[0], a[1]))
	case opLess, opLessEqual:
		return errors.Join(want(a[0], kindLong, "an operand of a comparison"), want(a[1], kindLong, "an operand of a comparison"), spelling(a[0], a[1]))
	case opContains:
		if a[0].kind != kindSet || a[0].elem != a[1].kind {
			return errors.New("contains needs a set, and an element of its kind")
		}
		return spelling(a[0], a[1])
	case opContainsAll, opContainsAny:
		return errors.Join(want(a[0], kindSet, "an operand of containsAll and containsAny"), alike(a[0], a[1]), spelling(a[0], a[1]))
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

// spelling holds constants to what they are compared with: a misspelt type or
// code in a forbid would forbid nothing.
func spelling(a, b *expr) error {
	if err := spelt(a, b); err != nil {
		return err
	}
	return spelt(b, a)
}

// spelt looks for constants of b that none of what a may be can ever be.
func spelt(a, b *expr) error {
	asked := leaves(nil, a, opAttr)
	for _, c := range leaves(nil, b, opConst) {
		var fault error
		for _, x := range asked {
			if fault = misspelt(x.attr, c.val); fault == nil {
				break
			}
		}
		if fault != nil {
			return fault
		}
	}
	return nil
}

// leaves adds what an expression's value, or an element of it, is taken from.
func leaves(out []*expr, e *expr, o op) []*expr {
	from := e.args
	switch e.op {
	case o:
		return append(out, e)
	case opIf:
		from = e.args[1:]
	case opSet:
	default:
		return out
	}
	for _, x := range from {
		out = leaves(out, x, o)
	}
	return out
}

// misspelt says why an attribute is never the value. Those that may be anything,
// such as names, always may; values of another kind are refused elsewhere.
func misspelt(a attr, v value) error {
	switch {
	case a == resourceType && v.kind == kindString && !known(v.text):
		return fmt.Errorf("%q is not a resource type of FHIR R4", v.text)
	case a == resourceConfidentiality && v.kind == kindLong && (v.long < int64(gate.Unrestricted) || v.long > int64(gate.VeryRestricted)):
		return fmt.Errorf("%d is not a level of confidentiality: those are 1 (U) to 6 (V)", v.long)
	case a == resourceSensitivities && v.kind == kindString && !gate.IsSensitivity(v.text):
		return notOf("sensitivity", v.text, gate.IsCaveat, "resource.caveats")
	case a == resourceCaveats && v.kind == kindString && !gate.IsCaveat(v.text):
		return notOf("handling", v.text, gate.IsSensitivity, "resource.sensitivities")
	}
	return nil
}

func notOf(kind, code string, other func(string) bool, there string) error {
	if other(code) {
		return fmt.Errorf("%q is not a %s code: ask %s for it", code, kind, there)
	}
	return fmt.Errorf("%q is not a %s code that labels are read for; all others count as the handling code %q", code, kind, gate.UnknownCaveat)
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
