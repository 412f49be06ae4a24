// A Reply made by hand, with a body that nobody judged and no record of it.
//
// want: (cannot refer to unexported|unknown) field \w+ in struct literal of type gate.Reply
package forge

import "firebreak/gate"

var forged = gate.Reply{in: nil}
