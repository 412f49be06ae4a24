package demo

import (
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// An object is a JSON object in writing order. Members whose value is empty are
// left out, because FHIR has no empty values (http://hl7.org/fhir/R4/json.html).
type object []member

type member struct {
	name  string
	value any // string, decimal, int, bool, object or list
}

type list []any

// A decimal is a number as it is to be written: FHIR's decimals keep their digits.
type decimal string

// obj takes name, value, name, value …
func obj(pairs ...any) object {
	o := make(object, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		o = append(o, member{pairs[i].(string), pairs[i+1]})
	}
	return o
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case decimal:
		return v == ""
	case list:
		return len(v) == 0
	case object:
		return !slices.ContainsFunc(v, func(m member) bool { return !empty(m.value) })
	}
	return false
}

func encode(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		b, _ = jsontext.AppendQuote(b, v) // the error is invalid UTF-8, which it replaces
		return b
	case decimal:
		return append(b, v...)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case bool:
		return strconv.AppendBool(b, v)
	case list:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = encode(b, item)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		first := true
		for _, m := range v {
			if empty(m.value) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(encode(b, m.name), ':')
			b = encode(b, m.value)
		}
		return append(b, '}')
	}
	panic("demo: a value that is not JSON")
}

// number writes v with that many digits after the point.
func number(v float64, digits int) decimal {
	return decimal(strconv.FormatFloat(v, 'f', digits, 64))
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02T15:04:05-07:00")
}

func period(from, to time.Time) object {
	return obj("start", stamp(from), "end", stamp(to))
}

// A concept is one code of one code system.
type concept struct{ system, code, display string }

func (c concept) coding() object {
	if c.code == "" {
		return nil
	}
	return obj("system", c.system, "code", c.code, "display", c.display)
}

// codeable is the concept as a CodeableConcept, its display repeated as text.
func (c concept) codeable() object {
	if c.code == "" {
		return nil
	}
	return obj("coding", list{c.coding()}, "text", c.display)
}

// bare is the concept as a CodeableConcept without text, for status-like codes.
func (c concept) bare() object {
	if c.code == "" {
		return nil
	}
	return obj("coding", list{c.coding()})
}

// A ref is what it takes to refer to a resource.
type ref struct{ target, display string }

func (r ref) plain() object { return obj("reference", r.target) }
func (r ref) named() object { return obj("reference", r.target, "display", r.display) }

func quantity(v decimal, unit, ucum string) object {
	return obj("value", v, "unit", unit, "system", systemUCUM, "code", ucum)
}
