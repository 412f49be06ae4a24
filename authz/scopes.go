package authz

import (
	"fmt"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
	"firebreak/gate"
)

const layerScope = "scope"

// Matcher decides a search condition on a resource's body. *search.Extractor is one.
type Matcher interface {
	Match(e search.Expr, resource fhirjson.Node, meta search.Meta) (bool, error)
}

// Scopes is the scope layer: what the application may do, as SMART App Launch
// 2.2 has it. Scopes grant in union and never more than other layers do. It is
// a gate.Authorizer, safe for concurrent use.
type Scopes struct {
	match  Matcher
	base   string
	parsed *cache[[]grant]
	rules  *cache[gate.Rule]
	judged *cache[[]*heldScope]
}

// NewScopes makes the layer. base is the server's base URL, for references in
// search arguments.
func NewScopes(match Matcher, base string) *Scopes {
	return &Scopes{match: match, base: base, parsed: newCache[[]grant](4096),
		rules: newCache[gate.Rule](cachedRules), judged: newCache[[]*heldScope](4096)}
}

// Layer is "scope".
func (s *Scopes) Layer() string { return layerScope }

// Epoch is constant: scopes are part of the principal, and what they mean is
// part of the program.
func (s *Scopes) Epoch() string { return "smart-2.2" }

// MayAssert has no opinion: to assert is the user's right, not the application's.
func (s *Scopes) MayAssert(gate.Principal, string) (bool, error) { return true, nil }

// MayImport has no opinion either.
func (s *Scopes) MayImport(gate.Principal) (bool, error) { return true, nil }

// Rule is the union of the scopes that cover the action on the type.
func (s *Scopes) Rule(who gate.Principal, action fhir.Action, typ string) (gate.Rule, error) {
	if !who.Valid() || !known(typ) || !isAction(action) {
		return gate.Never{}, nil
	}
	var buf [160]byte
	key := appendPart(appendPart(append(buf[:0], who.Digest()...), string(action)), typ)
	if r, ok := s.rules.load(key); ok {
		return r, nil
	}
	r := s.compile(who.Identity(), action, typ)
	s.rules.store(key, r)
	return r, nil
}

func (s *Scopes) compile(id gate.Identity, action fhir.Action, typ string) gate.Rule {
	var whole, part []gate.Rule
	seen := map[scopeContext]bool{}
	for _, g := range s.grants(id.Scope) {
		if !g.covers(action, typ) || seen[g.context] {
			continue
		}
		of := contextRule(g.context, &id, action, typ)
		if g.args == nil {
			seen[g.context] = true
			whole = append(whole, of)
			continue
		}
		if where := arguments(typ, g.args, s.base); where != nil {
			part = append(part, gate.And(of, gate.Residual{Type: typ, Where: where, Text: argumentText(g.args)}))
		}
	}
	return gate.Or(append(whole, part...)...)
}

func (s *Scopes) grants(scope string) []grant {
	if g, ok := s.parsed.load([]byte(scope)); ok {
		return g
	}
	g := parseScopes(scope)
	if len(scope) <= maxScope {
		s.parsed.store([]byte(scope), g)
	}
	return g
}

// contextRule is whose records a scope is about.
//
// patient/ is the record of the launch context's patient; without one it is
// nothing. Directory types have no patient: patient/ scopes let an application
// find and read them, for a chart without the names in it is of little use
// (US Core asks for patient/Practitioner.rs and the like), but not write them.
// user/ needs a person, system/ needs that there is none, so that neither kind
// of token can pass for the other.
func contextRule(c scopeContext, id *gate.Identity, action fhir.Action, typ string) gate.Rule {
	switch {
	case c == userContext && id.FHIRUser != "", c == systemContext && id.FHIRUser == "":
		return gate.Always{}
	case c != patientContext || id.Patient == "":
		return gate.Never{}
	}
	own := gate.KeyTest{Relation: gate.SubjectIs, Holder: id.Patient}
	if !Directory(typ) {
		return own
	}
	if action != fhir.ActRead && action != fhir.ActSearch {
		return gate.Never{}
	}
	return gate.Or(gate.ClassTest{Text: "!resource.linked", Holds: func(c gate.Class) bool { return !c.Linked }}, own)
}

func argumentText(pairs []search.Pair) string {
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		fmt.Fprintf(&b, "%s=%s", p.Name, p.Value)
	}
	return b.String()
}
