// A zero Reply is anybody's; filling it in is nobody's.
//
// want: (forged|c).in undefined
package forge

import "firebreak/gate"

func forge(c gate.Cleared) gate.Reply {
	var forged gate.Reply
	forged.in = c.in
	return forged
}
