package authz

import (
	"fmt"
	"iter"
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"firebreak/fhir"
	"firebreak/gate"
)

// Net 2 of the policies: Cedar's own evaluator over entities built of one
// version's header. It shares the policies' texts with net 1 and nothing else;
// its entities, and its way to pass over policies that can't apply, are its own.

// judgeEntry is one policy as net 2 has it, with what its head and first
// condition say plainly, so that most policies need not be evaluated. An empty
// field says nothing.
type judgeEntry struct {
	id      cedar.PolicyID
	policy  *cedar.Policy
	actions []cedar.String // of the head
	role    cedar.String   // of a head's "principal in Role::"
	types   []cedar.String // of a first condition that names resource.type
}

func newJudgeEntry(id string, p *cedar.Policy) judgeEntry {
	e := judgeEntry{id: cedar.PolicyID(id), policy: p}
	tree := (*ast.Policy)(p.AST())
	switch a := tree.Action.(type) {
	case ast.ScopeTypeEq:
		e.actions = []cedar.String{a.Entity.ID}
	case ast.ScopeTypeInSet:
		for _, x := range a.Entities {
			e.actions = append(e.actions, x.ID)
		}
	}
	switch w := tree.Principal.(type) {
	case ast.ScopeTypeIn:
		if w.Entity.Type == "Role" {
			e.role = w.Entity.ID
		}
	case ast.ScopeTypeIsIn:
		if w.Entity.Type == "Role" {
			e.role = w.Entity.ID
		}
	}
	if len(tree.Conditions) > 0 && tree.Conditions[0].Condition == ast.ConditionWhen {
		e.types = namedTypes(tree.Conditions[0].Body)
	}
	return e
}

// namedTypes are the types outside of which a condition is false, when its
// leftmost operand of && says so; else nil.
func namedTypes(n ast.IsNode) []cedar.String {
	switch n := n.(type) {
	case ast.NodeTypeAnd:
		return namedTypes(n.Left)
	case ast.NodeTypeEquals:
		if lit, ok := n.Right.(ast.NodeValue); ok && isResourceType(n.Left) {
			if s, ok := lit.Value.(cedar.String); ok {
				return []cedar.String{s}
			}
		}
	case ast.NodeTypeContains:
		set, ok := n.Left.(ast.NodeTypeSet)
		if !ok || !isResourceType(n.Right) {
			return nil
		}
		var out []cedar.String
		for _, x := range set.Elements {
			lit, ok := x.(ast.NodeValue)
			if !ok {
				return nil
			}
			s, ok := lit.Value.(cedar.String)
			if !ok {
				return nil
			}
			out = append(out, s)
		}
		return out
	}
	return nil
}

func isResourceType(n ast.IsNode) bool {
	a, ok := n.(ast.NodeTypeAccess)
	if !ok || a.Value != "type" {
		return false
	}
	v, ok := a.Arg.(ast.NodeTypeVariable)
	return ok && v.Name == "resource"
}

func (e *judgeEntry) mayApply(action cedar.String, typ cedar.String, roles []string) bool {
	return (e.actions == nil || slices.Contains(e.actions, action)) &&
		(e.role == "" || slices.Contains(roles, string(e.role))) &&
		(e.types == nil || slices.Contains(e.types, typ))
}

// question is one request to Cedar.
type question struct {
	id       gate.Identity
	action   fhir.Action
	typ      string
	resource cedar.Entity
}

// authorize asks Cedar. An error in any policy that may apply denies: the
// schema leaves none to happen.
func (s *PolicySet) authorize(q question) (gate.Decision, error) {
	who := principalEntity(q.id)
	entities := cedar.EntityMap{who.UID: who, q.resource.UID: q.resource}
	req := cedar.Request{Principal: who.UID, Action: cedar.NewEntityUID("Action", cedar.String(q.action)), Resource: q.resource.UID,
		Context: cedar.NewRecord(cedar.RecordMap{"purpose": cedar.String(q.id.Purpose), "acr": cedar.String(q.id.ACR)})}
	all := applicable{entries: s.net2, action: cedar.String(q.action), typ: cedar.String(q.typ), roles: q.id.Roles}
	verdict, why := cedar.Authorize(all, entities, req)
	if len(why.Errors) > 0 {
		return gate.Decision{}, fmt.Errorf("policy %s could not be evaluated", why.Errors[0].PolicyID)
	}
	d := gate.Decision{Effect: gate.Denies}
	if verdict == cedar.Allow {
		d.Effect = gate.Permits
	}
	for _, r := range why.Reasons {
		d.Reasons = append(d.Reasons, gate.Reason{Layer: layerPolicy, Effect: d.Effect, Name: string(r.PolicyID)})
	}
	if len(d.Reasons) == 0 {
		d.Reasons = []gate.Reason{{Layer: layerPolicy, Effect: gate.Denies, Name: "no policy permits it"}}
	}
	d.Reasons = slices.Clip(d.Reasons)
	return d, nil
}

// applicable iterates over the policies that may apply, by name.
type applicable struct {
	entries     []judgeEntry
	action, typ cedar.String
	roles       []string
}

func (a applicable) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i := range a.entries {
			e := &a.entries[i]
			if e.mayApply(a.action, a.typ, a.roles) && !yield(e.id, e.policy) {
				return
			}
		}
	}
}
