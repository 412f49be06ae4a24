// A Permit that no Admit gave.
//
// want: (cannot refer to unexported|unknown) field \w+ in struct literal of type gate.Permit
package forge

import "firebreak/gate"

var forged = &gate.Permit{in: gate.NewPrincipal(gate.Identity{Tenant: "main"})}
