// Another person put into a permit that was given.
//
// want: (m|other).in undefined
package forge

import "firebreak/gate"

func forge(m, other *gate.Permit) { m.in = other.in }
