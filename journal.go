package firebreak

import (
	"context"
	"strings"
	"sync"

	"firebreak/audit"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/label"
)

// Journal makes records durable, in order. audit.Log is one.
type Journal interface {
	Begin(payload []byte) *audit.Pending
	Failed() error
}

// sink writes the gate's events to the journal.
type sink struct {
	journal Journal
	rooms   sync.Pool // of *[]byte: where records are put into words
}

// Record puts all of a visit's records in the journal and returns when every one
// is durable: a later one may be taken where there was no room for an earlier.
func (k *sink) Record(ctx context.Context, events []gate.Event) error {
	room, ok := k.rooms.Get().(*[]byte)
	if !ok {
		room = new([]byte)
	}
	q := inOrder{journal: k.journal}
	for i := range events {
		for _, r := range record(&events[i]).Fit() {
			*room = r.Append((*room)[:0])
			q.begin(ctx, *room) // which copies it
		}
	}
	if cap(*room) <= maxRoom {
		k.rooms.Put(room)
	}
	return q.wait(ctx)
}

// maxRoom is what a record of the usual size needs, and some; a page's record
// may be many times that and is not kept.
const maxRoom = 16 << 10

// inOrder hands records to a journal, of which no more than maxBegun bytes wait
// for the disk at a time, so that no visit fills the journal's queue by itself.
type inOrder struct {
	journal Journal
	begun   []*audit.Pending
	bytes   int
	err     error // the first
}

const maxBegun = 1 << 20

func (q *inOrder) begin(ctx context.Context, payload []byte) {
	if q.bytes += len(payload); q.bytes > maxBegun && len(q.begun) > 0 {
		_ = q.wait(ctx) // and keeps the error
		q.bytes = len(payload)
	}
	if q.err == nil {
		q.begun = append(q.begun, q.journal.Begin(payload))
	}
}

// wait returns when all are durable, or one cannot become so.
func (q *inOrder) wait(ctx context.Context) error {
	for _, p := range q.begun {
		if _, err := p.Wait(ctx); err != nil && q.err == nil {
			q.err = err
		}
	}
	q.begun = q.begun[:0]
	return q.err
}

// record is an event in the journal's words.
func record(e *gate.Event) audit.Record {
	id := e.Principal
	r := audit.Record{Kind: audit.Disclosure, Visit: e.Visit, Time: e.Time, Tenant: id.Tenant, Subject: id.Subject, Issuer: id.Issuer,
		FHIRUser: id.FHIRUser, Organization: id.Organization, Roles: id.Roles, ClientID: id.ClientID, JTI: id.TokenID, Peer: e.Peer,
		Interaction: string(e.Interaction), Operation: e.Operation, ResourceType: e.Type, Status: e.Status, Detail: e.Problem, RequestID: e.RequestID,
		Epoch: e.Epoch}
	url := "/" + e.Path
	if e.Query != "" {
		url += "?" + e.Query
	}
	r.Query = audit.RequestText(e.Method, url, nil, []byte(e.Form))
	if id.Purpose != "" {
		r.Purposes = []string{"http://terminology.hl7.org/CodeSystem/v3-ActReason|" + id.Purpose}
	}
	switch {
	case e.Interaction.Changes() && e.Status < 400:
		r.Kind = audit.Outcome
	case e.Status >= 400:
		r.Kind = audit.Denial
	}
	for _, x := range e.Changed {
		if typ, _, _ := strings.Cut(x.Reference, "/"); label.AuthorityBearing(typ) {
			r.Category = audit.AuthorizationChange
		}
	}
	seen := map[string]bool{}
	for _, list := range [][]gate.Released{e.Changed, e.Released} {
		for _, x := range list {
			if seen[x.Reference] {
				continue
			}
			seen[x.Reference] = true
			r.Targets = append(r.Targets, target(x.Reference))
			for _, p := range x.Subjects {
				if ref := "Patient/" + p; !seen[ref] {
					seen[ref] = true
					r.Patients = append(r.Patients, ref)
				}
			}
		}
	}
	return r
}

// intentRecord says that a change is about to be committed.
func intentRecord(v *visit, kind fhir.Kind, epoch string) audit.Record {
	inner := *v
	inner.events = nil
	inner.record(gate.Event{Interaction: kind, Epoch: epoch})
	r := record(&inner.events[0])
	r.Kind = audit.Intent
	return r
}

// outcomeRecord says what a change came to; it is stored with the change.
func outcomeRecord(v *visit, kind fhir.Kind, epoch string, effects []effect) audit.Record {
	inner := *v
	inner.events = nil
	e := gate.Event{Interaction: kind, Epoch: epoch, Status: 200, Changed: changedBy(effects)}
	if len(effects) == 1 {
		e.Status = effects[0].shape.Status
	}
	inner.record(e)
	r := record(&inner.events[0])
	r.Kind = audit.Outcome
	return r
}

func changedBy(effects []effect) []gate.Released {
	var out []gate.Released
	for _, e := range effects {
		if !e.changed {
			continue
		}
		h := e.judged.Header()
		out = append(out, gate.Released{Reference: h.Reference() + "/_history/" + h.Version, Subjects: h.Keys.Subjects})
	}
	return out
}

// target is a reference with a version, in the journal's words.
func target(reference string) audit.Target {
	typ, rest, _ := strings.Cut(reference, "/")
	id, rest, _ := strings.Cut(rest, "/")
	_, rest, _ = strings.Cut(rest, "/") // _history
	version, _, _ := strings.Cut(rest, "/")
	return audit.Target{Type: typ, ID: id, Version: version}
}
