package firebreak

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"firebreak/audit"
	"firebreak/authz"
	"firebreak/fhir"
	"firebreak/gate"
)

// explainedBy is a server whose only layer lets the store find everything, tells
// what the real layers say of it, and then denies: nothing can be released
// through it.
func (p Parts) explainedBy(t teller) Parts {
	p.Layers = []gate.Authorizer{t}
	p.Log = nil
	return p
}

// teller is that layer.
type teller struct {
	layers []gate.Authorizer
	tell   func(gate.Header, []authz.Verdict)
}

func (teller) Layer() string                                  { return "explain" }
func (teller) Epoch() string                                  { return "explain" }
func (teller) MayAssert(gate.Principal, string) (bool, error) { return false, nil }
func (teller) MayImport(gate.Principal) (bool, error)         { return false, nil }

func (teller) Rule(gate.Principal, fhir.Action, string) (gate.Rule, error) {
	return gate.Always{}, nil
}

func (t teller) Decide(who gate.Principal, action fhir.Action, h gate.Header, c *gate.Content) (gate.Decision, error) {
	if t.tell != nil {
		t.tell(h, authz.Explain(who, action, h, c, t.layers...))
	}
	return gate.Decision{}, nil
}

// Explain prints how a request would be decided, layer by layer, for whoever
// the Authorization header stands for: what it touches, what rows must satisfy
// (net 1), and for one resource what each layer says of it (net 2). It tells
// hidden from absent, so it is for the operator and never for the wire. That it
// was asked is on record before it is answered.
func (i *Instance) Explain(ctx context.Context, authorization, method, target string) (string, error) {
	path, query, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(target, i.base), "/"), "?")
	req := &fhir.Request{Method: method, Path: path, Query: query, Authorization: authorization, Visit: rand.Text(), Base: i.base}
	identity, err := i.parts.Authn.Authenticate(ctx, req)
	if err != nil {
		return "", err
	}
	record := audit.Record{Kind: audit.Decision, Visit: req.Visit, Time: i.clock.Now(), Tenant: identity.Tenant, Subject: identity.Subject,
		Issuer: identity.Issuer, FHIRUser: identity.FHIRUser, Peer: "operator", Operation: "explain", Query: []byte(method + " /" + req.Path),
		Epoch: i.server.gate.Epoch()}
	if _, err := i.journal.Append(ctx, record.Append(nil)); err != nil {
		return "", fmt.Errorf("audit journal: %w", err)
	}
	x := &explanation{i: i, who: gate.NewPrincipal(identity)}
	x.line("%s /%s", method, strings.TrimPrefix(strings.TrimPrefix(target, i.base), "/"))
	x.line("as %s (%s), organisation %s, roles %s", identity.Subject, or(identity.FHIRUser, "a system"),
		or(identity.Organization, "none"), or(strings.Join(identity.Roles, " "), "none"))
	x.line("scope %s", or(identity.Scope, "none"))
	interaction, err := i.server.parser.Interaction(req)
	if err != nil {
		p := fhir.AsProblem(err)
		x.line("\nnot understood: %s; the answer is %d whatever is stored", p.Text, p.Code.Status())
		return x.b.String(), nil
	}
	x.plan(fhir.Compile(interaction))
	if err := x.stored(ctx, interaction); err != nil {
		return "", err
	}
	return x.b.String(), nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

type explanation struct {
	i   *Instance
	who gate.Principal
	b   strings.Builder
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

// plan tells what the request touches, whether it may be tried, and net 1.
func (x *explanation) plan(plan fhir.Plan) {
	x.line("\nplan")
	x.indent(plan.Golden())
	if _, err := x.i.server.gate.Admit(x.who, plan); err != nil {
		p := fhir.AsProblem(err)
		x.line("\nadmission: refused, %d (%s), whatever is stored", p.Code.Status(), p.Text)
	} else {
		x.line("\nadmission: permitted")
	}
	type asked struct {
		action fhir.Action
		typ    string
	}
	seen := map[asked]bool{}
	for _, t := range plan.Touches {
		k := asked{t.Action, t.Type}
		if t.Optional || seen[k] {
			continue
		}
		seen[k] = true
		x.line("\nnet 1: what a row of %s must satisfy to %s it", t.Type, t.Action)
		x.indent(authz.ExplainRules(x.who, t.Action, t.Type, x.i.parts.Layers...))
	}
}

// stored tells of the one resource that the request is about, if it is about one.
func (x *explanation) stored(ctx context.Context, i *fhir.Interaction) error {
	if i.ID == "" || i.Type == "" {
		x.line("\nthe request is about no single resource; each row is judged by these rules")
		return nil
	}
	action := fhir.ActRead
	switch i.Kind {
	case fhir.Update, fhir.Patch:
		action = fhir.ActUpdate
	case fhir.Delete:
		action = fhir.ActDelete
	}
	told := 0
	verdict := gate.Permits
	t := teller{layers: x.i.parts.Layers, tell: func(h gate.Header, all []authz.Verdict) {
		told++
		x.header(h)
		x.line("\nnet 2: what each layer says of it")
		for _, v := range all {
			if v.Decision.Effect != gate.Permits {
				verdict = gate.Denies
			}
			x.line("    %v", v)
		}
	}}
	all, err := New(x.i.parts.explainedBy(t))
	if err != nil {
		return err
	}
	plan := fhir.Compile(i)
	m, err := all.gate.Admit(x.who, plan)
	if err != nil {
		return err
	}
	row, found, err := x.fetch(ctx, all, m, action, i)
	if err != nil {
		return err
	}
	if !found {
		x.line("\nverdict: there is no such resource")
		return nil
	}
	if _, err := all.gate.Judge(m, action, row); err != nil {
		return err
	}
	if told == 0 {
		x.line("\nverdict: hidden; it belongs to another tenant")
		return nil
	}
	return x.compare(ctx, i, action, verdict)
}

// fetch finds the row under a server's rules.
func (x *explanation) fetch(ctx context.Context, s *Server, m *gate.Permit, action fhir.Action, i *fhir.Interaction) (row gate.Sealed, found bool, err error) {
	err = s.backend.View(ctx, m, func(t Snapshot) (err error) {
		if i.Version != "" {
			row, found, err = t.Version(i.Type, i.ID, i.Version)
			return err
		}
		row, found, err = t.Read(i.Type, i.ID)
		return err
	})
	return row, found, err
}

func (x *explanation) header(h gate.Header) {
	x.line("\nthe resource")
	x.line("    %s, version %s, by %s at %s%s", h.Reference(), h.Version, h.Method, fhir.FormatInstant(h.LastUpdated), deletedText(h.Deleted))
	c := h.Class
	x.line("    class: written for %s, custodian %s, confidentiality %v, sensitivities %s, caveats %s, asserted %v, linked %v",
		or(c.Organization, "nobody"), or(c.Custodian, "none"), c.Confidentiality, or(strings.Join(c.Sensitivities, " "), "none"),
		or(strings.Join(c.Caveats, " "), "none"), c.Asserted, c.Linked)
	x.line("    keys: subjects %s, mentions %s, author %s, encounter %s", or(strings.Join(h.Keys.Subjects, " "), "none"),
		or(strings.Join(h.Keys.Mentions, " "), "none"), or(h.Keys.Author, "none"), or(h.Keys.Encounter, "none"))
	x.line("    the caller is in an asserted care team of its patient: %v", h.Facts.CareTeam)
}

func deletedText(deleted bool) string {
	if deleted {
		return ", deleted"
	}
	return ""
}

// compare tells whether net 1 says the same as net 2, and what the wire shows.
func (x *explanation) compare(ctx context.Context, i *fhir.Interaction, action fhir.Action, verdict gate.Effect) error {
	s := x.i.server
	m, err := s.gate.Admit(x.who, fhir.Compile(i))
	if err != nil {
		x.line("\nverdict: refused at admission; nothing stored is looked at")
		return nil
	}
	if action != fhir.ActRead {
		x.line("\nverdict: to %s it is %s", action, verdict)
		return nil
	}
	_, found, err := x.fetch(ctx, s, m, action, i)
	if err != nil {
		return err
	}
	switch {
	case found != (verdict == gate.Permits):
		x.line("\nverdict: THE TWO NETS DIFFER (net 1 finds it: %v); it is withheld, and this is a bug to report", found)
	case found:
		x.line("\nverdict: visible; both nets permit")
	default:
		x.line("\nverdict: hidden by both nets; the caller gets the 404 of what does not exist")
	}
	return nil
}
