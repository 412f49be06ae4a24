package firebreak

import (
	"context"
	"crypto/rand"
	"strings"

	"firebreak/fhir"
	"firebreak/gate"
)

// The operator is whoever holds the directory: they may bring records in. What
// they bring goes through the same pipeline, judged by the same policies (role
// "importer") and on record; nothing comes back but how it went.

// Writer is in whose name an import writes.
type Writer struct {
	// Organization is a reference, "Organization/north", or "" for nobody's.
	Organization string
	// Author is the person's own record, "Practitioner/…", or "".
	Author string
}

// Import is one Bundle to be brought in, a transaction.
type Import struct {
	Writer    Writer
	RequestID string // names it: a second time nothing is done
	Bundle    []byte
	Peer      string // who asked, for the record
}

// Imported is what came of it. It holds no content of any record.
type Imported struct {
	Status  int      // as HTTP has it
	Changed []string // references of what was stored, "Type/id"
	Outcome []byte   // the OperationOutcome of a refusal, or nil
}

// maxImport is how many entries one imported Bundle may have.
const maxImport = 1 << 20

// operators authenticates imports: whoever calls Import is the operator, which
// the caller must have made sure of.
type operators struct{ tenant string }

func (o operators) Authenticate(_ context.Context, req *fhir.Request) (gate.Identity, error) {
	// The organisation and the author stand where a client's token would: an
	// Import is made by Instance.Import only, never from the wire.
	organization, author, ok := strings.Cut(req.Authorization, "\n")
	if !ok {
		return gate.Identity{}, fhir.NewProblem(fhir.Login, "authentication is required")
	}
	id := gate.Identity{Tenant: o.tenant, Issuer: "urn:firebreak:operator", Subject: "operator " + organization + " " + author,
		ClientID: "firebreak-import", FHIRUser: author, Organization: organization, Roles: []string{"importer"}, Scope: "system/*.cruds"}
	if author != "" {
		id.Scope = "user/*.cruds"
	}
	return id, nil
}

func (p Parts) forOperator(tenant string) Parts {
	p.Authn = operators{tenant}
	p.Limits.Entries = maxImport
	p.Limits.Client, p.Limits.Person = Rate{}, Rate{}
	return p
}

// Import brings a Bundle in.
func (i *Instance) Import(ctx context.Context, in Import) (Imported, error) {
	s := i.operator
	v := &visit{when: s.clock.Now(), Request: &fhir.Request{Method: "POST", Body: in.Bundle, ContentType: "application/fhir+json",
		Prefer: "return=minimal", Authorization: in.Writer.Organization + "\n" + in.Writer.Author,
		RequestID: in.RequestID, Peer: in.Peer, Visit: rand.Text(), Base: i.base}}
	out := Imported{}
	answer, err := s.answer(ctx, v)
	if err != nil {
		p := fhir.AsProblem(err)
		out.Outcome = p.Outcome(v.Visit)
		answer = s.refuse(v, err)
	}
	out.Status = answer.Status()
	if err := s.conclude(ctx, v, answer); err != nil {
		return Imported{}, err
	}
	for _, e := range v.events {
		for _, c := range e.Changed {
			ref, _, _ := strings.Cut(c.Reference, "/_history/")
			out.Changed = append(out.Changed, ref)
		}
	}
	return out, nil
}

// Knows reports whether an importer finds a resource of the directory: that an
// organisation exists before records are written in its name.
func (i *Instance) Knows(ctx context.Context, reference string) (bool, error) {
	s := i.operator
	v := &visit{when: s.clock.Now(), Request: &fhir.Request{Method: "GET", Path: reference, Authorization: "\n", Visit: rand.Text(), Base: i.base}}
	answer, err := s.answer(ctx, v)
	found := err == nil
	if err != nil {
		answer = s.refuse(v, err)
	}
	return found, s.conclude(ctx, v, answer)
}

// conclude puts the visit on record and lets the Reply go unread: the operator
// is told how it went, and no Reply is opened but by the transport. What was
// committed has its intent on record and its outcome beside it, so that here
// only a journal that is broken for good needs telling.
func (s *Server) conclude(ctx context.Context, v *visit, answer gate.Cleared) error {
	s.close(ctx, v, answer)
	return s.journal.Failed()
}
