package authz

import (
	"slices"
	"strconv"
	"strings"
)

// kind is what sort of value an expression has.
type kind uint8

const (
	kindBool kind = iota + 1
	kindLong
	kindString
	kindEntity
	kindSet
)

func (k kind) String() string {
	return [...]string{"", "true or false", "a number", "text", "an entity", "a set"}[k]
}

// value is a value of net 1's interpreter: of the fields, those of its kind.
type value struct {
	kind kind
	bool bool
	long int64
	text string // text, or an entity's id
	typ  string // an entity's type
	set  []value
}

func boolean(b bool) value            { return value{kind: kindBool, bool: b} }
func text(s string) value             { return value{kind: kindString, text: s} }
func entity(typ, id string) value     { return value{kind: kindEntity, typ: typ, text: id} }
func (v value) is(b bool) bool        { return v.kind == kindBool && v.bool == b }
func (v value) contains(o value) bool { return slices.ContainsFunc(v.set, o.equal) }

func texts(list []string) value {
	v := value{kind: kindSet}
	for _, s := range list {
		v.set = append(v.set, text(s))
	}
	return v
}

// equal is Cedar's ==. Order and repetition don't matter in a set.
func (v value) equal(o value) bool {
	if v.kind != o.kind {
		return false
	}
	switch v.kind {
	case kindBool:
		return v.bool == o.bool
	case kindLong:
		return v.long == o.long
	case kindString:
		return v.text == o.text
	case kindEntity:
		return v.typ == o.typ && v.text == o.text
	default:
		return v.containsAll(o) && o.containsAll(v)
	}
}

func (v value) containsAll(o value) bool {
	for _, x := range o.set {
		if !v.contains(x) {
			return false
		}
	}
	return true
}

func (v value) containsAny(o value) bool { return slices.ContainsFunc(o.set, v.contains) }

// String is the value as Cedar writes it.
func (v value) String() string {
	switch v.kind {
	case kindBool:
		return strconv.FormatBool(v.bool)
	case kindLong:
		return strconv.FormatInt(v.long, 10)
	case kindString:
		return strconv.Quote(v.text)
	case kindEntity:
		return v.typ + "::" + strconv.Quote(v.text)
	default:
		parts := make([]string, len(v.set))
		for i, x := range v.set {
			parts[i] = x.String()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
}
