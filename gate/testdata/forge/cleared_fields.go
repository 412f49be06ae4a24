// A Cleared that no Release made, to be closed and sent.
//
// want: (cannot refer to unexported|unknown) field \w+ in struct literal of type gate.Cleared
package forge

import "firebreak/gate"

var forged = gate.Cleared{in: nil}
