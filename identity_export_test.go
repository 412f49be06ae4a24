package firebreak

import (
	"context"

	"firebreak/smart"
	"firebreak/transport"
)

// Chart is the records as the pages of the authorization server ask about them.
type Chart = chart

// NewChart is one that still needs to be connected.
func NewChart(base string) *Chart { return &chart{base: base} }

// Connect tells it whom to ask, and whose tokens to ask with.
func (c *chart) Connect(s *Server, tokens *smart.Server) { c.server, c.tokens = s, tokens }

// ServeWeb is what a listener would call for what is not FHIR.
func (i *Instance) ServeWeb(ctx context.Context, req transport.WebRequest) transport.WebReply {
	return i.serveWeb(ctx, req)
}

// LoseJournal takes the journal away, as a disk that fails does.
func (i *Instance) LoseJournal() error { return i.journal.Close() }
