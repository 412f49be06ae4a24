package fhir

import (
	"fmt"
	"slices"
	"strings"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// Act is what a Touch does to what it touches.
type Act string

// The acts: content is shown, a value decides what is found, a resource changes.
const (
	See    Act = "see"
	Match  Act = "match"
	Change Act = "change"
)

// Touch is one thing a Plan does to a type, or to one search parameter of it.
type Touch struct {
	Act    Act
	Action Action // the right that is asked for it
	Type   string
	Param  string // Match: the search parameter; else ""
	// Optional touches are not asked for by name: a wildcard include, a type
	// of a system search. What may not be touched is left out instead of
	// refusing the whole.
	Optional bool
}

func (t Touch) String() string {
	s := fmt.Sprintf("%s %s %s", t.Act, t.Action, t.Type)
	if t.Param != "" {
		s += "." + t.Param
	}
	if t.Optional {
		s += " (optional)"
	}
	return s
}

// Plan is an Interaction with everything it touches.
type Plan struct {
	*Interaction
	Touches []Touch
}

// Compile works out what the interaction touches. Batches have no touches of
// their own: each entry is compiled by itself.
func Compile(i *Interaction) Plan {
	t := touches{}
	switch i.Kind {
	case Read, VRead, HistoryInstance:
		t.add(See, ActRead, i.Type, "", false)
	case HistoryType:
		t.add(See, ActSearch, i.Type, "", false)
	case HistorySystem:
		for _, typ := range r4.Resources() {
			t.add(See, ActSearch, typ, "", true)
		}
	case SearchType, SearchSystem:
		t.query(i.Query, false)
	case Create:
		t.query(i.Query, true)
		t.change(i, ActCreate)
	case Update:
		t.query(i.Query, true)
		t.change(i, ActUpdate)
		if i.ID == "" { // a conditional update may create
			t.add(Change, ActCreate, i.Type, "", true)
		}
	case Patch:
		// A patch's outcome tells what it tested, so it needs the right to
		// read whatever it may show.
		t.query(i.Query, true)
		t.add(See, ActRead, i.Type, "", false)
		t.add(Change, ActUpdate, i.Type, "", false)
	case Delete:
		t.query(i.Query, true)
		t.add(Change, ActDelete, i.Type, "", false)
	case Operation:
		t.operation(i)
	}
	return Plan{Interaction: i, Touches: t.list}
}

type touches struct {
	list []Touch
	seen map[Touch]bool // the list, once it is long
}

func (t *touches) add(act Act, action Action, typ, param string, optional bool) {
	touch := Touch{act, action, typ, param, optional}
	if t.has(touch) {
		return
	}
	t.list = append(t.list, touch)
	if t.seen != nil {
		t.seen[touch] = true
	}
}

func (t *touches) has(touch Touch) bool {
	const few = 8 // quicker to look through than to keep in a map
	if len(t.list) < few {
		return slices.Contains(t.list, touch)
	}
	if t.seen == nil {
		t.seen = map[Touch]bool{}
		for _, x := range t.list {
			t.seen[x] = true
		}
	}
	return t.seen[touch]
}

func (t *touches) change(i *Interaction, action Action) {
	t.add(Change, action, i.Type, "", false)
	if i.Return == ReturnRepresentation {
		t.add(See, ActRead, i.Type, "", false)
	}
}

// query adds the touches of a search, or of a condition, which shows nothing.
func (t *touches) query(q *search.Query, condition bool) {
	if q == nil {
		return
	}
	optional := len(q.Branches) > 1
	for _, b := range q.Branches {
		if !condition {
			t.add(See, ActSearch, b.Type, "", optional)
		}
		t.expr(b.Type, b.Where, optional)
		for _, k := range q.Sort {
			t.add(Match, ActSearch, b.Type, k.Code, optional)
		}
	}
	for _, inc := range q.Includes {
		t.include(inc)
	}
}

func (t *touches) expr(typ string, e search.Expr, optional bool) {
	switch e := e.(type) {
	case search.And:
		for _, x := range e {
			t.expr(typ, x, optional)
		}
	case search.Or:
		for _, x := range e {
			t.expr(typ, x, optional)
		}
	case search.Not:
		t.expr(typ, e.Expr, optional)
	case search.Test:
		t.add(Match, ActSearch, typ, e.Param.Code, optional)
	case search.Missing:
		t.add(Match, ActSearch, typ, e.Param.Code, optional)
	case search.Chain:
		t.add(Match, ActSearch, typ, e.Param.Code, optional)
		// An untyped chain reaches for every type the reference allows.
		t.expr(e.Target, e.Where, true)
	case search.Has:
		t.add(Match, ActSearch, e.Source, e.Param.Code, optional)
		t.expr(e.Source, e.Where, optional)
	}
}

func (t *touches) include(inc search.Include) {
	if inc.Reverse {
		if inc.All {
			return // each source type is judged row by row
		}
		t.add(Match, ActSearch, inc.Source, inc.Param.Code, true)
		t.add(See, ActSearch, inc.Source, "", true)
		return
	}
	if inc.Param == nil {
		return
	}
	t.add(Match, ActSearch, inc.Source, inc.Param.Code, true)
	targets := search.Targets(inc.Param)
	if inc.Target != "" {
		targets = []string{inc.Target}
	}
	for _, typ := range targets {
		t.add(See, ActRead, typ, "", true)
	}
}

func (t *touches) operation(i *Interaction) {
	switch i.Operation {
	case "$everything":
		t.add(See, ActRead, i.Type, "", false)
		t.query(i.Query, false)
	case "$validate":
		// Looks at nothing stored.
	}
}

// Golden is the plan as golden files show it: one line a touch.
func (p Plan) Golden() string {
	lines := make([]string, 0, len(p.Touches))
	for _, t := range p.Touches {
		lines = append(lines, t.String())
	}
	slices.Sort(lines)
	return string(p.Kind) + "\n" + strings.Join(lines, "\n") + "\n"
}
