// Releasing what was found without judging it.
//
// want: cannot use s
package forge

import "firebreak/gate"

func skip(g *gate.Gate, m *gate.Permit, s gate.Sealed) (gate.Cleared, error) {
	return g.Release(m, s, gate.Shape{Status: 200})
}
