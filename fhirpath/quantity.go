package fhirpath

import (
	"math/big"
	"strings"

	"firebreak/fhirjson"
)

// unit is a UCUM code, or a calendar duration such as "day": FHIRPath tells
// 1 year from 1 'a'. http://hl7.org/fhirpath/N1/#time-valued-quantities
type unit struct {
	code     string
	calendar bool
}

func (u unit) String() string {
	if u.calendar {
		return u.code
	}
	return "'" + u.code + "'"
}

// calendarWord recognizes day, days and so on; the answer is in singular.
func calendarWord(s string) (string, bool) {
	switch w := strings.TrimSuffix(s, "s"); w {
	case "year", "month", "week", "day", "hour", "minute", "second", "millisecond":
		return w, true
	}
	return "", false
}

// calendarWord is the calendar duration that a date can be moved by. UCUM's a
// and mo are not: they are mean values, not calendar ones.
func (u unit) calendarWord() (string, bool) {
	switch u.code {
	case "wk":
		return "week", true
	case "d":
		return "day", true
	case "h":
		return "hour", true
	case "min":
		return "minute", true
	case "s":
		return "second", true
	case "ms":
		return "millisecond", true
	}
	return calendarWord(u.code)
}

// ucum is the unit's UCUM code; a calendar year becomes a, a month mo.
func (u unit) ucum() string {
	if !u.calendar {
		return u.code
	}
	switch u.code {
	case "year":
		return "a"
	case "month":
		return "mo"
	case "week":
		return "wk"
	case "day":
		return "d"
	case "hour":
		return "h"
	case "minute":
		return "min"
	case "second":
		return "s"
	default:
		return "ms"
	}
}

// measure is the unit in base units: a factor and a dimension.
func (u unit) measure() (measure, bool) {
	if u.calendar && (u.code == "year" || u.code == "month") {
		months := int64(1)
		if u.code == "year" {
			months = 12
		}
		// A dimension of its own: no number of days makes a calendar month.
		return measure{factor: big.NewRat(months, 1), odd: "month"}, true
	}
	return parseUnit(u.ucum())
}

// compareQuantity orders two quantities; not known when their units do not compare.
func compareQuantity(a, b *system) (c int, known bool) {
	if a.unit == b.unit {
		return a.dec.Cmp(b.dec), true
	}
	am, aok := a.unit.measure()
	bm, bok := b.unit.measure()
	if !aok || !bok || !am.comparable(bm) {
		return 0, false
	}
	x := new(big.Rat).Mul(a.dec.rat(), am.factor)
	return x.Cmp(new(big.Rat).Mul(b.dec.rat(), bm.factor)), true
}

// convert expresses b in a's unit, rounded to 18 digits.
func convertQuantity(b *system, to unit) (Decimal, bool) {
	if b.unit == to {
		return b.dec, true
	}
	tm, ok1 := to.measure()
	bm, ok2 := b.unit.measure()
	if !ok1 || !ok2 || !tm.comparable(bm) {
		return Decimal{}, false
	}
	r := new(big.Rat).Mul(b.dec.rat(), bm.factor)
	return decimalFromRat(r.Quo(r, tm.factor))
}

func decimalFromRat(r *big.Rat) (Decimal, bool) {
	num := new(big.Int).Mul(r.Num(), pow10(quotientDigits))
	d, ok := checked(divRound(num, r.Denom()), quotientDigits)
	return d.trim(0), ok
}

// equivalentQuantity compares in one unit, at the lesser precision; calendar
// years and months then count as UCUM's.
func equivalentQuantity(a, b *system) bool {
	x, y := *a, *b
	x.unit, y.unit = unit{code: a.unit.ucum()}, unit{code: b.unit.ucum()}
	d, ok := convertQuantity(&y, x.unit)
	if !ok {
		return false
	}
	return equivalentDecimal(x.dec, d, min(x.dec.trim(0).scale, y.dec.trim(0).scale))
}

func equivalentDecimal(a, b Decimal, scale int) bool {
	return a.round(scale, divRound).Cmp(b.round(scale, divRound)) == 0
}

// mulQuantity and divQuantity leave units as products: 'cm' * 'm' is 'cm.m'.
func mulQuantity(a, b *system) (Item, bool) {
	d, ok := a.dec.mul(b.dec)
	x, y := a.unit.ucum(), b.unit.ucum()
	switch {
	case y == "1":
	case x == "1":
		x = y
	default:
		x += "." + grouped(y)
	}
	return quantityItem(d, unit{code: x}), ok && len(x) <= maxUnit
}

func divQuantity(a, b *system) (Item, bool) {
	d, ok := a.dec.div(b.dec)
	x, y := a.unit.ucum(), b.unit.ucum()
	switch {
	case y == "1":
	case x == y:
		x = "1"
	default:
		x += "/" + grouped(y)
	}
	return quantityItem(d, unit{code: x}), ok && len(x) <= maxUnit
}

func grouped(code string) string {
	if strings.ContainsAny(code, "./") {
		return "(" + code + ")"
	}
	return code
}

// parseQuantity reads what toQuantity() takes: 4, 4.5 'mg', 2 days.
func parseQuantity(s string) (Item, bool) {
	end := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune("+-.0123456789", r) })
	if end < 0 {
		end = len(s)
	}
	d, ok := ParseDecimal(s[:end])
	if !ok {
		return Item{}, false
	}
	rest := strings.TrimLeft(s[end:], " \t\r\n")
	if rest == "" {
		return quantityItem(d, unit{code: "1"}), end == len(s)
	}
	if rest[0] == '\'' {
		code := strings.TrimSuffix(rest[1:], "'")
		return quantityItem(d, unit{code: code}), len(code) == len(rest)-2 && code != "" && !strings.Contains(code, "'")
	}
	word, ok := calendarWord(rest)
	return quantityItem(d, unit{code: word, calendar: true}), ok
}

// quantityValue converts a FHIR Quantity; one with a comparator is no single
// value. http://hl7.org/fhir/R4/fhirpath.html#quantity
func quantityValue(n fhirjson.Node) (Item, bool) {
	v := n.Field("value")
	if v.Kind() != fhirjson.Number || n.Field("comparator").Exists() {
		return Item{}, false
	}
	d, ok := ParseDecimal(v.Text())
	code := n.Field("code").Text()
	if code == "" || !n.Field("system").Is("http://unitsofmeasure.org") {
		if u := n.Field("unit").Text(); u != "" {
			code = u
		}
	}
	if code == "" {
		code = "1"
	}
	return quantityItem(d, unit{code: code}), ok
}
