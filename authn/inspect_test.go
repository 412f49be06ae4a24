package authn

import (
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// TestInspectingNeedsNoProof: a bound token is read by who is asked about it, and
// opens nothing for that; one that is bad is as bad as ever.
func TestInspectingNeedsNoProof(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	key := strings.Repeat("A", 43)
	bound := d.with(map[string]string{"cnf": `{"jkt":"` + key + `"}`})
	tok, err := d.v.Inspect(noContext, bound)
	if err != nil || tok.Confirmation.Key != key {
		t.Errorf("Inspect = %+v, %v", tok.Confirmation, err)
	}
	if _, err := d.verify(bound); err == nil {
		t.Error("it is accepted without its proof")
	}
	for _, f := range d.forgeries() {
		if strings.HasPrefix(f.name, "bound to a ") && (strings.HasSuffix(f.name, "not shown") || strings.HasSuffix(f.name, "sent as Bearer")) {
			continue // good, but for the proof that is not asked for here
		}
		if _, err := d.v.Inspect(noContext, f.token); err == nil {
			t.Errorf("%s: inspected", f.name)
		}
	}
}
