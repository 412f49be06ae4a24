package search_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

func near(tb interface {
	Helper()
	Fatalf(string, ...any)
}, value string) search.Near {
	tb.Helper()
	q, err := search.Parse([]string{"Location"}, []search.Pair{{Name: "near", Value: value}}, search.Options{Strict: true})
	if err != nil {
		tb.Fatalf("near=%s: %v", value, err)
	}
	return q.Branches[0].Where.(search.Test).Values[0].Near
}

// greatCircle is the distance in metres by Vincenty's formula on a sphere,
// which is good at any distance.
func greatCircle(lat1, lon1, lat2, lon2 float64) float64 {
	const rad = math.Pi / 180
	s1, c1 := math.Sincos(lat1 * rad)
	s2, c2 := math.Sincos(lat2 * rad)
	sd, cd := math.Sincos((lon2 - lon1) * rad)
	return 6371008.8 * math.Atan2(math.Hypot(c2*sd, c1*s2-s1*c2*cd), s1*s2+c1*c2*cd)
}

func TestNearIsTheGreatCircle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lat, lon := rapid.Float64Range(-90, 90), rapid.Float64Range(-180, 180)
		lat1, lon1, lat2, lon2 := lat.Draw(t, "lat1"), lon.Draw(t, "lon1"), lat.Draw(t, "lat2"), lon.Draw(t, "lon2")
		if rapid.Bool().Draw(t, "close by") {
			step := math.Pow(10, rapid.Float64Range(-7, 1).Draw(t, "scale"))
			lat2 = max(-90, min(90, lat1+step*lat2/90))
			lon2 = max(-180, min(180, lon1+step*lon2/180))
		}
		d := greatCircle(lat1, lon1, lat2, lon2)
		// Toward the other end of the Earth a millionth of a degree is below a double's last bit.
		tolerance := 1e-6*d + 1e-3
		if d > 19.9e6 {
			tolerance = 2000
		}
		for _, c := range []struct {
			metres float64
			want   bool
		}{{d + tolerance, true}, {d - tolerance, false}} {
			if c.metres < 0 {
				continue
			}
			n := near(t, fmt.Sprintf("%.15f|%.15f|%.6f|m", lat1, lon1, c.metres))
			if got := search.NearMatches(n, lat2, lon2); got != c.want {
				t.Errorf("(%v,%v) within %v m of (%v,%v), which are %v m apart: %t, want %t", lat2, lon2, c.metres, lat1, lon1, d, got, c.want)
			}
		}
	})
}

func TestPlacesAreFoundNearOthers(t *testing.T) {
	x := search.NewExtractor()
	berlin := `{"resourceType":"Location","position":{"latitude":52.5200,"longitude":13.4050}}` // Hamburg is 255 km off, Potsdam 27
	taveuni := `{"resourceType":"Location","position":{"latitude":-16.85,"longitude":179.97}}`
	pole := `{"resourceType":"Location","position":{"latitude":-90,"longitude":0}}`
	nowhere := `{"resourceType":"Location","name":"x"}`
	beyond := `{"resourceType":"Location","position":{"latitude":52.5,"longitude":193.4}}`
	for _, c := range []struct {
		body, query string
		want        bool
	}{
		{berlin, "near=53.5511|9.9937|256|km", true}, {berlin, "near=53.5511|9.9937|254|km", false}, {berlin, "near=53.5511|9.9937|256", true}, {berlin, "near=53.5511|9.9937|256|", true},
		{berlin, "near=53.5511|9.9937|256000|m", true}, {berlin, "near=53.5511|9.9937|254000|m", false}, {berlin, "near=53.5511|9.9937|256|m", false},
		{berlin, "near=53.5511|9.9937|159|[mi_i]", true}, {berlin, "near=53.5511|9.9937|158|[mi_i]", false}, {berlin, "near=53.5511|9.9937|159|[mi_us]", true},
		{berlin, "near=52.40|13.06", false}, {berlin, "near=52.5|13.5", true}, {berlin, "near=52.5|13.5||", true}, {berlin, "near=52.5|13.5||m", true}, // 10 km
		{berlin, "near=52.52|13.405|0", true}, {berlin, "near=52.52|13.4051|0", false}, {berlin, "near=52.52|13.4051|7|m", true}, {berlin, "near=52.52|13.4051|6|m", false},
		{berlin, "near=0|0|1,52.5|13.5", true}, {berlin, "near=0|0|1,0|1|1", false}, {berlin, "near:missing=false", true}, {berlin, "near=-52.52|-166.595|20100", true},
		{taveuni, "near=-16.85|-179.97|7", true}, {taveuni, "near=-16.85|-179.97|6", false}, {taveuni, "near=-16.85|179.97|0", true},
		{pole, "near=-90|123|0", true}, {pole, "near=-89.99|77|2", true}, {pole, "near=-89.99|77|1", false}, {pole, "near=90|0|20000", false}, {pole, "near=90|0|20016", true},
		{nowhere, "near=0|0|30000", false}, {nowhere, "near:missing=true", true}, {beyond, "near=0|0|30000", false},
	} {
		matches(t, x, c.body, c.query, c.want)
	}
}

// What R4 publishes as special, or without an expression, is either near or refused.
func TestOnlyNearIsSpecialAndIndexed(t *testing.T) {
	for _, typ := range r4.Resources() {
		for _, p := range r4.SearchParams(typ) {
			if p.Type != r4.ParamSpecial {
				continue
			}
			isNear := typ == "Location" && p.Code == "near"
			if got := search.Indexed(p); got != isNear {
				t.Errorf("%s.%s: indexed %t", typ, p.Code, got)
			}
			for _, name := range []string{p.Code, p.Code + ":missing"} {
				value := map[bool]string{true: "true", false: "1|2|3|km"}[name != p.Code]
				if _, err := search.Parse([]string{typ}, []search.Pair{{Name: name, Value: value}}, search.Options{}); (err == nil) != isNear {
					t.Errorf("%s?%s=%s: %v", typ, name, value, err)
				}
			}
		}
	}
}
