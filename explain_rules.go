package firebreak

import (
	"cmp"
	"slices"
	"strings"

	"firebreak/authz"
	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/gate"
)

// plan tells what the request touches, whether it may be tried, and net 1. m is
// nil when it may not.
func (x *explanation) plan(plan fhir.Plan) (m *gate.Permit, refused *fhir.Problem) {
	x.line("\nplan")
	x.indent(planText(plan))
	m, err := x.i.server.gate.Admit(x.who, plan)
	if err != nil {
		m, refused = nil, fhir.AsProblem(err)
		x.line("\nadmission: refused, %d (%s), whatever is stored", refused.Code.Status(), refused.Text)
	} else {
		x.line("\nadmission: permitted")
	}
	for _, g := range x.rules(plan) {
		what := "what a row of " + strings.Join(g.types, ", ")
		if len(g.types) > few {
			what = "what a row of these types"
		}
		x.line("\nnet 1: %s must satisfy to %s it%s", what, g.action, g.note)
		if len(g.types) > few {
			x.indent(wrapped(g.types))
		}
		x.indent(g.text)
	}
	return m, refused
}

// few types are named in a line of text; more have lines of their own.
const few = 4

// planText is the plan as Golden has it, with many types that are touched alike
// on lines together.
func planText(p fhir.Plan) string {
	var order []fhir.Touch
	types := map[fhir.Touch][]string{}
	for _, t := range p.Touches {
		alike := t
		alike.Type = ""
		if types[alike] == nil {
			order = append(order, alike)
		}
		types[alike] = append(types[alike], t.Type)
	}
	var lines []string
	for _, t := range order {
		if all := types[t]; len(all) > few {
			note := ""
			if t.Param != "" {
				note = " by " + t.Param
			}
			if t.Optional {
				note += " (optional)"
			}
			lines = append(lines, string(t.Act)+" "+string(t.Action)+note+", each of\n    "+strings.ReplaceAll(wrapped(all), "\n", "\n    "))
			continue
		}
		for _, t.Type = range types[t] {
			lines = append(lines, t.String())
		}
	}
	slices.Sort(lines)
	return string(p.Kind) + "\n" + strings.Join(lines, "\n")
}

// wrapped are names of types on lines of at most 100 characters.
func wrapped(names []string) string {
	if len(names) == len(r4.Resources()) {
		return "every resource type"
	}
	var b strings.Builder
	width := 0
	for n, name := range names {
		if n > 0 {
			b.WriteByte(',')
			if width += len(name) + 2; width > 100 {
				b.WriteByte('\n')
				width = 0
			} else {
				b.WriteByte(' ')
			}
		}
		if width == 0 {
			width = len(name)
		}
		b.WriteString(name)
	}
	return b.String()
}

// ruling is net 1 for an action, with the types that it is the same for.
type ruling struct {
	action     fhir.Action
	types      []string
	text, note string
}

// rules are net 1 for everything that the plan touches, and for what its
// includes may bring in beyond that, in the order in which it does.
func (x *explanation) rules(plan fhir.Plan) []ruling {
	type asked struct {
		action fhir.Action
		typ    string
	}
	var out []ruling
	seen := map[asked]bool{}
	add := func(action fhir.Action, typ, note string) {
		k := asked{action, typ}
		if seen[k] {
			return
		}
		seen[k] = true
		text := authz.ExplainRules(x.who, action, typ, x.i.parts.Layers...)
		n := slices.IndexFunc(out, func(g ruling) bool { return g.action == action && g.text == text && g.note == note })
		if n < 0 {
			n, out = len(out), append(out, ruling{action: action, text: text, note: note})
		}
		out[n].types = append(out[n].types, typ)
	}
	for _, optional := range []bool{false, true} {
		note := ""
		if optional {
			note = ", or is left out"
		}
		for _, t := range plan.Touches {
			if t.Optional == optional {
				add(t.Action, t.Type, note)
			}
		}
	}
	switch plan.Kind {
	case fhir.Update, fhir.Delete:
		add(fhir.ActRead, plan.Type, "; a target that fails both rules is answered as absent")
	}
	for _, t := range wild(plan.Interaction) {
		add(t.Action, t.Type, ", or is left out: an include may bring it in")
	}
	return out
}

// wild are the touches of wildcard includes. A plan has none, for they name
// nothing: each row that one brings in is judged by the rule of its type.
func wild(i *fhir.Interaction) []fhir.Touch {
	if i.Query == nil {
		return nil
	}
	var out []fhir.Touch
	for _, inc := range i.Query.Includes {
		switch {
		case !inc.All:
		case inc.Reverse:
			for _, typ := range r4.Resources() {
				if (inc.Source == "" || inc.Source == typ) && refersTo(typ, i.Query.Branches, inc.Target) {
					out = append(out, fhir.Touch{Act: fhir.See, Action: fhir.ActSearch, Type: typ, Optional: true})
				}
			}
		default:
			for _, b := range i.Query.Branches {
				for _, p := range r4.SearchParams(b.Type) {
					for _, typ := range search.Targets(p) {
						if (inc.Target == "" || inc.Target == typ) && (inc.Source == "" || inc.Source == b.Type) {
							out = append(out, fhir.Touch{Act: fhir.See, Action: fhir.ActRead, Type: typ, Optional: true})
						}
					}
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b fhir.Touch) int {
		return cmp.Or(strings.Compare(string(a.Action), string(b.Action)), strings.Compare(a.Type, b.Type))
	})
	return slices.Compact(out)
}

// refersTo reports whether a type has a reference parameter that can point to
// one of the types searched.
func refersTo(typ string, searched []search.Branch, only string) bool {
	for _, p := range r4.SearchParams(typ) {
		if p.Type != r4.ParamReference {
			continue
		}
		for _, b := range searched {
			if (only == "" || only == b.Type) && slices.Contains(search.Targets(p), b.Type) {
				return true
			}
		}
	}
	return false
}
