package search

import (
	"slices"
	"strconv"
	"strings"

	"firebreak/fhir/r4"
)

const (
	textCount     Literal = "not a number of entries"
	textTotal     Literal = "use none, estimate or accurate"
	textSummary   Literal = "use true, text, data, count or false"
	textContained Literal = "searching contained resources is not supported"
	textSort      Literal = "unknown sort key"
	textElements  Literal = "unknown element"
)

// result reads a parameter that shapes the answer instead of the condition
// (http://hl7.org/fhir/R4/search.html#return). It reports false for all others.
func (p *parser) result(pair Pair) (bool, error) {
	name, modifier, modified := strings.Cut(pair.Name, ":")
	var set func(Pair) error
	switch name {
	case "_format", "_pretty":
		set = func(Pair) error { return nil } // the transport has dealt with them
	case "_type":
		set = p.types
	case "_sort":
		set = p.sort
	case "_count":
		set = p.count
	case "_total":
		set = p.total
	case "_summary":
		set = p.summary
	case "_elements":
		set = p.elements
	case "_contained", "_containedType":
		set = p.contained
	case "_include", "_revinclude":
		set = func(pair Pair) error { return p.include(pair, name == "_revinclude", modifier) }
	default:
		return false, nil
	}
	include := name == "_include" || name == "_revinclude"
	switch {
	case p.opt.Condition:
		return true, refuse(Invalid, textFilterOnly)
	case modified && (!include || modifier != "iterate" && modifier != "recurse"):
		return true, refuse(NotSupported, textModifier)
	case pair.Value == "":
		return true, p.pass(pair.Name, textEmptyValue)
	case p.seen[name] && !include:
		return true, refuse(Invalid, textTwice)
	}
	p.seen[name] = true
	return true, set(pair)
}

func (p *parser) used(name, value string) {
	p.query.Used = append(p.query.Used, Pair{name, value})
}

// types is _type, which narrow has applied.
func (p *parser) types(pair Pair) error {
	p.used(pair.Name, pair.Value)
	return nil
}

func (p *parser) count(pair Pair) error {
	n, err := strconv.ParseUint(pair.Value, 10, 31)
	if err != nil {
		return refuse(BadValue, textCount)
	}
	p.query.Count, p.query.Counted = min(int(n), p.opt.MaxCount), true
	p.used(pair.Name, strconv.Itoa(p.query.Count)) // what was applied, not what was asked
	return nil
}

func (p *parser) total(pair Pair) error {
	switch pair.Value {
	case "none":
		p.query.Total = TotalNone
	case "estimate":
		p.query.Total = TotalEstimate
	case "accurate":
		p.query.Total = TotalAccurate
	default:
		return refuse(BadValue, textTotal)
	}
	p.used(pair.Name, pair.Value)
	return nil
}

func (p *parser) summary(pair Pair) error {
	switch pair.Value {
	case "false":
		p.query.Summary = SummaryFalse
	case "true":
		p.query.Summary = SummaryTrue
	case "text":
		p.query.Summary = SummaryText
	case "data":
		p.query.Summary = SummaryData
	case "count":
		p.query.Summary = SummaryCount
	default:
		return refuse(BadValue, textSummary)
	}
	p.used(pair.Name, pair.Value)
	return nil
}

// contained accepts what asks for nothing: contained resources are not searched.
func (p *parser) contained(pair Pair) error {
	if pair.Name == "_contained" && pair.Value != "false" || pair.Name == "_containedType" && pair.Value != "container" {
		return refuse(NotSupported, textContained)
	}
	p.used(pair.Name, pair.Value)
	return nil
}

// sort reads the keys; each must be known to every type searched, and be of one
// kind in all of them: a date has no place among texts, and must not be given
// one that depends on which types there are to be seen.
func (p *parser) sort(pair Pair) error {
	keys := strings.Split(pair.Value, ",")
	if len(keys) > p.opt.MaxValues {
		return refuse(TooCostly, textAlternative)
	}
	var kept []string
	for _, key := range keys {
		code, descending := strings.CutPrefix(key, "-")
		if !p.sortable(code) {
			if err := p.pass(pair.Name, textSort); err != nil {
				return err
			}
			continue
		}
		if slices.ContainsFunc(p.query.Sort, func(k SortKey) bool { return k.Code == code }) {
			continue // a later key of the same parameter decides nothing
		}
		p.query.Sort = append(p.query.Sort, SortKey{code, descending})
		kept = append(kept, key)
	}
	if len(kept) > 0 {
		p.used(pair.Name, strings.Join(kept, ","))
	}
	return nil
}

func (p *parser) sortable(code string) bool {
	var kind Kind
	for n, b := range p.query.Branches {
		param, ok := r4.LookupSearchParam(b.Type, code)
		if !ok || param.Type == r4.ParamComposite || param.Type == r4.ParamSpecial {
			return false
		}
		one := RowKind(param.Type, Whole)
		if n > 0 && one != kind {
			return false
		}
		kind = one
	}
	return true
}

// elements keeps the names that some type searched has at its top level.
func (p *parser) elements(pair Pair) error {
	names := strings.Split(pair.Value, ",")
	if len(names) > p.opt.MaxValues {
		return refuse(TooCostly, textAlternative)
	}
	var kept []string
	for _, name := range names {
		if !p.hasElement(name) {
			if err := p.pass(pair.Name, textElements); err != nil {
				return err
			}
			continue
		}
		if !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	if len(kept) > 0 {
		p.query.Elements = kept
		p.used(pair.Name, strings.Join(kept, ","))
	}
	return nil
}

func (p *parser) hasElement(name string) bool {
	for _, b := range p.query.Branches {
		if t, ok := r4.LookupType(b.Type); ok {
			if _, ok := t.Element(name); ok {
				return true
			}
			if _, _, ok := t.Property(name); ok { // valueQuantity: value, when it is a Quantity
				return true
			}
		}
	}
	return false
}
