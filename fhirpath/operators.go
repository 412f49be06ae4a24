package fhirpath

import "strings"

// binaryOperator is the function of an operator whose operands are evaluated first.
func binaryOperator(sym string) func(ev *evaluator, n *node, l, r []Item) error {
	switch sym {
	case "=":
		return func(ev *evaluator, _ *node, l, r []Item) error { return ev.equals(l, r, false) }
	case "!=":
		return func(ev *evaluator, _ *node, l, r []Item) error { return ev.equals(l, r, true) }
	case "~":
		return func(ev *evaluator, _ *node, l, r []Item) error { return ev.equivalents(l, r, false) }
	case "!~":
		return func(ev *evaluator, _ *node, l, r []Item) error { return ev.equivalents(l, r, true) }
	case "<":
		return ordering(func(c int) bool { return c < 0 })
	case ">":
		return ordering(func(c int) bool { return c > 0 })
	case "<=":
		return ordering(func(c int) bool { return c <= 0 })
	case ">=":
		return ordering(func(c int) bool { return c >= 0 })
	case "in":
		return func(ev *evaluator, n *node, l, r []Item) error { return ev.membership(n, l, r) }
	case "contains":
		return func(ev *evaluator, n *node, l, r []Item) error { return ev.membership(n, r, l) }
	case "&":
		return concatenate
	default:
		return arithmetic(sym)
	}
}

// equals is = on collections: the same items in the same order.
func (ev *evaluator) equals(l, r []Item, negate bool) error {
	t, err := ev.equalLists(l, r)
	if err != nil {
		return err
	}
	if negate {
		t = t.not()
	}
	return ev.pushTri(t)
}

func (ev *evaluator) equalLists(l, r []Item) (tri, error) {
	if len(l) == 0 || len(r) == 0 {
		return unknown, nil
	}
	if len(l) != len(r) {
		return no, nil
	}
	all := yes
	for i := range l {
		t, err := ev.equal(&l[i], &r[i])
		if err != nil || t == no {
			return no, err
		}
		if t == unknown {
			all = unknown
		}
	}
	return all, nil
}

// equivalents is ~ on collections: the same items in any order.
func (ev *evaluator) equivalents(l, r []Item, negate bool) error {
	same := len(l) == len(r)
	used := make([]bool, len(r))
	for i := 0; i < len(l) && same; i++ {
		found := false
		for j := 0; j < len(r) && !found; j++ {
			if used[j] {
				continue
			}
			eq, err := ev.equivalent(&l[i], &r[j])
			if err != nil {
				return err
			}
			found, used[j] = eq, eq
		}
		same = found
	}
	return ev.push(Boolean(same != negate))
}

func ordering(holds func(c int) bool) func(ev *evaluator, n *node, l, r []Item) error {
	return func(ev *evaluator, n *node, l, r []Item) error {
		if len(l) == 0 || len(r) == 0 {
			return nil
		}
		if len(l) > 1 || len(r) > 1 {
			return ev.fail(n, "a comparison needs single items")
		}
		a, aok := ev.value(&l[0])
		b, bok := ev.value(&r[0])
		if !aok || !bok {
			return ev.fail(n, "the items have no order")
		}
		c, known, sortable := compareValues(&a, &b)
		if !sortable {
			return ev.fail(n, "the items have no common order")
		}
		if !known {
			return nil
		}
		return ev.push(Boolean(holds(c)))
	}
}

// membership is "item in list".
func (ev *evaluator) membership(n *node, item, list []Item) error {
	if len(item) == 0 {
		return nil
	}
	if len(item) > 1 {
		return ev.fail(n, "membership needs a single item")
	}
	found, err := ev.has(list, &item[0])
	if err != nil {
		return err
	}
	return ev.push(Boolean(found))
}

// has reports whether an equal item is in the list.
func (ev *evaluator) has(list []Item, it *Item) (bool, error) {
	for i := range list {
		t, err := ev.equal(&list[i], it)
		if err != nil || t == yes {
			return err == nil, err
		}
	}
	return false, nil
}

// distinct drops, from the stack above lo, what equals an earlier item.
func (ev *evaluator) distinct(lo int) error {
	kept := lo
	for i := lo; i < len(ev.stack); i++ {
		found, err := ev.has(ev.stack[lo:kept], &ev.stack[i])
		if err != nil {
			return err
		}
		if !found {
			ev.stack[kept] = ev.stack[i]
			kept++
		}
	}
	ev.stack = ev.stack[:kept]
	return nil
}

// condition evaluates a node as a Boolean.
func (ev *evaluator) condition(n *node, sc *scope) (tri, error) {
	out, err := ev.collect(n, sc)
	if err != nil {
		return unknown, err
	}
	t, ok := truth(out)
	if !ok {
		return unknown, ev.fail(n, "a condition needs a single item")
	}
	return t, nil
}

// logic is and, or, xor and implies. The right side is not evaluated where the
// left decides. http://hl7.org/fhirpath/N1/#boolean-logic
func (ev *evaluator) logic(n *node, sc *scope) error {
	l, err := ev.condition(n.kids[0], sc)
	if err != nil {
		return err
	}
	switch {
	case n.op == opAnd && l == no:
		return ev.pushTri(no)
	case n.op == opOr && l == yes, n.op == opImplies && l == no:
		return ev.pushTri(yes)
	}
	r, err := ev.condition(n.kids[1], sc)
	if err != nil {
		return err
	}
	return ev.pushTri(combine(n.op, l, r))
}

func combine(o op, l, r tri) tri {
	switch o {
	case opAnd:
		if l == no || r == no {
			return no
		}
	case opOr:
		if l == yes || r == yes {
			return yes
		}
	case opImplies:
		if l == no || r == yes {
			return yes
		}
		if l == unknown {
			return unknown
		}
		return r
	case opXor:
		if l != unknown && r != unknown {
			return triOf(l != r)
		}
	}
	if l == unknown || r == unknown {
		return unknown
	}
	return triOf(o == opAnd) // neither no for and, neither yes for or
}

// concatenate is &, which takes the empty collection for ”.
func concatenate(ev *evaluator, n *node, l, r []Item) error {
	if len(l) > 1 || len(r) > 1 {
		return ev.fail(n, "& needs single items")
	}
	var b strings.Builder
	for _, side := range [][]Item{l, r} {
		for i := range side {
			v, ok := ev.value(&side[i])
			if !ok || v.kind != kindString {
				return ev.fail(n, "& needs strings")
			}
			b.WriteString(v.text)
		}
	}
	return ev.pushText(b.String())
}
