package gate

import (
	"errors"
	"strings"

	"firebreak/fhir"
)

// Permit is the right to try a plan. Its zero value permits nothing.
type Permit struct{ in veil[permit] }

type permit struct {
	g     *Gate
	p     Principal
	key   string
	rules []ruled // that were asked for; a request asks for one or two, mostly
}

// ruled is the rule for one action on one type.
type ruled struct {
	action fhir.Action
	typ    string
	rule   Rule
}

func (m *permit) ruled(action fhir.Action, typ string) (Rule, bool) {
	for i := range m.rules {
		if r := &m.rules[i]; r.action == action && r.typ == typ {
			return r.rule, true
		}
	}
	return nil, false
}

// at is what the permit holds; a nil Permit is as good as a zero one.
func (m *Permit) at() *permit {
	if m == nil {
		return new(permit)
	}
	return m.in.lift()
}

func (Permit) String() string   { return "permit" }
func (Permit) GoString() string { return "permit" }

// Key names everything that the permit's rules depend on: equal keys, equal
// rules. It is "" for the zero Permit.
func (m *Permit) Key() string { return m.at().key }

// errReloaded answers a request during which the rules have changed. What it
// found was found by the old ones and would be judged by the new ones: the rows
// missing from its total would tell of what the new rules hide. It depends on
// when policies are reloaded and on nothing stored.
var errReloaded = (&fhir.Problem{Code: fhir.Unavailable, Text: "the policies have changed while the request ran; ask again"}).
	Because(ErrReloaded)

// ErrReloaded is the cause of a refusal for that reason: nobody's fault.
var ErrReloaded = errors.New("the policies were reloaded")

// stands is an error once the rules that the permit was made under are no
// longer in force. It is asked after each rule and each judgement, so that all of
// a request's are of the epoch in its key.
func (m *Permit) stands() error {
	in := m.at()
	if in.g == nil {
		return nil // it permits nothing
	}
	rest := in.key[len(in.p.digest):]
	for _, l := range in.g.layers {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, l.Epoch()); !ok || rest == "" {
			return errReloaded
		}
		rest = rest[1:]
	}
	return nil
}

// Principal is whose permit it is.
func (m *Permit) Principal() Principal { return m.at().p }

// Rule is net 1 for one type and action: what a store must hold rows to.
func (m *Permit) Rule(action fhir.Action, typ string) (Rule, error) {
	in := m.at()
	if in.g == nil {
		return Never{}, nil
	}
	if r, ok := in.ruled(action, typ); ok {
		return r, nil
	}
	r, _, err := in.g.rule(in.p, action, typ)
	if err == nil {
		err = m.stands()
	}
	if err != nil {
		return Never{}, err
	}
	in.rules = append(in.rules, ruled{action, typ, r})
	return r, nil
}

// Known is net 1 for the target of a change: rows the caller may read, or may
// do the action to. What is outside it is absent; what is inside but may not be
// changed is refused openly.
func (m *Permit) Known(action fhir.Action, typ string) (Rule, error) {
	may, err := m.Rule(action, typ)
	if err != nil {
		return Never{}, err
	}
	see, err := m.Rule(fhir.ActRead, typ)
	if err != nil {
		return Never{}, err
	}
	return Or(see, may), nil
}

// MayAssert reports whether what the caller writes of a type can grant authority.
func (m *Permit) MayAssert(typ string) bool {
	return m.all(func(l Authorizer) (bool, error) { return l.MayAssert(m.at().p, typ) })
}

// MayImport reports whether the caller may choose logical ids of a type. To
// choose an id is to learn whether it is taken. So the right counts only where
// no record of the type can be hidden from the caller: where every layer lets
// them update any.
func (m *Permit) MayImport(typ string) bool {
	return m.all(func(l Authorizer) (bool, error) {
		if may, err := l.MayImport(m.at().p); err != nil || !may {
			return false, err
		}
		r, err := l.Rule(m.at().p, fhir.ActUpdate, typ)
		_, any := And(r).(Always)
		return any, err
	})
}

func (m *Permit) all(ask func(Authorizer) (bool, error)) bool {
	g := m.at().g
	if g == nil || len(g.layers) == 0 {
		return false
	}
	for _, l := range g.layers {
		if ok, err := ask(l); err != nil || !ok {
			return false
		}
	}
	return true
}
