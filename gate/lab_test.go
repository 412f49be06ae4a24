package gate_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/gate"
)

// permit is a layer that answers as it is told; its zero value permits.
type permit struct {
	name   string
	denies map[fhir.Action]bool // what Decide denies
	never  map[fhir.Action]bool // what Rule folds to Never
	hidden map[string]bool      // ids that Decide denies, whatever the action
	err    error                // what everything fails with
	assert bool
}

func (l permit) Layer() string {
	if l.name == "" {
		return "policy"
	}
	return l.name
}

func (l permit) Rule(_ gate.Principal, a fhir.Action, _ string) (gate.Rule, error) {
	if l.never[a] {
		return gate.Never{}, l.err
	}
	return gate.Always{}, l.err
}

func (l permit) Decide(_ gate.Principal, a fhir.Action, h gate.Header, _ *gate.Content) (gate.Decision, error) {
	e := gate.Permits
	if l.denies[a] || l.hidden[h.ID+"/"+h.Version] {
		e = gate.Denies
	}
	return gate.Decision{Effect: e, Reasons: []gate.Reason{{Layer: l.Layer(), Effect: e, Name: "told so"}}}, l.err
}

func (l permit) MayAssert(gate.Principal, string) (bool, error) { return l.assert, l.err }
func (l permit) MayImport(gate.Principal) (bool, error)         { return l.assert, l.err }
func (l permit) Epoch() string                                  { return "1" }

// labeler gives every content the class of a Patient of tenant main.
type labeler struct{ err error }

func (l labeler) Classify(_ gate.Principal, c *gate.Content, asserted bool) (gate.Class, gate.Keys, []gate.Tie, error) {
	root, err := c.Root()
	if err != nil {
		return gate.Class{}, gate.Keys{}, nil, err
	}
	return gate.Class{Tenant: "main", Type: root.Field("resourceType").Text(), Asserted: asserted}, gate.Keys{Subjects: []string{"s"}}, nil, l.err
}

var errBroken = errors.New("broken")

func lab(t testing.TB, layers ...gate.Authorizer) (*gate.Gate, *gate.Permit) {
	t.Helper()
	g := gate.New(labeler{}, nil, layers...)
	return g, admitted(t, g, "adams")
}

// admitted is a permit of somebody by a gate, for a plan that touches nothing.
func admitted(t testing.TB, g *gate.Gate, who string) *gate.Permit {
	t.Helper()
	p := gate.NewPrincipal(gate.Identity{Tenant: "main", Subject: who, Organization: "Organization/canary7", FHIRUser: "Practitioner/canary7"})
	m, err := g.Admit(p, fhir.Plan{Interaction: &fhir.Interaction{}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func header(id string) gate.Header {
	return gate.Header{Type: "Patient", ID: id, Version: "v1", Method: "POST", LastUpdated: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Class: gate.Class{Tenant: "main", Type: "Patient", Organization: "Organization/canary7"}, Keys: gate.Keys{Subjects: []string{id}}}
}

func sealedPatient(id string) gate.Sealed {
	return gate.Seal(header(id), []byte(`{"resourceType":"Patient","id":"`+id+`"}`))
}

func mustJudge(t testing.TB, g *gate.Gate, m *gate.Permit, s gate.Sealed) gate.Judged {
	t.Helper()
	j, err := g.Judge(m, fhir.ActRead, s)
	if err != nil || len(j) != 1 {
		t.Fatalf("judge: %v, %v", j, err)
	}
	return j[0]
}

// memorySink keeps events, or fails.
type memorySink struct {
	events []gate.Event
	err    error
}

func (s *memorySink) Record(_ context.Context, events []gate.Event) error {
	if s.err == nil {
		s.events = append(s.events, events...)
	}
	return s.err
}

// sent is what of an answer a client gets.
func sent(t testing.TB, g *gate.Gate, c gate.Cleared, head bool) *httptest.ResponseRecorder {
	t.Helper()
	r, err := g.Close(context.Background(), &memorySink{}, c, []gate.Event{{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if _, err := r.WriteTo(w, head); err != nil {
		t.Fatal(err)
	}
	return w
}

func code(err error) fhir.Code { return fhir.AsProblem(err).Code }
