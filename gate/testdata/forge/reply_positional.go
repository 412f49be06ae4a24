// The same, by position instead of by name.
//
// want: implicit assignment to unexported field|too many values in struct literal
package forge

import "firebreak/gate"

var forged = gate.Reply{200}
