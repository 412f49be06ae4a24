package search

import (
	"slices"
	"strings"

	"firebreak/fhir/r4"
)

const (
	textInclude Literal = "use Type:parameter or Type:parameter:Target with a reference parameter, Type:* or *"
	textIterate Literal = "too many iterating includes"
)

// include reads one _include or _revinclude
// (http://hl7.org/fhir/R4/search.html#revinclude).
func (p *parser) include(pair Pair, reverse bool, modifier string) error {
	inc := Include{Reverse: reverse, Iterate: modifier != ""} // recurse is iterate's name before R4
	if inc.Iterate {
		if p.iterate++; p.iterate > p.opt.MaxIterate {
			return refuse(TooCostly, textIterate)
		}
	}
	parts := strings.Split(pair.Value, ":")
	switch {
	case len(parts) == 1 && parts[0] == "*":
		inc.All = true
	case len(parts) == 2 && parts[1] == "*":
		inc.Source, inc.All = parts[0], true
		if _, ok := r4.TypeID(inc.Source); !ok {
			return refuse(BadValue, textInclude)
		}
	case len(parts) == 2 || len(parts) == 3:
		param, ok := r4.LookupSearchParam(parts[0], parts[1])
		if _, typ := r4.TypeID(parts[0]); !ok || !typ || param.Type != r4.ParamReference {
			return refuse(BadValue, textInclude)
		}
		inc.Source, inc.Param = parts[0], param
		if len(parts) == 3 {
			if inc.Target = parts[2]; !slices.Contains(Targets(param), inc.Target) {
				return refuse(BadValue, textTarget)
			}
		}
	default:
		return refuse(BadValue, textInclude)
	}
	if !slices.Contains(p.query.Includes, inc) {
		p.query.Includes = append(p.query.Includes, inc)
	}
	p.query.Used = append(p.query.Used, pair)
	return nil
}
