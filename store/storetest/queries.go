package storetest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// asker makes conditions, mostly about values that the world has.
type asker struct {
	gen
	o    *oracle
	rows map[string][]search.Row // by type
}

func newAsker(g gen, o *oracle) *asker {
	a := &asker{gen: g, o: o, rows: map[string][]search.Row{}}
	for _, it := range o.w.items {
		if it.live() {
			a.rows[it.typ] = append(a.rows[it.typ], o.of(it.current()).rows...)
		}
	}
	return a
}

// cond is a condition with its text.
type cond struct {
	expr search.Expr
	text string
}

// test is one search parameter of the type, as a query string would have it.
func (a *asker) test(typ string) cond {
	for {
		name, value := a.pair(typ)
		q, err := search.Parse([]string{typ}, []search.Pair{{Name: name, Value: value}}, search.Options{Strict: true, Now: a.o.now})
		if err != nil || len(q.Branches) != 1 || q.Branches[0].Where == nil {
			continue // not every mutation of a value can be asked for
		}
		return cond{q.Branches[0].Where, fmt.Sprintf("%s?%s=%.80s", typ, name, value)}
	}
}

// param is a parameter of the type, mostly one that some resource answers to.
func (a *asker) param(typ string) (*r4.SearchParam, []search.Row) {
	p := one(a.gen, r4.SearchParams(typ))
	if rows := a.rows[typ]; len(rows) > 0 && a.chance(85) {
		// By parameter first: some have many more rows than others.
		for range 20 {
			p = one(a.gen, r4.SearchParams(typ))
			if of := rowsOf(rows, p); len(of) > 0 {
				return p, of
			}
		}
	}
	return p, rowsOf(a.rows[typ], p)
}

func rowsOf(rows []search.Row, p *r4.SearchParam) []search.Row {
	var out []search.Row
	for _, r := range rows {
		if r.Param == p {
			out = append(out, r)
		}
	}
	return out
}

func (a *asker) pair(typ string) (name, value string) {
	switch a.IntN(15) {
	case 0:
		return "_id", one(a.gen, patients) + "," + fmt.Sprint("x", a.IntN(80))
	case 1:
		at := one(a.gen, a.o.w.items).current().at.Add(time.Duration(a.IntN(3)-1) * 300 * time.Microsecond)
		layout := one(a.gen, []string{"2006-01-02T15:04:05.000Z", "2006-01-02T15:04:05Z", "2006-01-02T15:04Z", "2006-01-02T15:04:05.0000Z"})
		return "_lastUpdated", a.prefix() + at.UTC().Format(layout)
	}
	p, rows := a.param(typ)
	if a.chance(10) {
		return p.Code + ":missing", one(a.gen, []string{"true", "false"})
	}
	name, part := a.modified(p)
	rows = ofPart(rows, p, part)
	var alternatives []string
	for range 1 + a.IntN(1+a.IntN(3)) {
		if p.Type == r4.ParamComposite {
			alternatives = append(alternatives, a.tuple(p, rows))
			continue
		}
		alternatives = append(alternatives, a.value(p.Type, name, rows))
	}
	return name, strings.Join(alternatives, ",")
}

func ofPart(rows []search.Row, p *r4.SearchParam, part search.Part) []search.Row {
	if p.Type == r4.ParamComposite {
		return rows
	}
	var out []search.Row
	for _, r := range rows {
		if r.Part == part {
			out = append(out, r)
		}
	}
	return out
}

// modified is the parameter's name with a modifier its type has, and the part
// of its rows that the modifier asks.
func (a *asker) modified(p *r4.SearchParam) (string, search.Part) {
	var of []string
	switch p.Type {
	case r4.ParamToken:
		of = []string{"", "", "not", "text", "of-type"}
	case r4.ParamString:
		of = []string{"", "exact", "contains"}
	case r4.ParamURI:
		of = []string{"", "above", "below"}
	case r4.ParamReference:
		of = []string{"", "", "identifier", "Patient", "Practitioner"}
	default:
		of = []string{""}
	}
	m := one(a.gen, of)
	if m == "" {
		return p.Code, search.Whole
	}
	return p.Code + ":" + m, search.PartOf(search.Modifier(m))
}

func (a *asker) prefix() string {
	return one(a.gen, []string{"", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
}

// tuple is a value of a composite: parts of one group, sometimes of two.
func (a *asker) tuple(p *r4.SearchParam, rows []search.Row) string {
	parts := make([]string, len(p.Components))
	group := int32(0)
	if len(rows) > 0 {
		group = one(a.gen, rows).Group
	}
	for n, c := range p.Components {
		var of []search.Row
		for _, r := range rows {
			if r.Part == search.Component+search.Part(n) && (r.Group == group || a.chance(5)) {
				of = append(of, r)
			}
		}
		parts[n] = a.value(c.Param.Type, c.Param.Code, of)
	}
	return strings.Join(parts, "$")
}

// value is one alternative, from a row or from the pools.
func (a *asker) value(typ r4.ParamType, name string, rows []search.Row) string {
	r := search.Row{Value: strings.ToLower(one(a.gen, codes)), Aux: one(a.gen, words)}
	if len(rows) > 0 && a.chance(90) {
		r = one(a.gen, rows)
	}
	esc := search.Escape
	_, modifier, _ := strings.Cut(name, ":")
	switch modifier {
	case "text":
		return esc(a.part(r.Aux))
	case "identifier":
		return a.token(r)
	case "of-type":
		code, value, _ := strings.Cut(r.Value, "|")
		return esc(r.Aux) + "|" + esc(code) + "|" + esc(value)
	}
	switch typ {
	case r4.ParamToken:
		return a.token(r)
	case r4.ParamString:
		if modifier == "exact" && a.chance(60) {
			return esc(r.Aux)
		}
		return esc(a.part(r.Aux))
	case r4.ParamURI:
		return esc(one(a.gen, []string{r.Value, one(a.gen, urls), r.Value + "/x/y", r.Value[:min(len(r.Value), 18)]}))
	case r4.ParamReference:
		if r.Aux == "" || len(rows) == 0 {
			return esc(one(a.gen, append(patients, r.Value)))
		}
		return one(a.gen, []string{r.Aux + "/" + r.Value, r.Value, "Patient/" + r.Value})
	case r4.ParamSpecial:
		return a.near()
	case r4.ParamDate:
		at := one(a.gen, dates)
		if a.chance(50) && r.Low > search.MinDate {
			at = time.UnixMicro(r.Low).UTC().Format(one(a.gen, []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.000Z"}))
		}
		return a.prefix() + at
	case r4.ParamNumber, r4.ParamQuantity:
		n := one(a.gen, numbers)
		if a.chance(60) && r.NumLow > -1e6 && r.NumLow < 1e6 {
			n = strconv.FormatFloat(r.NumLow, 'f', -1, 64)
		}
		if typ == r4.ParamQuantity && a.chance(60) {
			n += "|" + one(a.gen, []string{"", esc(r.Aux), "http://unitsofmeasure.org"}) + "|" + one(a.gen, []string{esc(r.Value), "mg", ""})
		}
		return a.prefix() + n
	}
	return esc(r.Value)
}

// near is a place, with or without a distance: none, a few metres, half the
// Earth, and those between two of the places that the world has.
func (a *asker) near() string {
	s := one(a.gen, latitudes) + "|" + one(a.gen, longitudes)
	if a.chance(15) {
		return s
	}
	s += "|" + one(a.gen, []string{"", "0", "0.5", "3.4", "12", "120", "2226.4", "5000", "10010", "20100"})
	return s + one(a.gen, []string{"", "|", "|km", "|m", "|[mi_i]", "|[mi_us]"})
}

// token asks for a row in one of the ways there are, also by the system that a
// row leaves out because its parameter implies it.
func (a *asker) token(r search.Row) string {
	esc := search.Escape
	if p := tokenParam(r); p != nil && len(p.Systems) > 0 && a.chance(60) {
		return one(a.gen, p.Systems).URL + "|" + one(a.gen, []string{esc(r.Value), esc(r.Value), ""})
	}
	return one(a.gen, []string{esc(r.Value), esc(r.Aux) + "|" + esc(r.Value), "|" + esc(r.Value), esc(r.Aux) + "|", esc(one(a.gen, codes))})
}

func tokenParam(r search.Row) *r4.SearchParam {
	if r.Part >= search.Component {
		return r.Param.Components[r.Part-search.Component].Param
	}
	return r.Param
}

// part is a piece of a text: its start, its middle, or all.
func (a *asker) part(s string) string {
	runes := []rune(s)
	if len(runes) == 0 {
		return s
	}
	if len(runes) > 300 && a.chance(80) { // what may be asked for with :contains, from anywhere
		from := a.IntN(len(runes))
		return string(runes[from:min(len(runes), from+1+a.IntN(60))])
	}
	from, to := 0, 1+a.IntN(len(runes))
	if a.chance(40) {
		from = a.IntN(to)
	}
	return string(runes[from:to])
}

// tree joins tests by And, Or and Not; hops is how many chains deep it may go.
func (a *asker) tree(typ string, depth, hops int) cond {
	if depth > 0 {
		switch a.IntN(6) {
		case 0, 1:
			l, r := a.tree(typ, depth-1, hops), a.tree(typ, depth-1, hops)
			return cond{search.And{l.expr, r.expr}, "(" + l.text + " & " + r.text + ")"}
		case 2:
			l, r := a.tree(typ, depth-1, hops), a.tree(typ, depth-1, hops)
			return cond{search.Or{l.expr, r.expr}, "(" + l.text + " | " + r.text + ")"}
		case 3:
			c := a.tree(typ, depth-1, hops)
			return cond{search.Not{Expr: c.expr}, "!" + c.text}
		}
	}
	if hops > 0 && a.chance(70) {
		if c, ok := a.hop(typ, depth, hops); ok {
			return c
		}
	}
	return a.test(typ)
}

// hop is a chain or a _has to one of the types that the world has.
func (a *asker) hop(typ string, depth, hops int) (cond, bool) {
	for range 30 {
		other := one(a.gen, types)
		if a.chance(50) {
			p := one(a.gen, r4.SearchParams(typ))
			if p.Type != r4.ParamReference || !contains(search.Targets(p), other) || len(rowsOf(a.rows[typ], p)) == 0 && a.chance(90) {
				continue
			}
			c := a.tree(other, depth, hops-1)
			return cond{search.Chain{Param: p, Target: other, Where: c.expr}, typ + "." + p.Code + ":" + other + "{" + c.text + "}"}, true
		}
		p := one(a.gen, r4.SearchParams(other))
		if p.Type != r4.ParamReference || !contains(search.Targets(p), typ) || len(rowsOf(a.rows[other], p)) == 0 && a.chance(90) {
			continue
		}
		c := a.tree(other, depth, hops-1)
		return cond{search.Has{Source: other, Param: p, Where: c.expr}, typ + "_has:" + other + ":" + p.Code + "{" + c.text + "}"}, true
	}
	return cond{}, false
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
