package fhirpath

import "time"

// boundaryFunction: lowBoundary, highBoundary, precision and comparable
// (http://hl7.org/fhirpath/#utility-functions), which HL7's R4 tests use.
func boundaryFunction(name string) (function, bool) {
	switch name {
	case "lowBoundary":
		return boundary(false), true
	case "highBoundary":
		return boundary(true), true
	case "precision":
		return function{0, 0, fnPrecision}, true
	case "comparable":
		return function{1, 1, fnComparable}, true
	}
	return function{}, false
}

// The digits of a precision, as these functions count them: 4 is a year.
const (
	decimalDefault  = 8
	dateDefault     = 8
	dateTimeDefault = 17
	timeDefault     = 9
	maxBoundary     = 31
)

func boundary(high bool) function {
	return function{0, 1, func(ev *evaluator, in []Item, n *node, sc *scope) error {
		v, ok, err := ev.single(n, in)
		if err != nil || !ok {
			return err
		}
		digits := int64(-1)
		if len(n.args()) == 1 {
			d, ok, err := ev.integerArg(n.kids[1], sc)
			if err != nil {
				return err
			}
			if ok && (d < 0 || d > maxBoundary) {
				return nil
			}
			if ok {
				digits = d
			}
		}
		out, ok := bound(v, int(digits), high)
		if !ok {
			return nil
		}
		return ev.push(out)
	}}
}

func bound(v Item, digits int, high bool) (Item, bool) {
	switch v.kind {
	case kindInteger:
		return decimalItem(boundDecimal(decimalFromInt(v.num), digits, high)), true
	case kindDecimal:
		return decimalItem(boundDecimal(v.val.dec, digits, high)), true
	case kindQuantity:
		return quantityItem(boundDecimal(v.val.dec, digits, high), v.val.unit), true
	case kindDate, kindDateTime, kindTime:
		t, ok := v.val.when.bound(digits, high)
		return temporalItem(t), ok
	}
	return Item{}, false
}

// boundDecimal is the least or greatest number that d may stand for.
func boundDecimal(d Decimal, digits int, high bool) Decimal {
	if digits < 0 {
		digits = decimalDefault
	}
	half := Decimal{decimalFromInt(5).coef, d.scale + 1}
	if high {
		d, _ = d.add(half)
		return d.round(digits, divCeil)
	}
	d, _ = d.sub(half)
	return d.round(digits, divFloor)
}

func (t temporal) bound(digits int, high bool) (temporal, bool) {
	if digits < 0 {
		digits = map[kind]int{kindDate: dateDefault, kindDateTime: dateTimeDefault, kindTime: timeDefault}[t.kind]
	}
	if t.kind == kindTime {
		digits += 8
	}
	prec, ok := map[int]precision{4: toYear, 6: toMonth, 8: toDay, 10: toHour, 12: toMinute, 14: toSecond, 17: toSecond}[digits]
	if !ok || t.kind == kindDate && prec > toDay || t.kind == kindTime && prec < toHour {
		return t, false
	}
	if high {
		t.complete()
	}
	if t.prec < toSecond || t.frac < 3 {
		t.frac = 3
	}
	if t.kind == kindDateTime && !t.zoned && prec > toDay {
		t.zoned, t.offset = true, 14*60
		if high {
			t.offset = -12 * 60
		}
	}
	t.prec = prec
	if digits != 17 {
		t.frac, t.nano = 0, 0
	}
	return t, true
}

// complete fills what is not given with its greatest value.
func (t *temporal) complete() {
	if t.prec < toMonth {
		t.month = 12
	}
	if t.prec < toDay && t.kind != kindTime {
		t.day = daysIn(t.year, t.month)
	}
	if t.prec < toHour {
		t.hour = 23
	}
	if t.prec < toMinute {
		t.minute = 59
	}
	if t.prec < toSecond {
		t.second = 59
	}
	if t.prec < toSecond || t.frac == 0 {
		t.nano = int(time.Second - time.Millisecond)
	}
}

func fnPrecision(ev *evaluator, in []Item, n *node, _ *scope) error {
	v, ok, err := ev.single(n, in)
	if err != nil || !ok {
		return err
	}
	digits := 0
	switch v.kind {
	case kindInteger:
	case kindDecimal:
		digits = v.val.dec.scale
	case kindDate, kindDateTime, kindTime:
		t := v.val.when
		digits = []int{0, 4, 6, 8, 10, 12, 14}[t.prec]
		if t.frac > 0 {
			digits = 17
		}
		if t.kind == kindTime {
			digits -= 8
		}
	default:
		return ev.fail(n, "precision needs a number, date or time")
	}
	return ev.push(Item{kind: kindInteger, num: int64(digits)})
}

func fnComparable(ev *evaluator, in []Item, n *node, sc *scope) error {
	a, ok, err := ev.single(n, in)
	if err != nil || !ok {
		return err
	}
	out, err := ev.collect(n.kids[1], sc)
	if err != nil {
		return err
	}
	b, ok, err := ev.single(n, out)
	if err != nil || !ok {
		return err
	}
	if a.kind != kindQuantity || b.kind != kindQuantity {
		return ev.fail(n, "comparable needs quantities")
	}
	_, known := compareQuantity(a.val, b.val)
	return ev.push(Boolean(known))
}
