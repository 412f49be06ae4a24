package search

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// maxDigits bounds a number's text; R4 asks for 18 significant digits.
const maxDigits = 64

// decimal is a number as written: digits × 10^exponent.
type decimal struct {
	digits   *big.Int
	exponent int  // of the last digit
	given    bool // an exponent was written
	fraction bool // a decimal point was written
}

// readDecimal reads FHIR's decimal with the exponent that search allows
// (http://hl7.org/fhir/R4/search.html#number).
func readDecimal(s string) (decimal, bool) {
	if s == "" || len(s) > maxDigits {
		return decimal{}, false
	}
	mantissa, exp := s, 0
	d := decimal{digits: new(big.Int)}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
		if err != nil || n > 400 || n < -400 || strings.HasPrefix(s[i+1:], "++") || strings.HasPrefix(s[i+1:], "+-") {
			return decimal{}, false
		}
		mantissa, exp, d.given = s[:i], n, true
	}
	sign := strings.HasPrefix(mantissa, "-")
	mantissa = strings.TrimPrefix(mantissa, "-")
	whole, frac, point := strings.Cut(mantissa, ".")
	if whole == "" || point && frac == "" || !digitsOnly(whole) || !digitsOnly(frac) {
		return decimal{}, false
	}
	if _, ok := d.digits.SetString(whole+frac, 10); !ok {
		return decimal{}, false
	}
	if sign {
		d.digits.Neg(d.digits)
	}
	d.exponent, d.fraction = exp-len(frac), point
	return d, true
}

func digitsOnly(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// float is the double nearest to (digits×10 + tenths) × 10^(exponent-1), so that the
// bounds of 5.40 are the doubles nearest to 5.395 and 5.405, not sums of doubles.
func (d decimal) float(tenths int64) float64 {
	n := new(big.Int).Mul(d.digits, big.NewInt(10))
	n.Add(n, big.NewInt(tenths))
	f, err := strconv.ParseFloat(n.String()+"e"+strconv.Itoa(d.exponent-1), 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// NumberInterval is a number and the half-open interval its precision implies:
// "100" is [99.5, 100.5), "5.40" [5.395, 5.405). An exponent without fraction
// counts as having one digit more, because R4 gives 1e2 as [95, 105).
func NumberInterval(s string) (n, low, high float64, ok bool) {
	d, ok := readDecimal(s)
	if !ok {
		return 0, 0, 0, false
	}
	if d.given && !d.fraction {
		d.digits.Mul(d.digits, big.NewInt(10))
		d.exponent--
	}
	n, low, high = d.float(0), d.float(-5), d.float(5)
	if math.IsNaN(n + low + high) {
		return 0, 0, 0, false
	}
	// Past 16 digits the three are the same double; the interval still has n.
	return n, min(low, n), max(high, math.Nextafter(n, math.Inf(1))), true
}
