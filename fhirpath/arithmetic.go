package fhirpath

import "math"

// arithmetic is + - * / div mod. An operand that is empty, a division by zero
// and an overflow give the empty collection. http://hl7.org/fhirpath/N1/#math
func arithmetic(sym string) func(ev *evaluator, n *node, l, r []Item) error {
	return func(ev *evaluator, n *node, l, r []Item) error {
		if len(l) == 0 || len(r) == 0 {
			return nil
		}
		if len(l) > 1 || len(r) > 1 {
			return ev.fail(n, "arithmetic needs single items")
		}
		a, aok := ev.value(&l[0])
		b, bok := ev.value(&r[0])
		if !aok || !bok {
			return ev.fail(n, "arithmetic needs values")
		}
		if a.kind == kindString && b.kind == kindString && sym == "+" {
			return ev.pushText(a.text + b.text)
		}
		out, ok, msg := calculate(sym, &a, &b)
		if msg != "" {
			return ev.fail(n, msg)
		}
		if !ok {
			return nil
		}
		return ev.push(out)
	}
}

// calculate computes; not ok is the empty collection, msg an error.
func calculate(sym string, a, b *Item) (out Item, ok bool, msg string) {
	if a.kind == kindInteger && b.kind == kindInteger && sym != "/" {
		i, ok := integers(sym, a.num, b.num)
		return Item{kind: kindInteger, num: i}, ok, ""
	}
	ad, aNum := a.Decimal()
	bd, bNum := b.Decimal()
	switch {
	case aNum && bNum:
		return decimals(sym, ad, bd)
	case a.kind >= kindDate && a.kind <= kindTime && b.kind == kindQuantity && (sym == "+" || sym == "-"):
		d := b.val.dec
		if sym == "-" {
			d = d.neg()
		}
		t, ok, msg := a.val.when.addQuantity(d, b.val.unit)
		return temporalItem(t), ok, msg
	case a.kind == kindQuantity && bNum:
		return quantities(sym, a.val, &system{dec: bd, unit: unit{code: "1"}})
	case aNum && b.kind == kindQuantity:
		return quantities(sym, &system{dec: ad, unit: unit{code: "1"}}, b.val)
	case a.kind == kindQuantity && b.kind == kindQuantity:
		return quantities(sym, a.val, b.val)
	}
	return Item{}, false, "the operator is not defined for these types"
}

func integers(sym string, a, b int64) (int64, bool) {
	var i int64
	switch sym {
	case "+":
		i = a + b
	case "-":
		i = a - b
	case "*":
		i = a * b // both have 32 bits
	case "div", "mod":
		if b == 0 {
			return 0, false
		}
		i = a / b
		if sym == "mod" {
			i = a % b
		}
	}
	return i, i >= math.MinInt32 && i <= math.MaxInt32
}

func decimals(sym string, a, b Decimal) (out Item, ok bool, msg string) {
	var d Decimal
	switch sym {
	case "+":
		d, ok = a.add(b)
	case "-":
		d, ok = a.sub(b)
	case "*":
		d, ok = a.mul(b)
	case "/":
		d, ok = a.div(b)
	case "div":
		var i int64
		if d, _, ok = a.quoRem(b); ok {
			i, ok = d.toInt()
		}
		return Item{kind: kindInteger, num: i}, ok, ""
	case "mod":
		_, d, ok = a.quoRem(b)
	}
	return decimalItem(d), ok, ""
}

func quantities(sym string, a, b *system) (out Item, ok bool, msg string) {
	switch sym {
	case "*":
		out, ok = mulQuantity(a, b)
		return out, ok, ""
	case "/":
		out, ok = divQuantity(a, b)
		return out, ok, ""
	case "+", "-":
		d, ok := convertQuantity(b, a.unit)
		if !ok {
			return out, false, ""
		}
		if sym == "-" {
			d = d.neg()
		}
		d, ok = a.dec.add(d)
		return quantityItem(d, a.unit), ok, ""
	}
	return out, false, "the operator is not defined for quantities"
}

// sign is unary + and -.
func (ev *evaluator) sign(n *node, in []Item) error {
	if len(in) == 0 {
		return nil
	}
	if len(in) > 1 {
		return ev.fail(n, "a sign needs a single item")
	}
	v, _ := ev.value(&in[0])
	switch v.kind {
	case kindInteger, kindDecimal, kindQuantity:
	default:
		return ev.fail(n, "a sign needs a number")
	}
	if n.op == opPlus {
		return ev.push(v)
	}
	switch v.kind {
	case kindInteger:
		return ev.push(Item{kind: kindInteger, num: -v.num})
	case kindDecimal:
		return ev.push(decimalItem(v.val.dec.neg()))
	default:
		return ev.push(quantityItem(v.val.dec.neg(), v.val.unit))
	}
}
