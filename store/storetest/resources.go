package storetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Pools are small, so that values meet.
var (
	types = []string{"Patient", "Practitioner", "Observation", "Encounter", "ValueSet", "QuestionnaireResponse", "RiskAssessment", "Provenance", "Location"}
	words = []string{"Eve", "eve", "Évelyn", "evel", "van der Berg", "O'Neil", "100%", "a_b", "aXb", "x!y", "Straße", "STRASSE", "Łukasz", "中村", "\U0010FFFF!", "Ab", "AB\U0010FFFFc", "b", " two  words "}
	// texts are words and some that are longer than an index entry and differ
	// past its end: they can be told apart, but not put in order.
	texts   = append([]string{long + "a", long + "e", long, counted}, words...)
	codes   = []string{"8480-6", "8462-4", "A1", "a1", "x|y", "c,d", "e$f", "Patient", "p1"}
	systems = []string{"http://loinc.org", "http://snomed.info/sct", "urn:s", "Patient", ""}
	urls    = []string{"http://a.example/vs", "http://a.example/vs/one", "http://a.example/vs/one/two", "http://a.example/vs2", "http://b.example", "urn:oid:1.2.3"}
	dates   = []string{"2020", "2020-02", "2020-02-10", "2020-02-10T10:00:00Z", "2020-02-10T12:00:00+02:00", "2020-02-10T10:00:00.5Z", "2019-12-31", "2021-01-01T00:00:00Z", "1950-06", "2020-02-11"}
	numbers = []string{"0", "0.5", "0.50", "5.4", "5.40", "100", "99.6", "-3", "1e2", "120.1", "0.0001"}
	units   = []string{"mg", "kg", "mm[Hg]", ""}
	// latitudes and longitudes, the poles and the antimeridian among them
	latitudes  = []string{"52.5", "52.52", "52.4999999", "0", "-0.001", "90", "-90", "89.99", "-33.9"}
	longitudes = []string{"13.4", "13.45", "180", "-180", "179.999", "-179.9", "0", "-70.2"}
	patients   = []string{"p1", "p2", "p3", "p4", "p5"}
)

// long is longer than an index entry, and so is counted, of which no part comes
// twice and no character is a byte.
var (
	long    = strings.Repeat("long name ", 60)
	counted = func() (s string) {
		for i := range 130 {
			s += fmt.Sprint("中", i, "и")
		}
		return s
	}()
)

type object = map[string]any

// gen makes resources.
type gen struct{ *rand.Rand }

func one[T any](g gen, pool []T) T    { return pool[g.IntN(len(pool))] }
func (g gen) chance(percent int) bool { return g.IntN(100) < percent }
func (g gen) ref(typ string) object   { return object{"reference": typ + "/" + one(g, patients)} }
func (g gen) patientRef() object      { return g.reference("Patient", "Group") }
func (g gen) set(o object, p int, k string, v any) {
	if g.chance(p) {
		o[k] = v
	}
}

// reference is a literal reference to one of the types, an absolute URL, or a
// logical reference with an identifier only.
func (g gen) reference(types ...string) object {
	switch n := g.IntN(20); {
	case n == 0:
		return object{"reference": "http://elsewhere.example/fhir/Patient/p1"}
	case n == 1:
		return object{"identifier": g.identifier(), "display": one(g, words)}
	case n < 15:
		return g.ref(types[0])
	}
	return g.ref(one(g, types))
}

func (g gen) identifier() object {
	o := object{"value": one(g, codes)}
	g.set(o, 80, "system", one(g, systems[:4]))
	g.set(o, 50, "type", object{"coding": []any{object{"system": one(g, systems[:3]), "code": one(g, codes)}}, "text": one(g, words)})
	return o
}

func (g gen) coding() object {
	o := object{"code": one(g, codes)}
	if s := one(g, systems); s != "" {
		o["system"] = s
	}
	g.set(o, 30, "display", one(g, words))
	return o
}

func (g gen) concept() object {
	o := object{}
	g.set(o, 90, "coding", []any{g.coding()})
	if g.chance(30) {
		o["coding"] = []any{g.coding(), g.coding()}
	}
	g.set(o, 40, "text", one(g, texts))
	if len(o) == 0 {
		o["text"] = "b"
	}
	return o
}

func (g gen) quantity() object {
	o := object{"value": json.Number(one(g, numbers))}
	if u := one(g, units); u != "" {
		o["code"], o["system"] = u, "http://unitsofmeasure.org"
		g.set(o, 30, "unit", one(g, units[:3]))
	}
	g.set(o, 15, "comparator", one(g, []string{"<", "<=", ">", ">="}))
	return o
}

func (g gen) period() object {
	o := object{}
	g.set(o, 80, "start", one(g, dates))
	g.set(o, 60, "end", one(g, dates))
	return o
}

// valued gives o a value[x].
func (g gen) valued(o object) {
	switch g.IntN(5) {
	case 0, 1:
		o["valueQuantity"] = g.quantity()
	case 2:
		o["valueCodeableConcept"] = g.concept()
	case 3:
		o["valueString"] = one(g, texts)
	}
}

// meta carries the labels of the resource and what _tag, _profile and _source find.
func (g gen) meta() object {
	tag := func(system, code string) any { return object{"system": "urn:test:" + system, "code": code} }
	tags := []any{tag("org", one(g, []string{"north", "south"})), tag("conf", one(g, []string{"N", "N", "R", "V"}))}
	n := g.IntN(3)
	for _, i := range g.Perm(len(patients))[:n] {
		tags = append(tags, tag("subject", patients[i]))
	}
	if g.chance(30) {
		tags = append(tags, tag("mention", one(g, patients)))
	}
	if g.chance(70) {
		tags = append(tags, tag("author", one(g, []string{caller, "Practitioner/other"})))
	}
	if g.chance(8) {
		code := one(g, patients)
		if g.chance(50) {
			from := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix() + int64(g.IntN(4000)) - 2000
			code += fmt.Sprintf(">%d>%d", from, from+int64(g.IntN(3000)))
		}
		tags = append(tags, tag("tie", code))
	}
	m := object{"tag": tags}
	g.set(m, 30, "profile", []any{one(g, urls) + one(g, []string{"", "|1.0"})})
	g.set(m, 20, "source", one(g, urls))
	return m
}

// resource is a random resource of a type under an id.
func (g gen) resource(typ, id string) string {
	o := object{"resourceType": typ, "id": id, "meta": g.meta()}
	switch typ {
	case "Patient":
		g.patient(o)
	case "Practitioner":
		o["name"] = []any{object{"family": one(g, texts), "given": []any{one(g, texts)}}}
		g.set(o, 50, "identifier", []any{g.identifier()})
	case "Observation":
		g.observation(o)
	case "Encounter":
		o["status"], o["class"] = one(g, []string{"planned", "finished"}), g.coding()
		g.set(o, 90, "subject", g.patientRef())
		g.set(o, 80, "period", g.period())
		g.set(o, 50, "participant", []any{object{"individual": g.reference("Practitioner")}})
		g.set(o, 40, "length", g.quantity())
		g.set(o, 20, "partOf", g.ref("Encounter"))
		g.set(o, 60, "location", []any{object{"location": g.ref("Location")}, object{"location": g.ref("Location")}})
	case "ValueSet":
		o["status"], o["url"] = "active", one(g, urls)
		g.set(o, 60, "version", one(g, numbers))
		g.set(o, 60, "name", one(g, words))
		g.set(o, 60, "date", one(g, dates))
	case "QuestionnaireResponse":
		o["status"] = "completed"
		g.set(o, 80, "questionnaire", one(g, urls)+one(g, []string{"", "|1.0", "|2"}))
		g.set(o, 80, "subject", g.patientRef())
		g.set(o, 70, "authored", one(g, dates))
		g.set(o, 50, "author", g.reference("Practitioner", "Patient"))
	case "RiskAssessment":
		g.riskAssessment(o)
	case "Location":
		g.set(o, 90, "position", object{"latitude": json.Number(one(g, latitudes)), "longitude": json.Number(one(g, longitudes))})
		g.set(o, 60, "name", one(g, words))
		g.set(o, 40, "partOf", g.ref("Location"))
	case "Provenance":
		o["recorded"] = "2020-02-10T10:00:00Z"
		o["target"] = []any{g.ref(one(g, types)), g.ref(one(g, types))}
		o["agent"] = []any{object{"who": g.reference("Practitioner", "Patient")}}
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (g gen) patient(o object) {
	o["name"] = []any{object{"family": one(g, words), "given": []any{one(g, words), one(g, words)}}}
	g.set(o, 60, "birthDate", one(g, []string{"2020", "2020-02", "2020-02-10", "1950-06-01"}))
	g.set(o, 70, "gender", one(g, []string{"male", "female"}))
	g.set(o, 50, "active", g.chance(50))
	g.set(o, 60, "identifier", []any{g.identifier(), g.identifier()})
	g.set(o, 50, "generalPractitioner", []any{g.reference("Practitioner", "Organization")})
	g.set(o, 20, "link", []any{object{"other": g.ref("Patient"), "type": "seealso"}})
	g.set(o, 40, "telecom", []any{object{"system": "phone", "value": one(g, codes)}})
	g.set(o, 40, "address", []any{object{"city": one(g, words), "country": "DE"}})
	if g.chance(20) {
		o["deceasedDateTime"] = one(g, dates)
	}
}

func (g gen) observation(o object) {
	o["status"], o["code"] = one(g, []string{"final", "amended"}), g.concept()
	g.set(o, 50, "category", []any{g.concept()})
	g.set(o, 90, "subject", g.patientRef())
	g.set(o, 40, "encounter", g.ref("Encounter"))
	g.set(o, 40, "performer", []any{g.reference("Practitioner", "Patient"), g.ref("Practitioner")})
	g.set(o, 20, "hasMember", []any{g.ref("Observation")})
	if g.chance(60) {
		o["effectiveDateTime"] = one(g, dates)
	} else {
		o["effectivePeriod"] = g.period()
	}
	g.valued(o)
	if g.chance(40) {
		var list []any
		for range 1 + g.IntN(2) {
			c := object{"code": g.concept()}
			g.valued(c)
			list = append(list, c)
		}
		o["component"] = list
	}
}

func (g gen) riskAssessment(o object) {
	o["status"] = "final"
	g.set(o, 80, "subject", g.patientRef())
	p := object{}
	if g.chance(60) {
		p["probabilityDecimal"] = json.Number(one(g, numbers))
	} else {
		p["probabilityRange"] = object{"low": object{"value": json.Number(one(g, numbers))}}
	}
	o["prediction"] = []any{p}
	g.set(o, 50, "occurrenceDateTime", one(g, dates))
}

// populate fills a world: creates, then updates and deletions of some.
func (w *world) populate(n int) {
	w.t.Helper()
	g := gen{w.rand}
	var refs [][2]string
	for i := range n {
		typ := one(g, types)
		id := fmt.Sprintf("x%d", i)
		if i < len(types)*len(patients) { // those that references lead to
			typ, id = types[i%len(types)], patients[i/len(types)]
		}
		refs = append(refs, [2]string{typ, id})
	}
	for i := 0; i < len(refs); {
		var ops []op
		for range min(1+g.IntN(20), len(refs)-i) {
			ops = append(ops, put(g.resource(refs[i][0], refs[i][1])))
			i++
		}
		w.clock.Advance(time.Duration(g.IntN(3)) * 700 * time.Millisecond)
		w.do(ops...)
	}
	for range n / 3 {
		w.clock.Advance(time.Duration(g.IntN(3)) * 700 * time.Millisecond)
		w.churn(g)
	}
}

// churn updates, deletes or revives a resource.
func (w *world) churn(g gen) {
	w.t.Helper()
	it := one(g, w.items)
	if it.live() && g.chance(25) {
		w.do(remove(it.typ, it.id))
		return
	}
	w.do(put(g.resource(it.typ, it.id)))
}
