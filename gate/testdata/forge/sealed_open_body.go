// Opening a Sealed: what it holds is not a field one can name.
//
// want: s.in undefined
package forge

import "firebreak/gate"

func open(s gate.Sealed) any { return s.in }
