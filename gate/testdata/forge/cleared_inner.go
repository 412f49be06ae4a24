// The struct behind a Cleared, named from outside.
//
// want: name cleared not exported by package gate|undefined: gate.cleared
package forge

import "firebreak/gate"

var forged = &gate.cleared{}
