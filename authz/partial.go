package authz

import (
	"fmt"

	"firebreak/gate"
)

// simplify answers what the request decides and folds what follows. Since
// conditions have no errors, && and || may be folded from either side.
func (e *expr) simplify(r *request) *expr {
	switch e.op {
	case opConst:
		return e
	case opAttr:
		if v, ok := r.answer(e.attr); ok {
			return constant(v)
		}
		return e
	case opIs:
		return r.isType(e)
	case opAnd:
		return e.fold(r, false)
	case opOr:
		return e.fold(r, true)
	}
	if v, ok := r.direct(e); ok {
		return constant(v)
	}
	out := *e
	out.args = make([]*expr, len(e.args))
	all := true
	for i, a := range e.args {
		out.args[i] = a.simplify(r)
		all = all && out.args[i].op == opConst
	}
	switch {
	case out.op == opIf:
		return out.chosen()
	case !all:
		return out.decided()
	case out.op == opIn:
		return constant(boolean(r.in(out.args[0].val, out.args[1].val)))
	}
	in := make([]value, len(out.args))
	for i, a := range out.args {
		in[i] = a.val
	}
	c := constant(out.apply(in))
	c.elem = out.elem
	return c
}

// direct answers == and in between two things known, without building
// anything: it is what most policies of a large set come down to.
func (r *request) direct(e *expr) (value, bool) {
	if e.op != opEqual && e.op != opIn {
		return value{}, false
	}
	left, ok1 := r.given(e.args[0])
	right, ok2 := r.given(e.args[1])
	if !ok1 || !ok2 {
		return value{}, false
	}
	if e.op == opIn {
		return boolean(r.in(left, right)), true
	}
	return boolean(left.equal(right)), true
}

func (r *request) given(e *expr) (value, bool) {
	switch {
	case e.op == opConst:
		return e.val, true
	case e.op == opAttr && e.kind != kindSet:
		return r.answer(e.attr)
	}
	return value{}, false
}

// chosen is an if of which the condition, or what it leads to, is decided.
func (e *expr) chosen() *expr {
	is, then, or := e.args[0], e.args[1], e.args[2]
	switch {
	case is.isConst(true):
		return then
	case is.isConst(false):
		return or
	case then.op == opConst && or.op == opConst && then.val.equal(or.val):
		return then
	case then.isConst(true) && or.isConst(false):
		return is
	case then.isConst(false) && or.isConst(true):
		return logic(opNot, is)
	}
	return e
}

// decided is == with true or false, without it.
func (e *expr) decided() *expr {
	if e.op != opEqual || e.args[0].kind != kindBool {
		return e
	}
	for i, a := range e.args {
		if a.isConst(true) {
			return e.args[1-i]
		}
		if a.isConst(false) {
			return logic(opNot, e.args[1-i])
		}
	}
	return e
}

// fold is && and ||: one operand of value decides, one of the other drops out.
func (e *expr) fold(r *request, decides bool) *expr {
	left := e.args[0].simplify(r)
	if left.isConst(decides) {
		return left
	}
	right := e.args[1].simplify(r)
	if right.isConst(decides) || left.isConst(!decides) {
		return right
	}
	if right.isConst(!decides) {
		return left
	}
	return logic(e.op, left, right)
}

// in is Cedar's in: a principal is in its roles, everything in itself.
func (r *request) in(v, groups value) bool {
	list := groups.set
	if groups.kind == kindEntity {
		list = []value{groups}
	}
	for _, g := range list {
		if v.equal(g) {
			return true
		}
		if v.typ == "Action" || g.typ != "Role" {
			continue
		}
		for _, role := range r.who.Roles {
			if role == g.text {
				return true
			}
		}
	}
	return false
}

func (r *request) isType(e *expr) *expr {
	typ := ""
	switch e.text {
	case "action":
		typ = "Action"
	case "principal":
		if r.who == nil {
			return e
		}
		typ, _ = r.who.uid()
	default:
		typ = "Record"
		if r.action == actAssert {
			typ = "ResourceType"
		}
		if r.action == actImport {
			typ = "Server"
		}
	}
	return constant(boolean(typ == e.val.text))
}

// rule is a simplified condition as a gate.Rule. What asks only the class stays
// in one test; what asks keys becomes the rules that a store joins.
func (e *expr) rule(r *request) (gate.Rule, error) {
	if e.op == opConst {
		if e.val.bool {
			return gate.Always{}, nil
		}
		return gate.Never{}, nil
	}
	if !e.asksKeys() {
		return gate.ClassTest{Text: e.String(), Holds: func(c gate.Class) bool { return e.of(c).bool }}, nil
	}
	if e.op == opAttr {
		return r.keyTest(e.attr), nil
	}
	in := make([]gate.Rule, len(e.args))
	for i, a := range e.args {
		var err error
		if in[i], err = a.rule(r); err != nil {
			return nil, err
		}
	}
	switch e.op {
	case opAnd:
		return gate.And(in...), nil
	case opOr:
		return gate.Or(in...), nil
	case opNot:
		return gate.Except(in[0]), nil
	case opIf:
		return gate.Or(gate.And(in[0], in[1]), gate.And(gate.Except(in[0]), in[2])), nil
	case opEqual: // of conditions: both hold or neither
		return gate.Or(gate.And(in...), gate.And(gate.Except(in[0]), gate.Except(in[1]))), nil
	}
	return nil, fmt.Errorf("a policy asks keys in a way that was to be refused when it was loaded: %w", errKeysValue)
}

func (r *request) keyTest(a attr) gate.Rule {
	switch a {
	case resourceIsSubject:
		return gate.KeyTest{Relation: gate.SubjectIs, Holder: r.who.patient}
	case resourceInCareTeam:
		return gate.KeyTest{Relation: gate.InCareTeam, Holder: r.who.FHIRUser}
	default:
		return gate.KeyTest{Relation: gate.AuthorIs, Holder: r.who.FHIRUser}
	}
}
