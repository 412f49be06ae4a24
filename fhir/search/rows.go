package search

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

// writer turns the values of one parameter, or of one component of a composite,
// into rows like row.
type writer struct {
	e   *extraction
	row Row // Param, Part, Group of what is written
	typ r4.ParamType
}

// value writes the rows of one value (the tables of data types under
// http://hl7.org/fhir/R4/search.html#ptypes).
func (w writer) value(item fhirpath.Item, path string) {
	switch w.typ {
	case r4.ParamToken:
		w.token(item, path)
	case r4.ParamString:
		w.string(item, path)
	case r4.ParamURI:
		w.uri(item, path)
	case r4.ParamReference:
		w.reference(item, path)
	case r4.ParamDate:
		w.date(item, path)
	case r4.ParamNumber:
		w.number(item, path)
	case r4.ParamQuantity:
		w.quantity(item, path)
	case r4.ParamSpecial:
		w.position(item, path)
	}
}

// skips holds for rows that only modifiers look at, in components. The components of
// composites have none: modifiers do not apply to them.
func (w writer) skips(part Part) bool { return part != Whole && w.row.Part != Whole }

func (w writer) text(part Part, value, aux, path string) {
	row := w.row
	if part != Whole {
		row.Part = part
	}
	row.Value, row.Aux, row.Path = value, aux, path
	w.e.rows = append(w.e.rows, row)
}

// words writes a string row.
func (w writer) words(part Part, n fhirjson.Node) {
	text := n.Text()
	if n.Kind() != fhirjson.String || text == "" || w.skips(part) {
		return
	}
	folded, path := Fold(text), w.e.nodePath(n)
	w.text(part, folded, text, path)
	if part == Whole {
		w.rest(folded, path)
	}
}

func (w writer) token(item fhirpath.Item, path string) {
	n := item.Node()
	switch item.Type() {
	case "Coding":
		w.coding(n)
	case "CodeableConcept":
		for c := range n.Field("coding").Each() {
			w.coding(c)
		}
		w.words(TextPart, n.Field("text"))
	case "Identifier":
		w.identifier(Whole, n)
		w.typedID(n)
	case "ContactPoint":
		if v := n.Field("value"); v.Kind() == fhirjson.String {
			fold := FoldCode
			if w.row.Param.Bare {
				fold = FoldContact
			}
			w.text(Whole, fold(v.Text()), "", w.e.nodePath(v))
		}
	default:
		if t := scalar(item); t != "" {
			w.text(Whole, FoldCode(t), w.implied(t), path)
		}
	}
}

// implied is the system of a code whose parameter implies several: the one that
// has the code. A system that is every row's is left out; see tokenOf.
func (w writer) implied(code string) string {
	p := w.row.Param
	if w.row.Part >= Component {
		p = p.Components[w.row.Part-Component].Param
	}
	if len(p.Systems) < 2 {
		return ""
	}
	for _, s := range p.Systems {
		if _, ok := slices.BinarySearch(s.Codes, code); ok {
			return s.URL
		}
	}
	return ""
}

// scalar is the text of a primitive or computed value, "" for all else.
func scalar(item fhirpath.Item) string {
	switch item.Node().Kind() {
	case fhirjson.Object, fhirjson.Array, fhirjson.Null:
		return ""
	}
	return item.Text()
}

func (w writer) coding(n fhirjson.Node) {
	code, system := n.Field("code").Text(), n.Field("system").Text()
	if code != "" || system != "" {
		w.text(Whole, FoldCode(code), system, w.e.nodePath(n))
	}
	w.words(TextPart, n.Field("display"))
}

func (w writer) identifier(part Part, n fhirjson.Node) {
	value, system := n.Field("value").Text(), n.Field("system").Text()
	if (value != "" || system != "") && !w.skips(part) {
		w.text(part, FoldCode(value), system, w.e.nodePath(n))
	}
}

// typedID writes what :of-type and :text of an identifier look at.
func (w writer) typedID(n fhirjson.Node) {
	typ := n.Field("type")
	if w.skips(TypedID) || !typ.Exists() {
		return
	}
	if value := n.Field("value").Text(); value != "" {
		for c := range typ.Field("coding").Each() {
			if code := c.Field("code").Text(); code != "" {
				w.text(TypedID, TypedValue(code, value), c.Field("system").Text(), w.e.nodePath(n))
			}
		}
	}
	w.words(TextPart, typ.Field("text"))
}

// isNamePart and isAddressPart are what a string search looks at (search.html#string).
func isNamePart(name string) bool {
	switch name {
	case "family", "given", "prefix", "suffix", "text":
		return true
	}
	return false
}

func isAddressPart(name string) bool {
	switch name {
	case "text", "line", "city", "district", "state", "postalCode", "country":
		return true
	}
	return false
}

func (w writer) string(item fhirpath.Item, path string) {
	var is func(string) bool
	switch item.Type() {
	case "HumanName":
		is = isNamePart
	case "Address":
		is = isAddressPart
	default:
		if t := scalar(item); t != "" {
			folded := Fold(t)
			w.text(Whole, folded, t, path)
			w.rest(folded, path)
		}
		return
	}
	for part := range item.Node().Children() {
		if !is(part.Name()) {
			continue
		}
		for s := range part.Each() {
			w.words(Whole, s)
		}
	}
}

// uri writes a canonical with a version twice, so that a search without
// version finds it by equality.
func (w writer) uri(item fhirpath.Item, path string) {
	url := scalar(item)
	if url == "" {
		return
	}
	w.text(Whole, url, "", path)
	if bare, _, ok := strings.Cut(url, "|"); ok && bare != "" && item.Type() == "canonical" {
		w.text(Whole, bare, "", path)
	}
}

// reference writes literal references, the identifiers of logical ones, and
// canonicals. Fragments refer to what is contained and give no row.
func (w writer) reference(item fhirpath.Item, path string) {
	n := item.Node()
	if n.Kind() == fhirjson.Object {
		if item.Type() != "Reference" {
			return // a resource within a Bundle refers to nothing
		}
		w.literal(n.Field("reference").Text(), path)
		if id := n.Field("identifier"); id.Exists() {
			w.identifier(Identifier, id)
		}
		return
	}
	url := scalar(item)
	if strings.HasPrefix(url, "#") {
		return
	}
	// A canonical or uri is a URL first; one under our base is a resource here too.
	w.uri(item, path)
	if t, ok := w.target(url); ok && t.typ != "" {
		w.text(Whole, t.id, t.typ, path)
	}
}

func (w writer) literal(ref, path string) {
	t, ok := w.target(ref)
	switch {
	case !ok:
	case t.url != "":
		w.text(Whole, t.url, "", path)
	default:
		w.text(Whole, t.id, t.typ, path)
	}
}

func (w writer) target(ref string) (target, bool) {
	for _, base := range w.e.x.bases {
		if t, ok := readTarget(ref, base); ok && t.typ != "" {
			return t, true
		}
	}
	return readTarget(ref, "")
}

func (w writer) number(item fhirpath.Item, path string) {
	n := item.Node()
	if item.Type() == "Range" {
		w.span(n, path, false)
		return
	}
	if f, ok := float(n); ok {
		w.numbers(f, f, "", "", path)
	}
}

func float(n fhirjson.Node) (float64, bool) {
	if n.Kind() != fhirjson.Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(n.Text(), 64)
	return f, err == nil && !math.IsInf(f, 0)
}

func (w writer) numbers(low, high float64, code, system, path string) {
	row := w.row
	row.NumLow, row.NumHigh, row.Value, row.Aux, row.Path = low, high, code, system, path
	w.e.rows = append(w.e.rows, row)
}

// position writes what near looks at. A place that is not on Earth has no row.
func (w writer) position(item fhirpath.Item, path string) {
	n := item.Node()
	lat, ok1 := float(n.Field("latitude"))
	lon, ok2 := float(n.Field("longitude"))
	if ok1 && ok2 && math.Abs(lat) <= 90 && math.Abs(lon) <= 180 {
		w.numbers(lat, lon, "", "", path)
	}
}
