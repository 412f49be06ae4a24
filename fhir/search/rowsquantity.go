package search

import (
	"math"

	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

// currencies is the system of Money's codes (http://hl7.org/fhir/R4/datatypes.html#Money).
const currencies = "urn:iso:std:iso:4217"

// quantity writes Quantity and its kinds, Money and Range
// (http://hl7.org/fhir/R4/search.html#quantity). SampledData gives no row.
func (w writer) quantity(item fhirpath.Item, path string) {
	n := item.Node()
	switch item.Type() {
	case "Quantity", "SimpleQuantity", "MoneyQuantity", "Age", "Count", "Distance", "Duration":
		f, ok := float(n.Field("value"))
		if !ok {
			return
		}
		low, high := compared(f, n.Field("comparator").Text())
		w.units(low, high, n, path)
	case "Money":
		if f, ok := float(n.Field("value")); ok {
			w.numbers(f, f, n.Field("currency").Text(), currencies, path)
		}
	case "Range":
		w.span(n, path, true)
	}
}

// compared is the range that a value with comparator stands for. Rows are
// closed ranges, so < and > end at the next double.
func compared(f float64, comparator string) (low, high float64) {
	switch comparator {
	case "<":
		return math.Inf(-1), math.Nextafter(f, math.Inf(-1))
	case "<=":
		return math.Inf(-1), f
	case ">=":
		return f, math.Inf(1)
	case ">":
		return math.Nextafter(f, math.Inf(1)), math.Inf(1)
	default:
		return f, f
	}
}

// units writes a row with the code and system and, when the unit reads
// differently, one with the unit alone: "5.4||mg" asks for either.
func (w writer) units(low, high float64, n fhirjson.Node, path string) {
	code, unit, system := n.Field("code").Text(), n.Field("unit").Text(), n.Field("system").Text()
	if code == "" {
		code, unit = unit, ""
	}
	w.numbers(low, high, code, system, path)
	if unit != "" && unit != code {
		w.numbers(low, high, unit, "", path)
	}
}

// span writes a Range; a missing end is open.
func (w writer) span(n fhirjson.Node, path string, units bool) {
	low, high := n.Field("low"), n.Field("high")
	from, hasLow := float(low.Field("value"))
	to, hasHigh := float(high.Field("value"))
	if !hasLow && !hasHigh {
		return
	}
	unit := low
	if !hasLow {
		from, unit = math.Inf(-1), high
	}
	if !hasHigh {
		to = math.Inf(1)
	}
	if !units {
		w.numbers(from, to, "", "", path)
		return
	}
	w.units(from, to, unit, path)
}
