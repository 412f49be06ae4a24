package smart

import (
	"context"

	"firebreak/transport"
)

// SignedInAs begins a session as a sign-in at another provider does.
func (s *Server) SignedInAs(ctx context.Context, id, provider string) (transport.Cookie, error) {
	p, err := s.person(ctx, id)
	if err != nil {
		return transport.Cookie{}, err
	}
	return s.begin(ctx, transport.WebRequest{}, session{Person: p.ID, Epoch: p.Epoch, ACR: ACRTwoFactors, AuthTime: s.now(), Provider: provider})
}
