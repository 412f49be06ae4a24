package firebreak

import (
	"context"
	"net/http"

	"firebreak/fhir"
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
	return s.everythingPage(ctx, v, m, i, nil, link{Path: v.Path, Query: queryOf(i.Query.Used), Strict: i.Strict})
}

func (s *Server) everythingPage(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction, after *gate.Position, next link) (gate.Cleared, error) {
	patient, err := s.fetch(ctx, m, func(t Snapshot) (gate.Sealed, bool, error) { return t.Read(i.Type, i.ID) })
	if err != nil {
		return gate.Cleared{}, err
	}
	if patient.Header().Deleted {
		return gate.Cleared{}, errDeleted
	}
	return s.searchPage(ctx, v, m, i, after, s.linkTo(v.Path, i.Query.Used), next)
}

// validate answers $validate: 200 with an OperationOutcome, also for what is
// not valid (http://hl7.org/fhir/R4/resource-operation-validate.html). It looks
// at what was sent and at nothing stored, so it tells nothing of what is.
func (s *Server) validate(i *fhir.Interaction) gate.Cleared {
	body := fhir.Information("informational", "the structure is valid; profiles and terminology are not checked yet")
	root := validate.ToValidate(i)
	var err error
	switch {
	case i.Mode == "delete" && !root.Exists():
		body = fhir.Information("informational", "whether a deletion is allowed is decided when it is asked for")
	case !root.Exists():
		err = fhir.NewProblem(fhir.Required, "there is no resource to validate").At("Parameters.parameter")
	default:
		if err = validate.Content(root, i.Type); err == nil && i.Mode == "update" && i.ID != "" && !root.Field("id").Is(i.ID) {
			err = errOtherID.At(i.Type + ".id")
		}
	}
	if err != nil {
		body = fhir.AsProblem(err).Outcome("")
	}
	return s.gate.ReleaseOwn(body, nil, http.StatusOK, i.Pretty)
}

var errOtherID = fhir.NewProblem(fhir.Invalid, "the resource's id must equal the id in the URL")
