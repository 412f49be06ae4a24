// Package search is FHIR search (http://hl7.org/fhir/R4/search.html) without a
// database: what a query string asks, as an expression; what a resource answers
// to each search parameter, as index rows; and whether a resource matches an
// expression, decided on its body.
//
// A store compiles the same expression to its own language. It does not know
// who asks: every hop of a chain or _has is a node of the expression so that
// a store can restrict each to what the caller may see.
//
// It has no terminology (:in, :not-in, and :above and :below of codes), no full
// text, does not convert units, and does not look into contained resources: what
// would need these is refused, never passed over. Its one surprise: codes of
// tokens are compared without case, as R4 advises where a code system does not
// say; systems, ids, URLs and units are compared exactly.
package search

import "firebreak/fhir/r4"

// Query is one search, parsed and checked against the definitions.
type Query struct {
	// Branches are the types searched, each with its condition. A system or
	// compartment search has several; they are disjoint and their results
	// are merged in sort order.
	Branches []Branch
	Sort     []SortKey
	Count    int  // entries a page; 0 asks for the total only
	Counted  bool // _count was given
	Total    TotalMode
	Summary  Summary
	Elements []string // top-level element names of _elements, choices also as in JSON (valueQuantity), or nil
	Includes []Include

	// Used are the parameters that were applied, in the order given: what the
	// self link shows; _count is lowered to the maximum, and keys and elements
	// that were passed over are left out. _format and _pretty are in neither.
	// Ignored names those lenient handling passed over, "?" for a name that has
	// more than the letters and signs of parameter names.
	Used    []Pair
	Ignored []string
}

// Branch is one type of a query.
type Branch struct {
	Type  string
	Where Expr // nil matches every resource of the type
}

// Pair is one name=value of a query string, decoded.
type Pair struct{ Name, Value string }

// Expr is a condition on one resource.
type Expr interface{ expr() }

type (
	// And holds when all of its conditions do; the empty And holds.
	And []Expr
	// Or holds when one of its conditions does; the empty Or does not.
	Or []Expr
	// Not holds when its condition does not.
	Not struct{ Expr Expr }

	// Test is one parameter of the resource itself: it holds when one value
	// of the parameter matches one of Values under the modifier. Param may be
	// _id or _lastUpdated. Modifier :not is represented by Not around a Test
	// without modifier, :missing by Missing, subject:Patient=1 by RefType, and
	// :contains by an Or of two Tests, with Contains and LaterOn.
	// semantics.go says when a value matches a row.
	Test struct {
		Param    *r4.SearchParam
		Modifier Modifier
		Values   []Value
	}
	// Missing holds when the resource has no row of any part (Missing true) or
	// some row (false) for the parameter.
	Missing struct {
		Param   *r4.SearchParam
		Missing bool
	}
	// Chain holds when the reference parameter refers to a resource of type
	// Target for which Where holds.
	Chain struct {
		Param  *r4.SearchParam
		Target string
		Where  Expr
	}
	// Has holds when a resource of type Source refers to this one by its
	// reference parameter Param, and Where holds for it.
	Has struct {
		Source string
		Param  *r4.SearchParam
		Where  Expr
	}
)

func (And) expr()     {}
func (Or) expr()      {}
func (Not) expr()     {}
func (Test) expr()    {}
func (Missing) expr() {}
func (Chain) expr()   {}
func (Has) expr()     {}

// Modifier is a search parameter's suffix.
type Modifier string

// The modifiers a Test can carry. :not and :missing have nodes of their own.
const (
	NoModifier   Modifier = ""
	Exact        Modifier = "exact"
	Contains     Modifier = "contains"
	LaterOn      Modifier = "contains, later on" // the other half of :contains: in rows of part Rest
	Text         Modifier = "text"
	ByIdentifier Modifier = "identifier"
	OfType       Modifier = "of-type"
	Above        Modifier = "above"
	Below        Modifier = "below"
)

// Prefix is a comparison; the zero Prefix is Eq.
type Prefix uint8

// The prefixes of http://hl7.org/fhir/R4/search.html#prefix.
const (
	Eq Prefix = iota
	Ne
	Gt
	Lt
	Ge
	Le
	Sa
	Eb
	Ap
)

// Value is one of a Test's alternatives. Which fields are set depends on the
// parameter's type.
type Value struct {
	// String, URI: the text as given (unescaped). Token with :text: the text.
	Text string

	// Token, quantity, :identifier, :of-type: System nil means any system,
	// "" means none. The system that a parameter implies for all its values is
	// nil; see Row. Code "" with a System means any code of that system.
	// :of-type has the type's system and code here, the value in Text. Code is
	// folded (FoldCode, FoldContact) but for quantities, whose units have case, and for _id.
	System *string
	Code   string

	// Date, number, quantity.
	Prefix Prefix
	// Date: the half-open interval of instants the value denotes, microseconds
	// since 1970 UTC. With Ap it is already widened.
	DateLow, DateHigh int64
	// Number and quantity: the value, and the half-open interval that its
	// precision implies ("100" is [99.5, 100.5)). With Ap it is widened.
	Number, NumLow, NumHigh float64

	// Reference: RefType "" means any type the parameter allows. RefID is the
	// logical id. RefURL is set instead for what is not on this server, and
	// for canonicals ("|version" kept). A canonical under this server's base
	// reads as type and id; the rows of such canonicals have both forms.
	RefType, RefID, RefURL string

	// Special: where, and how near.
	Near Near

	// Composite: one value per component.
	Parts []Value
}

// SortKey is one key of _sort. Param may be _id or _lastUpdated.
type SortKey struct {
	Code       string // the parameter's code; it is looked up per branch
	Descending bool
}

// TotalMode is _total; the zero mode is the server's choice.
type TotalMode uint8

// The total modes.
const (
	TotalDefault TotalMode = iota
	TotalNone
	TotalEstimate
	TotalAccurate
)

// Summary is _summary; the zero Summary is false.
type Summary uint8

// The summaries.
const (
	SummaryFalse Summary = iota
	SummaryTrue
	SummaryText
	SummaryData
	SummaryCount
)

// Include is one _include or _revinclude.
type Include struct {
	Reverse bool            // _revinclude
	Iterate bool            // :iterate
	Source  string          // the type that holds the reference; "" when the value was "*" alone
	Param   *r4.SearchParam // nil when All
	Target  string          // restricts the target type; "" does not
	All     bool            // every reference parameter of Source ("*" alone: of every type)
}

// Row is one value of one search parameter of one resource: what an index holds.
type Row struct {
	Param *r4.SearchParam
	Part  Part  // which aspect of the parameter's value this row is
	Group int32 // composite: rows of one component tuple share it; else 0

	// Text kinds (token, string, uri, reference).
	//   token:     Value is the folded code, Aux the system; "" when there is none, and
	//              when the parameter implies one system for all its values
	//   string:    Value is the folded text, Aux the text as written
	//   uri:       Value is the URI; a canonical with |version has a second row without it
	//   reference: Value is the logical id, Aux the type; or Value a URL and Aux "",
	//              canonicals as for uri
	Value, Aux string

	// Date: [Low, High) in microseconds since 1970 UTC, MinDate and MaxDate for
	// an end that is open.
	Low, High int64

	// Number and quantity: [NumLow, NumHigh], equal for a single value, infinite
	// for an end that is open. Quantity: Value is the code (or unit when there is
	// no code), Aux the system; a unit that reads unlike the code has a row of its
	// own, with Aux "".
	// Special, that is near: the latitude and the longitude, in degrees.
	NumLow, NumHigh float64

	// Path is the element the value came from, as fhirjson's Node.Path names it:
	// "Patient.name[0].family", "Observation.valueQuantity". Masks by definition
	// compare ElementPath(Path).
	Path string
}

// Kind says which of a Row's fields count.
type Kind uint8

// The kinds of row.
const (
	KindText Kind = iota
	KindDate
	KindNumber
)

// Part tells apart the rows that one parameter may write.
type Part uint8

// The parts. A composite's n-th component writes rows with part Component+n.
const (
	Whole      Part = 0 // the value itself
	TextPart   Part = 1 // :text of a token: CodeableConcept.text, Coding.display, as a string row
	Identifier Part = 2 // :identifier of a reference: Reference.identifier as a token row
	TypedID    Part = 3 // :of-type of an identifier: Value is folded code|value, Aux the type's system
	Rest       Part = 4 // a piece of a folded string that is longer than MaxIndexed, for :contains
	Component  Part = 8
)
