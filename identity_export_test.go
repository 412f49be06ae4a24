package firebreak

import (
	"context"

	"firebreak/transport"
)

// ServeWeb is what a listener would call for what is not FHIR.
func (i *Instance) ServeWeb(ctx context.Context, req transport.WebRequest) transport.WebReply {
	return i.serveWeb(ctx, req)
}
