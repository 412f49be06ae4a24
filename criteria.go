package firebreak

import (
	"fmt"
	"slices"
	"strings"

	"firebreak/fhir/search"
)

// criteria writes what a condition asks, so that two that ask the same read the
// same, however they were written: escaped in other ways, in another order,
// with an alternative given twice. It says nothing of conditions that differ and
// find the same.
func criteria(q *search.Query) string {
	var b strings.Builder
	for _, branch := range q.Branches {
		b.WriteString(branch.Type + criterion(branch.Where))
	}
	return b.String()
}

func criterion(e search.Expr) string {
	switch e := e.(type) {
	case search.And:
		return "and" + unordered(e)
	case search.Or:
		return "or" + unordered(e)
	case search.Not:
		return "not(" + criterion(e.Expr) + ")"
	case search.Missing:
		return fmt.Sprintf("missing(%q,%t)", e.Param.Code, e.Missing)
	case search.Chain:
		return fmt.Sprintf("chain(%q,%q,%s)", e.Param.Code, e.Target, criterion(e.Where))
	case search.Has:
		return fmt.Sprintf("has(%q,%q,%s)", e.Source, e.Param.Code, criterion(e.Where))
	case search.Test:
		values := make([]string, len(e.Values))
		for n := range e.Values {
			values[n] = value(e.Values[n])
		}
		return fmt.Sprintf("test(%q,%q,%s)", e.Param.Code, e.Modifier, sorted(values))
	}
	return fmt.Sprintf("%T", e)
}

func unordered(list []search.Expr) string {
	parts := make([]string, len(list))
	for n, e := range list {
		parts[n] = criterion(e)
	}
	return sorted(parts)
}

func sorted(parts []string) string {
	slices.Sort(parts)
	return fmt.Sprintf("%q", slices.Compact(parts))
}

// value writes a value with what its pointer and its parts hold.
func value(v search.Value) string {
	system := "any"
	if v.System != nil {
		system = fmt.Sprintf("%q", *v.System)
	}
	parts := make([]string, len(v.Parts))
	for n := range v.Parts {
		parts[n] = value(v.Parts[n])
	}
	v.System, v.Parts = nil, nil
	return fmt.Sprintf("%s %q %#v", system, parts, v)
}
