package fhirpath

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// maxDigits bounds a Decimal. FHIRPath asks for 28 digits; results beyond the
// bound are overflow, which FHIRPath makes the empty collection.
const maxDigits = 128

// quotientDigits is how many fractional digits a division keeps.
const quotientDigits = 18

// Decimal is an exact decimal number that remembers its precision: 1.50 is not
// printed as 1.5. The zero Decimal is 0.
type Decimal struct {
	coef  *big.Int // never changed; nil is 0
	scale int      // digits after the point, never negative
}

// ParseDecimal reads a decimal literal as JSON writes it, with an optional sign.
func ParseDecimal(s string) (Decimal, bool) {
	if len(s) > 2*maxDigits {
		return Decimal{}, false
	}
	exp := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil || e > maxDigits || e < -maxDigits {
			return Decimal{}, false
		}
		s, exp = s[:i], e
	}
	whole, frac, point := strings.Cut(s, ".")
	digits := strings.TrimLeft(whole, "+-")
	if len(whole)-len(digits) > 1 || digits == "" || (point && frac == "") || !allDigits(digits) || !allDigits(frac) {
		return Decimal{}, false
	}
	c, _ := new(big.Int).SetString(strings.TrimPrefix(whole, "+")+frac, 10)
	scale := len(frac) - exp
	if scale < 0 {
		c.Mul(c, pow10(-scale))
		scale = 0
	}
	return checked(c, scale)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func checked(c *big.Int, scale int) (Decimal, bool) {
	if scale > maxDigits || c.BitLen() > maxDigits*10/3 {
		return Decimal{}, false
	}
	return Decimal{c, scale}, true
}

func decimalFromInt(i int64) Decimal { return Decimal{coef: big.NewInt(i)} }

// decimalFromFloat keeps 15 significant digits, what a float64 can vouch for.
func decimalFromFloat(f float64) (Decimal, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Decimal{}, false
	}
	d, ok := ParseDecimal(strconv.FormatFloat(f, 'e', 14, 64))
	return d.trim(0), ok
}

func pow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

func (d Decimal) int() *big.Int {
	if d.coef == nil {
		return new(big.Int)
	}
	return d.coef
}

// at is the coefficient at a scale at least as large as the Decimal's own.
func (d Decimal) at(scale int) *big.Int {
	if scale == d.scale {
		return d.int()
	}
	return new(big.Int).Mul(d.int(), pow10(scale-d.scale))
}

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int { return d.int().Sign() }

// Scale is the number of digits after the decimal point, trailing zeros included.
func (d Decimal) Scale() int { return d.scale }

// Cmp compares by value: 1.0 and 1.00 are equal.
func (d Decimal) Cmp(o Decimal) int {
	s := max(d.scale, o.scale)
	return d.at(s).Cmp(o.at(s))
}

func (d Decimal) neg() Decimal { return Decimal{new(big.Int).Neg(d.int()), d.scale} }

func (d Decimal) add(o Decimal) (Decimal, bool) {
	s := max(d.scale, o.scale)
	return checked(new(big.Int).Add(d.at(s), o.at(s)), s)
}

func (d Decimal) sub(o Decimal) (Decimal, bool) { return d.add(o.neg()) }

func (d Decimal) mul(o Decimal) (Decimal, bool) {
	return checked(new(big.Int).Mul(d.int(), o.int()), d.scale+o.scale)
}

// div rounds half away from zero; false when o is zero.
func (d Decimal) div(o Decimal) (Decimal, bool) {
	if o.Sign() == 0 {
		return Decimal{}, false
	}
	s := max(d.scale, o.scale)
	num := new(big.Int).Mul(d.at(s), pow10(quotientDigits))
	q, ok := checked(divRound(num, o.at(s)), quotientDigits)
	return q.trim(0), ok
}

func divRound(num, den *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(num, den, new(big.Int))
	if r.Lsh(r.Abs(r), 1).CmpAbs(den) >= 0 {
		if num.Sign()*den.Sign() < 0 {
			return q.Sub(q, big.NewInt(1))
		}
		return q.Add(q, big.NewInt(1))
	}
	return q
}

// quoRem divides towards zero: quotient is whole, remainder has d's sign.
func (d Decimal) quoRem(o Decimal) (quo, rem Decimal, ok bool) {
	if o.Sign() == 0 {
		return Decimal{}, Decimal{}, false
	}
	s := max(d.scale, o.scale)
	q, r := new(big.Int).QuoRem(d.at(s), o.at(s), new(big.Int))
	return Decimal{q, 0}, Decimal{r, s}, true
}

// trim drops trailing zeros after the point down to a scale.
func (d Decimal) trim(scale int) Decimal {
	c, s, ten := new(big.Int).Set(d.int()), d.scale, big.NewInt(10)
	for r := new(big.Int); s > scale; s-- {
		q, r := new(big.Int).QuoRem(c, ten, r)
		if r.Sign() != 0 {
			break
		}
		c = q
	}
	return Decimal{c, s}
}

// rounding divides two whole numbers, the divisor positive, to a whole one.
type rounding func(num, den *big.Int) *big.Int

// round gives exactly scale fractional digits; mode is how to drop digits.
func (d Decimal) round(scale int, mode rounding) Decimal {
	if scale >= d.scale {
		return Decimal{d.at(scale), scale}
	}
	return Decimal{mode(d.int(), pow10(d.scale-scale)), scale}
}

func divFloor(num, den *big.Int) *big.Int { // den is positive
	return new(big.Int).Div(num, den)
}

func divCeil(num, den *big.Int) *big.Int {
	q := new(big.Int).Div(new(big.Int).Neg(num), den)
	return q.Neg(q)
}

func divTrunc(num, den *big.Int) *big.Int { return new(big.Int).Quo(num, den) }

// toInt is the value if it is whole and an Integer (32 bits).
func (d Decimal) toInt() (int64, bool) {
	t := d.trim(0)
	if t.scale != 0 || !t.int().IsInt64() {
		return 0, false
	}
	i := t.int().Int64()
	return i, i >= math.MinInt32 && i <= math.MaxInt32
}

func (d Decimal) float() float64 {
	f, _ := strconv.ParseFloat(d.String(), 64)
	return f
}

func (d Decimal) rat() *big.Rat {
	return new(big.Rat).SetFrac(d.int(), pow10(d.scale))
}

// String writes all digits, trailing zeros included.
func (d Decimal) String() string {
	s := new(big.Int).Abs(d.int()).String()
	if d.scale > 0 {
		if len(s) <= d.scale {
			s = strings.Repeat("0", d.scale-len(s)+1) + s
		}
		s = s[:len(s)-d.scale] + "." + s[len(s)-d.scale:]
	}
	if d.Sign() < 0 {
		return "-" + s
	}
	return s
}
