package firebreak

import (
	"context"
	"net/http"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/validate"
)

// operation does the operations that are registered with what they touch; any
// other is not supported.
func (s *Server) operation(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction) (gate.Cleared, error) {
	switch i.Operation {
	case "$everything":
		return s.everything(ctx, v, m, i)
	case "$validate":
		return s.validate(i), nil
	}
	return gate.Cleared{}, fhir.NewProblem(fhir.NotSupported, "the operation is not supported")
}

// everything answers Patient/[id]/$everything
// (http://hl7.org/fhir/R4/patient-operation-everything.html): the patient's
// compartment and what it refers to, each resource judged.
func (s *Server) everything(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction) (gate.Cleared, error) {
	return s.everythingPage(ctx, v, m, i, nil, link{Path: v.Path, Query: v.Query, Strict: i.Strict})
}

func (s *Server) everythingPage(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction, after *gate.Position, next link) (gate.Cleared, error) {
	var exists bool
	err := s.backend.View(ctx, m, func(t Snapshot) (err error) {
		_, exists, err = t.Read(i.Type, i.ID)
		return err
	})
	if err != nil {
		return gate.Cleared{}, err
	}
	if !exists {
		return gate.Cleared{}, fhir.Absent()
	}
	q := *i.Query
	q.Includes = []search.Include{{All: true}}
	return s.searchPage(ctx, v, m, &q, after, s.linkTo(v.Path, q.Used), next)
}

// validate answers $validate: 200 with an OperationOutcome, also for what is
// not valid (http://hl7.org/fhir/R4/resource-operation-validate.html).
func (s *Server) validate(i *fhir.Interaction) gate.Cleared {
	root := i.Resource.Root()
	if root.Field("resourceType").Is("Parameters") && i.Type != "Parameters" {
		for p := range root.Field("parameter").Each() {
			if p.Field("name").Is("resource") {
				root = p.Field("resource")
			}
		}
	}
	body := fhir.Information("informational", "the structure is valid; profiles and terminology are not checked yet")
	if err := validate.Content(root, i.Type); err != nil {
		body = fhir.AsProblem(err).Outcome("")
	}
	return s.gate.ReleaseOwn(body, nil, http.StatusOK, i.Pretty)
}
