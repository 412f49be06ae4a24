package store

import (
	"strings"
	"unicode/utf8"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// value is the SQL of search.ValueMatches; a property test holds them equal.
func value(q *statement, typ r4.ParamType, m search.Modifier, v search.Value, row string) {
	switch m {
	case search.LaterOn:
		stringCondition(q, search.Contains, v, row)
		return
	case search.Text:
		stringCondition(q, search.NoModifier, v, row)
		return
	case search.ByIdentifier:
		tokenCondition(q, v, row)
		return
	case search.OfType:
		if v.System == nil {
			q.add("1=0")
			return
		}
		q.add("("+row+".v=? AND "+row+".x=?)", cut(search.TypedValue(v.Code, v.Text)), cut(*v.System))
		return
	}
	switch typ {
	case r4.ParamToken:
		tokenCondition(q, v, row)
	case r4.ParamString:
		stringCondition(q, m, v, row)
	case r4.ParamURI:
		uriCondition(q, m, v, row)
	case r4.ParamReference:
		referenceCondition(q, v, row)
	case r4.ParamSpecial:
		nearCondition(q, v.Near, row)
	case r4.ParamDate:
		dateCondition(q, v, row+".lo", row+".hi")
	case r4.ParamNumber:
		numberCondition(q, v, row)
	case r4.ParamQuantity:
		numberCondition(q, v, row)
		if v.Code != "" {
			q.add(" AND "+row+".v=?", cut(v.Code))
		}
		if v.System != nil {
			q.add(" AND "+row+".x=?", cut(*v.System))
		}
	default:
		q.add("1=0")
	}
}

func tokenCondition(q *statement, v search.Value, row string) {
	switch {
	case v.Code != "" && v.System != nil:
		q.add("("+row+".v=? AND "+row+".x=?)", cut(v.Code), cut(*v.System))
	case v.Code != "":
		q.add(row+".v=?", cut(v.Code))
	case v.System != nil:
		q.add(row+".x=?", cut(*v.System))
	default:
		q.add("1=1")
	}
}

func stringCondition(q *statement, m search.Modifier, v search.Value, row string) {
	switch m {
	case search.Exact:
		q.add("("+row+".v=? AND "+row+".x=?)", cut(search.Fold(v.Text)), cut(v.Text))
	case search.Contains:
		q.add(row+".v LIKE ? ESCAPE '!'", "%"+likeEscape(search.Fold(v.Text))+"%")
	default:
		prefixCondition(q, row+".v", search.Fold(v.Text))
	}
}

var likeSpecial = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

func likeEscape(s string) string { return likeSpecial.Replace(s) }

// prefixCondition is a range, so that an index can answer it. Both databases
// compare these columns byte by byte.
func prefixCondition(q *statement, column, prefix string) {
	if prefix == "" {
		q.add("1=1")
		return
	}
	end, ok := successor(prefix)
	if !ok {
		q.add(column+">=?", prefix)
		return
	}
	q.add("("+column+">=? AND "+column+"<?)", prefix, end)
}

// successor is the least text that is greater than all that begin with prefix;
// there is none when prefix is the last character over and over.
func successor(prefix string) (string, bool) {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch last {
		case utf8.MaxRune:
			continue
		case 0xD7FF: // surrogates are no characters
			last = 0xDFFF
		}
		return prefix + string(last+1), true
	}
	return "", false
}

func uriCondition(q *statement, m search.Modifier, v search.Value, row string) {
	switch m {
	case search.Below:
		prefixCondition(q, row+".v", v.Text)
	case search.Above:
		q.add(row + ".v IN (")
		for i, u := range search.URIAncestors(v.Text) {
			if i > 0 {
				q.add(",")
			}
			q.add("?", cut(u))
		}
		q.add(")")
	default:
		q.add(row+".v=?", cut(v.Text))
	}
}

func referenceCondition(q *statement, v search.Value, row string) {
	switch {
	case v.RefURL != "":
		q.add("("+row+".v=? AND "+row+".x='')", cut(v.RefURL))
	case v.RefType != "":
		q.add("("+row+".v=? AND "+row+".x=?)", v.RefID, v.RefType)
	default:
		q.add("("+row+".v=? AND "+row+".x<>'')", v.RefID)
	}
}

// dateCondition is the SQL of search.DateMatches.
func dateCondition(q *statement, v search.Value, lo, hi string) {
	l, h := v.DateLow, v.DateHigh
	switch v.Prefix {
	case search.Eq:
		q.add("("+lo+">=? AND "+lo+"<? AND "+hi+"<=?)", l, h, h)
	case search.Ne:
		q.add("NOT ("+lo+">=? AND "+hi+"<=?)", l, h)
	case search.Gt:
		q.add(hi+">?", h)
	case search.Lt:
		q.add(lo+"<?", l)
	case search.Ge:
		q.add("("+hi+">? OR ("+lo+">=? AND "+hi+"<=?))", h, l, h)
	case search.Le:
		q.add("("+lo+"<? OR ("+lo+">=? AND "+hi+"<=?))", l, l, h)
	case search.Sa:
		q.add(lo+">=?", h)
	case search.Eb:
		q.add(hi+"<=?", l)
	case search.Ap:
		q.add("("+lo+"<? AND "+hi+">?)", h, l)
	default:
		q.add("1=0")
	}
}

// numberCondition is the SQL of search.NumberMatches.
func numberCondition(q *statement, v search.Value, row string) {
	lo, hi := row+".lo", row+".hi"
	switch v.Prefix {
	case search.Eq:
		q.add("("+lo+">=? AND "+hi+"<?)", v.NumLow, v.NumHigh)
	case search.Ne:
		q.add("NOT ("+lo+">=? AND "+hi+"<?)", v.NumLow, v.NumHigh)
	case search.Gt:
		q.add(hi+">?", v.Number)
	case search.Lt:
		q.add(lo+"<?", v.Number)
	case search.Ge:
		q.add(hi+">=?", v.Number)
	case search.Le:
		q.add(lo+"<=?", v.Number)
	case search.Sa:
		q.add(lo+">?", v.Number)
	case search.Eb:
		q.add(hi+"<?", v.Number)
	case search.Ap:
		q.add("("+hi+">=? AND "+lo+"<=?)", v.NumLow, v.NumHigh)
	default:
		q.add("1=0")
	}
}

// nearCondition is the SQL of search.NearMatches: the same operations on the
// same doubles in the same order. a, b and c are the squares of angles.
func nearCondition(q *statement, n search.Near, row string) {
	lat, lon := row+".lo", row+".hi"
	q.add("("+lat+">=? AND "+lat+"<=? AND EXISTS (SELECT 1 FROM (SELECT ("+lat+"-?)*("+lat+"-?)*? AS a,"+
		" CASE WHEN abs("+lon+"-?)>180 THEN (360-abs("+lon+"-?))*(360-abs("+lon+"-?)) ELSE abs("+lon+"-?)*abs("+lon+"-?) END*? AS b, "+
		lat+"*"+lat+"*? AS c) near WHERE ",
		n.South, n.North, n.Lat, n.Lat, search.DegreeSquared, n.Lon, n.Lon, n.Lon, n.Lon, n.Lon, search.DegreeSquared, search.DegreeSquared)
	halfSine(q, "near.a")
	q.add("+(1-2*")
	halfSine(q, "near.c")
	q.add(")*?*", n.Cos)
	halfSine(q, "near.b")
	q.add("<=?))", n.Half)
}

// halfSine is the polynomial of search.HalfSine, highest power first.
func halfSine(q *statement, t string) {
	c := search.HalfSine()
	q.add(strings.Repeat("(", len(c))+"?", c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		q.add("*"+t+"+?)", c[i])
	}
	q.add("*" + t + ")")
}
