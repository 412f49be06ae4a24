package authz

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
)

// Net 2 of the scopes. It reads scopes in its own way, by a pattern, walks them
// for each version, and matches search arguments on the body; with net 1 it
// shares the meaning of a search argument only (arguments).

// scopeShape is a resource scope: context, type, letters of version 2 or 1,
// arguments.
var scopeShape = regexp.MustCompile(`^(?:http://smarthealthit\.org/fhir/scopes/)?` +
	`(patient|user|system)/([A-Za-z]+|\*)\.(?:(c?r?u?d?s?)(?:\?(.+))?|(read|write|\*))$`)

var version1 = map[string]string{"read": "rs", "write": "cud", "*": "cruds"}

// heldScope is one resource scope as net 2 has it.
type heldScope struct {
	text, context, typ, may string
	query                   string

	mu    sync.Mutex
	where map[string]search.Expr // per type, as asked
}

func readScopes(scope string) []*heldScope {
	var out []*heldScope
	if len(scope) > maxScope {
		return nil
	}
	for _, s := range strings.Fields(scope) {
		m := scopeShape.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		h := &heldScope{text: s, context: m[1], typ: m[2], may: m[3] + version1[m[5]], query: m[4]}
		if h.may == "" || h.typ != "*" && !known(h.typ) {
			continue
		}
		out = append(out, h)
	}
	return out
}

func (s *Scopes) held(scope string) []*heldScope {
	if h, ok := s.judged.load([]byte(scope)); ok {
		return h
	}
	h := readScopes(scope)
	if len(scope) <= maxScope {
		s.judged.store([]byte(scope), h)
	}
	return h
}

// Decide permits when one scope covers the action on this very version.
func (s *Scopes) Decide(who gate.Principal, action fhir.Action, h gate.Header, c *gate.Content) (gate.Decision, error) {
	letter := letterName(action)
	if !who.Valid() || letter == "" || !known(h.Class.Type) || h.Class.Type != h.Type {
		return gate.Decision{}, nil
	}
	id := who.Identity()
	var failed error
	for _, scope := range s.held(id.Scope) {
		if !strings.Contains(scope.may, letter) || scope.typ != "*" && scope.typ != h.Type || !scope.about(&id, letter, h) {
			continue
		}
		ok, err := s.matches(scope, h, c)
		if err != nil {
			failed = err
		}
		if ok && err == nil {
			return gate.Decision{Effect: gate.Permits, Reasons: []gate.Reason{{Layer: layerScope, Effect: gate.Permits, Name: scope.text}}}, nil
		}
	}
	if failed != nil {
		return gate.Decision{}, fmt.Errorf("scope: %w", failed)
	}
	return gate.Decision{Effect: gate.Denies, Reasons: []gate.Reason{{Layer: layerScope, Effect: gate.Denies, Name: "no granted scope covers it"}}}, nil
}

func letterName(a fhir.Action) string {
	switch a {
	case fhir.ActCreate, fhir.ActRead, fhir.ActUpdate, fhir.ActDelete, fhir.ActSearch:
		return string(a[:1])
	}
	return ""
}

// about reports whether the version is among those the scope's context names.
func (scope *heldScope) about(id *gate.Identity, letter string, h gate.Header) bool {
	switch scope.context {
	case "user":
		return id.FHIRUser != ""
	case "system":
		return id.FHIRUser == ""
	}
	if id.Patient == "" {
		return false
	}
	reading := letter == "r" || letter == "s"
	if Directory(h.Type) {
		return reading && (!h.Class.Linked || slices.Contains(h.Keys.Subjects, id.Patient))
	}
	return slices.Contains(h.Keys.Subjects, id.Patient)
}

// matches decides the scope's search arguments on the body.
func (s *Scopes) matches(scope *heldScope, h gate.Header, c *gate.Content) (bool, error) {
	if scope.query == "" {
		return true, nil
	}
	where := scope.condition(h.Type, s.base)
	if where == nil || c == nil || s.match == nil {
		return false, nil
	}
	root, err := c.Root()
	if err != nil {
		return false, err
	}
	return s.match.Match(where, root, search.Meta{ID: h.ID, LastUpdated: h.LastUpdated.UnixMicro()})
}

func (scope *heldScope) condition(typ, base string) search.Expr {
	scope.mu.Lock()
	defer scope.mu.Unlock()
	if e, ok := scope.where[typ]; ok {
		return e
	}
	if scope.where == nil {
		scope.where = map[string]search.Expr{}
	}
	e := readArguments(scope.query, typ, base)
	scope.where[typ] = e
	return e
}

func readArguments(query, typ, base string) search.Expr {
	if strings.Contains(query, "+") {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	var pairs []search.Pair
	for name, list := range values {
		for _, v := range list {
			pairs = append(pairs, search.Pair{Name: name, Value: v})
		}
	}
	if len(pairs) != strings.Count(query, "&")+1 {
		return nil
	}
	return arguments(typ, pairs, base)
}
