package firebreak

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"firebreak/audit"
	"firebreak/authz"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/store"
	"firebreak/transport"
)

// Question is a request whose decision is to be explained.
type Question struct {
	Authorization string // of whoever would send it: "Bearer …"
	Method        string // "GET"
	Target        string // a URL of the service, or what follows its base: "/Patient/123"
	// Body is what the request would carry; its media type follows from Method
	// and Target. A change without one is explained as far as it goes.
	Body []byte
}

// Explain tells how a request would be decided, layer by layer, for whoever the
// Authorization header stands for: what it touches, what rows must satisfy (net
// 1), what each layer says of the resource it is about and of what it would
// make (net 2), and what the wire would answer. All of it is of one snapshot, in
// which nothing is changed. It tells hidden from absent, so it is for the
// operator and never for the wire. That it was asked is on record before
// anything stored is looked at.
func (i *Instance) Explain(ctx context.Context, q Question) (string, error) {
	target := strings.TrimPrefix(strings.TrimPrefix(q.Target, i.base), "/")
	path, query, refused := transport.Target("/" + target)
	v := &visit{when: i.clock.Now(), Request: &fhir.Request{Method: q.Method, Path: path, Query: query, Body: q.Body,
		ContentType: mediaType(q.Method, path), Authorization: q.Authorization, Visit: rand.Text(), Base: i.base}}
	identity, err := i.parts.Authn.Authenticate(ctx, v.Request)
	if err != nil {
		return "", err
	}
	record := audit.Record{Kind: audit.Decision, Visit: v.Visit, Time: v.when, Tenant: identity.Tenant, Subject: identity.Subject,
		Issuer: identity.Issuer, FHIRUser: identity.FHIRUser, Peer: "operator", Operation: "explain", Epoch: i.server.gate.Epoch(),
		Query: audit.RequestText(v.Method, "/"+target, nil, []byte(formOf(v)))}
	if _, err := i.journal.Append(ctx, record.Fit()[0].Append(nil)); err != nil {
		return "", fmt.Errorf("audit journal: %w", err)
	}
	v.principal = gate.NewPrincipal(identity)
	x := &explanation{i: i, who: v.principal}
	x.line("%s /%s", v.Method, target)
	x.caller(identity)
	if refused != nil {
		x.misunderstood(refused)
		return x.b.String(), nil
	}
	limit := limited(ctx, i.server.limit)
	defer limit.stop()
	// A permit for nothing: each look has its own.
	err = i.store.View(limit, nil, func(t *store.Snapshot) error {
		if err := t.Together(); err != nil {
			return err
		}
		if err := x.prepare(t); err != nil {
			return err
		}
		return x.request(limit, v)
	})
	if err != nil {
		return "", fmt.Errorf("explain: %w", err)
	}
	return x.b.String(), nil
}

// mediaType is that of the body of a request with this method and path.
func mediaType(method, path string) string {
	switch {
	case method == http.MethodPatch:
		return "application/json-patch+json"
	case method == http.MethodPost && strings.HasSuffix(path, "_search"):
		return "application/x-www-form-urlencoded"
	}
	return "application/fhir+json"
}

// explanation is one under way.
type explanation struct {
	i      *Instance
	who    gate.Principal
	t      *store.Snapshot
	teller *Server
	last   told // by the teller's layer
	b      strings.Builder
}

func (x *explanation) line(format string, args ...any) { fmt.Fprintf(&x.b, format+"\n", args...) }

func (x *explanation) indent(text string) {
	for l := range strings.Lines(text) {
		x.b.WriteString("    " + l)
	}
	if !strings.HasSuffix(text, "\n") {
		x.b.WriteByte('\n')
	}
}

func (x *explanation) caller(id gate.Identity) {
	x.line("as %s (%s), organisation %s, roles %s", id.Subject, or(id.FHIRUser, "a system"), or(id.Organization, "none"), list(id.Roles))
	x.line("scope %s, patient in context %s, purpose %s", or(id.Scope, "none"), or(id.Patient, "none"), or(id.Purpose, "none"))
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func list(s []string) string { return or(strings.Join(s, " "), "none") }

// teller is a layer that lets the store find everything, tells what the real
// layers say of it, and then denies: nothing can be released through it.
type teller struct {
	layers []gate.Authorizer
	tell   func(told)
}

func (teller) Layer() string                                  { return "explain" }
func (teller) Epoch() string                                  { return "explain" }
func (teller) MayAssert(gate.Principal, string) (bool, error) { return false, nil }
func (teller) MayImport(gate.Principal) (bool, error)         { return false, nil }

// Rule holds for every row, for no record is nobody's. It isn't Always, for
// which a store need not read the caller's relations to the row: the layers
// are to be asked about the row with these.
func (teller) Rule(gate.Principal, fhir.Action, string) (gate.Rule, error) {
	return gate.Unless{Rule: gate.KeyTest{Relation: gate.SubjectIs}}, nil
}

func (t teller) Decide(who gate.Principal, action fhir.Action, h gate.Header, c *gate.Content) (gate.Decision, error) {
	t.tell(told{action, h, authz.Explain(who, action, h, c, t.layers...)})
	return gate.Decision{}, nil
}

func (x *explanation) prepare(t *store.Snapshot) (err error) {
	p := x.i.parts
	p.Layers, p.Backend, p.Log = []gate.Authorizer{teller{p.Layers, func(d told) { x.last = d }}}, rehearsal{t}, nil
	x.t = t
	x.teller, err = New(p)
	return err
}

// request tells of the request as it arrived.
func (x *explanation) request(ctx context.Context, v *visit) error {
	reads := v.Method == http.MethodGet || v.Method == http.MethodHead
	if token := pageToken(v.Request); token != "" {
		x.line("\na further page of a search, by its link: the search is planned and judged anew, as its first page was")
		a, err := x.rehearse(func(s *Server) (gate.Cleared, error) { return s.further(ctx, v, token) }, nil)
		x.line("\nverdict: %s", a)
		return err
	}
	i, err := x.i.server.parser.Interaction(v.Request)
	switch lacks := lacksBody(v.Request, err); {
	case err == nil && i.Kind == fhir.Capabilities && reads:
		x.line("\npublic: the CapabilityStatement is the same for everybody, signed in or not; no layer is asked, and nothing stored is looked at")
		x.line("\nverdict: the wire answers 200")
		return nil
	case lacks:
		if i, err = x.i.server.outline(v.Request); err != nil {
			return err
		}
		return x.interaction(ctx, v, i, bodiless)
	case err != nil:
		x.misunderstood(fhir.AsProblem(err))
		return nil
	case i.Kind == fhir.Batch || i.Kind == fhir.Transaction:
		return x.bundle(ctx, v, i)
	}
	return x.interaction(ctx, v, i, complete)
}

func (x *explanation) misunderstood(p *fhir.Problem) {
	x.line("\nnot understood: %s; the answer is %d whatever is stored", p.Text, p.Code.Status())
	x.findings(p)
}

func (x *explanation) findings(p *fhir.Problem) {
	for _, is := range p.Issues {
		x.line("    %s: %s", or(is.Expression, "http.body"), is.Text)
	}
}

// lacksBody reports whether a request was refused for having no body, which is
// the last thing that a parser asks for.
func lacksBody(req *fhir.Request, err error) bool {
	return err != nil && len(req.Body) == 0 && fhir.AsProblem(err).Expression == "http.body"
}

// outline is the interaction of a request whose body is not known.
func (s *Server) outline(req *fhir.Request) (*fhir.Interaction, error) {
	typ, operation, _ := strings.Cut(req.Path, "/")
	switch {
	case req.Method == http.MethodPost && req.Path == "":
		return &fhir.Interaction{Kind: fhir.Batch}, nil
	case req.Method == http.MethodPost && strings.Contains(operation, "$"):
		return &fhir.Interaction{Kind: fhir.Operation, Operation: "$validate", Type: typ}, nil
	case req.Method == http.MethodPost:
		return &fhir.Interaction{Kind: fhir.Create, Type: typ}, nil
	}
	// A deletion names its target as an update and a patch do, and has no body.
	same := *req
	same.Method = http.MethodDelete
	i, err := s.parser.Interaction(&same)
	if err != nil {
		return nil, err
	}
	i.Kind = fhir.Update
	if req.Method == http.MethodPatch {
		i.Kind = fhir.Patch
	}
	return i, nil
}

// bundle tells of each entry of a batch or transaction.
func (x *explanation) bundle(ctx context.Context, v *visit, i *fhir.Interaction) error {
	known, note := complete, "each entry is decided as a request of its own; what an earlier entry would change is not taken into account here"
	if i.Kind == fhir.Transaction {
		known, note = joint, "all entries are done or none; each is told as far as its target decides, over what is stored now"
	}
	x.line("\n%s of %d: %s", i.Kind, len(i.Entries), note)
	verdict := "the wire answers 200, with an answer for each entry"
	if i.Kind == fhir.Transaction {
		verdict = "every entry may be tried; the transaction is answered by the first that fails"
	}
	for n := range i.Entries {
		e := &i.Entries[n]
		x.line("\n---- %s: %s /%s", e.Place, e.Method, strings.TrimSuffix(e.Path+"?"+e.Query, "?"))
		switch {
		case e.Problem != nil:
			x.misunderstood(e.Problem)
			continue
		case e.Interaction.Kind == fhir.Capabilities:
			x.line("\npublic: the CapabilityStatement is the same for everybody")
			continue
		}
		if err := x.interaction(ctx, v.entry(e), e.Interaction, known); err != nil {
			return err
		}
		if _, err := x.i.server.gate.Admit(x.who, fhir.Compile(e.Interaction)); err != nil && i.Kind == fhir.Transaction {
			p := fhir.AsProblem(err)
			x.line("\n---- the whole\n\nverdict: refused at admission, for %s; nothing stored is looked at; %s", e.Place, answered{status: p.Code.Status(), text: string(p.Text)})
			return nil
		}
	}
	x.line("\n---- the whole\n\nverdict: %s", verdict)
	return nil
}
