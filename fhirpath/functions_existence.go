package fhirpath

// existenceFunction: http://hl7.org/fhirpath/N1/#existence
func existenceFunction(name string) (function, bool) {
	switch name {
	case "empty":
		return function{0, 0, func(ev *evaluator, in []Item, _ *node, _ *scope) error {
			return ev.push(Boolean(len(in) == 0))
		}}, true
	case "exists":
		return function{0, 1, fnExists}, true
	case "not":
		return function{0, 0, fnNot}, true
	case "all":
		return function{1, 1, fnAll}, true
	case "allTrue":
		return allOf(yes, yes), true
	case "anyTrue":
		return allOf(yes, no), true
	case "allFalse":
		return allOf(no, yes), true
	case "anyFalse":
		return allOf(no, no), true
	case "subsetOf":
		return function{1, 1, func(ev *evaluator, in []Item, n *node, sc *scope) error {
			return ev.subset(in, n, sc, false)
		}}, true
	case "supersetOf":
		return function{1, 1, func(ev *evaluator, in []Item, n *node, sc *scope) error {
			return ev.subset(in, n, sc, true)
		}}, true
	case "count":
		return function{0, 0, func(ev *evaluator, in []Item, _ *node, _ *scope) error {
			return ev.push(Item{kind: kindInteger, num: int64(len(in))})
		}}, true
	case "isDistinct":
		return function{0, 0, fnIsDistinct}, true
	}
	return function{}, false
}

func fnExists(ev *evaluator, in []Item, n *node, sc *scope) error {
	found := len(in) > 0
	if len(n.args()) == 1 {
		found = false
		err := ev.each(in, n.args()[0], sc, func(_ int, t tri) (bool, error) {
			found = t == yes
			return !found, nil
		})
		if err != nil {
			return err
		}
	}
	return ev.push(Boolean(found))
}

func fnNot(ev *evaluator, in []Item, n *node, _ *scope) error {
	t, ok := truth(in)
	if !ok {
		return ev.fail(n, "not needs a single item")
	}
	return ev.pushTri(t.not())
}

func fnAll(ev *evaluator, in []Item, n *node, sc *scope) error {
	all := true
	err := ev.each(in, n.args()[0], sc, func(_ int, t tri) (bool, error) {
		all = t == yes
		return all, nil
	})
	if err != nil {
		return err
	}
	return ev.push(Boolean(all))
}

// allOf is allTrue and its relations: whether all items are value (for all =
// yes), or any is.
func allOf(value, all tri) function {
	return function{0, 0, func(ev *evaluator, in []Item, n *node, _ *scope) error {
		result := all
		for i := range in {
			b, ok := in[i].Bool()
			if !ok {
				return ev.fail(n, n.name+" needs Booleans")
			}
			if (triOf(b) == value) != (all == yes) {
				result = all.not()
			}
		}
		return ev.push(Boolean(result == yes))
	}}
}

func (ev *evaluator) subset(in []Item, n *node, sc *scope, reverse bool) error {
	lo := len(ev.stack)
	if err := ev.eval(n.args()[0], sc); err != nil {
		return err
	}
	part, whole := in, ev.stack[lo:]
	if reverse {
		part, whole = whole, part
	}
	result := true
	for i := range part {
		found, err := ev.has(whole, &part[i])
		if err != nil {
			return err
		}
		result = result && found
	}
	ev.stack = ev.stack[:lo]
	return ev.push(Boolean(result))
}

func fnIsDistinct(ev *evaluator, in []Item, _ *node, _ *scope) error {
	lo := len(ev.stack)
	if err := ev.pushAll(in); err != nil {
		return err
	}
	if err := ev.distinct(lo); err != nil {
		return err
	}
	same := len(ev.stack)-lo == len(in)
	ev.stack = ev.stack[:lo]
	return ev.push(Boolean(same))
}
