// Package validate says what is wrong with a resource before it is stored
// (http://hl7.org/fhir/R4/validation.html): control 11. Today it checks
// structure: types, numbers, JSON forms, primitives, required codes, by the
// tables of package r4. It does not look anything up: not whether references
// resolve, nor whether a code is in a terminology, nor what a profile or a
// FHIRPath invariant asks.
//
// Its one surprise: an issue never says what the content was, only where it
// stands and which rule it broke. Issues may be shown to anyone who may see
// the path.
package validate
