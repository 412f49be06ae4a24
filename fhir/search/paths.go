package search

import (
	"strings"

	"firebreak/fhir/r4"
)

// ElementPath is the element of the definitions that a Row's Path is a value
// of: no indexes, and a choice by its name without type. "Patient.name[0].given"
// is one of "Patient.name.given", "Observation.valueQuantity" of
// "Observation.value". What the definitions do not have is kept as it is.
func ElementPath(path string) string {
	steps := strings.Split(path, ".")
	typ := steps[0]
	for i, step := range steps[1:] {
		if j := strings.IndexByte(step, '['); j >= 0 {
			step = step[:j]
		}
		steps[i+1] = step
		t, ok := r4.LookupType(typ)
		if !ok {
			typ = ""
			continue
		}
		el, elType, ok := t.Property(step)
		if !ok {
			typ = ""
			continue
		}
		steps[i+1], typ = el.Name, elType
	}
	return strings.Join(steps, ".")
}
