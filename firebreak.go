// Package firebreak is the pipeline: what happens to a request between the
// transport that read it and the transport that writes the answer. Start
// reading at Serve; each function below it is one stage, and the types of
// package gate make skipping one impossible to write down.
//
// It promises non-interference: what a caller gets is, byte for byte, what this
// server would answer if it had never held the records the caller may not see
// (docs/threats.md says what is not covered).
package firebreak

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"firebreak/audit"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/store"
	"firebreak/validate"
)

// Authenticator says who is asking, from the Authorization header. Its error is
// a *fhir.Problem when the caller is at fault.
type Authenticator interface {
	Authenticate(ctx context.Context, req *fhir.Request) (gate.Identity, error)
}

// Server is the pipeline with its parts. wire.go puts one together.
type Server struct {
	base    string
	gate    *gate.Gate
	authn   Authenticator
	pace    *throttle
	backend Backend
	journal Journal
	sink    *sink // to the journal
	parser  *validate.Parser
	index   *search.Extractor
	links   *pageLinks
	ids     Identifiers
	clock   clock.Clock
	log     *slog.Logger
	limit   time.Duration // of one request
	stepUp  StepUp
	// unwritten and unavailable are what is logged of answers for want of the
	// journal, and of requests for want of anything else.
	unwritten, unavailable *seldom
	// statement is the CapabilityStatement, made when first asked for.
	statement func() ([]byte, error)
}

// visit is one request on its way through.
type visit struct {
	*fhir.Request
	principal gate.Principal
	pretty    bool
	kind      fhir.Kind
	typ       string // of the resources that are asked for, or ""
	operation string // "$everything", or ""
	when      time.Time
	events    []gate.Event // put on record before the reply leaves
	of        *fhir.Entry  // the entry of a Bundle that it stands for; nil for a request of its own
	outboxes  []string     // outcomes stored with their changes, to be taken out once on record
}

// Serve answers one request. Whatever happens inside, what leaves is a Reply,
// and a Reply exists only when its audit record is durable.
func (s *Server) Serve(ctx context.Context, req fhir.Request) gate.Reply {
	v := &visit{Request: &req, when: s.clock.Now()}
	limit := limited(ctx, s.limit)
	defer limit.stop()
	answer, err := s.answer(limit, v)
	if err != nil {
		answer = s.refuse(v, err)
	}
	return s.close(ctx, v, answer)
}

// answer takes the request through authentication, validation, planning and
// the gate.
func (s *Server) answer(ctx context.Context, v *visit) (gate.Cleared, error) {
	if v.Path == "metadata" && (v.Method == http.MethodGet || v.Method == http.MethodHead) {
		v.kind = fhir.Capabilities
		i, err := s.parser.Interaction(v.Request)
		if err != nil {
			return gate.Cleared{}, err
		}
		v.pretty = i.Pretty
		return s.capabilities(v, i)
	}
	who, err := s.authn.Authenticate(ctx, v.Request)
	if err != nil {
		return gate.Cleared{}, err
	}
	v.principal = gate.NewPrincipal(who)
	if err := s.pace.take(who, v.when); err != nil {
		return gate.Cleared{}, err
	}
	if token := pageToken(v.Request); token != "" {
		return s.further(ctx, v, token)
	}
	i, err := s.parser.Interaction(v.Request)
	if err != nil {
		return gate.Cleared{}, err
	}
	v.pretty = i.Pretty
	v.asks(i)
	switch i.Kind {
	case fhir.Batch:
		return s.batch(ctx, v, i)
	case fhir.Transaction:
		return s.transaction(ctx, v, i)
	}
	return s.perform(ctx, v, i)
}

// perform does one interaction: it is the way of a request and of each entry of
// a batch.
func (s *Server) perform(ctx context.Context, v *visit, i *fhir.Interaction) (gate.Cleared, error) {
	plan := fhir.Compile(i)
	permit, err := s.gate.Admit(v.principal, plan)
	if err != nil {
		return gate.Cleared{}, s.stronger(v, plan, err)
	}
	switch i.Kind {
	case fhir.Read:
		return s.read(ctx, v, permit, i)
	case fhir.VRead:
		return s.vread(ctx, v, permit, i)
	case fhir.SearchType, fhir.SearchSystem:
		return s.search(ctx, v, permit, i)
	case fhir.HistoryInstance, fhir.HistoryType, fhir.HistorySystem:
		return s.history(ctx, v, permit, i)
	case fhir.Create, fhir.Update, fhir.Patch, fhir.Delete:
		return s.change(ctx, v, permit, i)
	case fhir.Operation:
		return s.operation(ctx, v, permit, i)
	}
	return gate.Cleared{}, fhir.NewProblem(fhir.NotSupported, "the interaction is not supported")
}

// refuse words an error for the client. What is not a Problem is ours: it is
// logged with the visit's id and shown as an internal error.
func (s *Server) refuse(v *visit, err error) gate.Cleared {
	p := fhir.AsProblem(err)
	if errors.Is(err, store.ErrUnavailable) {
		p = fhir.NewProblem(fhir.Unavailable, "the store is not available").Because(err)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p = fhir.NewProblem(fhir.Unavailable, "the request took too long").Because(err)
	case errors.Is(err, gate.ErrReloaded):
		s.log.Info("request refused", "visit", v.Visit, "interaction", string(v.kind), "error", p.Cause)
	case p.Code == fhir.Unavailable: // as all others are, while the store or the journal is
		s.unavailable.error("request failed", "visit", v.Visit, "interaction", string(v.kind), "error", p.Cause)
	case p.Code == fhir.Exception:
		s.log.Error("request failed", "visit", v.Visit, "interaction", string(v.kind), "error", p.Cause)
	}
	// A change that was committed and then could not be shown stays in the
	// outbox: this refusal is not its outcome, and recovery puts that on record.
	v.outboxes = nil
	v.record(gate.Event{Interaction: v.kind, Status: p.Code.Status(), Problem: string(p.Text), Epoch: s.gate.Epoch()})
	return s.gate.ReleaseProblem(onScheme(p, v.Request), v.Visit, v.pretty)
}

// close puts the visit on record and mints the Reply. A journal that cannot be
// written turns every answer into an empty 503.
func (s *Server) close(ctx context.Context, v *visit, answer gate.Cleared) gate.Reply {
	if len(v.events) == 0 {
		v.record(gate.Event{Interaction: v.kind, Status: answer.Status(), Released: answer.Released(), Epoch: s.gate.Epoch()})
	}
	reply, err := s.gate.Close(context.WithoutCancel(ctx), s.sink, answer, v.events, nil)
	if err != nil {
		s.unwritten.error("audit journal cannot be written; nothing is disclosed", "visit", v.Visit, "error", err)
		return reply
	}
	s.backend.Journalled(v.outboxes...)
	return reply
}

// asks notes, for the record, what is asked.
func (v *visit) asks(i *fhir.Interaction) { v.kind, v.typ, v.operation = i.Kind, i.Type, i.Operation }

// record adds an event to what is put on record before the reply leaves.
func (v *visit) record(e gate.Event) {
	e.Type, e.Operation = v.typ, v.operation
	e.Visit, e.RequestID, e.Time, e.Peer = v.Visit, v.RequestID, v.when, v.Peer
	if v.principal.Valid() {
		e.Principal = v.principal.Identity()
	}
	e.Method, e.Path, e.Query, e.Form = v.Method, v.Path, v.Query, formOf(v)
	v.events = append(v.events, e)
}

var _ Journal = (*audit.Log)(nil)
