package fhirpath

import "math"

// mathFunction: http://hl7.org/fhirpath/N1/#math-1. Roots, logarithms and broken
// powers are those of a float64, kept to 15 digits; all else is exact.
func mathFunction(name string) (function, bool) {
	switch name {
	case "abs":
		return function{0, 0, fnAbs}, true
	case "ceiling":
		return toWhole(divCeil), true
	case "floor":
		return toWhole(divFloor), true
	case "truncate":
		return toWhole(divTrunc), true
	case "exp":
		return float(func(x, _ float64) float64 { return math.Exp(x) }, 0), true
	case "ln":
		return float(func(x, _ float64) float64 { return math.Log(x) }, 0), true
	case "sqrt":
		return float(func(x, _ float64) float64 { return math.Sqrt(x) }, 0), true
	case "log":
		return float(func(x, base float64) float64 { return math.Log(x) / math.Log(base) }, 1), true
	case "power":
		return function{1, 1, fnPower}, true
	case "round":
		return function{0, 1, fnRound}, true
	}
	return function{}, false
}

// number is a single number as input.
func (ev *evaluator) number(n *node, in []Item) (d Decimal, ok bool, err error) {
	v, ok, err := ev.single(n, in)
	if err != nil || !ok {
		return d, false, err
	}
	if d, ok = v.Decimal(); !ok {
		return d, false, ev.fail(n, n.name+" needs a number")
	}
	return d, true, nil
}

func fnAbs(ev *evaluator, in []Item, n *node, _ *scope) error {
	v, ok, err := ev.single(n, in)
	if err != nil || !ok {
		return err
	}
	switch v.kind {
	case kindInteger:
		return ev.push(Item{kind: kindInteger, num: max(v.num, -v.num)})
	case kindDecimal, kindQuantity:
		s := *v.val
		if s.dec.Sign() < 0 {
			s.dec = s.dec.neg()
		}
		return ev.push(Item{kind: v.kind, val: &s})
	}
	return ev.fail(n, "abs needs a number")
}

func toWhole(mode rounding) function {
	return function{0, 0, func(ev *evaluator, in []Item, n *node, _ *scope) error {
		d, ok, err := ev.number(n, in)
		if err != nil || !ok {
			return err
		}
		i, ok := d.round(0, mode).toInt()
		if !ok {
			return nil
		}
		return ev.push(Item{kind: kindInteger, num: i})
	}}
}

func float(f func(x, arg float64) float64, args int) function {
	return function{args, args, func(ev *evaluator, in []Item, n *node, sc *scope) error {
		d, ok, err := ev.number(n, in)
		if err != nil || !ok {
			return err
		}
		var arg float64
		if args == 1 {
			a, ok, err := ev.numberArg(n, sc)
			if err != nil || !ok {
				return err
			}
			arg = a.float()
		}
		return ev.pushFloat(f(d.float(), arg))
	}}
}

func (ev *evaluator) numberArg(n *node, sc *scope) (Decimal, bool, error) {
	out, err := ev.collect(n.kids[1], sc)
	if err != nil {
		return Decimal{}, false, err
	}
	return ev.number(n, out)
}

// pushFloat pushes nothing for what is no number, such as the root of -1.
func (ev *evaluator) pushFloat(f float64) error {
	d, ok := decimalFromFloat(f)
	if !ok {
		return nil
	}
	return ev.push(decimalItem(d))
}

// fnPower multiplies exactly where the exponent is a small whole number.
func fnPower(ev *evaluator, in []Item, n *node, sc *scope) error {
	d, ok, err := ev.number(n, in)
	if err != nil || !ok {
		return err
	}
	e, ok, err := ev.numberArg(n, sc)
	if err != nil || !ok {
		return err
	}
	i, whole := e.toInt()
	if !whole || i < 0 || i > maxDigits*4 {
		return ev.pushFloat(math.Pow(d.float(), e.float()))
	}
	out := decimalFromInt(1)
	for range i {
		if out, ok = out.mul(d); !ok {
			return nil
		}
	}
	if v, _ := ev.value(&in[0]); v.kind == kindInteger {
		if i, ok := out.toInt(); ok {
			return ev.push(Item{kind: kindInteger, num: i})
		}
	}
	return ev.push(decimalItem(out))
}

func fnRound(ev *evaluator, in []Item, n *node, sc *scope) error {
	d, ok, err := ev.number(n, in)
	if err != nil || !ok {
		return err
	}
	var digits int64
	if len(n.args()) == 1 {
		if digits, ok, err = ev.integerArg(n.kids[1], sc); err != nil || !ok {
			return err
		}
		if digits < 0 {
			return ev.fail(n, "round needs a precision of 0 or more")
		}
	}
	if digits >= int64(d.scale) {
		return ev.push(decimalItem(d))
	}
	return ev.push(decimalItem(d.round(int(digits), divRound)))
}
