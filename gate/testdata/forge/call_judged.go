// Calling the maker of Judged.
//
// want: m.judged undefined
package forge

import (
	"firebreak/fhir"
	"firebreak/gate"
)

func forge(m *gate.Permit, s gate.Sealed) gate.Judged {
	return m.judged(fhir.ActRead, s, gate.Decision{Effect: gate.Permits})
}
