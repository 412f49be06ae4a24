// A Judged that was never judged.
//
// want: (cannot refer to unexported|unknown) field \w+ in struct literal of type gate.Judged
package forge

import "firebreak/gate"

var forged = gate.Judged{s: gate.Seal(gate.Header{}, nil), ok: true}
