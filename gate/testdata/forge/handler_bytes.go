// A FHIR handler that answers with bytes.
//
// want: cannot use handle
package forge

import (
	"context"

	"firebreak/fhir"
	"firebreak/transport"
)

func handle(ctx context.Context, req fhir.Request) []byte { return []byte("{}") }

var _ transport.Handler = handle
