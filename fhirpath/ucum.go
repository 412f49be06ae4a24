package fhirpath

import (
	"math/big"
	"strconv"
	"strings"
)

// The part of UCUM (https://ucum.org/ucum) that clinical data is measured in:
// enough to compare 4 'g' with 4000 'mg'. A unit beyond it compares only with
// itself.

// maxUnit bounds a unit's code.
const maxUnit = 64

// dimension counts metre, gram, second, kelvin, candela, coulomb, radian, mole.
type dimension [8]int8

type measure struct {
	factor *big.Rat
	dim    dimension
	odd    string // an arbitrary unit, such as [iU], that stands beside the dimensions
}

func (m measure) comparable(o measure) bool { return m.dim == o.dim && m.odd == o.odd }

// times multiplies by o to the power of e; false when out of range.
func (m measure) times(o measure, e int) (measure, bool) {
	if o.odd != "" {
		if m.odd != "" || e != 1 {
			return m, false
		}
		m.odd = o.odd
	}
	out := new(big.Rat).Set(m.factor)
	for range max(e, -e) {
		if e > 0 {
			out.Mul(out, o.factor)
		} else {
			out.Quo(out, o.factor)
		}
	}
	for i := range m.dim {
		d := int(m.dim[i]) + e*int(o.dim[i])
		if d > 40 || d < -40 {
			return m, false
		}
		m.dim[i] = int8(d)
	}
	m.factor = out
	return m, true
}

// parseUnit reads a UCUM expression in its case-sensitive form.
func parseUnit(code string) (measure, bool) {
	p := unitParser{s: code}
	if code == "" || len(code) > maxUnit {
		return measure{}, false
	}
	m, ok := p.term(0)
	return m, ok && p.s == ""
}

type unitParser struct{ s string }

func (p *unitParser) term(depth int) (measure, bool) {
	m, e, ok := measure{factor: big.NewRat(1, 1)}, 1, depth < 8
	if strings.HasPrefix(p.s, "/") {
		e, p.s = -1, p.s[1:]
	}
	for ok {
		var c measure
		if c, ok = p.component(depth); !ok {
			break
		}
		if m, ok = m.times(c, e); !ok || p.s == "" || p.s[0] == ')' {
			break
		}
		switch p.s[0] {
		case '.':
			e = 1
		case '/':
			e = -1
		default:
			return m, false
		}
		p.s = p.s[1:]
	}
	return m, ok
}

func (p *unitParser) component(depth int) (measure, bool) {
	if rest, ok := strings.CutPrefix(p.s, "("); ok {
		p.s = rest
		m, ok := p.term(depth + 1)
		if !ok || !strings.HasPrefix(p.s, ")") {
			return m, false
		}
		p.s = p.s[1:]
		return m, true
	}
	// An annotation alone, {cells}, is the unit 1.
	end, brackets := 0, 0
	for ; end < len(p.s); end++ {
		c := p.s[end]
		if c == '[' {
			brackets++
		} else if c == ']' {
			brackets--
		} else if brackets == 0 && strings.IndexByte("./(){", c) >= 0 {
			break
		}
	}
	symbol := p.s[:end]
	p.s = p.s[end:]
	if strings.HasPrefix(p.s, "{") {
		i := strings.IndexByte(p.s, '}')
		if i < 0 {
			return measure{}, false
		}
		p.s = p.s[i+1:]
		if symbol == "" {
			symbol = "1"
		}
	}
	return simpleUnit(symbol)
}

// simpleUnit is an integer, or a symbol with prefix and exponent: cm2, s-1, 10*3.
func simpleUnit(s string) (measure, bool) {
	one := measure{factor: big.NewRat(1, 1)}
	if s != "" && len(s) < 10 && allDigits(s) {
		i, _ := strconv.ParseInt(s, 10, 64)
		return measure{factor: big.NewRat(i, 1)}, i > 0
	}
	base := strings.TrimRight(s, "0123456789")
	exp := 1
	if base != s {
		base = strings.TrimRight(base, "+-")
		e, err := strconv.Atoi(s[len(base):])
		if err != nil || e == 0 || e > 30 || e < -30 {
			return one, false
		}
		exp = e
	}
	if base == "10*" || base == "10^" {
		return one.times(measure{factor: big.NewRat(10, 1)}, exp)
	}
	m, ok := atom(base)
	if !ok {
		return one, false
	}
	return one.times(m, exp)
}

// atom is a unit symbol, with a metric prefix where the unit takes one.
func atom(s string) (measure, bool) {
	if m, _, ok := unitSymbol(s); ok {
		return m, true
	}
	for _, n := range []int{1, 2} {
		if len(s) <= n {
			break
		}
		e, ok := metricPrefix(s[:n])
		m, metric, found := unitSymbol(s[n:])
		if ok && found && metric {
			f := new(big.Rat).SetInt(pow10(max(e, -e)))
			if e < 0 {
				f.Inv(f)
			}
			m.factor = f.Mul(f, m.factor)
			return m, true
		}
	}
	return measure{}, false
}

func metricPrefix(s string) (exponent int, ok bool) {
	switch s {
	case "T":
		return 12, true
	case "G":
		return 9, true
	case "M":
		return 6, true
	case "k":
		return 3, true
	case "h":
		return 2, true
	case "da":
		return 1, true
	case "d":
		return -1, true
	case "c":
		return -2, true
	case "m":
		return -3, true
	case "u":
		return -6, true
	case "n":
		return -9, true
	case "p":
		return -12, true
	case "f":
		return -15, true
	}
	return 0, false
}

// unitSymbol is a unit without prefix: its size in base units, and whether it
// takes a metric prefix.
func unitSymbol(s string) (m measure, metric, ok bool) {
	if num, den, dim := metricUnit(s); num != 0 {
		return measure{factor: big.NewRat(num, den), dim: dim}, true, true
	}
	if num, den, dim := otherUnit(s); num != 0 {
		return measure{factor: big.NewRat(num, den), dim: dim}, false, true
	}
	switch s {
	case "[iU]", "[IU]":
		return measure{factor: big.NewRat(1, 1), odd: "[iu]"}, true, true
	case "Cel", "[degF]", "[pH]": // scales with a zero of their own
		return measure{factor: big.NewRat(1, 1), odd: s}, false, true
	}
	return measure{}, false, false
}

// metricUnit are the units that take a prefix: numerator, denominator, dimension.
func metricUnit(s string) (num, den int64, d dimension) {
	switch s {
	case "m":
		return 1, 1, dimension{1}
	case "g":
		return 1, 1, dimension{0, 1}
	case "t":
		return 1000000, 1, dimension{0, 1}
	case "s":
		return 1, 1, dimension{0, 0, 1}
	case "L", "l":
		return 1, 1000, dimension{3}
	case "K":
		return 1, 1, dimension{0, 0, 0, 1}
	case "mol", "eq", "osm":
		return 1, 1, dimension{0, 0, 0, 0, 0, 0, 0, 1}
	case "kat":
		return 1, 1, dimension{0, 0, -1, 0, 0, 0, 0, 1}
	case "U":
		return 1, 60000000, dimension{0, 0, -1, 0, 0, 0, 0, 1}
	case "N":
		return 1000, 1, dimension{1, 1, -2}
	case "J":
		return 1000, 1, dimension{2, 1, -2}
	case "cal":
		return 4184, 1, dimension{2, 1, -2}
	case "W":
		return 1000, 1, dimension{2, 1, -3}
	case "Pa":
		return 1000, 1, dimension{-1, 1, -2}
	case "bar":
		return 100000000, 1, dimension{-1, 1, -2}
	case "m[Hg]":
		return 133322000, 1, dimension{-1, 1, -2}
	case "m[H2O]":
		return 9806650, 1, dimension{-1, 1, -2}
	case "Hz", "Bq":
		return 1, 1, dimension{0, 0, -1}
	case "Gy", "Sv":
		return 1, 1, dimension{2, 0, -2}
	case "C":
		return 1, 1, dimension{0, 0, 0, 0, 0, 1}
	case "A":
		return 1, 1, dimension{0, 0, -1, 0, 0, 1}
	case "V":
		return 1000, 1, dimension{2, 1, -2, 0, 0, -1}
	case "rad":
		return 1, 1, dimension{0, 0, 0, 0, 0, 0, 1}
	}
	return 0, 0, d
}

// otherUnit are the units that take no prefix.
func otherUnit(s string) (num, den int64, d dimension) {
	switch s {
	case "%":
		return 1, 100, dimension{}
	case "[in_i]":
		return 254, 10000, dimension{1}
	case "[ft_i]":
		return 3048, 10000, dimension{1}
	case "[yd_i]":
		return 9144, 10000, dimension{1}
	case "[mi_i]":
		return 1609344, 1000, dimension{1}
	case "[lb_av]":
		return 45359237, 100000, dimension{0, 1}
	case "[oz_av]":
		return 45359237, 1600000, dimension{0, 1}
	case "min":
		return 60, 1, dimension{0, 0, 1}
	case "h":
		return 3600, 1, dimension{0, 0, 1}
	case "d":
		return 86400, 1, dimension{0, 0, 1}
	case "wk":
		return 604800, 1, dimension{0, 0, 1}
	case "mo":
		return 2629800, 1, dimension{0, 0, 1}
	case "a":
		return 31557600, 1, dimension{0, 0, 1}
	}
	return 0, 0, d
}
