package fhirpath

import (
	"strings"
	"unicode"

	"firebreak/fhirjson"
)

// tri is FHIRPath's three-valued logic; unknown is the empty collection.
type tri int8

const (
	no tri = iota
	yes
	unknown
)

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

func (t tri) not() tri {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// pushTri pushes a Boolean, or nothing for unknown.
func (ev *evaluator) pushTri(t tri) error {
	if t == unknown {
		return nil
	}
	return ev.push(Boolean(t == yes))
}

// truth is singleton evaluation as a Boolean: any single item that is not a
// Boolean is true. Not ok for several items.
// http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections
func truth(in []Item) (t tri, ok bool) {
	switch len(in) {
	case 0:
		return unknown, true
	case 1:
		if b, isBool := in[0].Bool(); isBool {
			return triOf(b), true
		}
		return yes, true
	}
	return unknown, false
}

// value converts an element to FHIRPath's System type, where there is one.
func (ev *evaluator) value(it *Item) (Item, bool) {
	if it.kind > kindTypeInfo {
		return *it, true
	}
	if it.kind != kindElement || it.bare {
		return Item{}, false
	}
	switch it.node.Kind() {
	case fhirjson.Bool:
		b, _ := it.Bool()
		return Boolean(b), true
	case fhirjson.Number:
		d, ok := ParseDecimal(it.node.Text())
		if i, whole := d.toInt(); ok && whole && systemKind(it.text) == kindInteger {
			return Item{kind: kindInteger, num: i}, true
		}
		return decimalItem(d), ok
	case fhirjson.String:
		return textValue(it.node.Text(), systemKind(it.text)), true
	case fhirjson.Object:
		if it.text == "Quantity" || isA(ev.x.model, it.text, "Quantity") {
			return quantityValue(it.node)
		}
	}
	return Item{}, false
}

// textValue reads a date or time; one that is malformed stays a String.
func textValue(s string, k kind) Item {
	var t temporal
	ok := false
	switch k {
	case kindDate:
		t, ok = parseDate(s)
	case kindDateTime:
		t, ok = parseDateTime(s)
	case kindTime:
		t, ok = parseTime(s)
	}
	if ok {
		return temporalItem(t)
	}
	return String(s)
}

// equal is the = operator on two items.
func (ev *evaluator) equal(a, b *Item) (tri, error) {
	if err := ev.spend(1); err != nil {
		return no, err
	}
	if a.kind == kindString && b.kind == kindElement {
		a, b = b, a
	}
	if a.kind == kindElement && !a.bare && a.node.Kind() == fhirjson.String {
		// The commonest comparison, code = 'x', without copying.
		if b.kind == kindString && systemKind(a.text) == kindString {
			return triOf(a.node.Is(b.text)), nil
		}
	}
	av, aok := ev.value(a)
	bv, bok := ev.value(b)
	switch {
	case aok && bok:
		return equalValues(&av, &bv), nil
	case aok != bok || a.kind != b.kind || a.text != b.text || a.bare != b.bare:
		return no, nil
	case a.kind != kindElement || a.node == b.node:
		return yes, nil
	}
	same, err := ev.deepEqual(a.node, b.node, false)
	return triOf(same), err
}

func equalValues(a, b *Item) tri {
	switch {
	case a.kind == kindString && b.kind == kindString:
		return triOf(a.text == b.text)
	case a.kind == kindBoolean && b.kind == kindBoolean:
		return triOf(a.num == b.num)
	}
	c, known, sortable := compareValues(a, b)
	switch {
	case !sortable:
		return no
	case !known:
		return unknown
	}
	return triOf(c == 0)
}

// compareValues orders two System values. Not sortable: they are of kinds that
// have no common order. Not known: precision, zone or unit leave it open.
func compareValues(a, b *Item) (c int, known, sortable bool) {
	if a.kind == kindInteger && b.kind == kindInteger {
		return cmpInt(int(a.num), int(b.num)), true, true
	}
	ad, aok := a.Decimal()
	bd, bok := b.Decimal()
	switch {
	case aok && bok:
		return ad.Cmp(bd), true, true
	case a.kind == kindString && b.kind == kindString:
		return strings.Compare(a.text, b.text), true, true
	case a.kind == kindQuantity && bok:
		c, known = compareQuantity(a.val, &system{dec: bd, unit: unit{code: "1"}})
		return c, known, true
	case aok && b.kind == kindQuantity:
		c, known = compareQuantity(&system{dec: ad, unit: unit{code: "1"}}, b.val)
		return c, known, true
	case a.kind == kindQuantity && b.kind == kindQuantity:
		c, known = compareQuantity(a.val, b.val)
		return c, known, true
	case a.kind == kindTime && b.kind == kindTime,
		isDate(a.kind) && isDate(b.kind):
		c, known = a.val.when.compare(b.val.when)
		return c, known, true
	}
	return 0, false, false
}

func isDate(k kind) bool { return k == kindDate || k == kindDateTime }

// equivalent is the ~ operator on two items. http://hl7.org/fhirpath/N1/#equivalent
func (ev *evaluator) equivalent(a, b *Item) (bool, error) {
	if err := ev.spend(1); err != nil {
		return false, err
	}
	av, aok := ev.value(a)
	bv, bok := ev.value(b)
	if !aok || !bok {
		if aok != bok || a.kind != kindElement || b.kind != kindElement || a.text != b.text {
			return a.kind == b.kind && a.kind != kindElement && a.text == b.text, nil
		}
		return ev.deepEqual(a.node, b.node, true)
	}
	ad, aNum := av.Decimal()
	bd, bNum := bv.Decimal()
	switch {
	case av.kind == kindString && bv.kind == kindString:
		return folded(av.text) == folded(bv.text), ev.spend((len(av.text) + len(bv.text)) / 64)
	case aNum && bNum:
		return equivalentDecimal(ad, bd, min(ad.trim(0).scale, bd.trim(0).scale)), nil
	case av.kind == kindQuantity && bv.kind == kindQuantity:
		return equivalentQuantity(av.val, bv.val), nil
	case av.kind >= kindDate && av.kind <= kindTime && bv.kind >= kindDate && bv.kind <= kindTime:
		if av.val.when.prec != bv.val.when.prec {
			return false, nil
		}
	}
	return equalValues(&av, &bv) == yes, nil
}

// folded is a string without regard to case and kind of white space.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return unicode.ToLower(r)
	}, s)
}

// deepEqual compares JSON values: members in any order; for loose, items in any
// order too, and strings folded. Numbers compare by value.
func (ev *evaluator) deepEqual(a, b fhirjson.Node, loose bool) (bool, error) {
	if err := ev.spend(1 + a.Len()/8); err != nil {
		return false, err
	}
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false, nil
	}
	switch a.Kind() {
	case fhirjson.Object:
		for c := a.FirstChild(); c.Exists(); c = c.NextSibling() {
			if err := ev.spend(b.Len() / 16); err != nil { // what Field searches
				return false, err
			}
			same, err := ev.deepEqual(c, b.Field(c.Name()), loose)
			if !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case fhirjson.Array:
		if loose {
			return ev.sameItems(a, b)
		}
		for c, d := a.FirstChild(), b.FirstChild(); c.Exists(); c, d = c.NextSibling(), d.NextSibling() {
			same, err := ev.deepEqual(c, d, loose)
			if !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case fhirjson.Number:
		x, ok1 := ParseDecimal(a.Text())
		y, ok2 := ParseDecimal(b.Text())
		return ok1 && ok2 && x.Cmp(y) == 0 || string(a.Raw()) == string(b.Raw()), nil
	case fhirjson.String:
		if loose {
			return folded(a.Text()) == folded(b.Text()), ev.spend(len(a.Raw()) / 64)
		}
		return string(a.Raw()) == string(b.Raw()) || a.Text() == b.Text(), nil
	default:
		return string(a.Raw()) == string(b.Raw()), nil
	}
}

// sameItems reports whether two arrays of one length hold the same items.
func (ev *evaluator) sameItems(a, b fhirjson.Node) (bool, error) {
	used := make([]bool, b.Len())
	for c := a.FirstChild(); c.Exists(); c = c.NextSibling() {
		found, i := false, 0
		for d := b.FirstChild(); d.Exists() && !found; d = d.NextSibling() {
			if !used[i] {
				same, err := ev.deepEqual(c, d, true)
				if err != nil {
					return false, err
				}
				found, used[i] = same, same
			}
			i++
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}
