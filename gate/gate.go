// Package gate is the law. Every request passes it four times: Admit asks
// whether the plan may be tried, Judge whether each fetched version may be
// seen or made, Release what of it leaves, Close whether it is on record.
//
// It joins the decisions of layers that it does not know (Authorizer) and does
// no I/O. Its types have unexported fields and one maker each, so a handler
// that skips a step does not compile: an answer is bytes only as a Reply, a
// Reply is made of a Cleared, a Cleared of Judged versions, a Judged of Sealed
// ones under a Permit (design: gate/testdata/forge holds what must not build).
package gate

import (
	"errors"
	"fmt"
	"sync/atomic"

	"firebreak/fhir"
)

// Labeler says what class and keys a version has, from its content and its
// writer. asserted is whether the writer has the right to assert.
type Labeler interface {
	Classify(p Principal, c *Content, asserted bool) (Class, Keys, []Tie, error)
}

// Gate joins the layers. It is safe for concurrent use.
type Gate struct {
	layers   []Authorizer
	labeler  Labeler
	mismatch atomic.Int64
	// OnMismatch is told of each row that net 1 let through and net 2 withheld.
	onMismatch func(layer string, h Header)
}

// New makes a gate of its layers; a gate without layers denies everything.
func New(labeler Labeler, onMismatch func(layer string, h Header), layers ...Authorizer) *Gate {
	return &Gate{layers: layers, labeler: labeler, onMismatch: onMismatch}
}

// Mismatches counts rows on which the two nets differed. Each is a bug.
func (g *Gate) Mismatches() int64 { return g.mismatch.Load() }

// Epoch changes whenever any layer's rules do.
func (g *Gate) Epoch() string { return g.underEpoch("") }

// underEpoch is the text with the epoch behind it.
func (g *Gate) underEpoch(text string) string {
	var room [256]byte // one allocation a request, not one a layer
	b := append(room[:0], text...)
	for _, l := range g.layers {
		b = append(append(b, l.Epoch()...), ';')
	}
	return string(b)
}

// Admit decides from the request alone, before anything stored is looked at: a
// plan is refused when it must touch what the caller may never touch.
func (g *Gate) Admit(p Principal, plan fhir.Plan) (*Permit, error) {
	if !p.Valid() {
		return nil, fhir.NewProblem(fhir.Login, "authentication is required")
	}
	// The key is taken before the rules are, and must still stand when they are
	// made: whoever keeps by it what follows from the rules has it under their own
	// epoch, also when policies come back that were in force before.
	m := &Permit{cover(permit{g: g, p: p, key: g.underEpoch(p.digest)})}
	in := m.in.lift()
	for _, t := range plan.Touches {
		if t.Optional {
			continue
		}
		if _, known := in.ruled(t.Action, t.Type); known { // and isn't Never
			continue
		}
		r, layer, err := g.rule(p, t.Action, t.Type)
		if err != nil {
			return nil, fmt.Errorf("admit: %w", err)
		}
		if _, never := r.(Never); never {
			return nil, refusal(layer)
		}
		in.rules = append(in.rules, ruled{t.Action, t.Type, r})
	}
	if err := m.stands(); err != nil {
		return nil, err
	}
	return m, nil
}

// refusal is a 403 that depends on the request, the token and the policies
// only: nothing stored has been looked at.
func refusal(layer string) *fhir.Problem {
	p := fhir.NewProblem(fhir.Forbidden, "the policy does not allow this interaction")
	if layer == "scope" {
		p = fhir.NewProblem(fhir.Forbidden, "the granted scopes do not allow this interaction")
	}
	p.Challenge = `Bearer error="insufficient_scope"` // RFC 6750 section 3.1: "requires higher privileges"
	return p
}

// rule is the conjunction over the layers, and the layer that folded it to Never.
func (g *Gate) rule(p Principal, action fhir.Action, typ string) (Rule, string, error) {
	if len(g.layers) == 0 {
		return Never{}, "", nil
	}
	var room [4]Rule
	all := room[:0]
	for _, l := range g.layers {
		r, err := l.Rule(p, action, typ)
		if err != nil {
			return Never{}, l.Layer(), err
		}
		if _, never := And(r).(Never); never {
			return Never{}, l.Layer(), nil
		}
		all = append(all, r)
	}
	// A principal without a tenant sees nothing, not what has none either.
	tenant := p.Tenant()
	all = append(all, ClassTest{Text: "the tenant is the caller's", Holds: func(c Class) bool { return tenant != "" && c.Tenant == tenant }})
	return And(all...), "", nil
}

// decide is the conjunction over the layers for one header and content.
func (g *Gate) decide(p Principal, action fhir.Action, h Header, c *Content) (Decision, error) {
	if len(g.layers) == 0 || !p.Valid() || p.Tenant() == "" || h.Class.Type == "" || h.Class.Type != h.Type || h.Class.Tenant != p.Tenant() {
		return Decision{}, nil
	}
	d := Decision{Effect: Permits}
	for _, l := range g.layers {
		one, err := l.Decide(p, action, h, c)
		if err != nil {
			return Decision{}, fmt.Errorf("%s: %w", l.Layer(), err)
		}
		if d = d.And(one); d.Effect != Permits {
			return d, nil
		}
	}
	return d, nil
}

// may judges one version, and its resource's current version when it is older.
func (g *Gate) may(p Principal, action fhir.Action, s Sealed) (Decision, error) {
	if s.in.empty() {
		return Decision{}, nil
	}
	d, err := g.decide(p, action, s.at().h, NewContent(s.at().body))
	if err != nil || d.Effect != Permits || s.at().h.Current == nil {
		return d, err
	}
	cur, err := g.decide(p, action, s.at().h.Current.at().h, NewContent(s.at().h.Current.at().body))
	if err != nil {
		return Decision{}, err
	}
	return d.And(cur), nil
}

// Judge is net 2 for what a store fetched under the permit. A row that it
// withholds was let through by net 1, which is a bug: it is counted and told.
func (g *Gate) Judge(m *Permit, action fhir.Action, rows ...Sealed) ([]Judged, error) {
	out := make([]Judged, 0, len(rows))
	for _, s := range rows {
		d, err := g.may(m.at().p, action, s)
		if err != nil {
			return nil, fmt.Errorf("judge: %w", err)
		}
		if d.Effect != Permits {
			if err := g.differ(m, d, s); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, m.judged(action, s, d))
	}
	if err := m.stands(); err != nil {
		return nil, err
	}
	return out, nil
}

// differ counts and tells a row on which the nets differ, under one set of rules.
func (g *Gate) differ(m *Permit, d Decision, s Sealed) error {
	if err := m.stands(); err != nil {
		return err
	}
	g.mismatch.Add(1)
	if g.onMismatch != nil {
		g.onMismatch(layerOf(d), s.at().h)
	}
	return nil
}

func (m *Permit) judged(action fhir.Action, s Sealed, why Decision) Judged {
	return Judged{s: s, why: cover(why), action: action, by: m.at().p.digest, ok: true}
}

func layerOf(d Decision) string {
	for _, r := range d.Reasons {
		if r.Effect != Permits {
			return r.Layer
		}
	}
	return "gate"
}

// JudgeTarget is net 2 for the target of a change, fetched under Known. It is
// absent unless the caller may see it or may do the action to it; refused
// openly when it may only be seen.
func (g *Gate) JudgeTarget(m *Permit, action fhir.Action, s Sealed) (Judged, error) {
	may, err := g.may(m.at().p, action, s)
	if err != nil {
		return Judged{}, fmt.Errorf("judge: %w", err)
	}
	if may.Effect == Permits {
		if err := m.stands(); err != nil {
			return Judged{}, err
		}
		return m.judged(action, s, may), nil
	}
	see, err := g.may(m.at().p, fhir.ActRead, s)
	if err != nil {
		return Judged{}, fmt.Errorf("judge: %w", err)
	}
	if see.Effect == Permits {
		return Judged{}, refusal(layerOf(may))
	}
	if err := g.differ(m, see, s); err != nil {
		return Judged{}, err
	}
	return Judged{}, fhir.Absent()
}

// Draft is what a change would store: made by the pipeline from what the
// client sent, so it is no secret to it.
type Draft struct {
	Header Header // without class and keys: the gate asks the Labeler
	Body   []byte
}

// JudgeChange decides on a change by what it makes as well as by what it
// replaces: before has been judged by JudgeTarget, and is nil for a create.
// after is nil for a delete, whose tombstone keeps the class and keys of before.
// facts are the caller's relations to the subjects of what is made.
func (g *Gate) JudgeChange(m *Permit, action fhir.Action, before *Judged, after *Draft, facts func(Keys) (Facts, error)) (Judged, error) {
	switch {
	case before == nil && after == nil,
		before != nil && (!before.of(m.at().p) || before.change || before.action != action),
		before != nil && after != nil && before.s.at().h.Reference() != after.Header.Reference():
		return Judged{}, errNotTarget
	case after == nil:
		j := m.judged(action, before.s, *before.why.lift())
		j.before, j.change = before.s, true
		return j, nil
	}
	c := NewContent(after.Body)
	class, keys, ties, err := g.labeler.Classify(m.at().p, c, m.MayAssert(after.Header.Type))
	if err != nil {
		return Judged{}, err
	}
	h := after.Header
	h.Class, h.Keys, h.Ties = class, keys, ties
	if h.Facts, err = facts(keys); err != nil {
		return Judged{}, err
	}
	d, err := g.decide(m.at().p, action, h, c)
	if err != nil {
		return Judged{}, fmt.Errorf("judge change: %w", err)
	}
	if d.Effect != Permits {
		return Judged{}, refusal(layerOf(d))
	}
	j := m.judged(action, Seal(h, after.Body), d)
	j.change = true
	if before != nil {
		j.before = before.s
		j.why = cover(before.why.lift().And(d))
	}
	if err := m.stands(); err != nil {
		return Judged{}, err
	}
	return j, nil
}

// errNotTarget is ours: the pipeline changed what was not judged for this
// change and this principal.
var errNotTarget = errors.New("judge change: the target was not judged for it")

// Tombstone completes a judged delete with the version that records it. Which
// resource it is stays as judged.
func (j Judged) Tombstone(h Header) Judged {
	if !j.ok || !j.change || j.action != fhir.ActDelete {
		return Judged{}
	}
	was := j.s.at().h
	h.Type, h.ID, h.Class, h.Keys, h.Facts, h.Deleted = was.Type, was.ID, was.Class, was.Keys, was.Facts, true
	j.s = Sealed{cover(sealed{h: h, body: j.s.at().body})}
	return j
}

// Patch applies a pure function to the caller's view of a judged version, so
// that an operation which tests or copies can learn nothing that a read would
// not show.
func (g *Gate) Patch(m *Permit, before Judged, apply func(view []byte) ([]byte, error)) ([]byte, error) {
	if !before.of(m.at().p) || before.change || before.s.at().h.Deleted {
		return nil, fhir.Absent()
	}
	see, err := g.may(m.at().p, fhir.ActRead, before.s)
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	if see.Effect != Permits {
		return nil, refusal(layerOf(see))
	}
	return apply(before.s.at().body)
}

// JudgeIncluded is net 2 for rows that an include brought in: by reference,
// which needs the right to read, or by a reverse search.
func (g *Gate) JudgeIncluded(m *Permit, rows ...Sealed) ([]Judged, error) {
	out := make([]Judged, 0, len(rows))
	for _, s := range rows {
		read, err := g.may(m.at().p, fhir.ActRead, s)
		if err != nil {
			return nil, fmt.Errorf("judge: %w", err)
		}
		if read.Effect == Permits {
			out = append(out, m.judged(fhir.ActRead, s, read))
			continue
		}
		found, err := g.Judge(m, fhir.ActSearch, s)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	if err := m.stands(); err != nil {
		return nil, err
	}
	return out, nil
}
