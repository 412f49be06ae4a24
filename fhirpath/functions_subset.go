package fhirpath

// subsetFunction: http://hl7.org/fhirpath/N1/#subsetting and #combining
func subsetFunction(name string) (function, bool) {
	switch name {
	case "single":
		return function{0, 0, fnSingle}, true
	case "first":
		return slice(func(n int) (int, int) { return 0, 1 }), true
	case "last":
		return slice(func(n int) (int, int) { return n - 1, n }), true
	case "tail":
		return slice(func(n int) (int, int) { return 1, n }), true
	case "skip":
		return sliceBy(func(n, by int) (int, int) { return by, n }), true
	case "take":
		return sliceBy(func(n, by int) (int, int) { return 0, by }), true
	case "distinct":
		return function{0, 0, func(ev *evaluator, in []Item, _ *node, _ *scope) error {
			lo := len(ev.stack)
			if err := ev.pushAll(in); err != nil {
				return err
			}
			return ev.distinct(lo)
		}}, true
	case "intersect":
		return function{1, 1, fnIntersect}, true
	case "exclude":
		return function{1, 1, fnExclude}, true
	case "union":
		return function{1, 1, func(ev *evaluator, in []Item, n *node, sc *scope) error {
			lo := len(ev.stack)
			if err := fnCombine(ev, in, n, sc); err != nil {
				return err
			}
			return ev.distinct(lo)
		}}, true
	case "combine":
		return function{1, 1, fnCombine}, true
	}
	return function{}, false
}

func fnSingle(ev *evaluator, in []Item, n *node, _ *scope) error {
	if len(in) > 1 {
		return ev.fail(n, "single finds more than one item")
	}
	return ev.pushRange(in, 0, 1)
}

// pushRange pushes in[from:to] as far as it exists.
func (ev *evaluator) pushRange(in []Item, from, to int) error {
	from, to = max(from, 0), min(to, len(in))
	if from >= to {
		return nil
	}
	return ev.pushAll(in[from:to])
}

func slice(bounds func(n int) (from, to int)) function {
	return function{0, 0, func(ev *evaluator, in []Item, _ *node, _ *scope) error {
		from, to := bounds(len(in))
		return ev.pushRange(in, from, to)
	}}
}

func sliceBy(bounds func(n, by int) (from, to int)) function {
	return function{1, 1, func(ev *evaluator, in []Item, n *node, sc *scope) error {
		by, ok, err := ev.integerArg(n.kids[1], sc)
		if err != nil || !ok {
			return err
		}
		from, to := bounds(len(in), int(by))
		return ev.pushRange(in, from, to)
	}}
}

func fnCombine(ev *evaluator, in []Item, n *node, sc *scope) error {
	if err := ev.pushRange(in, 0, len(in)); err != nil {
		return err
	}
	return ev.eval(n.kids[1], sc)
}

func fnIntersect(ev *evaluator, in []Item, n *node, sc *scope) error {
	lo := len(ev.stack)
	if err := ev.eval(n.kids[1], sc); err != nil {
		return err
	}
	mid := len(ev.stack)
	for i := range in {
		found, err := ev.has(ev.stack[lo:mid], &in[i])
		if err != nil {
			return err
		}
		if found {
			if err := ev.push(in[i]); err != nil {
				return err
			}
		}
	}
	ev.drop(lo, mid)
	return ev.distinct(lo)
}

func fnExclude(ev *evaluator, in []Item, n *node, sc *scope) error {
	lo := len(ev.stack)
	if err := ev.eval(n.kids[1], sc); err != nil {
		return err
	}
	mid := len(ev.stack)
	for i := range in {
		found, err := ev.has(ev.stack[lo:mid], &in[i])
		if err != nil {
			return err
		}
		if !found {
			if err := ev.push(in[i]); err != nil {
				return err
			}
		}
	}
	ev.drop(lo, mid)
	return nil
}
