// A rule of one's own that no store knows: Rule is closed.
//
// want: does not implement gate.Rule
package forge

import "firebreak/gate"

type open struct{}

func (open) rule() {}

var _ gate.Rule = open{}
