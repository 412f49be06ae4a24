package firebreak

import (
	"context"
	"errors"
	"fmt"

	"firebreak/audit"
	"firebreak/authz"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/store"
)

// rehearsal is a Backend of one snapshot, on which the pipeline is tried
// without anything coming of it: what a change makes is judged as ever and then
// let go. It has no way to write, for it holds none of the store's.
type rehearsal struct{ t *store.Snapshot }

// View is Backend's.
func (r rehearsal) View(_ context.Context, m *gate.Permit, fn func(Snapshot) error) error {
	return fn(r.t.Under(m))
}

// Change is Backend's, but for the change.
func (r rehearsal) Change(_ context.Context, m *gate.Permit, _ func(context.Context) error, fn func(Tx) error) error {
	return fn(rehearsed{r.t.Under(m)})
}

// Journalled is Backend's.
func (rehearsal) Journalled(...string) {}

// rehearsed is a Tx that keeps nothing.
type rehearsed struct{ *store.Snapshot }

func (t rehearsed) Under(m *gate.Permit) Tx               { return rehearsed{t.Snapshot.Under(m)} }
func (rehearsed) Commit(gate.Judged) error                { return nil }
func (rehearsed) Outbox(string, []byte) error             { return nil }
func (rehearsed) PutFirst(_, _ string, _, _ []byte) error { return nil }
func (rehearsed) First(_, _ string, _ []byte) ([]byte, bool, error) {
	return nil, false, nil
}

// told is what the layers say of one version.
type told struct {
	action fhir.Action
	h      gate.Header
	all    []authz.Verdict // empty when the gate denies it before any layer is asked
}

// permits reports whether all layers do.
func (d told) permits() bool {
	for _, v := range d.all {
		if v.Decision.Effect != gate.Permits {
			return false
		}
	}
	return len(d.all) > 0
}

// witness is a layer that tells of each version that the gate asks it about,
// what all layers say.
type witness struct {
	gate.Authorizer
	layers []gate.Authorizer
	tell   func(told)
}

func (w witness) Decide(who gate.Principal, action fhir.Action, h gate.Header, c *gate.Content) (gate.Decision, error) {
	w.tell(told{action, h, authz.Explain(who, action, h, c, w.layers...)})
	return w.Authorizer.Decide(who, action, h, c)
}

// minted are the version ids that a rehearsal has chosen: what bears one is not
// stored.
type minted struct {
	RandomIdentifiers
	versions map[string]bool
}

func (m minted) Version() string {
	v := m.RandomIdentifiers.Version()
	m.versions[v] = true
	return v
}

// answered is what the wire would answer, as far as it is determined.
type answered struct {
	status  int // 0: it depends on what is not known
	text    string
	problem *fhir.Problem // or nil
	shown   int           // versions
	differ  bool          // the nets did
	given   bool          // it takes for granted that the content is valid
}

func (a answered) String() string {
	if a.status == 0 {
		return a.text
	}
	out := fmt.Sprintf("the wire answers %d", a.status)
	if a.text != "" {
		out += " (" + a.text + ")"
	}
	if a.given {
		out = "with valid content, " + out
	}
	return out
}

// rehearse takes a request through the real pipeline, with the real layers, on
// the explanation's snapshot. tell, when it is there, learns of each version
// that is judged on the way, and whether the request would make it.
func (x *explanation) rehearse(do func(*Server) (gate.Cleared, error), tell func(d told, made bool)) (answered, error) {
	ids := minted{versions: map[string]bool{}}
	p := x.i.parts
	p.Backend, p.Journal, p.IDs = rehearsal{x.t}, audit.NewMemory(), ids
	if tell != nil {
		first := witness{p.Layers[0], p.Layers, func(d told) { tell(d, ids.versions[d.h.Version]) }}
		p.Layers = append([]gate.Authorizer{first}, p.Layers[1:]...)
	}
	s, err := New(p)
	if err != nil {
		return answered{}, err
	}
	answer, err := do(s)
	a := answered{status: answer.Status(), shown: len(answer.Released()), differ: s.Mismatches() > 0}
	switch {
	case err == nil:
		return a, nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return a, err
	}
	a.problem = fhir.AsProblem(err)
	if a.problem.Code == fhir.Exception {
		return a, err
	}
	a.status, a.text = a.problem.Code.Status(), string(a.problem.Text)
	return a, nil
}
