// A struct that embeds a Sealed gets its methods, and still no field.
//
// want: o.in undefined
package forge

import "firebreak/gate"

type opener struct{ gate.Sealed }

func open(o opener) any { return o.in }
