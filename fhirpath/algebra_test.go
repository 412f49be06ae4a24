package fhirpath

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func drawDecimal(t *rapid.T, name string) Decimal {
	s := fmt.Sprintf("%d", rapid.Int64().Draw(t, name))
	if f := rapid.StringMatching(`[0-9]{0,12}`).Draw(t, name+" fraction"); f != "" {
		s += "." + f
	}
	d, ok := ParseDecimal(s)
	if !ok {
		t.Fatalf("ParseDecimal(%q) refuses", s)
	}
	if d.String() != s && s[0] != '-' {
		t.Fatalf("ParseDecimal(%q) prints as %s", s, d)
	}
	return d
}

func TestDecimalsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDecimal(t, "a"), drawDecimal(t, "b")
		sum, _ := a.add(b)
		if back, _ := sum.sub(b); back.Cmp(a) != 0 {
			t.Fatalf("%s + %s - %s = %s", a, b, b, back)
		}
		product, _ := a.mul(b)
		if want := new(big.Rat).Mul(a.rat(), b.rat()); product.rat().Cmp(want) != 0 {
			t.Fatalf("%s * %s = %s", a, b, product)
		}
		if a.Cmp(b) != -b.Cmp(a) || a.Cmp(b) != a.rat().Cmp(b.rat()) {
			t.Fatalf("%s and %s compare as %d and %d", a, b, a.Cmp(b), b.Cmp(a))
		}
		if b.Sign() == 0 {
			return
		}
		q, r, _ := a.quoRem(b)
		whole, _ := q.mul(b)
		if back, _ := whole.add(r); back.Cmp(a) != 0 {
			t.Fatalf("(%s div %s) * %s + mod = %s", a, b, b, back)
		}
		d, _ := a.div(b)
		off := new(big.Rat).Sub(d.rat(), new(big.Rat).Quo(a.rat(), b.rat()))
		if off.Abs(off).Cmp(new(big.Rat).SetFrac(big.NewInt(1), pow10(quotientDigits))) >= 0 {
			t.Fatalf("%s / %s = %s, which is off", a, b, d)
		}
	})
}

func TestRoundingBrackets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, n := drawDecimal(t, "d"), rapid.IntRange(0, 14).Draw(t, "digits")
		low, mid, high := d.round(n, divFloor), d.round(n, divRound), d.round(n, divCeil)
		if low.Cmp(d) > 0 || high.Cmp(d) < 0 || mid.Cmp(low) != 0 && mid.Cmp(high) != 0 || mid.Scale() != n {
			t.Fatalf("%s to %d digits: floor %s, round %s, ceiling %s", d, n, low, mid, high)
		}
	})
}

func drawTemporal(t *rapid.T, name string) temporal {
	forms := []string{
		`(19|20)[0-9]{2}`, `(19|20)[0-9]{2}-(0[1-9]|1[0-2])`, `(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])`,
		`20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3])(:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?)?(|Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])`,
	}
	s := rapid.OneOf(rapid.StringMatching(forms[0]), rapid.StringMatching(forms[1]), rapid.StringMatching(forms[2]), rapid.StringMatching(forms[3])).Draw(t, name)
	v, ok := parseDateTime(s)
	if !ok {
		t.Fatalf("parseDateTime(%q) refuses", s)
	}
	if again, ok := parseDateTime(v.String()); !ok || again != v {
		t.Fatalf("%q prints as %q, which reads differently", s, v)
	}
	return v
}

func TestDatesHaveOneOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTemporal(t, "a"), drawTemporal(t, "b")
		c1, k1 := a.compare(b)
		c2, k2 := b.compare(a)
		if k1 != k2 || k1 && c1 != -c2 {
			t.Fatalf("%s and %s compare as %d %v and %d %v", a, b, c1, k1, c2, k2)
		}
		if c, known := a.compare(a); c != 0 || !known && a.zoned {
			t.Fatalf("%s does not equal itself", a)
		}
		if k1 && a.zoned && b.zoned && c1 != 0 && a.instant().Compare(b.instant()) != c1 {
			t.Fatalf("%s and %s compare as %d", a, b, c1)
		}
	})
}

func TestDateArithmeticGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawTemporal(t, "a")
		n := decimalFromInt(rapid.Int64Range(-5000, 5000).Draw(t, "n"))
		for _, u := range []string{"day", "hour", "minute", "second", "millisecond", "week"} {
			if a.prec < toDay || a.prec < toSecond && u != "day" && u != "week" {
				continue
			}
			there, ok, msg := a.addQuantity(n, unit{code: u, calendar: true})
			if !ok || msg != "" {
				t.Fatalf("%s + %s %s: %v %s", a, n, u, ok, msg)
			}
			back, _, _ := there.addQuantity(n.neg(), unit{code: u, calendar: true})
			if c, known := back.compare(a); c != 0 || !known {
				t.Fatalf("%s + %s %s - the same = %s", a, n, u, back)
			}
		}
	})
}

func TestUnitsConvertBothWays(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"1 'kg'", "1000 'g'"}, {"1 '[lb_av]'", "453.59237 'g'"}, {"1 'mm[Hg]'", "133.322 'Pa'"}, {"1 'mmol/L'", "1 'mol/m3'"},
		{"1 'h'", "3600 's'"}, {"1 'km/h'", "1000 'm/h'"}, {"1 '10*3/uL'", "1 '10*9/L'"}, {"1 'ug/dL'", "10 'ug/L'"},
		{"1 '{cells}/uL'", "1 '/uL'"}, {"1 'kg.m/s2'", "1 'N'"}, {"1 'kg/(m.s2)'", "1 'Pa'"}, {"1 '%'", "0.01 '1'"}, {"1 'wk'", "7 'd'"},
		{"1 'm2'", "10000 'cm2'"}, {"1 's-1'", "1 'Hz'"}, {"1 '[iU]/L'", "0.001 '[iU]/mL'"}, {"1 'm[iU]/L'", "1 'u[iU]/mL'"},
	} {
		a, _ := parseQuantity(c.a)
		b, _ := parseQuantity(c.b)
		if x, known := compareQuantity(a.val, b.val); x != 0 || !known {
			t.Errorf("%s and %s compare as %d, %v", c.a, c.b, x, known)
		}
		if d, ok := convertQuantity(a.val, b.val.unit); !ok || d.Cmp(b.val.dec) != 0 {
			t.Errorf("%s in %s = %s, %v", c.a, c.b, d, ok)
		}
	}
	for _, code := range []string{"", "(", ")", "((m)", "m//s", "{", "{}{}", "mm3x", "m99", "kCel2.[iU]", "10*", "/", ".", "0", "[in_i", "kmin", "m-"} {
		if m, ok := parseUnit(code); ok && code != "10*" {
			t.Errorf("parseUnit(%q) = %v", code, m)
		}
	}
}
