// A FHIR handler that holds the http.ResponseWriter.
//
// want: cannot use handle
package forge

import (
	"net/http"

	"firebreak/fhir"
	"firebreak/transport"
)

func handle(w http.ResponseWriter, req fhir.Request) { w.Write([]byte("{}")) }

var _ transport.Handler = handle
