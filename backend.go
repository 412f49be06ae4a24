package firebreak

import (
	"context"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
)

// Backend keeps versions and finds them under a permit. The SQL store is one;
// another FHIR server behind the gateway will be another. Whatever it finds it
// hands out sealed, restricted by the permit's rules (net 1); the gate judges
// each again (net 2).
type Backend interface {
	// View runs fn on one snapshot.
	View(ctx context.Context, m *gate.Permit, fn func(Snapshot) error) error
	// Change runs fn in a transaction and returns when its writes are durable.
	// It awaits durable before it commits. fn may run more than once.
	Change(ctx context.Context, m *gate.Permit, durable func(context.Context) error, fn func(Tx) error) error
	// Journalled takes out of the outbox what is on record now.
	Journalled(visits ...string)
}

// Snapshot is a Backend at one moment. found is false for what is absent and
// for what the permit hides; nothing tells them apart.
type Snapshot interface {
	// Together says that what follows must be of one moment; a lone Read needs
	// no snapshot and takes none.
	Together() error
	Read(typ, id string) (s gate.Sealed, found bool, err error)
	Version(typ, id, version string) (s gate.Sealed, found bool, err error)
	Search(q *search.Query, after *gate.Position, total bool) (gate.Found, error)
	History(typ, id string, h *fhir.History, after *gate.Position) (gate.Found, error)
}

// Tx is a Snapshot that changes.
type Tx interface {
	Snapshot
	// Under is the same transaction under another permit.
	Under(m *gate.Permit) Tx
	// Target finds what a change is about: what the caller may read or may do
	// the action to.
	Target(action fhir.Action, typ, id string) (s gate.Sealed, found bool, err error)
	// Matches finds at most limit such targets for a condition.
	Matches(q *search.Query, action fhir.Action, limit int) ([]gate.Sealed, error)
	// Facts are the caller's relations to the subjects of what is to be made.
	Facts(k gate.Keys) (gate.Facts, error)
	// Commit stores a judged change. ErrTaken: the id of a create is in use.
	Commit(j gate.Judged) error
	// Outbox stores a visit's outcome record with the change, until Journalled.
	Outbox(visit string, payload []byte) error
	// First is the result stored under the owner's request id, if its digest is
	// the same; PutFirst stores it.
	First(owner, request string, digest []byte) (result []byte, found bool, err error)
	PutFirst(owner, request string, digest, result []byte) error
}

// Identifiers makes what the server chooses: opaque, unguessable, telling no
// counts. Tests seed it.
type Identifiers interface {
	// Resource is a new logical id, Version a new version id.
	Resource() string
	Version() string
	// Nonce fills b for the sealing of page links.
	Nonce(b []byte)
}
