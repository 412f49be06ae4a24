package authz

import (
	"fmt"
	"io/fs"
	"sync/atomic"

	"firebreak/fhir"
	"firebreak/gate"
)

const layerPolicy = "policy"

// Sizes of the caches: what is evicted is computed again.
const (
	cachedRules     = 16_384
	cachedDecisions = 65_536
)

// Policies is the policy layer: what the user may do. It is a gate.Authorizer,
// safe for concurrent use.
type Policies struct {
	load func() (fs.FS, error)
	live atomic.Pointer[livePolicies]
}

// livePolicies is one set of policies with what was derived from it, so that
// nothing derived outlives its set.
type livePolicies struct {
	set       *PolicySet
	index     index
	rules     *cache[gate.Rule]
	decisions *cache[gate.Decision]
}

// NewPolicies loads policies from the folder that load opens; Reload asks it
// again. See LoadPolicies for what is refused.
func NewPolicies(load func() (fs.FS, error)) (*Policies, error) {
	p := &Policies{load: load}
	if err := p.Reload(); err != nil {
		return nil, err
	}
	return p, nil
}

// Reload reads the folder again and puts its policies in force at once. When
// anything is wrong with them the old ones stay and the error says what.
func (p *Policies) Reload() error {
	files, err := p.read()
	if err != nil {
		return err
	}
	return p.take(files)
}

func (p *Policies) read() (policyFiles, error) {
	fsys, err := p.load()
	if err != nil {
		return nil, fmt.Errorf("open policies: %w", err)
	}
	return readPolicies(fsys)
}

// take puts texts in force, unless they are.
func (p *Policies) take(files policyFiles) error {
	if now := p.live.Load(); now != nil && now.set.epoch == files.epoch() {
		return nil
	}
	set, err := files.load()
	if err != nil {
		return err
	}
	p.live.Store(&livePolicies{set: set, index: newIndex(set),
		rules: newCache[gate.Rule](cachedRules), decisions: newCache[gate.Decision](cachedDecisions)})
	return nil
}

// Layer is "policy".
func (p *Policies) Layer() string { return layerPolicy }

// Epoch names the policies in force.
func (p *Policies) Epoch() string { return p.live.Load().set.epoch }

// Rule is the policies' condition on rows of one type: some permit holds, and
// no forbid. It is for rows of that type only.
func (p *Policies) Rule(who gate.Principal, action fhir.Action, typ string) (gate.Rule, error) {
	if !who.Valid() || !known(typ) || !isAction(action) {
		return gate.Never{}, nil
	}
	live := p.live.Load()
	var buf [160]byte
	key := appendPart(appendPart(append(buf[:0], who.Digest()...), string(action)), typ)
	if r, ok := live.rules.load(key); ok {
		return r, nil
	}
	r, err := live.compile(who.Identity(), action, typ)
	if err != nil {
		return gate.Never{}, fmt.Errorf("policy rule: %w", err)
	}
	live.rules.store(key, r)
	return r, nil
}

// compile evaluates the policies for one request as far as it goes.
func (l *livePolicies) compile(id gate.Identity, action fhir.Action, typ string) (gate.Rule, error) {
	who := callerOf(id)
	r := &request{who: &who, action: action, typ: typ}
	var permits, forbids []gate.Rule
	for _, c := range l.index.policies(action, typ) {
		rest := c.when.simplify(r)
		if rest.isConst(false) {
			continue
		}
		rule, err := rest.rule(r)
		if err != nil {
			return nil, err
		}
		if c.permits {
			permits = append(permits, rule)
		} else {
			forbids = append(forbids, gate.Except(rule))
		}
	}
	return gate.And(append(forbids, gate.Or(permits...))...), nil
}

// Decide judges one version by its header.
func (p *Policies) Decide(who gate.Principal, action fhir.Action, h gate.Header, _ *gate.Content) (gate.Decision, error) {
	if !who.Valid() || !known(h.Class.Type) || h.Class.Type != h.Type || !isAction(action) {
		return gate.Decision{}, nil
	}
	live := p.live.Load()
	id := who.Identity()
	t := tiesOf(id, h)
	var buf [512]byte
	key := decisionKey(buf[:0], who, action, h.Class, t)
	if d, ok := live.decisions.load(key); ok {
		return d, nil
	}
	d, err := live.set.authorize(question{id: id, action: action, typ: h.Class.Type, resource: recordEntity(h.Class, t)})
	if err != nil {
		return gate.Decision{}, err
	}
	live.decisions.store(key, d)
	return d, nil
}

// decisionKey is all that a decision depends on under one set of policies.
func decisionKey(key []byte, who gate.Principal, action fhir.Action, c gate.Class, t ties) []byte {
	key = append(key, who.Digest()...)
	for _, s := range [...]string{string(action), c.Type, c.Organization, c.Custodian} {
		key = appendPart(key, s)
	}
	for _, list := range [...][]string{c.Sensitivities, c.Caveats} {
		for _, s := range list {
			key = appendPart(append(key, '+'), s)
		}
		key = append(key, '.')
	}
	flags := byte(0)
	for i, b := range [...]bool{c.Asserted, c.Linked, t.isSubject, t.inCareTeam, t.isAuthor} {
		if b {
			flags |= 1 << i
		}
	}
	return append(key, byte(c.Confidentiality), flags)
}

// MayAssert asks for the action "assert" on the type.
func (p *Policies) MayAssert(who gate.Principal, typ string) (bool, error) {
	if !known(typ) {
		return false, nil
	}
	d, err := p.right(who, actAssert, typ)
	return d.Effect == gate.Permits, err
}

// MayImport asks for the action "import".
func (p *Policies) MayImport(who gate.Principal) (bool, error) {
	d, err := p.right(who, actImport, "")
	return d.Effect == gate.Permits, err
}

func (p *Policies) right(who gate.Principal, action fhir.Action, typ string) (gate.Decision, error) {
	if !who.Valid() {
		return gate.Decision{}, nil
	}
	live := p.live.Load()
	var buf [160]byte
	key := appendPart(appendPart(append(buf[:0], who.Digest()...), string(action)), typ)
	if d, ok := live.decisions.load(key); ok {
		return d, nil
	}
	on := serverEntity()
	if action == actAssert {
		on = typeEntity(typ)
	}
	d, err := live.set.authorize(question{id: who.Identity(), action: action, typ: typ, resource: on})
	if err != nil {
		return gate.Decision{}, err
	}
	live.decisions.store(key, d)
	return d, nil
}
