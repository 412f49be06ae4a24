// A Principal without NewPrincipal.
//
// want: (cannot refer to unexported|unknown) field \w+ in struct literal of type gate.Principal
package forge

import "firebreak/gate"

var forged = gate.Principal{digest: "0123456789abcdef"}
