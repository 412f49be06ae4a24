package search_test

import (
	"fmt"
	"strings"
	"time"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// show writes a condition in a form that a test's table can hold.
func show(e search.Expr) string {
	switch e := e.(type) {
	case nil:
		return "all"
	case search.And:
		return "and(" + list(e) + ")"
	case search.Or:
		return "or(" + list(e) + ")"
	case search.Not:
		return "not(" + show(e.Expr) + ")"
	case search.Missing:
		return fmt.Sprintf("missing(%s,%t)", e.Param.Code, e.Missing)
	case search.Chain:
		return fmt.Sprintf("%s>%s(%s)", e.Param.Code, e.Target, show(e.Where))
	case search.Has:
		return fmt.Sprintf("%s.%s<(%s)", e.Source, e.Param.Code, show(e.Where))
	case search.Test:
		var vs []string
		for _, v := range e.Values {
			vs = append(vs, showValue(e.Param, e.Modifier, v))
		}
		name := e.Param.Code
		if e.Modifier != "" {
			name += ":" + string(e.Modifier)
		}
		return name + "=" + strings.Join(vs, ",")
	default:
		return fmt.Sprintf("?%T", e)
	}
}

func list(es []search.Expr) string {
	var out []string
	for _, e := range es {
		out = append(out, show(e))
	}
	return strings.Join(out, " ")
}

func showValue(p *r4.SearchParam, m search.Modifier, v search.Value) string {
	system := ""
	if v.System != nil {
		system = *v.System + "|"
	}
	switch {
	case m == search.LaterOn:
		return v.Text
	case m == search.OfType:
		return system + v.Code + "|" + v.Text
	case m == search.ByIdentifier:
		return system + v.Code
	case m != search.NoModifier:
		return v.Text
	}
	switch p.Type {
	case r4.ParamToken:
		return system + v.Code
	case r4.ParamDate:
		const layout = "2006-01-02T15:04:05.999999"
		return fmt.Sprintf("%v[%s,%s)", v.Prefix, time.UnixMicro(v.DateLow).UTC().Format(layout), time.UnixMicro(v.DateHigh).UTC().Format(layout))
	case r4.ParamNumber:
		return fmt.Sprintf("%v%v[%v,%v)", v.Prefix, v.Number, v.NumLow, v.NumHigh)
	case r4.ParamQuantity:
		return fmt.Sprintf("%v%v[%v,%v) %s%s", v.Prefix, v.Number, v.NumLow, v.NumHigh, system, v.Code)
	case r4.ParamReference:
		if v.RefURL != "" {
			return v.RefURL
		}
		return v.RefType + "/" + v.RefID
	case r4.ParamSpecial:
		return fmt.Sprintf("%v|%v near %.6g", v.Near.Lat, v.Near.Lon, v.Near.Half)
	case r4.ParamComposite:
		var out []string
		for i, part := range v.Parts {
			out = append(out, showValue(p.Components[i].Param, search.NoModifier, part))
		}
		return strings.Join(out, "$")
	default:
		return v.Text
	}
}
