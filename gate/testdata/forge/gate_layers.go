// Taking the layers out of a gate.
//
// want: g.layers undefined
package forge

import "firebreak/gate"

func disarm(g *gate.Gate) { g.layers = nil }
