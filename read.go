package firebreak

import (
	"context"
	"net/http"

	"firebreak/fhir"
	"firebreak/gate"
)

// read answers GET Type/id (http.html#read). What is absent and what may not
// be seen get the same answer; a tombstone says 410 to those who could see
// what it buried.
func (s *Server) read(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction) (gate.Cleared, error) {
	return s.one(ctx, m, i, func(t Snapshot) (gate.Sealed, bool, error) { return t.Read(i.Type, i.ID) })
}

// vread answers GET Type/id/_history/version (http.html#vread).
func (s *Server) vread(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction) (gate.Cleared, error) {
	return s.one(ctx, m, i, func(t Snapshot) (gate.Sealed, bool, error) { return t.Version(i.Type, i.ID, i.Version) })
}

// errDeleted answers those who could see what was deleted.
var errDeleted = fhir.NewProblem(fhir.Gone, "the resource has been deleted")

func (s *Server) one(ctx context.Context, m *gate.Permit, i *fhir.Interaction, fetch func(Snapshot) (gate.Sealed, bool, error)) (gate.Cleared, error) {
	row, err := s.fetch(ctx, m, fetch)
	if err != nil {
		return gate.Cleared{}, err
	}
	if row.Header().Deleted {
		return gate.Cleared{}, errDeleted
	}
	return s.gate.Release(m, row, gate.Shape{Base: s.base, Status: freshness(i, row.Header()),
		Summary: i.Summary, Elements: i.Elements, Pretty: i.Pretty})
}

// fetch is one version that the caller may read; all others are absent.
func (s *Server) fetch(ctx context.Context, m *gate.Permit, find func(Snapshot) (gate.Sealed, bool, error)) (gate.Judged, error) {
	var row gate.Sealed
	var found bool
	err := s.backend.View(ctx, m, func(t Snapshot) (err error) {
		row, found, err = find(t)
		return err
	})
	if err != nil {
		return gate.Judged{}, err
	}
	if !found {
		return gate.Judged{}, fhir.Absent()
	}
	judged, err := s.gate.Judge(m, fhir.ActRead, row)
	if err != nil {
		return gate.Judged{}, err
	}
	if len(judged) == 0 {
		return gate.Judged{}, fhir.Absent()
	}
	return judged[0], nil
}

// freshness is 304 when the client has the version already (http.html#cread).
func freshness(i *fhir.Interaction, h gate.Header) int {
	if i.IfNoneMatch != "" {
		if among(i.IfNoneMatch, h.Version) {
			return http.StatusNotModified
		}
		return http.StatusOK
	}
	if !i.IfModifiedSince.IsZero() && !h.LastUpdated.After(i.IfModifiedSince) {
		return http.StatusNotModified
	}
	return http.StatusOK
}
