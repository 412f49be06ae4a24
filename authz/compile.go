package authz

import (
	"errors"
	"fmt"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"firebreak/fhir"
)

// rights are the actions besides those of scopes.
const (
	actAssert fhir.Action = "assert"
	actImport fhir.Action = "import"
)

// A policy may ask only what net 1 can hold rows to; the rest is refused when
// it is loaded. These are the reasons, for the person who wrote the policy.
var (
	errOneRecord  = errors.New("a policy may not name a single record: ask its type, organisation, labels or relation to the principal")
	errKeysValue  = errors.New("isSubject, inCareTeam and isAuthor may be used as conditions only, not as values of a set, a comparison or an if")
	errVariable   = errors.New("principal, action, resource and context may be used only with an attribute, ==, in and is")
	errTags       = errors.New("entity tags are not provided")
	errHas        = errors.New("has is not needed: every attribute of the schema is always there")
	errLike       = errors.New("like is refused: a decision may not depend on the spelling of a name")
	errArithmetic = errors.New("arithmetic is refused: compare with a number instead")
	errRecord     = errors.New("record values are not supported")
	errEmptySet   = errors.New("an empty set may not be written: use .isEmpty()")
	errIn         = errors.New("in is supported for principal (roles) and action only")
)

// compiled is one policy as net 1 has it.
type compiled struct {
	id      string
	permits bool
	when    *expr
}

// compile turns a policy into an expression, or says why it can't.
func compile(id string, p *ast.Policy) (compiled, error) {
	head, err := compileHead(p)
	if err != nil {
		return compiled{}, err
	}
	when := head
	for _, c := range p.Conditions {
		e, err := compileNode(c.Body)
		if err != nil {
			return compiled{}, err
		}
		if err := want(e, kindBool, "a condition"); err != nil {
			return compiled{}, err
		}
		if c.Condition == ast.ConditionUnless {
			e = logic(opNot, e)
		}
		when = logic(opAnd, when, e)
	}
	if err := keysAsConditions(when); err != nil {
		return compiled{}, err
	}
	return compiled{id: id, permits: p.Effect == ast.EffectPermit, when: when}, nil
}

// compileHead is what stands in a policy's parentheses.
func compileHead(p *ast.Policy) (*expr, error) {
	switch r := p.Resource.(type) {
	case ast.ScopeTypeAll:
	case ast.ScopeTypeIs:
		e, err := isType("resource", r.Type)
		if err != nil {
			return nil, err
		}
		head, err := compileWho(p)
		return logic(opAnd, head, e), err
	default:
		return nil, errOneRecord
	}
	return compileWho(p)
}

func compileWho(p *ast.Policy) (*expr, error) {
	who, err := compileScope(principalItself, "principal", p.Principal)
	if err != nil {
		return nil, err
	}
	does, err := compileScope(actionItself, "action", p.Action)
	return logic(opAnd, does, who), err
}

func compileScope(a attr, name string, scope ast.IsScopeNode) (*expr, error) {
	self := &expr{op: opAttr, kind: kindEntity, attr: a}
	switch s := scope.(type) {
	case ast.ScopeTypeAll:
		return constant(boolean(true)), nil
	case ast.ScopeTypeEq:
		return logic(opEqual, self, entityConst(s.Entity)), nil
	case ast.ScopeTypeIn:
		return logic(opIn, self, entityConst(s.Entity)), nil
	case ast.ScopeTypeInSet:
		set := &expr{op: opSet, kind: kindSet, elem: kindEntity}
		for _, e := range s.Entities {
			set.args = append(set.args, entityConst(e))
		}
		return logic(opIn, self, set), nil
	case ast.ScopeTypeIs:
		return isType(name, s.Type)
	case ast.ScopeTypeIsIn:
		is, err := isType(name, s.Type)
		return logic(opAnd, is, logic(opIn, self, entityConst(s.Entity))), err
	default:
		return nil, fmt.Errorf("%T is not supported", scope)
	}
}

func entityConst(e types.EntityUID) *expr {
	return constant(entity(string(e.Type), string(e.ID)))
}

func isType(variable string, t types.EntityType) (*expr, error) {
	switch t {
	case "User", "Client", "Role", "Record", "ResourceType", "Server", "Action":
		return &expr{op: opIs, kind: kindBool, text: variable, val: text(string(t))}, nil
	}
	return nil, fmt.Errorf("there is no entity type %s", t)
}

func compileNode(n ast.IsNode) (*expr, error) {
	switch n := n.(type) {
	case ast.NodeValue:
		return compileValue(n.Value)
	case ast.NodeTypeAccess:
		return compileAccess(n)
	case ast.NodeTypeVariable:
		return compileVariable(string(n.Name))
	case ast.NodeTypeSet:
		return compileSet(n)
	case ast.NodeTypeIfThenElse:
		return compileIf(n)
	case ast.NodeTypeNot:
		return compileArgs(opNot, n.Arg)
	case ast.NodeTypeIsEmpty:
		return compileArgs(opEmpty, n.Arg)
	case ast.NodeTypeIs:
		return compileIs(n)
	case ast.NodeTypeIsIn:
		is, err := compileIs(n.NodeTypeIs)
		if err != nil {
			return nil, err
		}
		in, err := compileArgs(opIn, n.Left, n.Entity)
		return logic(opAnd, is, in), err
	case ast.NodeTypeHas:
		return nil, errHas
	case ast.NodeTypeHasTag, ast.NodeTypeGetTag:
		return nil, errTags
	case ast.NodeTypeLike:
		return nil, errLike
	case ast.NodeTypeAdd, ast.NodeTypeSub, ast.NodeTypeMult, ast.NodeTypeNegate:
		return nil, errArithmetic
	case ast.NodeTypeRecord:
		return nil, errRecord
	case ast.NodeTypeExtensionCall:
		return nil, fmt.Errorf("the function %s is not supported", n.Name)
	default:
		return compileBinary(n)
	}
}

func compileBinary(n ast.IsNode) (*expr, error) {
	switch n := n.(type) {
	case ast.NodeTypeAnd:
		return compileArgs(opAnd, n.Left, n.Right)
	case ast.NodeTypeOr:
		return compileArgs(opOr, n.Left, n.Right)
	case ast.NodeTypeEquals:
		return compileArgs(opEqual, n.Left, n.Right)
	case ast.NodeTypeNotEquals:
		e, err := compileArgs(opEqual, n.Left, n.Right)
		return logic(opNot, e), err
	case ast.NodeTypeLessThan:
		return compileArgs(opLess, n.Left, n.Right)
	case ast.NodeTypeLessThanOrEqual:
		return compileArgs(opLessEqual, n.Left, n.Right)
	case ast.NodeTypeGreaterThan:
		return compileArgs(opLess, n.Right, n.Left)
	case ast.NodeTypeGreaterThanOrEqual:
		return compileArgs(opLessEqual, n.Right, n.Left)
	case ast.NodeTypeContains:
		return compileArgs(opContains, n.Left, n.Right)
	case ast.NodeTypeContainsAll:
		return compileArgs(opContainsAll, n.Left, n.Right)
	case ast.NodeTypeContainsAny:
		return compileArgs(opContainsAny, n.Left, n.Right)
	case ast.NodeTypeIn:
		return compileArgs(opIn, n.Left, n.Right)
	default:
		return nil, fmt.Errorf("%T is not supported", n)
	}
}

func compileValue(v types.Value) (*expr, error) {
	switch v := v.(type) {
	case types.Boolean:
		return constant(boolean(bool(v))), nil
	case types.Long:
		return constant(value{kind: kindLong, long: int64(v)}), nil
	case types.String:
		return constant(text(string(v))), nil
	case types.EntityUID:
		return entityConst(v), nil
	default:
		return nil, fmt.Errorf("%T is not supported", v)
	}
}

func compileVariable(name string) (*expr, error) {
	switch name {
	case "principal":
		return &expr{op: opAttr, kind: kindEntity, attr: principalItself}, nil
	case "action":
		return &expr{op: opAttr, kind: kindEntity, attr: actionItself}, nil
	case "resource":
		return nil, errOneRecord
	default:
		return nil, errVariable
	}
}

func compileAccess(n ast.NodeTypeAccess) (*expr, error) {
	v, ok := n.Arg.(ast.NodeTypeVariable)
	if !ok {
		return nil, errVariable
	}
	a, ok := attributeNamed(string(v.Name) + "." + string(n.Value))
	if !ok {
		return nil, fmt.Errorf("%s has no attribute %s", v.Name, n.Value)
	}
	e := &expr{op: opAttr, kind: attributes[a].kind, attr: a}
	if e.kind == kindSet {
		e.elem = kindString
	}
	return e, nil
}

func compileSet(n ast.NodeTypeSet) (*expr, error) {
	if len(n.Elements) == 0 {
		return nil, errEmptySet
	}
	set := &expr{op: opSet, kind: kindSet}
	for _, x := range n.Elements {
		e, err := compileNode(x)
		if err != nil {
			return nil, err
		}
		if set.elem == 0 {
			set.elem = e.kind
		}
		if e.kind != set.elem || e.kind == kindSet {
			return nil, errors.New("the elements of a set must be of one kind, and no sets")
		}
		set.args = append(set.args, e)
	}
	return set, nil
}

func compileIf(n ast.NodeTypeIfThenElse) (*expr, error) {
	e, err := compileArgs(opIf, n.If, n.Then, n.Else)
	if err != nil {
		return nil, err
	}
	e.kind, e.elem = e.args[1].kind, e.args[1].elem
	return e, nil
}

func compileIs(n ast.NodeTypeIs) (*expr, error) {
	v, ok := n.Left.(ast.NodeTypeVariable)
	if !ok || v.Name == "context" {
		return nil, errVariable
	}
	return isType(string(v.Name), n.EntityType)
}

func compileArgs(o op, nodes ...ast.IsNode) (*expr, error) {
	e := logic(o)
	for _, n := range nodes {
		a, err := compileNode(n)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, a)
	}
	if err := check(e); err != nil {
		return nil, err
	}
	return e, nil
}
