// This one is no forgery: it compiles, so that the others fail for the reason
// they name and not because nothing here could compile.
//
// want: compiles
package forge

import (
	"context"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

func serve(ctx context.Context, req fhir.Request) gate.Reply { return gate.Reply{} }

var _ transport.Handler = serve

func seal() gate.Sealed { return gate.Seal(gate.Header{Type: "Patient", ID: "1"}, []byte(`{}`)) }

func judge(g *gate.Gate, m *gate.Permit) ([]gate.Judged, error) {
	return g.Judge(m, fhir.ActRead, seal())
}
