package search

import "math"

// Near asks for places within a distance of one
// (http://hl7.org/fhir/R4/location.html#search, near). The constants are worked
// out once, when the query is read; per row nothing is left but sums, products
// and comparisons of doubles, which every machine and database rounds alike, so
// a store's compiler can agree to the last bit.
//
// Distance is along the great circle of a sphere with the Earth's mean radius:
// within 0.6 % of that on the WGS84 ellipsoid, at the poles and across the
// antimeridian too.
type Near struct {
	Lat, Lon     float64 // of the centre, degrees
	South, North float64 // no place outside these latitudes is near enough
	Cos          float64 // the cosine of Lat
	// Half is the square of the sine of half the angle that the distance is seen
	// under from the centre of the Earth: what NearMatches compares with.
	Half float64
}

const (
	// earth is the mean radius of the WGS84 ellipsoid, metres: (2a+b)/3.
	earth = 6371008.8
	// nearDistance is near when the query doesn't say: "the server can use its
	// own discretion". Metres.
	nearDistance = 10000
)

// DegreeSquared is the square of a degree in radians.
const DegreeSquared = (math.Pi / 180) * (math.Pi / 180)

// halfSine are 1/(2·2!), -1/(2·4!), 1/(2·6!) …: the Taylor series of sin²(√t/2).
var halfSine = [...]float64{1.0 / 4, -1.0 / 48, 1.0 / 1440, -1.0 / 80640, 1.0 / 7257600, -1.0 / 958003200,
	1.0 / 174356582400, -1.0 / 41845579776000, 1.0 / 12804747411456000, -1.0 / 4865804016353280000}

// HalfSine are the coefficients, from the first power up, of the polynomial in
// the square of an angle that is the square of the sine of its half. Up to 180°
// it is within 4e-11, and for small angles to the last bit or two.
func HalfSine() []float64 { return halfSine[:] }

// halfSineSquared is the polynomial at t, evaluated as a store has to.
func halfSineSquared(t float64) float64 {
	s := halfSine[len(halfSine)-1]
	for i := len(halfSine) - 2; i >= 0; i-- {
		s = float64(s*t) + halfSine[i]
	}
	return float64(s * t)
}

// NearMatches decides near with a row's latitude and longitude, by the
// haversine formula. The conversions keep a compiler from fusing a product and a
// sum into one rounding.
func NearMatches(n Near, lat, lon float64) bool {
	if lat < n.South || lat > n.North {
		return false
	}
	across := math.Abs(lon - n.Lon)
	if across > 180 {
		across = 360 - across
	}
	up := lat - n.Lat
	a := halfSineSquared(float64(up*up) * DegreeSquared)
	b := halfSineSquared(float64(across*across) * DegreeSquared)
	c := halfSineSquared(float64(lat*lat) * DegreeSquared)
	return a+float64(float64((1-float64(2*c))*n.Cos)*b) <= n.Half
}

const textNear Literal = "not a place: use latitude|longitude|distance|units, in degrees; the units are km, m, [mi_i] or [mi_us]"

// near reads latitude|longitude[|distance[|units]]. Units without a distance
// are irrelevant, but must be units.
func (r valueReader) near(s string) (Value, error) {
	bad := func() (Value, error) { return Value{}, refuse(BadValue, textNear) }
	parts := splitUnescaped(s, '|', -1)
	if len(parts) < 2 || len(parts) > 4 {
		return bad()
	}
	lat, ok1 := degrees(parts[0], 90)
	lon, ok2 := degrees(parts[1], 180)
	if !ok1 || !ok2 {
		return bad()
	}
	metres, unit := float64(nearDistance), 1000.0
	if len(parts) == 4 {
		var ok bool
		if unit, ok = metresOf(parts[3]); !ok {
			return bad()
		}
	}
	if len(parts) > 2 && parts[2] != "" {
		d, ok := readDecimal(parts[2])
		if !ok || d.digits.Sign() < 0 {
			return bad()
		}
		if metres = d.float(0) * unit; math.IsNaN(metres) {
			return bad()
		}
	}
	return Value{Near: nearTo(lat, lon, metres)}, nil
}

// degrees reads a latitude or longitude.
func degrees(s string, most float64) (float64, bool) {
	d, ok := readDecimal(s)
	if !ok {
		return 0, false
	}
	f := d.float(0)
	return f, math.Abs(f) <= most
}

// metresOf are the units that distances are given in (UCUM): the kilometre, the
// metre, and the miles, international and of the US survey. None is km.
func metresOf(unit string) (float64, bool) {
	switch unit {
	case "", "km":
		return 1000, true
	case "m":
		return 1, true
	case "[mi_i]":
		return 1609.344, true
	case "[mi_us]":
		return 6336000.0 / 3937, true
	}
	return 0, false
}

func nearTo(lat, lon, metres float64) Near {
	n := Near{Lat: lat, Lon: lon, South: -90, North: 90, Cos: math.Cos(lat * math.Pi / 180), Half: 2}
	angle := metres / earth
	if angle >= math.Pi {
		return n // everywhere
	}
	half := math.Sin(angle / 2)
	n.Half = half * half
	band := angle*180/math.Pi*(1+1e-9) + 1e-9 // the formula decides, not the band
	n.South, n.North = max(-90, lat-band), min(90, lat+band)
	return n
}
