// Opening a Sealed by the function that the gate opens it with.
//
// want: s.at undefined
package forge

import "firebreak/gate"

func open(s gate.Sealed) any { return s.at() }
