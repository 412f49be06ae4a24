package smart

import (
	"context"

	"firebreak/transport"
)

// FlowCSRF is what the forms of a flow carry in a browser.
func (s *Server) FlowCSRF(req transport.WebRequest, flow string) string { return s.flowCSRF(req, flow) }

// Continue keeps a session through a change of the person's credentials, as the
// page does that makes the change.
func (s *Server) Continue(ctx context.Context, cookie string) error {
	e, err := sessions.Load(ctx, s.vault, hashName(cookie))
	if err != nil {
		return err
	}
	p, err := s.person(ctx, e.Value.Person)
	if err != nil {
		return err
	}
	e.Value.Epoch = p.Epoch
	return s.vault.Apply(ctx, sessions.Replace(e, e.Value.tags()...))
}
