package fhirpath

import (
	"strconv"
	"strings"

	"firebreak/fhirjson"
)

type kind uint8

const (
	kindNone     kind = iota
	kindElement       // a resource or element: node, and its type in text
	kindTypeOnly      // a resource of which only the type is known, in text
	kindTypeInfo      // the answer of type(): namespace.name in text
	kindBoolean
	kindInteger
	kindDecimal
	kindString
	kindDate
	kindDateTime
	kindTime
	kindQuantity
)

func (k kind) String() string {
	switch k {
	case kindBoolean:
		return "Boolean"
	case kindInteger:
		return "Integer"
	case kindDecimal:
		return "Decimal"
	case kindString:
		return "String"
	case kindDate:
		return "Date"
	case kindDateTime:
		return "DateTime"
	case kindTime:
		return "Time"
	case kindQuantity:
		return "Quantity"
	case kindTypeInfo:
		return "TypeInfo"
	default:
		return ""
	}
}

// Item is one member of a FHIRPath collection: a resource or element with its
// FHIR type, or a value of FHIRPath's System types. The zero Item is nothing.
type Item struct {
	node fhirjson.Node
	text string  // the type of an element; the value of a String
	val  *system // what does not fit into num and text
	num  int64   // Integer; 0 or 1 for Boolean
	kind kind
	bare bool // a primitive without value: node is its "_" sibling
}

// system holds the larger System values; it is never changed once made.
type system struct {
	dec  Decimal // Decimal, Quantity
	when temporal
	unit unit
}

// Resource is the Item of a resource; its type is its resourceType.
func Resource(doc fhirjson.Node) Item {
	typ := doc.Field("resourceType").Text()
	if typ == "" {
		typ = "Resource"
	}
	return Element(doc, typ)
}

// Element is the Item of a node that has that FHIR type or backbone path.
func Element(n fhirjson.Node, typ string) Item {
	if !n.Exists() {
		return Item{}
	}
	return Item{kind: kindElement, node: n, text: typ}
}

// String is a System.String.
func String(s string) Item { return Item{kind: kindString, text: s} }

// Integer is a System.Integer.
func Integer(i int32) Item { return Item{kind: kindInteger, num: int64(i)} }

// Boolean is a System.Boolean.
func Boolean(b bool) Item {
	if b {
		return Item{kind: kindBoolean, num: 1}
	}
	return Item{kind: kindBoolean}
}

func decimalItem(d Decimal) Item { return Item{kind: kindDecimal, val: &system{dec: d}} }

func quantityItem(d Decimal, u unit) Item {
	return Item{kind: kindQuantity, val: &system{dec: d, unit: u}}
}

func temporalItem(t temporal) Item { return Item{kind: t.kind, val: &system{when: t}} }

// Exists reports whether the Item is anything at all.
func (it Item) Exists() bool { return it.kind != kindNone }

// IsSystem reports whether the Item is a computed value, not part of a document.
func (it Item) IsSystem() bool { return it.kind >= kindTypeInfo }

// Node is the JSON value of an element; absent for System values and for a
// primitive that has extensions but no value.
func (it Item) Node() fhirjson.Node {
	if it.bare {
		return fhirjson.Node{}
	}
	return it.node
}

// Sibling is the object that holds a primitive's id and extensions, the
// "_birthDate" beside "birthDate" (json.html#primitive), or absent.
func (it Item) Sibling() fhirjson.Node {
	if it.bare {
		return it.node
	}
	switch it.node.Kind() {
	case fhirjson.Absent, fhirjson.Object, fhirjson.Array:
		return fhirjson.Node{}
	}
	parent := it.node.Parent()
	if parent.Kind() != fhirjson.Array {
		return parent.Field("_" + it.node.Name())
	}
	sib := parent.Parent().Field("_" + parent.Name()).FirstChild()
	for c := parent.FirstChild(); c.Exists() && c != it.node; c = c.NextSibling() {
		sib = sib.NextSibling()
	}
	if sib.Kind() != fhirjson.Object {
		return fhirjson.Node{}
	}
	return sib
}

// Type is "HumanName", "code", "Patient", "Patient.contact", or FHIRPath's
// "Boolean", "String", … for a System value.
func (it Item) Type() string {
	switch it.kind {
	case kindElement, kindTypeOnly:
		return it.text
	default:
		return it.kind.String()
	}
}

// Text is a primitive's or System value's text; "" for everything else. A
// Quantity reads as FHIRPath writes it: 4 'mg', 2 days.
func (it Item) Text() string {
	switch it.kind {
	case kindElement:
		if it.bare {
			return ""
		}
		return it.node.Text()
	case kindString, kindTypeInfo:
		return it.text
	case kindBoolean:
		return strconv.FormatBool(it.num != 0)
	case kindInteger:
		return strconv.FormatInt(it.num, 10)
	case kindDecimal:
		return it.val.dec.String()
	case kindDate, kindDateTime, kindTime:
		return it.val.when.String()
	case kindQuantity:
		plural := ""
		if it.val.unit.calendar && it.val.dec.Cmp(decimalFromInt(1)) != 0 {
			plural = "s"
		}
		return it.val.dec.String() + " " + it.val.unit.String() + plural
	default:
		return ""
	}
}

// Bool is the value of a Boolean or FHIR boolean.
func (it Item) Bool() (value, ok bool) {
	if it.kind == kindElement && !it.bare && it.node.Kind() == fhirjson.Bool {
		return it.node.Raw()[0] == 't', true
	}
	return it.num != 0, it.kind == kindBoolean
}

// Decimal is the exact value of a number.
func (it Item) Decimal() (Decimal, bool) {
	switch it.kind {
	case kindElement:
		if it.bare || it.node.Kind() != fhirjson.Number {
			return Decimal{}, false
		}
		return ParseDecimal(it.node.Text())
	case kindInteger:
		return decimalFromInt(it.num), true
	case kindDecimal:
		return it.val.dec, true
	default:
		return Decimal{}, false
	}
}

// Quantity is the value and unit of a System.Quantity: a UCUM code ("mg", "1"),
// or a calendar word ("day").
func (it Item) Quantity() (value Decimal, unit string, ok bool) {
	if it.kind != kindQuantity {
		return Decimal{}, "", false
	}
	return it.val.dec, it.val.unit.code, true
}

// Path is where the element is in its document, with JSON's names:
// "Patient.name[0].given[1]", "Observation.valueQuantity". A System value has none.
func (it Item) Path() string {
	if it.kind != kindElement {
		return ""
	}
	root := it.node
	for p := root.Parent(); p.Exists(); p = p.Parent() {
		root = p
	}
	name := root.Field("resourceType").Text()
	if name == "" {
		name = it.text
	}
	path := it.node.Path(name)
	if it.bare {
		if i := strings.LastIndex(path, "._"); i >= 0 {
			path = path[:i+1] + path[i+2:]
		}
	}
	return path
}
