// A judged reading turned into a change.
//
// want: j.change undefined
package forge

import "firebreak/gate"

func forge(j gate.Judged) gate.Judged {
	j.change = true
	return j
}
