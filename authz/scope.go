package authz

import (
	"net/url"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/search"
)

// maxScope bounds the scope text of one credential; a longer one grants nothing.
const maxScope = 64 << 10

// scopePrefix is the long form of a scope
// (SMART App Launch 2.2, scopes-and-launch-context, "Scopes as URIs").
const scopePrefix = "http://smarthealthit.org/fhir/scopes/"

// scopeContext says whose data a scope is about.
type scopeContext uint8

const (
	patientContext scopeContext = iota
	userContext
	systemContext
)

// letters is a set of SMART's c, r, u, d, s.
type letters uint8

func letterOf(a fhir.Action) letters {
	for i, x := range fhir.Actions {
		if x == a {
			return 1 << i
		}
	}
	return 0
}

// grant is one resource scope.
type grant struct {
	text    string // as granted
	context scopeContext
	typ     string // "*" for every type
	may     letters
	v1      bool          // written with .read, .write or .*
	args    []search.Pair // search arguments, decoded
}

func (g *grant) covers(action fhir.Action, typ string) bool {
	return (g.typ == "*" || g.typ == typ) && g.may&letterOf(action) != 0
}

// parseScopes reads the resource scopes of a credential. Others (openid,
// launch/patient, offline_access) say nothing about resources and are passed
// over; so are malformed ones, which thereby grant nothing.
func parseScopes(scope string) []grant {
	if len(scope) > maxScope {
		return nil
	}
	var out []grant
	for _, s := range strings.Fields(scope) {
		if g, ok := parseScope(s); ok {
			out = append(out, g)
		}
	}
	return out
}

// parseScope reads ("patient"|"user"|"system") "/" (Type|"*") "." letters
// ["?" name=value *("&" name=value)].
func parseScope(s string) (grant, bool) {
	g := grant{text: s}
	s = strings.TrimPrefix(s, scopePrefix)
	context, rest, _ := strings.Cut(s, "/")
	switch context {
	case "patient":
		g.context = patientContext
	case "user":
		g.context = userContext
	case "system":
		g.context = systemContext
	default:
		return grant{}, false
	}
	head, args, hasArgs := strings.Cut(rest, "?")
	typ, may, ok := strings.Cut(head, ".")
	if !ok || typ != "*" && !known(typ) {
		return grant{}, false
	}
	g.typ = typ
	if g.may, g.v1 = parseLetters(may); g.may == 0 {
		return grant{}, false
	}
	if !hasArgs {
		return g, true
	}
	g.args, ok = parseArguments(args)
	return g, ok && !g.v1 // version 1 has no search arguments
}

// parseLetters reads a non-empty part of "cruds" in that order, or a
// permission of SMART version 1. Other orders may be refused, and are.
func parseLetters(s string) (may letters, v1 bool) {
	switch s {
	case "read":
		return letterOf(fhir.ActRead) | letterOf(fhir.ActSearch), true
	case "write":
		return letterOf(fhir.ActCreate) | letterOf(fhir.ActUpdate) | letterOf(fhir.ActDelete), true
	case "*":
		return 1<<len(fhir.Actions) - 1, true
	}
	next := 0
	for i := range s {
		at := strings.IndexByte("cruds"[next:], s[i])
		if at < 0 {
			return 0, false
		}
		next += at + 1
		may |= 1 << (next - 1)
	}
	return may, false
}

// parseArguments reads a query string. + and ; are refused, for what they mean
// in one is not agreed on.
func parseArguments(s string) ([]search.Pair, bool) {
	if strings.ContainsAny(s, "+;") {
		return nil, false
	}
	var out []search.Pair
	for _, part := range strings.Split(s, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.PathUnescape(name)
		value, err2 := url.PathUnescape(value)
		if err1 != nil || err2 != nil || name == "" || value == "" {
			return nil, false
		}
		out = append(out, search.Pair{Name: name, Value: value})
	}
	return out, true
}

// arguments are search arguments as a condition on one type; nil for any that a
// scope may not have: a chain, _has, a modifier, a result parameter, one that
// the type does not know or that is not indexed, a date near the present
// (prefix ap), for it would mean another thing tomorrow.
func arguments(typ string, pairs []search.Pair, base string) search.Expr {
	q, err := search.Parse([]string{typ}, pairs, search.Options{Condition: true, Strict: true, Base: base})
	if err != nil || len(q.Branches) != 1 || q.Branches[0].Type != typ || len(q.Used) != len(pairs) ||
		len(q.Ignored)+len(q.Sort)+len(q.Includes)+len(q.Elements) > 0 || q.Summary != search.SummaryFalse {
		return nil
	}
	if !plain(q.Branches[0].Where) {
		return nil
	}
	return q.Branches[0].Where
}

func plain(e search.Expr) bool {
	switch e := e.(type) {
	case search.And:
		return allPlain(e)
	case search.Or:
		return allPlain(e)
	case search.Test:
		column := e.Param.Code == "_id" || e.Param.Code == "_lastUpdated"
		return e.Modifier == search.NoModifier && (column || search.Indexed(e.Param)) && settled(e.Values)
	}
	return false
}

func allPlain(list []search.Expr) bool {
	for _, e := range list {
		if !plain(e) {
			return false
		}
	}
	return len(list) > 0
}

func settled(values []search.Value) bool {
	for _, v := range values {
		if v.Prefix == search.Ap || !settled(v.Parts) {
			return false
		}
	}
	return true
}
