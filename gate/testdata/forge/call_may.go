// Asking the layers directly, to act on the answer oneself.
//
// want: g.may undefined
package forge

import (
	"firebreak/fhir"
	"firebreak/gate"
)

func ask(g *gate.Gate, p gate.Principal, s gate.Sealed) (gate.Decision, error) {
	return g.may(p, fhir.ActRead, s)
}
