package fhirpath

import "slices"

// filterFunction: http://hl7.org/fhirpath/N1/#filtering-and-projection,
// #tree-navigation, #utility-functions, aggregate and iif.
func filterFunction(name string) (function, bool) {
	switch name {
	case "where":
		return function{1, 1, fnWhere}, true
	case "select":
		return function{1, 1, fnSelect}, true
	case "repeat":
		return function{1, 1, fnRepeat}, true
	case "children":
		return function{0, 0, func(ev *evaluator, in []Item, _ *node, _ *scope) error {
			return ev.tree(in, (*evaluator).children)
		}}, true
	case "descendants":
		return function{0, 0, func(ev *evaluator, in []Item, _ *node, _ *scope) error {
			return ev.tree(in, (*evaluator).descendants)
		}}, true
	case "aggregate":
		return function{1, 2, fnAggregate}, true
	case "iif":
		return function{2, 3, fnIif}, true
	case "trace": // no output: it would be data of a patient in a log
		return function{1, 2, fnIdentity}, true
	case "type":
		return function{0, 0, fnType}, true
	case "sort":
		return function{0, 8, fnSort}, true
	}
	return function{}, false
}

func fnIdentity(ev *evaluator, in []Item, _ *node, _ *scope) error {
	return ev.pushAll(in)
}

func fnWhere(ev *evaluator, in []Item, n *node, sc *scope) error {
	inner := ev.enter(sc)
	for i := range in {
		inner.this, inner.index = in[i], i
		t, err := ev.condition(n.kids[1], inner)
		if err != nil {
			return err
		}
		if t == yes {
			if err := ev.push(in[i]); err != nil {
				return err
			}
		}
	}
	ev.leave(inner)
	return nil
}

func fnSelect(ev *evaluator, in []Item, n *node, sc *scope) error {
	inner := ev.enter(sc)
	for i := range in {
		inner.this, inner.index = in[i], i
		if err := ev.eval(n.kids[1], inner); err != nil {
			return err
		}
	}
	ev.leave(inner)
	return nil
}

// fnRepeat projects the input, then what came out of it, until nothing new does.
func fnRepeat(ev *evaluator, in []Item, n *node, sc *scope) error {
	lo := len(ev.stack)
	inner := ev.enter(sc)
	expand := func(it Item, i int) error {
		inner.this, inner.index = it, i
		top := len(ev.stack)
		if err := ev.eval(n.kids[1], inner); err != nil {
			return err
		}
		kept := top
		for k := top; k < len(ev.stack); k++ {
			found, err := ev.has(ev.stack[lo:kept], &ev.stack[k])
			if err != nil {
				return err
			}
			if !found {
				ev.stack[kept] = ev.stack[k]
				kept++
			}
		}
		ev.stack = ev.stack[:kept]
		return nil
	}
	for i := range in {
		if err := expand(in[i], i); err != nil {
			return err
		}
	}
	for i := lo; i < len(ev.stack); i++ {
		if err := expand(ev.stack[i], i-lo); err != nil {
			return err
		}
	}
	ev.leave(inner)
	return nil
}

func (ev *evaluator) tree(in []Item, walk func(*evaluator, *Item) error) error {
	for i := range in {
		if err := walk(ev, &in[i]); err != nil {
			return err
		}
	}
	return nil
}

func fnAggregate(ev *evaluator, in []Item, n *node, sc *scope) error {
	var total []Item
	if len(n.args()) == 2 {
		out, err := ev.collect(n.kids[2], sc)
		if err != nil {
			return err
		}
		total = slices.Clone(out)
	}
	inner := ev.enter(sc)
	for i := range in {
		inner.this, inner.index, inner.total = in[i], i, total
		out, err := ev.collect(n.kids[1], inner)
		if err != nil {
			return err
		}
		total = slices.Clone(out)
	}
	ev.leave(inner)
	return ev.pushAll(total)
}

// fnIif evaluates only the branch it takes. Its input, one item at most, is
// $this of the arguments.
func fnIif(ev *evaluator, in []Item, n *node, sc *scope) error {
	if len(in) > 1 {
		return ev.fail(n, "iif needs a single item")
	}
	inner := ev.enter(sc)
	*inner = scope{this: sc.this, index: sc.index, each: sc.each, total: sc.total}
	if n.kids[0] != nil && len(in) == 1 {
		inner.this = in[0]
	}
	cond, err := ev.collect(n.kids[1], inner)
	if err != nil {
		return err
	}
	b := false
	if len(cond) > 0 {
		var ok bool
		if b, ok = cond[0].Bool(); !ok || len(cond) > 1 {
			return ev.fail(n.kids[1], "the criterion of iif is not a Boolean")
		}
	}
	switch {
	case b:
		err = ev.eval(n.kids[2], inner)
	case len(n.args()) == 3:
		err = ev.eval(n.kids[3], inner)
	}
	ev.leave(inner)
	return err
}

// fnSort orders by its arguments in turn, or by the items themselves; a minus
// before an argument sorts it downwards. Items without key come first either way.
func fnSort(ev *evaluator, in []Item, n *node, sc *scope) error {
	keys := make([][]Item, len(in)) // per item, one key per argument
	inner := ev.enter(sc)
	for i := range in {
		inner.this, inner.index = in[i], i
		for _, arg := range n.args() {
			if arg.op == opNegate {
				arg = arg.kids[0]
			}
			out, err := ev.collect(arg, inner)
			if err != nil {
				return err
			}
			if len(out) > 1 {
				return ev.fail(arg, "a sort key is not a single item")
			}
			var v Item
			if len(out) == 1 {
				v, _ = ev.value(&out[0])
			}
			keys[i] = append(keys[i], v)
		}
		if len(n.args()) == 0 {
			v, _ := ev.value(&in[i])
			keys[i] = []Item{v}
		}
	}
	ev.leave(inner)
	order := make([]int, len(in))
	for i := range order {
		order[i] = i
	}
	if err := ev.spend(len(in) * 16); err != nil {
		return err
	}
	sortable := true
	slices.SortStableFunc(order, func(a, b int) int {
		c, ok := compareKeys(keys[a], keys[b], n.args())
		sortable = sortable && ok
		return c
	})
	if !sortable {
		return ev.fail(n, "the items have no common order")
	}
	for _, i := range order {
		if err := ev.push(in[i]); err != nil {
			return err
		}
	}
	return nil
}

func compareKeys(a, b []Item, args []*node) (int, bool) {
	for i := range a {
		c, ok := 0, true
		switch {
		case a[i].Exists() && b[i].Exists():
			c, _, ok = compareValues(&a[i], &b[i])
			if i < len(args) && args[i].op == opNegate {
				c = -c
			}
		case a[i].Exists():
			c = 1
		case b[i].Exists():
			c = -1
		}
		if c != 0 || !ok {
			return c, ok
		}
	}
	return 0, true
}
