// A Sealed converted to bytes.
//
// want: cannot convert s
package forge

import "firebreak/gate"

func open(s gate.Sealed) []byte { return []byte(s) }
