package search

import (
	"errors"
	"slices"
	"strings"
	"time"

	"firebreak/fhir/r4"
)

// Options say how a query string is to be read. A limit of 0 is its default.
type Options struct {
	// Strict refuses what lenient handling passes over: unknown parameters,
	// empty values, unknown keys of _sort and names of _elements
	// (Prefer: handling, http://hl7.org/fhir/R4/search.html#errors).
	Strict bool
	// Condition reads the condition of a conditional interaction: strict, only
	// filters are allowed, and one at least, for a condition that tests nothing
	// would match everything (http://hl7.org/fhir/R4/http.html#ccreate).
	Condition bool
	// Base is the server's base URL without a slash at the end: absolute
	// references to it are relative ones.
	Base string
	// Now is for the prefix ap on dates; see approximately.
	Now time.Time

	DefaultCount int // entries a page without _count; 20
	MaxCount     int // _count is lowered to it; 500
	MaxParams    int // parameters of a query; 50
	MaxValues    int // alternatives of one parameter, keys, names; 100
	MaxChain     int // hops of a chain and _has together; 8
	MaxIterate   int // includes with :iterate; 5

	// Compartment restricts the search to one compartment, or is nil.
	Compartment *Compartment
}

// Compartment names one compartment (http://hl7.org/fhir/R4/compartmentdefinition.html).
type Compartment struct{ Type, ID string }

// What an untyped chain and a search of many types may expand to.
const (
	maxConditions = 2000
	maxExpanded   = 5000 // constants of the alternatives in all of them, and of hops
	hopWeight     = 15
)

func (o Options) withDefaults() Options {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&o.DefaultCount, 20)
	set(&o.MaxCount, 500)
	set(&o.MaxParams, 50)
	set(&o.MaxValues, 100)
	set(&o.MaxChain, 8)
	set(&o.MaxIterate, 5)
	o.Base = strings.TrimSuffix(o.Base, "/")
	o.Strict = o.Strict || o.Condition
	return o
}

const (
	textUnsupported Literal = "this search parameter is not supported"
	textModifier    Literal = "this modifier is not supported for this parameter"
	textFilterOnly  Literal = "a condition may only have filter parameters"
	textNoFilter    Literal = "a condition needs a search parameter with a value"
	textTwice       Literal = "the parameter may be given once"
	textEmptyValue  Literal = "the parameter has no value"
	textTooMany     Literal = "too many search parameters"
	textAlternative Literal = "too many alternatives"
	textDeep        Literal = "too many hops in a chain"
	textBroad       Literal = "the query expands to too many conditions"
	textType        Literal = "not a resource type that can be searched here"
	textCompartment Literal = "the type is not in that compartment"
)

// Parse reads a query string: the names and values are decoded, values still
// have search's escapes. types are those the request names: one for GET [type],
// all that the system searches for GET [base]. With a Compartment, no types
// stand for all of the compartment's. Errors are *Error.
//
// A parameter of a search over several types must be known to each of them.
func Parse(types []string, pairs []Pair, opt Options) (*Query, error) {
	p := &parser{opt: opt.withDefaults(), seen: map[string]bool{}}
	p.read = valueReader{base: p.opt.Base, now: opt.Now}
	p.query.Count = min(p.opt.DefaultCount, p.opt.MaxCount)
	if len(pairs) > p.opt.MaxParams {
		return nil, refuse(TooCostly, textTooMany)
	}
	if err := p.branches(types, pairs); err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		if err := p.pair(pair); err != nil {
			return nil, named(err, pair.Name)
		}
	}
	if p.opt.Condition && p.filters == 0 {
		return nil, refuse(Invalid, textNoFilter)
	}
	for i := range p.query.Branches {
		p.query.Branches[i].Where = simplify(And(p.where[i]))
	}
	return &p.query, nil
}

// named adds the parameter's name, if it can be shown, to a copy of the error.
func named(err error, name string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Parameter = safeName(name)
	return &out
}

type parser struct {
	opt        Options
	read       valueReader
	query      Query
	where      [][]Expr // per branch
	filters    int      // applied filter parameters
	iterate    int
	conditions int
	expanded   int
	seen       map[string]bool // parameters that may be given once
}

// branches decides the types, so that all parameters are read against them.
func (p *parser) branches(types []string, pairs []Pair) error {
	if c := p.opt.Compartment; c != nil {
		return p.compartmentBranches(types, pairs)
	}
	kept, err := p.narrow(types, pairs)
	if err != nil {
		return err
	}
	if len(kept) == 0 {
		return refuse(Invalid, textType)
	}
	for _, t := range kept {
		if _, ok := r4.TypeID(t); !ok {
			return refuse(Invalid, textType)
		}
		if slices.ContainsFunc(p.query.Branches, func(b Branch) bool { return b.Type == t }) {
			continue
		}
		p.query.Branches = append(p.query.Branches, Branch{Type: t})
		p.where = append(p.where, nil)
	}
	return nil
}

// compartmentBranches gives each type the condition that it refers to the
// compartment's resource by one of the compartment's parameters.
func (p *parser) compartmentBranches(types []string, pairs []Pair) error {
	c := p.opt.Compartment
	if !r4.IsID(c.ID) {
		return refuse(BadValue, textID)
	}
	all := len(types) == 0
	if all {
		types = r4.Resources()
	}
	var members []string
	within := map[string]Expr{}
	for _, t := range types {
		e := compartmentTest(c, t)
		if e == nil && !all {
			return refuse(NotSupported, textCompartment)
		}
		if e != nil && !slices.Contains(members, t) {
			members, within[t] = append(members, t), e
		}
	}
	if len(members) == 0 {
		return refuse(NotSupported, textCompartment)
	}
	kept, err := p.narrow(members, pairs)
	if err != nil {
		return err
	}
	for _, t := range kept {
		p.query.Branches = append(p.query.Branches, Branch{Type: t})
		p.where = append(p.where, []Expr{within[t]})
	}
	return nil
}

// compartmentTest holds for the resources of the type that are in the
// compartment; it is nil for a type that never is.
func compartmentTest(c *Compartment, typ string) Expr {
	codes, ok := r4.CompartmentParams(c.Type, typ)
	if !ok {
		return nil
	}
	var any Or
	for _, code := range codes {
		v := Value{RefType: c.Type, RefID: c.ID}
		if code == "{def}" {
			code, v = "_id", Value{Code: c.ID}
		}
		if param, ok := r4.LookupSearchParam(typ, code); ok {
			any = append(any, Test{Param: param, Values: []Value{v}})
		}
	}
	if len(any) == 0 {
		return nil
	}
	return simplify(any)
}

// narrow applies _type (http://hl7.org/fhir/R4/http.html#search, all types).
func (p *parser) narrow(types []string, pairs []Pair) ([]string, error) {
	for _, pair := range pairs {
		if pair.Name != "_type" || pair.Value == "" || p.opt.Condition {
			continue // pair deals with these
		}
		var kept []string
		for _, t := range strings.Split(pair.Value, ",") {
			if !slices.Contains(types, t) {
				return nil, named(refuse(BadValue, textType), "_type")
			}
			if !slices.Contains(kept, t) {
				kept = append(kept, t)
			}
		}
		return kept, nil
	}
	return types, nil
}

// pair reads one parameter.
func (p *parser) pair(pair Pair) error {
	if handled, err := p.result(pair); handled || err != nil {
		return err
	}
	if pair.Value == "" {
		return p.pass(pair.Name, textEmptyValue)
	}
	exprs := make([]Expr, len(p.query.Branches))
	unreferred := 0
	for i, b := range p.query.Branches {
		e, err := p.filter(b.Type, pair.Name, pair.Value, 0)
		if err == errUnknown {
			return p.pass(pair.Name, errUnknown.Text)
		}
		if err == errUnreferred && unreferred < len(exprs)-1 {
			// Nothing of this type is referred to in that way; of others, it may be.
			e, err = Or{}, nil
			unreferred++
		}
		if err != nil {
			return err
		}
		exprs[i] = e
	}
	for i, e := range exprs {
		p.where[i] = append(p.where[i], e)
	}
	p.filters++
	p.query.Used = append(p.query.Used, pair)
	return nil
}

// pass passes over a parameter, or refuses it when handling is strict.
func (p *parser) pass(name string, why Literal) error {
	if p.opt.Strict {
		return refuse(Invalid, why)
	}
	if name = safeName(name); name == "" {
		name = "?" // a name that could carry content is not repeated
	}
	if !slices.Contains(p.query.Ignored, name) {
		p.query.Ignored = append(p.query.Ignored, name)
	}
	return nil
}

// simplify drops an And or Or around at most one condition.
func simplify(e Expr) Expr {
	switch e := e.(type) {
	case And:
		switch len(e) {
		case 0:
			return nil
		case 1:
			return e[0]
		}
	case Or:
		if len(e) == 1 {
			return e[0]
		}
	}
	return e
}
