// Package r4 is what FHIR R4 (4.0.1) defines, as plain data: types and their
// elements, published search parameters, compartments
// (http://hl7.org/fhir/R4/downloads.html; HL7 dedicates the definitions to the
// public domain, CC0). The tables are generated, checked in and static: they
// cost nothing at start and never change. Nothing here reads a resource.
//
// Its one surprise: a few of the published facts are wrong and are corrected
// by the generator; each correction stands, with its reason, in
// generate/corrections.go.
package r4

//go:generate go run ./generate

import (
	"slices"
)

// Kind says what sort of type a Type is.
type Kind uint8

// The kinds of a type.
const (
	KindResource  Kind = iota + 1 // Patient; also the abstract Resource and DomainResource
	KindComplex                   // HumanName; also the abstract Element and BackboneElement
	KindPrimitive                 // code; also xhtml
	KindBackbone                  // Patient.contact, Timing.repeat
)

// A Type is a resource type, a data type, or a backbone element.
type Type struct {
	Name     string // "Patient", "HumanName", "code"; a backbone element's is its path: "Patient.contact"
	Base     string // "DomainResource", "BackboneElement", "Quantity" (Age), "string" (code); "" for Resource and Element
	Kind     Kind
	Abstract bool

	// Elements are all elements, inherited ones first, in the order of the
	// definition. Those that a definition forbids (max 0) are left out, and so
	// is a primitive's own "value": in JSON that is the value itself.
	Elements []Element

	// Pattern is a primitive's regular expression, anchored at both ends, in
	// RE2 syntax; "" for other kinds, and for xhtml, which has none.
	Pattern string
}

// An Element is one element of a Type.
type Element struct {
	Name  string   // without a choice's type: "value" for value[x], "birthDate"
	Types []string // names for LookupType: one, or several when Choice. A contentReference is the path it refers to
	Min   int
	Max   int // 1, or -1: unbounded; R4's own types know no other bound

	Choice   bool // the JSON name ends in the type: valueQuantity
	Summary  bool // part of _summary=true
	Modifier bool // changes the meaning of what contains it

	// Targets are the resource types a Reference or canonical may point to, in
	// alphabetical order; nil means any.
	Targets []string

	// Binding is the URL of the value set whose codes are required, without
	// |version; "" when there is none or it is weaker than required.
	Binding string

	// Codes are the codes of Binding, sorted, when the element's type is code
	// and the published definitions list at most 100 of them; else nil.
	Codes []string
}

// LookupType is the type of that name: a resource type, a data type, or the
// path of a backbone element. The Type must not be changed.
func LookupType(name string) (*Type, bool) {
	i := typeIndex(name)
	if i < 0 {
		return nil, false
	}
	return &typeTable[i], true
}

// Element is the element of that name, without a choice's type: "value".
func (t *Type) Element(name string) (*Element, bool) {
	for i := range t.Elements {
		if t.Elements[i].Name == name {
			return &t.Elements[i], true
		}
	}
	return nil, false
}

// Property is the element that a JSON member stands for, and its type:
// "valueQuantity" is value as "Quantity", "birthDate" is birthDate as "date"
// (http://hl7.org/fhir/R4/json.html). The caller strips the "_" of a
// primitive's companion.
func (t *Type) Property(json string) (el *Element, typ string, ok bool) {
	for i := range t.Elements {
		if typ, ok := t.Elements[i].TypeOf(json); ok {
			return &t.Elements[i], typ, true
		}
	}
	return nil, "", false
}

// TypeOf is the element's type if a JSON member of that name is this element,
// as Property finds it.
func (e *Element) TypeOf(json string) (string, bool) {
	if len(json) < len(e.Name) || json[:len(e.Name)] != e.Name {
		return "", false
	}
	suffix := json[len(e.Name):]
	if !e.Choice {
		return e.Types[0], suffix == ""
	}
	if suffix == "" || suffix[0] < 'A' || suffix[0] > 'Z' {
		return "", false
	}
	for _, typ := range e.Types {
		if len(typ) == len(suffix) && typ[1:] == suffix[1:] && typ[0]&^0x20 == suffix[0] {
			return typ, true
		}
	}
	return "", false
}

// Resources are the names of the concrete resource types, sorted. The result
// is the caller's.
func Resources() []string {
	out := make([]string, resourceCount)
	for i := range out {
		out[i] = typeTable[i].Name
	}
	return out
}

// TypeID numbers the concrete resource types from 1, in alphabetical order.
// R4 is frozen, so the numbers are fit to be stored.
func TypeID(resource string) (uint16, bool) {
	i := typeIndex(resource)
	if i < 0 || i >= resourceCount {
		return 0, false
	}
	return uint16(i + 1), true
}

// IsID reports whether s can be a logical id: [A-Za-z0-9\-\.]{1,64}
// (http://hl7.org/fhir/R4/datatypes.html#id).
func IsID(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// TypeName undoes TypeID; "" for a number that is none.
func TypeName(id uint16) string {
	if id == 0 || int(id) > resourceCount {
		return ""
	}
	return typeTable[id-1].Name
}

// Model answers what FHIRPath asks about types. The zero Model is ready.
type Model struct{}

// Element gives the types of an element; parent is a type's name or a backbone
// element's path, name is without a choice's type ("value").
func (Model) Element(parent, name string) (types []string, choice bool, ok bool) {
	t, ok := LookupType(parent)
	if !ok {
		return nil, false, false
	}
	e, ok := t.Element(name)
	if !ok {
		return nil, false, false
	}
	return slices.Clip(e.Types), e.Choice, true
}

// Supertype is the type that typ specialises: "DomainResource" for "Patient",
// "string" for "code", "BackboneElement" for "Patient.contact"; "" for
// Resource, Element and names that are no type.
func (Model) Supertype(typ string) string {
	t, ok := LookupType(typ)
	if !ok {
		return ""
	}
	return t.Base
}

// IsPrimitive reports whether typ is a primitive type of FHIR, xhtml included.
func (Model) IsPrimitive(typ string) bool {
	t, ok := LookupType(typ)
	return ok && t.Kind == KindPrimitive
}
