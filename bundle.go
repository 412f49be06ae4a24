package firebreak

import (
	"context"
	"strings"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/validate"
)

// batch does each entry as a request of its own, through the same pipeline; an
// entry that fails says so in its place (http.html#transaction).
func (s *Server) batch(ctx context.Context, v *visit, i *fhir.Interaction) (gate.Cleared, error) {
	answers := make([]gate.Cleared, len(i.Entries))
	for n := range i.Entries {
		answers[n] = s.entry(ctx, v, &i.Entries[n])
	}
	return s.gate.ReleaseEntries(fhir.Batch, answers, v.pretty), nil
}

func (s *Server) entry(ctx context.Context, v *visit, e *fhir.Entry) gate.Cleared {
	inner := v.entry(e)
	answer, err := gate.Cleared{}, error(nil)
	switch {
	case e.Problem != nil:
		err = e.Problem
	case e.Interaction.Kind == fhir.Capabilities:
		inner.kind = fhir.Capabilities
		answer, err = s.capabilities(inner, e.Interaction)
	default:
		inner.asks(e.Interaction)
		if answer, err = s.perform(ctx, inner, e.Interaction); err != nil {
			err = validate.Within(fhir.AsProblem(err), e.Place)
		}
	}
	if err != nil {
		answer = s.refuse(inner, err)
	} else if len(inner.events) == 0 {
		inner.record(gate.Event{Interaction: inner.kind, Status: answer.Status(), Released: answer.Released(), Epoch: s.gate.Epoch()})
	}
	v.events = append(v.events, inner.events...)
	v.outboxes = append(v.outboxes, inner.outboxes...)
	return shown(e, answer)
}

// entry is the visit of one entry: the same person and the same request's id,
// another request line.
func (v *visit) entry(e *fhir.Entry) *visit {
	req := *v.Request
	req.Method, req.Path, req.Query, req.Body = e.Method, e.Path, e.Query, nil
	req.Visit += "." + ordinal(e)
	return &visit{Request: &req, principal: v.principal, when: v.when, of: e}
}

// ordinal is which entry of its Bundle it is, "0" for the first.
func ordinal(e *fhir.Entry) string {
	return strings.TrimSuffix(strings.TrimPrefix(e.Place, "Bundle.entry["), "]")
}
