package search

import (
	"slices"
	"strings"

	"firebreak/fhir/r4"
)

const (
	textChainModifier Literal = "only a resource type may stand between a chained parameter and the dot"
	textChainRef      Literal = "only reference parameters can be chained"
	textChainEnd      Literal = "no type that the chain leads to has this parameter"
	textHas           Literal = "use _has:Type:parameter:name"
	textHasRef        Literal = "that parameter does not refer to the type searched"
	textBoolean       Literal = "use true or false"
)

// filter reads name=value as a condition on a resource of the type. It is
// errUnknown when the type does not have the first parameter of the name.
func (p *parser) filter(typ, name, value string, hops int) (Expr, error) {
	if p.conditions++; p.conditions > maxConditions {
		return nil, refuse(TooCostly, textBroad)
	}
	if rest, ok := strings.CutPrefix(name, "_has:"); ok {
		return p.has(typ, rest, value, hops)
	}
	first, rest, chained := strings.Cut(name, ".")
	code, modifier, modified := strings.Cut(first, ":")
	param, ok := r4.LookupSearchParam(typ, code)
	if unsupported(code) || ok && param.Type == r4.ParamSpecial && !Indexed(param) {
		// What a server does not offer must not be passed over: the caller
		// would take a wider answer for the one asked for.
		return nil, refuse(NotSupported, textUnsupported)
	}
	if !ok {
		if modified && !isModifier(modifier) {
			return nil, refuse(NotSupported, textModifier)
		}
		return nil, errUnknown
	}
	if chained {
		return p.chain(param, modifier, modified, rest, value, hops)
	}
	if modified {
		return p.modified(param, modifier, value)
	}
	return p.test(param, NoModifier, value)
}

func unsupported(code string) bool {
	switch code {
	case "_text", "_content", "_filter", "_list", "_query", "_has":
		return true
	}
	return false
}

// isModifier holds for every modifier of R4, also those not supported here.
func isModifier(s string) bool {
	switch s {
	case "missing", "exact", "contains", "not", "text", "identifier", "of-type", "above", "below", "in", "not-in":
		return true
	}
	_, ok := r4.TypeID(s)
	return ok
}

// modified reads a parameter with a modifier
// (http://hl7.org/fhir/R4/search.html#modifiers).
func (p *parser) modified(param *r4.SearchParam, modifier, value string) (Expr, error) {
	if modifier == "missing" {
		switch value {
		case "true", "false":
			return Missing{Param: param, Missing: value == "true"}, nil
		}
		return nil, refuse(BadValue, textBoolean)
	}
	switch param.Type {
	case r4.ParamString:
		if modifier == "exact" {
			return p.test(param, Exact, value)
		}
		if modifier == "contains" {
			return p.contains(param, value)
		}
	case r4.ParamURI:
		if modifier == "above" || modifier == "below" {
			return p.test(param, Modifier(modifier), value)
		}
	case r4.ParamToken:
		if modifier == "not" {
			e, err := p.test(param, NoModifier, value)
			if err != nil {
				return nil, err
			}
			return Not{e}, nil
		}
		if param.Code != "_id" && (modifier == "text" || modifier == "of-type") {
			return p.test(param, Modifier(modifier), value)
		}
	case r4.ParamReference:
		if modifier == "identifier" {
			return p.test(param, ByIdentifier, value)
		}
		if _, ok := r4.TypeID(modifier); ok {
			return p.typed(param, modifier, value)
		}
	}
	return nil, refuse(NotSupported, textModifier)
}

// alternatives are the values between commas, still escaped.
func (p *parser) alternatives(value string) ([]string, error) {
	parts := splitUnescaped(value, ',', -1)
	if len(parts) > p.opt.MaxValues {
		return nil, refuse(TooCostly, textAlternative)
	}
	if p.expanded += len(parts); p.expanded > maxExpanded {
		return nil, refuse(TooCostly, textBroad)
	}
	return parts, nil
}

func (p *parser) test(param *r4.SearchParam, m Modifier, value string) (Expr, error) {
	parts, err := p.alternatives(value)
	if err != nil {
		return nil, err
	}
	t := Test{Param: param, Modifier: m, Values: make([]Value, len(parts))}
	for i, s := range parts {
		if t.Values[i], err = p.read.read(param, m, s); err != nil {
			return nil, err
		}
		p.expanded += weight(param, m, t.Values[i]) - 1
	}
	if p.expanded > maxExpanded {
		return nil, refuse(TooCostly, textBroad)
	}
	return t, nil
}

// weight is about how many constants a value becomes in SQL, where a database
// takes some ten thousands of them, and takes time by their square to prepare.
func weight(param *r4.SearchParam, m Modifier, v Value) int {
	switch {
	case param.Code == "_id":
		return 1
	case m == Above:
		return len(URIAncestors(v.Text)) + 1
	case param.Type == r4.ParamSpecial:
		return 50
	case param.Type == r4.ParamDate, param.Type == r4.ParamQuantity:
		return 4
	case param.Type != r4.ParamComposite:
		return 2
	}
	sum := 0
	for n, part := range v.Parts {
		sum += 2 + weight(param.Components[n].Param, NoModifier, part)
	}
	return sum
}

// contains looks in the row that has the whole of a text, or the beginning of a
// long one, and in those that have the rest.
func (p *parser) contains(param *r4.SearchParam, value string) (Expr, error) {
	e, err := p.test(param, Contains, value)
	if err != nil {
		return nil, err
	}
	later := e.(Test)
	later.Modifier = LaterOn
	return Or{e, later}, nil
}

// typed reads subject:Patient=… .
func (p *parser) typed(param *r4.SearchParam, typ, value string) (Expr, error) {
	if !slices.Contains(Targets(param), typ) {
		return nil, refuse(Invalid, textTarget)
	}
	parts, err := p.alternatives(value)
	if err != nil {
		return nil, err
	}
	t := Test{Param: param, Values: make([]Value, len(parts))}
	for i, s := range parts {
		if t.Values[i], err = p.read.typedReference(param, typ, s); err != nil {
			return nil, err
		}
		p.expanded += weight(param, NoModifier, t.Values[i]) - 1
	}
	return t, nil
}

// chain reads what follows the dot against each type the reference may lead to
// (search.html#chaining). Types that lack the parameter, or that cannot read
// the value, drop out; when none is left the first reason is the answer.
func (p *parser) chain(param *r4.SearchParam, modifier string, modified bool, rest, value string, hops int) (Expr, error) {
	if param.Type != r4.ParamReference {
		return nil, refuse(Invalid, textChainRef)
	}
	if hops+1 > p.opt.MaxChain {
		return nil, refuse(TooCostly, textDeep)
	}
	targets := Targets(param)
	if modified {
		if _, ok := r4.TypeID(modifier); !ok {
			return nil, refuse(NotSupported, textChainModifier)
		}
		if !slices.Contains(targets, modifier) {
			return nil, refuse(Invalid, textTarget)
		}
		targets = []string{modifier}
	}
	var any Or
	var first error
	for _, t := range targets {
		where, err := p.filter(t, rest, value, hops+1)
		if err == nil {
			err = p.hop()
		}
		switch {
		case err == nil:
			any = append(any, Chain{Param: param, Target: t, Where: where})
		case err == errUnknown:
		case isCode(err, TooCostly):
			return nil, err
		case first == nil:
			first = err
		}
	}
	if len(any) > 0 {
		return simplify(any), nil
	}
	if first == nil {
		first = refuse(Invalid, textChainEnd)
	}
	return nil, first
}

// hop counts a hop of a chain or a _has. Each is held to what the caller may
// see, which takes constants of its own; how many, depends on what is stored,
// hidden or not. So the bound leaves room for it.
func (p *parser) hop() error {
	if p.expanded += hopWeight; p.expanded > maxExpanded {
		return refuse(TooCostly, textBroad)
	}
	return nil
}

func isCode(err error, c Code) bool {
	e, ok := err.(*Error)
	return ok && e.Code == c
}

// has reads Type:parameter:name after "_has:" (search.html#has).
func (p *parser) has(typ, rest, value string, hops int) (Expr, error) {
	if hops+1 > p.opt.MaxChain {
		return nil, refuse(TooCostly, textDeep)
	}
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) != 3 || parts[2] == "" {
		return nil, refuse(Invalid, textHas)
	}
	param, ok := r4.LookupSearchParam(parts[0], parts[1])
	if !ok || param.Type != r4.ParamReference || parts[0] == "Resource" {
		return nil, refuse(Invalid, textHas)
	}
	if !slices.Contains(Targets(param), typ) {
		return nil, errUnreferred
	}
	where, err := p.filter(parts[0], parts[2], value, hops+1)
	if err == errUnknown {
		err = refuse(Invalid, textChainEnd)
	}
	if err == nil {
		err = p.hop()
	}
	if err != nil {
		return nil, err
	}
	return Has{Source: parts[0], Param: param, Where: where}, nil
}
