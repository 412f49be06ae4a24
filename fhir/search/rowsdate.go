package search

import (
	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

// date writes date, dateTime, instant, Period and Timing
// (http://hl7.org/fhir/R4/search.html#date). A choice that may also be a string,
// as Procedure.performed, has no row for the string, whatever it reads like.
func (w writer) date(item fhirpath.Item, path string) {
	n := item.Node()
	switch item.Type() {
	case "Period":
		low, high, ok := periodBounds(n)
		if ok {
			w.dates(low, high, path)
		}
	case "Timing":
		low, high, ok := timingBounds(n)
		if ok {
			w.dates(low, high, path)
		}
	case "date", "dateTime", "instant", "Date", "DateTime":
		if low, high, ok := DateInterval(scalar(item)); ok {
			w.dates(low, high, path)
		}
	}
}

func (w writer) dates(low, high int64, path string) {
	row := w.row
	row.Low, row.High, row.Path = low, high, path
	w.e.rows = append(w.e.rows, row)
}

// periodBounds is the interval from the start's first to the end's last
// instant; a missing end is open. A Period without either says nothing, and one
// with a date that cannot be read, or that ends before it starts, neither.
func periodBounds(n fhirjson.Node) (low, high int64, ok bool) {
	start, end := n.Field("start"), n.Field("end")
	low, high = MinDate, MaxDate
	if !start.Exists() && !end.Exists() {
		return 0, 0, false
	}
	if start.Exists() {
		if low, _, ok = DateInterval(start.Text()); !ok {
			return 0, 0, false
		}
	}
	if end.Exists() {
		if _, high, ok = DateInterval(end.Text()); !ok {
			return 0, 0, false
		}
	}
	return low, high, low < high
}

// timingBounds are the outer limits of a Timing's events and bounds; the
// schedule between them does not count.
func timingBounds(n fhirjson.Node) (low, high int64, ok bool) {
	widen := func(l, h int64) {
		if !ok {
			low, high, ok = l, h, true
			return
		}
		low, high = min(low, l), max(high, h)
	}
	for event := range n.Field("event").Each() {
		if l, h, good := DateInterval(event.Text()); good {
			widen(l, h)
		}
	}
	if l, h, good := periodBounds(n.Field("repeat").Field("boundsPeriod")); good {
		widen(l, h)
	}
	return low, high, ok
}
