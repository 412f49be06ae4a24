package gate

import (
	"context"
	"time"

	"firebreak/fhir"
)

// Event is what the audit trail learns of one interaction: who, what, whose,
// and how it ended. It has no field for a credential or for content.
type Event struct {
	Visit       string
	RequestID   string
	Time        time.Time
	Peer        string
	Principal   Identity // zero when nobody was authenticated
	Interaction fhir.Kind
	Operation   string
	Type        string
	Method      string
	Path        string // the request's path and query as received, BALP entity.query
	Query       string
	Form        string // of a search by POST, as received
	Status      int
	Problem     string // the literal text of the refusal or failure, or ""
	Released    []Released
	Changed     []Released
	Epoch       string
}

// AuditSink makes events durable. Record returns only when they are.
type AuditSink interface {
	Record(ctx context.Context, events []Event) error
}

// Close mints the Reply of an answer whose events are on record. When they
// cannot be recorded the answer does not leave: the Reply is an empty 503. So is
// that of an answer that nobody released, and then too the events are recorded.
func (g *Gate) Close(ctx context.Context, sink AuditSink, c Cleared, events []Event, header [][2]string) (Reply, error) {
	if err := sink.Record(ctx, events); err != nil {
		return Reply{}, err
	}
	if c.in.empty() {
		return Reply{}, nil
	}
	in := c.in.lift()
	return Reply{cover(reply{status: in.status, header: append(in.header[:len(in.header):len(in.header)], header...), body: in.body})}, nil
}
