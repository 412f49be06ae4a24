package r4

import (
	"slices"
	"sort"
)

// ParamType is the type of a search parameter
// (http://hl7.org/fhir/R4/search.html#ptypes).
type ParamType uint8

// The types of search parameters.
const (
	ParamNumber ParamType = iota + 1
	ParamDate
	ParamString
	ParamToken
	ParamReference
	ParamComposite
	ParamQuantity
	ParamURI
	ParamSpecial // needs code of its own: near; and those published without an expression
)

// paramTypeCodes are FHIR's words, in the order of the constants.
const paramTypeCodes = "numberdatestringtokenreferencecompositequantityurispecial"

// String is FHIR's word for the type: "number", "uri".
func (t ParamType) String() string {
	ends := [...]int{0, 6, 10, 16, 21, 30, 39, 47, 50, 57}
	if t == 0 || int(t) >= len(ends) {
		return "unknown"
	}
	return paramTypeCodes[ends[t-1]:ends[t]]
}

// A SearchParam is one published search parameter for one resource type. A
// parameter published with n bases is n SearchParams, each with the part of
// the expression that is for its base.
type SearchParam struct {
	ID       uint32 // TypeID<<8 | position of Code among the type's sorted codes, from 1; fit to be stored
	Resource string // "Observation"; "Resource" in what SearchParams("Resource") lists
	Code     string // "subject"
	URL      string // "http://hl7.org/fhir/SearchParameter/Observation-subject"
	Type     ParamType

	// Expression is FHIRPath, evaluated on the resource. It is empty for the
	// few parameters that are computed in another way: those are ParamSpecial.
	Expression string

	Targets    []string    // of a reference: the resource types it may point to
	Components []Component // of a composite

	// Systems are of a token on elements of type code: the systems that their
	// required binding implies (http://hl7.org/fhir/R4/search.html#token). One
	// is the system of every value; of several, Codes tell which. A parameter
	// with Systems has no values but such codes.
	Systems []ImpliedSystem
	// Bare holds of a token on ContactPoint, boolean or uri only: its values
	// have no system, and no | may be asked for (search.html#token).
	Bare bool
}

// An ImpliedSystem is a code system that codes belong to without saying so.
type ImpliedSystem struct {
	URL   string
	Codes []string // of this system, sorted; nil when it is the only one
}

// A Component is one part of a composite parameter.
type Component struct {
	Param      *SearchParam // of the same resource
	Expression string       // FHIRPath, relative to the composite's Expression
}

// SearchParams are the parameters of a resource type, sorted by code, with
// those of Resource and DomainResource. "Resource" lists what every type has:
// its entries have the type number 0. The slice must not be changed.
func SearchParams(resource string) []*SearchParam {
	if resource == "Resource" {
		return paramsByType[0]
	}
	id, ok := TypeID(resource)
	if !ok {
		return nil
	}
	return paramsByType[id]
}

// LookupSearchParam is the parameter of that resource type and code.
func LookupSearchParam(resource, code string) (*SearchParam, bool) {
	params := SearchParams(resource)
	i := sort.Search(len(params), func(i int) bool { return params[i].Code >= code })
	if i == len(params) || params[i].Code != code {
		return nil, false
	}
	return params[i], true
}

// ParamByID is the parameter of that ID, or nil.
func ParamByID(id uint32) *SearchParam {
	typ, pos := id>>8, id&0xff
	if typ >= uint32(len(paramsByType)) || pos == 0 || pos > uint32(len(paramsByType[typ])) {
		return nil
	}
	return paramsByType[typ][pos-1]
}

// CompartmentParams are the search parameters that tie a resource type to a
// compartment (http://hl7.org/fhir/R4/compartmentdefinition.html):
// ("Patient", "Observation") has subject and performer. The compartment's own
// type has "{def}", the resource itself, before its other parameters. It
// reports false for a type that is not in the compartment. The result is the
// caller's.
func CompartmentParams(compartment, resource string) ([]string, bool) {
	for i := range compartments {
		if compartments[i].code != compartment {
			continue
		}
		members := compartments[i].members
		j := sort.Search(len(members), func(j int) bool { return members[j].resource >= resource })
		if j < len(members) && members[j].resource == resource {
			return slices.Clone(members[j].params), true
		}
	}
	return nil, false
}

type compartment struct {
	code    string
	members []compartmentMember // sorted by resource
}

type compartmentMember struct {
	resource string
	params   []string
}
