package fhirpath

import "strings"

// conversionFunction: http://hl7.org/fhirpath/N1/#conversion
func conversionFunction(name string) (function, bool) {
	to, test := strings.CutPrefix(name, "convertsTo")
	if !test {
		var ok bool
		if to, ok = strings.CutPrefix(name, "to"); !ok {
			return function{}, false
		}
	}
	k := systemType(to)
	if k == kindNone {
		return function{}, false
	}
	most := 0
	if k == kindQuantity {
		most = 1 // the unit to convert to
	}
	return function{0, most, func(ev *evaluator, in []Item, n *node, sc *scope) error {
		return ev.convert(in, n, sc, k, test)
	}}, true
}

func (ev *evaluator) convert(in []Item, n *node, sc *scope, k kind, test bool) error {
	if len(in) == 0 {
		return nil
	}
	if len(in) > 1 {
		return ev.fail(n, n.name+" needs a single item")
	}
	v, ok := ev.value(&in[0])
	if ok {
		v, ok = convertTo(v, k)
	}
	if ok && len(n.args()) == 1 {
		code, given, err := ev.textArg(n, 0, sc)
		if err != nil {
			return err
		}
		if given {
			to := unit{code: code}
			if w, isWord := calendarWord(code); isWord {
				to = unit{code: w, calendar: true}
			}
			var d Decimal
			d, ok = convertQuantity(v.val, to)
			v = quantityItem(d, to)
		}
	}
	if test {
		return ev.push(Boolean(ok))
	}
	if !ok {
		return nil
	}
	if v.kind == kindString {
		return ev.pushText(v.text)
	}
	return ev.push(v)
}

func convertTo(v Item, k kind) (Item, bool) {
	if v.kind == k {
		return v, true
	}
	switch k {
	case kindString:
		return String(v.Text()), true
	case kindBoolean:
		return toBoolean(v)
	case kindInteger:
		if v.kind == kindBoolean {
			return Item{kind: kindInteger, num: v.num}, true
		}
		if v.kind == kindString && !strings.ContainsAny(v.text, ".eE") {
			d, ok := ParseDecimal(v.text)
			i, whole := d.toInt()
			return Item{kind: kindInteger, num: i}, ok && whole
		}
	case kindDecimal:
		switch v.kind {
		case kindInteger:
			return decimalItem(decimalFromInt(v.num)), true
		case kindBoolean:
			return decimalItem(Decimal{decimalFromInt(v.num * 10).coef, 1}), true
		case kindString:
			d, ok := ParseDecimal(v.text)
			return decimalItem(d), ok && !strings.ContainsAny(v.text, "eE")
		}
	case kindQuantity:
		if v.kind == kindString {
			return parseQuantity(v.text)
		}
		d, ok := convertTo(v, kindDecimal)
		if !ok {
			return Item{}, false
		}
		if v.kind == kindInteger {
			return quantityItem(decimalFromInt(v.num), unit{code: "1"}), true
		}
		return quantityItem(d.val.dec, unit{code: "1"}), true
	default:
		return toTemporal(v, k)
	}
	return Item{}, false
}

func toBoolean(v Item) (Item, bool) {
	s := strings.ToLower(v.text)
	if v.kind == kindInteger || v.kind == kindDecimal {
		d, _ := v.Decimal()
		s = d.trim(0).String()
	}
	switch s {
	case "true", "t", "yes", "y", "1", "1.0":
		return Boolean(true), true
	case "false", "f", "no", "n", "0", "0.0":
		return Boolean(false), true
	}
	return Item{}, false
}

func toTemporal(v Item, k kind) (Item, bool) {
	switch {
	case v.kind == kindString:
		v = textValue(v.text, k)
		return v, v.kind == k
	case v.kind == kindDate && k == kindDateTime:
		t := v.val.when
		t.kind = kindDateTime
		return temporalItem(t), true
	case v.kind == kindDateTime && k == kindDate:
		t := v.val.when
		return temporalItem(temporal{kind: kindDate, prec: min(t.prec, toDay), year: t.year, month: t.month, day: t.day}), true
	}
	return Item{}, false
}
