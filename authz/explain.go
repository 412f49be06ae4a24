package authz

import (
	"fmt"
	"strings"

	"firebreak/fhir"
	"firebreak/gate"
)

// Verdict is what one layer says, for a person who asks why.
type Verdict struct {
	Layer    string
	Decision gate.Decision
	Err      error // the layer had no answer, which denies
}

// Explain asks every layer about one version, also those after the first that
// denies. What it says depends on what is stored, so it is for those who
// operate the service and never for an answer to a client.
func Explain(who gate.Principal, action fhir.Action, h gate.Header, c *gate.Content, layers ...gate.Authorizer) []Verdict {
	out := make([]Verdict, 0, len(layers))
	for _, l := range layers {
		d, err := l.Decide(who, action, h, c)
		if err != nil {
			d = gate.Decision{}
		}
		out = append(out, Verdict{Layer: l.Layer(), Decision: d, Err: err})
	}
	return out
}

// String is the verdict in one line: "policy: permit (clinician-own-organisation)".
func (v Verdict) String() string {
	if v.Err != nil {
		return v.Layer + ": deny (no answer: " + v.Err.Error() + ")"
	}
	names := make([]string, len(v.Decision.Reasons))
	for i, r := range v.Decision.Reasons {
		names[i] = r.Name
	}
	if len(names) == 0 {
		names = []string{"nothing to judge"}
	}
	return fmt.Sprintf("%s: %v (%s)", v.Layer, v.Decision.Effect, strings.Join(names, ", "))
}

// ExplainRules prints what rows of a type must satisfy, layer by layer.
func ExplainRules(who gate.Principal, action fhir.Action, typ string, layers ...gate.Authorizer) string {
	var b strings.Builder
	for _, l := range layers {
		r, err := l.Rule(who, action, typ)
		if err != nil {
			fmt.Fprintf(&b, "%s: never (no answer: %v)\n", l.Layer(), err)
			continue
		}
		fmt.Fprintf(&b, "%s:\n", l.Layer())
		for line := range strings.Lines(FormatRule(r)) {
			b.WriteString("    " + line)
		}
	}
	return b.String()
}
