package search

import (
	"strings"

	"firebreak/fhir/r4"
)

// When a value of a query matches a row. These functions are the definition:
// Match calls them, and a store's compiler must agree with them row by row.
//
// A Test holds when one row of its parameter matches one of its values; so ne,
// too, holds when one row differs. Not{Test} holds when no row matches. Missing
// asks for rows of any Part: a resource whose values give no row (only an
// extension, only Reference.display) has none.
//
// Dates: the value is [l,h), the row [low,high), of instants.
//
//	eq  l <= low && high <= h          the value contains the row
//	ne  not eq
//	gt  high > h                       the row reaches above the value
//	lt  low < l                        the row reaches below the value
//	ge  gt || eq
//	le  lt || eq
//	sa  low >= h                       the row starts after the value
//	eb  high <= l                      the row ends before the value
//	ap  low < h && l < high            they overlap; Parse has widened [l,h)
//
// Numbers and quantities: the value is n, its precision [l,h); the row is
// [low,high], a single value when both are equal. For all but eq, ne and ap the
// precision does not count (http://hl7.org/fhir/R4/search.html#prefix).
//
//	eq  l <= low && high < h
//	ne  not eq
//	gt  high > n        lt  low < n
//	ge  high >= n       le  low <= n
//	sa  low > n         eb  high < n
//	ap  high >= l && low <= h          Parse has widened [l,h]
//
// Quantities besides need the unit: the system when the value has one, the code
// when the value has one. ne is about the number only; the unit must agree.
//
// Tokens: the code equal to the row's folded one, or any when the value has
// only a system; the system equal, or any when the value has none. A system that
// the parameter implies is in no row, and Parse has taken it out of the value.
//
// Strings: the folded text starts with the folded value; :contains anywhere, in
// rows of part Rest for LaterOn; :exact the text as written equals the value.
//
// URIs: equal; :below the row starts with the value; :above the row is one of
// URIAncestors of the value. A canonical with a version has two rows, with and
// without it, so that equality is all that is needed.
//
// Near: no farther than the distance; NearMatches has the arithmetic.
//
// References: type and id equal, or the id and any type; or the URL equal.

// DateMatches decides a date.
func DateMatches(v Value, low, high int64) bool {
	eq := v.DateLow <= low && high <= v.DateHigh
	switch v.Prefix {
	case Eq:
		return eq
	case Ne:
		return !eq
	case Gt:
		return high > v.DateHigh
	case Lt:
		return low < v.DateLow
	case Ge:
		return high > v.DateHigh || eq
	case Le:
		return low < v.DateLow || eq
	case Sa:
		return low >= v.DateHigh
	case Eb:
		return high <= v.DateLow
	case Ap:
		return low < v.DateHigh && v.DateLow < high
	}
	return false
}

// NumberMatches decides a number.
func NumberMatches(v Value, low, high float64) bool {
	eq := v.NumLow <= low && high < v.NumHigh
	switch v.Prefix {
	case Eq:
		return eq
	case Ne:
		return !eq
	case Gt:
		return high > v.Number
	case Lt:
		return low < v.Number
	case Ge:
		return high >= v.Number
	case Le:
		return low <= v.Number
	case Sa:
		return low > v.Number
	case Eb:
		return high < v.Number
	case Ap:
		return high >= v.NumLow && low <= v.NumHigh
	}
	return false
}

// QuantityMatches decides a quantity with a row's range, unit and system.
func QuantityMatches(v Value, low, high float64, code, system string) bool {
	return NumberMatches(v, low, high) &&
		(v.Code == "" || v.Code == code) && (v.System == nil || *v.System == system)
}

// TokenMatches decides a token with a row's folded code and its system.
func TokenMatches(v Value, code, system string) bool {
	return (v.Code == "" || v.Code == code) && (v.System == nil || *v.System == system)
}

// OfTypeMatches decides :of-type with a TypedID row.
func OfTypeMatches(v Value, value, system string) bool {
	return v.System != nil && *v.System == system && value == TypedValue(v.Code, v.Text)
}

// TypedValue is the Value of a TypedID row: the type's code|value, both folded.
func TypedValue(code, value string) string {
	return FoldCode(code) + "|" + FoldCode(value)
}

// StringMatches decides a string, and :text of a token, with a row's folded
// text and the text as written.
func StringMatches(m Modifier, v Value, folded, written string) bool {
	switch m {
	case Exact:
		return v.Text == written
	case Contains, LaterOn:
		return strings.Contains(folded, Fold(v.Text))
	default:
		return strings.HasPrefix(folded, Fold(v.Text))
	}
}

// URIMatches decides a URI.
func URIMatches(m Modifier, v Value, uri string) bool {
	switch m {
	case Below:
		return strings.HasPrefix(uri, v.Text)
	case Above:
		for _, a := range URIAncestors(v.Text) {
			if a == uri {
				return true
			}
		}
		return false
	default:
		return v.Text == uri
	}
}

// URIAncestors are what :above matches (search.html#modifiers): the URL and
// each URL above it, cut at its slashes, with the slash and without, down to
// the authority.
func URIAncestors(uri string) []string {
	out := []string{uri}
	root := 0
	if i := strings.Index(uri, "://"); i >= 0 {
		root = i + len("://")
	}
	for i := len(uri) - 1; i > root; i-- {
		if uri[i] != '/' {
			continue
		}
		if i+1 < len(uri) {
			out = append(out, uri[:i+1])
		}
		out = append(out, uri[:i])
	}
	return out
}

// ReferenceMatches decides a reference with a row's id and type, or URL and "".
func ReferenceMatches(v Value, value, typ string) bool {
	if v.RefURL != "" {
		return typ == "" && value == v.RefURL
	}
	return typ != "" && value == v.RefID && (v.RefType == "" || v.RefType == typ)
}

// PartOf is the part whose rows a Test with that modifier looks at.
func PartOf(m Modifier) Part {
	switch m {
	case Text:
		return TextPart
	case ByIdentifier:
		return Identifier
	case OfType:
		return TypedID
	case LaterOn:
		return Rest
	default:
		return Whole
	}
}

// RowKind says which fields count in the rows that a parameter of that type
// writes for that part. A composite's component has the kind of its own type.
func RowKind(t r4.ParamType, part Part) Kind {
	switch {
	case part != Whole && part < Component:
		return KindText
	case t == r4.ParamDate:
		return KindDate
	case t == r4.ParamNumber, t == r4.ParamQuantity, t == r4.ParamSpecial:
		return KindNumber
	default:
		return KindText
	}
}

// ValueMatches decides one value of a parameter of that type with one row, whose
// part must be the modifier's. It is false for composites: see TupleMatches.
func ValueMatches(t r4.ParamType, m Modifier, v Value, row Row) bool {
	switch m {
	case Text:
		return StringMatches(NoModifier, v, row.Value, row.Aux)
	case ByIdentifier:
		return TokenMatches(v, row.Value, row.Aux)
	case OfType:
		return OfTypeMatches(v, row.Value, row.Aux)
	}
	switch t {
	case r4.ParamToken:
		return TokenMatches(v, row.Value, row.Aux)
	case r4.ParamString:
		return StringMatches(m, v, row.Value, row.Aux)
	case r4.ParamURI:
		return URIMatches(m, v, row.Value)
	case r4.ParamReference:
		return ReferenceMatches(v, row.Value, row.Aux)
	case r4.ParamDate:
		return DateMatches(v, row.Low, row.High)
	case r4.ParamNumber:
		return NumberMatches(v, row.NumLow, row.NumHigh)
	case r4.ParamQuantity:
		return QuantityMatches(v, row.NumLow, row.NumHigh, row.Value, row.Aux)
	case r4.ParamSpecial:
		return NearMatches(v.Near, row.NumLow, row.NumHigh)
	default:
		return false
	}
}

// TupleMatches decides one value of a composite with the rows of the parameter:
// one group must have, for each component, a row that matches its part.
func TupleMatches(p *r4.SearchParam, v Value, rows []Row) bool {
	if len(v.Parts) != len(p.Components) {
		return false
	}
	matched := map[int32]int{}
	for n, part := range v.Parts {
		typ := p.Components[n].Param.Type
		for _, row := range rows {
			// A group counts for component n only after all before it.
			if row.Part == Component+Part(n) && matched[row.Group] == n && ValueMatches(typ, NoModifier, part, row) {
				matched[row.Group] = n + 1
			}
		}
	}
	for _, n := range matched {
		if n == len(p.Components) {
			return true
		}
	}
	return false
}
