package fhirpath

// lookupFunction finds a function by name: N1's, FHIR's, and those of FHIRPath
// 2.1 and 3 that HL7's R4 tests use. is, as and ofType are parsed apart.
func lookupFunction(name string) (function, bool) {
	for _, group := range []func(string) (function, bool){
		existenceFunction, filterFunction, subsetFunction, stringFunction, encodingFunction,
		conversionFunction, mathFunction, boundaryFunction, fhirFunction, timeFunction,
	} {
		if f, ok := group(name); ok {
			return f, true
		}
	}
	return function{}, false
}

// enter opens a scope for a function that goes through a collection.
func (ev *evaluator) enter(sc *scope) *scope {
	s := ev.spare
	if s == nil {
		s = new(scope)
	} else {
		ev.spare = s.up
	}
	*s = scope{each: true, total: sc.total}
	return s
}

func (ev *evaluator) leave(s *scope) {
	*s = scope{up: ev.spare}
	ev.spare = s
}

// each evaluates the condition of a function for each item, until f says stop.
func (ev *evaluator) each(in []Item, cond *node, sc *scope, f func(i int, t tri) (more bool, err error)) error {
	inner := ev.enter(sc)
	for i := range in {
		inner.this, inner.index = in[i], i
		t, err := ev.condition(cond, inner)
		if err != nil {
			return err
		}
		if more, err := f(i, t); err != nil || !more {
			return err
		}
	}
	ev.leave(inner)
	return nil
}

// single is the only item of an input, as a System value. Not ok: no input.
func (ev *evaluator) single(n *node, in []Item) (v Item, ok bool, err error) {
	switch len(in) {
	case 0:
		return v, false, nil
	case 1:
		if v, ok = ev.value(&in[0]); !ok && !in[0].bare {
			return v, false, ev.fail(n, n.name+" needs a value")
		}
		return v, ok, nil
	}
	return v, false, ev.fail(n, n.name+" needs a single item")
}

// text is a single String input.
func (ev *evaluator) text(n *node, in []Item) (s string, ok bool, err error) {
	v, ok, err := ev.single(n, in)
	if err != nil || !ok {
		return "", false, err
	}
	if v.kind != kindString {
		return "", false, ev.fail(n, n.name+" needs a string")
	}
	return v.text, true, ev.spend(len(v.text) / 64)
}

// textArg is the i-th argument, a String. Not ok: it is empty.
func (ev *evaluator) textArg(n *node, i int, sc *scope) (s string, ok bool, err error) {
	out, err := ev.collect(n.args()[i], sc)
	if err != nil {
		return "", false, err
	}
	return ev.text(n, out)
}

// integerArg evaluates an argument or index that is an Integer.
func (ev *evaluator) integerArg(arg *node, sc *scope) (i int64, ok bool, err error) {
	out, err := ev.collect(arg, sc)
	if err != nil || len(out) == 0 {
		return 0, false, err
	}
	v, _ := ev.value(&out[0])
	if len(out) > 1 || v.kind != kindInteger {
		return 0, false, ev.fail(arg, "expected an integer")
	}
	return v.num, true, nil
}
