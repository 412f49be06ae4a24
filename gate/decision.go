package gate

import (
	"slices"

	"firebreak/fhir"
	"firebreak/fhirjson"
)

// Effect is a decision's outcome. The zero Effect denies.
type Effect uint8

// The effects.
const (
	Denies Effect = iota
	Permits
)

func (e Effect) String() string {
	if e == Permits {
		return "permit"
	}
	return "deny"
}

// Decision is what one layer, or all of them together, says about one resource.
type Decision struct {
	Effect  Effect
	Reasons []Reason
}

// Reason names what decided: a layer and the scope, policy or label in it.
type Reason struct {
	Layer  string
	Effect Effect
	Name   string
}

// And is the meet of two decisions: it permits when both do, and remembers why.
func (d Decision) And(o Decision) Decision {
	out := Decision{Effect: Denies, Reasons: slices.Clip(o.Reasons)} // nobody writes to reasons
	if len(d.Reasons) > 0 {
		out.Reasons = slices.Concat(d.Reasons, o.Reasons)
	}
	if d.Effect == Permits && o.Effect == Permits {
		out.Effect = Permits
	}
	return out
}

// Content is a resource's body, parsed when first asked for.
type Content struct {
	body []byte
	doc  *fhirjson.Doc
	err  error
}

// NewContent wraps a body.
func NewContent(body []byte) *Content { return &Content{body: body} }

// Root is the parsed body; an error means it cannot be judged by content.
func (c *Content) Root() (fhirjson.Node, error) {
	if c.doc == nil && c.err == nil {
		c.doc, c.err = fhirjson.Parse(c.body)
	}
	return c.doc.Root(), c.err
}

// Authorizer is one layer of the decision. Layers don't know each other; the
// gate joins them by conjunction, so one more layer only reveals less.
type Authorizer interface {
	// Layer is its name in traces: "scope", "policy".
	Layer() string
	// Rule is what rows of that type must satisfy for the action: net 1. An
	// error denies everything.
	Rule(p Principal, action fhir.Action, typ string) (Rule, error)
	// Decide judges one version: net 2. It must not use what Rule compiled.
	// An error denies.
	Decide(p Principal, action fhir.Action, h Header, c *Content) (Decision, error)
	// MayAssert reports whether the principal has the right that makes a
	// version of an authority-bearing type count for decisions. A layer
	// without an opinion returns true.
	MayAssert(p Principal, typ string) (bool, error)
	// MayImport reports whether the principal may choose logical ids.
	MayImport(p Principal) (bool, error)
	// Epoch changes whenever the layer's rules do.
	Epoch() string
}
