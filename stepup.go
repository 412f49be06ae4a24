package firebreak

import (
	"errors"
	"slices"

	"firebreak/authn"
	"firebreak/fhir"
	"firebreak/gate"
)

// StepUp is by which classes of authentication a person may come back stronger
// (RFC 9470): those that an issuer gives, the weakest first. The zero StepUp asks
// nobody to.
type StepUp struct {
	Issuer  string
	Classes []string
}

// stronger words the refusal of a plan that the same person would be admitted
// with, had they signed in more strongly: it asks for the least that would do.
// Like the refusal itself it depends on the request, the person and the rules,
// and on no record.
func (s *Server) stronger(v *visit, plan fhir.Plan, refused error) error {
	var p *fhir.Problem
	id := v.principal.Identity()
	if !errors.As(refused, &p) || p.Code != fhir.Forbidden || id.Issuer != s.stepUp.Issuer || id.FHIRUser == "" {
		return refused
	}
	at := slices.Index(s.stepUp.Classes, id.ACR) // -1: weaker than all
	for n := at + 1; n < len(s.stepUp.Classes); n++ {
		id.ACR = s.stepUp.Classes[n]
		if _, err := s.gate.Admit(gate.NewPrincipal(id), plan); err != nil {
			continue
		}
		refusal, err := authn.StepUp([]string{id.ACR}, 0)
		if err != nil {
			return refused
		}
		refusal.Scheme = schemeOf(v.Request)
		asked := challenge(refusal)
		asked.Text = "this needs a stronger sign-in"
		return asked
	}
	return refused
}
