package patch

import (
	"bytes"
	"math/big"

	"firebreak/fhirjson"
)

// equal reports whether v and want are equal as RFC 6902 section 4.6 says:
// objects whatever their order, strings by their characters, numbers by value.
func (p *patching) equal(v value, want fhirjson.Node) bool {
	if v.kind() != want.Kind() || v.len() != want.Len() {
		return false
	}
	switch v.kind() {
	case fhirjson.Object:
		wanted := make(map[string]fhirjson.Node, want.Len())
		for m := range want.Children() {
			wanted[m.Name()] = m
		}
		for key, m := range v.members {
			w, ok := wanted[string(key)]
			if !ok || !p.equal(m, w) {
				return false
			}
		}
		return true
	case fhirjson.Array:
		w := want.FirstChild()
		for _, item := range v.members {
			if !p.equal(item, w) {
				return false
			}
			w = w.NextSibling()
		}
		return true
	case fhirjson.String:
		a, b := v.from.Raw(), want.Raw()
		// An escape takes at most six times the bytes of what it stands for.
		if len(a) > 6*len(b) || len(b) > 6*len(a) {
			return false
		}
		return bytes.Equal(a, b) || v.from.Text() == want.Text()
	case fhirjson.Number:
		p.steps += len(v.from.Raw()) // the one value whose length want does not bound
		return equalNumbers(v.from.Raw(), want.Raw())
	}
	return bytes.Equal(v.from.Raw(), want.Raw()) // true, false, null
}

// maxExponent is how many digits of an exponent are read. FHIR's decimals have
// three at most (datatypes.html#decimal).
const maxExponent = 300

// equalNumbers compares two JSON numbers exactly: 1.50, 15e-1 and 1.5 are equal.
// A number whose exponent has more than maxExponent digits equals only itself.
func equalNumbers(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, okX := readNumber(a)
	y, okY := readNumber(b)
	if !okX || !okY {
		return false
	}
	if len(x.digits) == 0 || len(y.digits) == 0 { // 0, -0.0, 0e9
		return len(x.digits) == len(y.digits)
	}
	return x.negative == y.negative && bytes.Equal(x.digits, y.digits) && x.point.Cmp(y.point) == 0
}

// number is 0.digits × 10^point, with no zero at either end of digits.
type number struct {
	negative bool
	digits   []byte
	point    *big.Int
}

// readNumber reads a JSON number. It is not ok when its exponent is too long.
func readNumber(raw []byte) (number, bool) {
	var n number
	raw, n.negative = bytes.CutPrefix(raw, []byte("-"))
	var exponent []byte
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		raw, exponent = raw[:i], raw[i+1:]
	}
	whole, fraction, _ := bytes.Cut(raw, []byte("."))
	digits := bytes.Join([][]byte{whole, fraction}, nil)
	n.digits = bytes.TrimLeft(digits, "0")
	n.point = big.NewInt(int64(len(whole) - (len(digits) - len(n.digits))))
	n.digits = bytes.TrimRight(n.digits, "0")
	if len(n.digits) == 0 || len(exponent) == 0 {
		return n, true
	}
	exponent, minus := bytes.CutPrefix(exponent, []byte("-"))
	exponent = bytes.TrimLeft(exponent, "+0")
	if len(exponent) > maxExponent {
		return number{}, false
	}
	e, ok := new(big.Int).SetString("0"+string(exponent), 10)
	if !ok {
		return number{}, false // cannot happen: the parser accepted the number
	}
	if minus {
		e.Neg(e)
	}
	n.point.Add(n.point, e)
	return n, true
}
