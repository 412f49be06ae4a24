package firebreak

import (
	"context"

	"firebreak/fhir"
	"firebreak/gate"
)

// Serve is what a listener would call, for tests of what Explain foretells.
func (i *Instance) Serve(ctx context.Context, req fhir.Request) gate.Reply {
	return i.server.Serve(ctx, req)
}

// Under puts one more layer in force.
func (i *Instance) Under(l gate.Authorizer) (err error) {
	i.parts.Layers = append(i.parts.Layers, l)
	i.server, err = New(i.parts)
	return err
}
