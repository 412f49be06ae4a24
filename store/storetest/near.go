package storetest

import (
	"fmt"
	"math"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// nearIsExact asks with bounds that are a place's own distance and the double
// before it: a store that rounds anything otherwise than search.NearMatches
// finds one too many or one too few.
func nearIsExact(t *testing.T, open Opener) {
	w := newWorld(t, open, 4)
	g := gen{w.rand}
	places := make([][2]float64, 20)
	var ops []op
	for i := range places {
		places[i] = [2]float64{g.Float64()*180 - 90, g.Float64()*360 - 180}
		if i > 10 { // close to one of the others
			near := places[g.IntN(10)]
			places[i] = [2]float64{max(-90, near[0]-g.Float64()/50), max(-180, near[1]-g.Float64()/50)}
		}
		ops = append(ops, put(fmt.Sprintf(`{"resourceType":"Location","id":"x%d","meta":{"tag":[{"system":"urn:test:org","code":"north"}]},"position":{"latitude":%v,"longitude":%v}}`, i, places[i][0], places[i][1])))
	}
	w.do(ops...)
	a := w.all()
	o := newOracle(t, w, a)
	param, _ := r4.LookupSearchParam("Location", "near")
	for range 40 {
		at, centre := one(g, places), one(g, places)
		n := search.Near{Lat: centre[0] + g.Float64()/1000, Lon: centre[1], South: -91, North: 91}
		n.Cos = math.Cos(n.Lat * math.Pi / 180)
		low, high := uint64(0), math.Float64bits(2)
		for low < high { // the doubles from 0 to 2 are in the order of their bits
			n.Half = math.Float64frombits((low + high) / 2)
			if search.NearMatches(n, at[0], at[1]) {
				high = (low + high) / 2
			} else {
				low = (low+high)/2 + 1
			}
		}
		for _, bits := range []uint64{high, max(high, 1) - 1} {
			n.Half = math.Float64frombits(bits)
			e := search.Test{Param: param, Values: []search.Value{{Near: n}}}
			agree(t, w, o, a, query("Location", cond{expr: e}, 500), fmt.Sprintf("near %+v", n))
		}
	}
}
