// A FHIR handler that leaves out Close, and with it the audit record.
//
// want: cannot use handle
package forge

import (
	"context"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

func handle(ctx context.Context, req fhir.Request) gate.Cleared { return gate.Cleared{} }

var _ transport.Handler = handle
