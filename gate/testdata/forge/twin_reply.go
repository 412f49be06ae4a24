// The other way round: a struct of ours converted to a Reply.
//
// want: cannot convert twin
package forge

import "firebreak/gate"

type reply struct {
	status int
	header [][2]string
	body   []byte
}

type veil[T any] struct{ p **T }

type twin struct{ in veil[reply] }

var forged = gate.Reply(twin{})
