package firebreak_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

type obj = map[string]any

// maker makes resources from small vocabularies, so that searches meet, and
// with references to each other, visible or not.
type maker struct {
	r   *rand.Rand
	ids map[string][]string // by type: what there is to refer to
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func (m *maker) one(list ...string) string { return list[m.r.IntN(len(list))] }
func (m *maker) chance(percent int) bool   { return m.r.IntN(100) < percent }
func (m *maker) number(lo, hi int) int     { return lo + m.r.IntN(hi-lo+1) }
func (m *maker) day() string               { return fmt.Sprintf("2026-%02d-%02d", m.number(1, 3), m.number(1, 9)) }
func (m *maker) code() string              { return m.one("c1", "c2", "c3") }
func (m *maker) organization() string      { return m.one("north", "north", "south", "west") }
func (m *maker) family() string            { return m.one("Adler", "Baum", "Citron", "Dorn") }
func (m *maker) given() string             { return m.one("Ann", "Bo", "Cy") }
func (m *maker) identifier() string        { return fmt.Sprint("i", m.number(1, 6)) }
func (m *maker) category() string          { return m.one("laboratory", "vital-signs", "problem-list-item") }
func (m *maker) person() string            { return m.one("adams", "adams", "nora", "nora", "chen", "wu") }

// reference is relative, or now and then absolute or of a version; some absolute
// ones look like two of ours and name nothing.
func (m *maker) reference(typ string) obj {
	id := m.existing(typ)
	switch m.number(0, 24) {
	case 0:
		return obj{"reference": base + "/" + typ + "/" + id}
	case 1:
		return obj{"reference": typ + "/" + id + "/_history/1"}
	case 2:
		return obj{"reference": base + "/" + typ + "/" + id + "," + typ + "/" + m.existing(typ)}
	}
	return obj{"reference": typ + "/" + id}
}

func concept(code string) obj {
	return obj{"coding": []any{obj{"system": "http://loinc.org", "code": code}}, "text": "about " + code}
}
func coded(system, code string) obj { return obj{"coding": []any{obj{"system": system, "code": code}}} }
func (m *maker) name() any          { return []any{obj{"family": m.family(), "given": []any{m.given()}}} }
func (m *maker) maybe(o obj, name string, percent int, value func() any) {
	if m.chance(percent) {
		o[name] = value()
	}
}

// existing is an id of a type, or now and then one that is not there.
func (m *maker) existing(typ string) string {
	if l := m.ids[typ]; len(l) > 0 && !m.chance(4) {
		return pick(m.r, l)
	}
	return "none"
}

func (m *maker) labels(o obj) {
	const conf, act = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	var out []any
	if m.chance(35) {
		out = append(out, obj{"system": conf, "code": m.one("U", "L", "M", "N", "R", "R", "V")})
	}
	if m.chance(5) {
		out = append(out, obj{"system": conf, "code": m.one("N", "V")})
	}
	if m.chance(20) {
		out = append(out, obj{"system": act, "code": m.one("HIV", "ETH", "PSY")})
	}
	if len(out) > 0 {
		o["meta"] = obj{"security": out}
	}
}

// resource is a new body of a type.
func (m *maker) resource(typ, id string) obj {
	o := obj{"resourceType": typ}
	if id != "" {
		o["id"] = id
	}
	m.labels(o)
	if typ != "AuditEvent" {
		m.maybe(o, "identifier", 60, m.identifiers)
	}
	m.maybe(o, "language", 10, func() any { return "en" })
	switch typ {
	case "Patient":
		m.patient(o)
	case "Observation":
		m.observation(o)
	case "Organization", "Practitioner", "Location", "Medication", "AuditEvent":
		m.entry(typ, o)
	default:
		m.chart(typ, o)
	}
	return o
}

func (m *maker) subject() any { return m.reference("Patient") }

// entry is of the directory, or of the audit trail.
func (m *maker) entry(typ string, o obj) {
	switch typ {
	case "Organization":
		o["name"] = m.one("Alpha", "Beta", "Gamma")
		m.maybe(o, "partOf", 30, func() any { return m.reference("Organization") })
	case "Practitioner":
		o["name"] = m.name()
	case "Location":
		o["name"], o["status"] = m.one("Ward", "Lab"), "active"
		m.maybe(o, "managingOrganization", 60, func() any { return m.reference("Organization") })
	case "Medication":
		o["code"] = concept(m.code())
		// A medication compounded for one patient names them.
		m.maybe(o, "extension", 25, func() any { return []any{obj{"url": "http://x.invalid/for", "valueReference": m.subject()}} })
	case "AuditEvent":
		o["type"], o["recorded"] = obj{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110110"}, "2026-01-02T03:04:05Z"
		o["agent"], o["source"] = []any{obj{"requestor": true, "who": m.reference("Practitioner")}}, obj{"observer": m.reference("Organization")}
		o["entity"] = []any{obj{"what": m.subject()}}
	}
}

// chart is a record of a patient.
func (m *maker) chart(typ string, o obj) {
	patient := m.subject
	switch typ {
	case "RelatedPerson":
		o["patient"], o["name"] = patient(), m.name()
	case "Encounter":
		o["status"], o["class"], o["subject"] = m.one("planned", "finished"), obj{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": m.one("AMB", "IMP")}, patient()
		m.maybe(o, "serviceProvider", 70, func() any { return m.reference("Organization") })
		m.maybe(o, "participant", 50, func() any { return []any{obj{"individual": m.reference("Practitioner")}} })
		m.maybe(o, "period", 60, func() any { return obj{"start": m.day()} })
	case "Condition":
		o["subject"], o["code"] = patient(), concept(m.code())
		m.maybe(o, "category", 60, func() any { return []any{coded("http://x.invalid/cat", m.category())} })
		m.maybe(o, "encounter", 40, func() any { return m.reference("Encounter") })
		m.maybe(o, "onsetDateTime", 50, func() any { return m.day() })
	case "MedicationRequest":
		o["status"], o["intent"], o["subject"], o["medicationReference"] = m.one("active", "completed"), "order", patient(), m.reference("Medication")
		m.maybe(o, "requester", 70, func() any { return m.reference("Practitioner") })
		m.maybe(o, "encounter", 40, func() any { return m.reference("Encounter") })
		m.maybe(o, "authoredOn", 60, func() any { return m.day() })
	case "DiagnosticReport":
		o["status"], o["code"], o["subject"] = "final", concept(m.code()), patient()
		m.maybe(o, "category", 60, func() any { return []any{coded("http://x.invalid/cat", m.category())} })
		m.maybe(o, "result", 80, func() any { return []any{m.reference("Observation"), m.reference("Observation")} })
		m.maybe(o, "effectiveDateTime", 50, func() any { return m.day() })
	case "Bundle":
		o["type"], o["entry"] = "collection", []any{obj{"resource": m.resource("Observation", "")}, obj{"resource": m.resource("Condition", "")}}
		if l, ok := o["identifier"].([]any); ok {
			o["identifier"] = l[0]
		}
	case "CareTeam":
		o["status"], o["subject"] = m.one("active", "active", "active", "inactive"), patient()
		o["participant"] = []any{obj{"member": obj{"reference": "Practitioner/" + m.person()}}}
		m.maybe(o, "period", 40, m.period)
	case "Appointment":
		o["status"] = m.one("booked", "fulfilled")
		o["participant"] = []any{obj{"actor": patient(), "status": "accepted"}, obj{"actor": m.one2(patient, func() any { return m.reference("Practitioner") }), "status": "accepted"}}
		m.maybe(o, "description", 50, func() any { return "visit" })
	}
}

func (m *maker) one2(a, b func() any) any {
	if m.chance(50) {
		return a()
	}
	return b()
}

func (m *maker) identifiers() any {
	return []any{obj{"system": "urn:ids", "value": m.identifier()}}
}

// period is over, in force, to begin, or begins or ends while requests are made.
func (m *maker) period() any {
	at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339) }
	switch m.number(0, 4) {
	case 0:
		return obj{"start": "2025-01-01T00:00:00Z", "end": at(-24 * time.Hour)}
	case 1:
		return obj{"start": "2025-01-01T00:00:00Z"}
	case 2:
		return obj{"start": "2099-01-01T00:00:00Z"}
	case 3:
		return obj{"start": at(time.Duration(m.number(3, 9)) * time.Minute)}
	}
	return obj{"end": at(3 * time.Minute)}
}

func (m *maker) patient(o obj) {
	o["name"], o["gender"], o["birthDate"] = m.name(), m.one("male", "female"), fmt.Sprintf("19%d-0%d-11", m.number(40, 99), m.number(1, 9))
	m.maybe(o, "managingOrganization", 60, func() any { return m.reference("Organization") })
	m.maybe(o, "generalPractitioner", 60, func() any { return []any{m.reference("Practitioner")} })
	m.maybe(o, "active", 60, func() any { return m.chance(80) })
	m.maybe(o, "link", 15, func() any { return []any{obj{"other": m.reference("Patient"), "type": "seealso"}} })
	m.maybe(o, "address", 40, func() any { return []any{obj{"city": m.one("Bern", "Basel")}} })
}

func (m *maker) observation(o obj) {
	o["status"], o["code"], o["subject"] = m.one("final", "amended"), concept(m.code()), m.reference("Patient")
	m.maybe(o, "category", 75, func() any { return []any{coded("http://x.invalid/cat", m.category())} })
	m.maybe(o, "encounter", 50, func() any { return m.reference("Encounter") })
	m.maybe(o, "performer", 50, func() any { return []any{m.reference("Practitioner")} })
	m.maybe(o, "effectiveDateTime", 70, func() any { return m.day() })
	m.maybe(o, "hasMember", 30, func() any { return []any{m.reference("Observation")} })
	m.maybe(o, "valueQuantity", 70, func() any {
		return obj{"value": m.number(1, 9), "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
	})
	m.maybe(o, "note", 20, func() any { return []any{obj{"text": "noted"}} })
}

// plan is how many of each type a world has.
var plan = []struct {
	typ    string
	lo, hi int
}{
	{"Organization", 3, 3}, {"Practitioner", 4, 4}, {"Location", 0, 2}, {"Medication", 1, 3}, {"Patient", 3, 5}, {"CareTeam", 2, 5},
	{"RelatedPerson", 0, 2}, {"Encounter", 1, 4}, {"Observation", 4, 10}, {"Condition", 2, 6}, {"MedicationRequest", 0, 3},
	{"DiagnosticReport", 1, 4}, {"Appointment", 0, 3}, {"AuditEvent", 0, 2}, {"Bundle", 0, 2},
}

// anyone is a writer: importers of three hospitals, who assert, and clinicians,
// who do not.
func (m *maker) anyone(typ string) writer {
	if m.chance(45) {
		return m.clinician()
	}
	org := "Organization/" + m.organization()
	return writer{org, "Practitioner/importer", slices.Contains(bearing, typ) || m.chance(90)}
}

func (m *maker) clinician() writer {
	name := m.person()
	return writer{"Organization/" + home[name], "Practitioner/" + name, false}
}

var home = map[string]string{"adams": "north", "nora": "north", "chen": "south", "wu": "west"}

// history makes the resources of a world with all their versions, in the order
// of creation.
func (m *maker) history() []*record {
	m.ids = map[string][]string{}
	var out []*record
	for _, p := range plan {
		for n := range m.number(p.lo, p.hi) {
			id := fmt.Sprintf("%s%d", short(p.typ), n+1)
			switch p.typ {
			case "Organization":
				id = []string{"north", "south", "west"}[n]
			case "Practitioner":
				id = []string{"adams", "nora", "chen", "wu"}[n]
			}
			m.ids[p.typ] = append(m.ids[p.typ], id)
			out = append(out, &record{typ: p.typ, id: id})
		}
	}
	at := start.Add(-20 * 24 * time.Hour)
	for _, r := range out {
		at = at.Add(time.Duration(m.number(1, 90)) * time.Second)
		when := at
		for range m.number(1, 3) {
			m.next(r, when)
			when = when.Add(time.Duration(m.number(1, 9000)) * time.Second)
		}
	}
	return out
}

func short(typ string) string { return string(typ[0]|0x20) + string(typ[len(typ)-2:]) }

// next adds a version: a new body, a change of labels or of the writer, a tombstone.
func (m *maker) next(r *record, at time.Time) {
	v := version{typ: r.typ, id: r.id, vid: fmt.Sprintf("v%016x", m.r.Uint64()), at: at, by: m.anyone(r.typ)}
	if len(r.versions) > 0 && !r.current().deleted && m.chance(12) {
		v.deleted, v.by, v.body = true, r.current().by, r.current().body
		r.versions = append(r.versions, v)
		return
	}
	v.body = m.resource(r.typ, r.id)
	v.raw = encode(v.body)
	r.versions = append(r.versions, v)
}

// relabel adds a version with the content of the one before and, it may be,
// other labels and another writer.
func (m *maker) relabel(r *record, at time.Time) {
	old := r.current()
	v := version{typ: r.typ, id: r.id, vid: fmt.Sprintf("v%016x", m.r.Uint64()), at: at, by: m.anyone(r.typ), body: maps.Clone(old.body)}
	delete(v.body, "meta")
	m.labels(v.body)
	v.raw = encode(v.body)
	r.versions = append(r.versions, v)
}

// newWorld makes a world for a principal of whom V leaves out a fifth to four
// fifths of all versions.
func newWorld(t testing.TB, o opener, seed uint64) *world {
	t.Helper()
	return newWorldFor(t, o, seed, (*world).choose)
}

// newWorldFor makes a world for the principal that is chosen when A is there.
func newWorldFor(t testing.TB, o opener, seed uint64, choose func(*world, *maker)) *world {
	t.Helper()
	m := &maker{r: rand.New(rand.NewPCG(seed, 7))}
	w := &world{name: fmt.Sprint("world ", seed), known: map[string]writer{}}
	for _, v := range variants {
		if m.chance(30) {
			w.rules = append(w.rules, v)
		}
	}
	w.people = cast(m.r)
	w.a = newSide(t, o, w.people, w.rules)
	loaded := m.history()
	for _, r := range loaded {
		for k := range r.versions {
			v := &r.versions[k]
			w.a.load(v)
			w.known[r.ref()+"/"+v.vid] = v.by
		}
	}
	w.a.clock.Set(start)
	w.refresh()
	choose(w, m)
	w.b = newSide(t, o, w.people, w.rules)
	w.align(m)
	return w
}

// choose draws the principal and the scopes until enough is hidden and enough is not.
//
// FIREBREAK_AS="adams user/*.cruds" settles both: a mutant's hint.
func (w *world) choose(m *maker) {
	if who, scope, ok := strings.Cut(os.Getenv("FIREBREAK_AS"), " "); ok {
		id := w.people[who]
		id.Scope = scope
		w.people[who] = id
		w.who, w.hidden = who, w.share()
		return
	}
	for try := 0; ; try++ {
		w.who = pick(m.r, asking)
		if try > 0 {
			again := cast(m.r)
			for name := range w.people {
				w.people[name] = again[name]
			}
		}
		if w.hidden = w.share(); w.hidden >= 0.2 && w.hidden <= 0.8 || try > 200 {
			return
		}
	}
}

func (w *world) share() float64 {
	o := w.oracle(w.who)
	all, hidden := 0, 0
	for _, r := range w.records {
		for n := range r.versions {
			all++
			if !o.inV(r, n) {
				hidden++
			}
		}
	}
	return float64(hidden) / float64(all)
}
