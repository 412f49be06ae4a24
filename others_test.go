package firebreak_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What other people do meanwhile. They may hide a record that the principal
// has seen, and show one that was hidden; world B is then given what V has come
// to be, in an order that has nothing to do with A's.

// unseen writes what the principal must not notice: records that others make,
// and new versions of hidden ones, into A alone.
func (p *pair) unseen() {
	m := p.ask.maker
	if !m.chance(60) {
		return
	}
	typ := m.one("Observation", "Patient", "Condition", "Encounter", "DiagnosticReport", "Medication", "Appointment", "MedicationRequest")
	r := &record{typ: typ, id: fmt.Sprint("late", p.compare)}
	o := p.oracle(p.who)
	if m.chance(40) {
		for _, old := range p.records {
			if v := old.current(); old.typ == typ && !o.inV(old, len(old.versions)-1) && m.chance(50) {
				r = &record{typ: typ, id: old.id, versions: []version{*v}}
				break
			}
		}
	}
	now := p.a.clock.Now()
	m.next(r, p.moment())
	v := r.current()
	if o.inV(r, len(r.versions)-1) || r.versions[0].deleted && v.deleted {
		return
	}
	p.write(r)
	p.a.clock.Set(now)
	p.tally.kinds["(hidden change)"]++
}

// write puts the newest version of a record, which someone else made, into A.
func (p *pair) write(r *record) {
	v := r.current()
	p.a.load(v)
	p.known[r.ref()+"/"+v.vid] = v.by
	if len(p.ask.versions[r.ref()]) == 0 {
		p.ask.ids[r.typ] = append(p.ask.ids[r.typ], r.id)
	}
	p.ask.versions[r.ref()] = append(p.ask.versions[r.ref()], v.vid)
}

// moment is a little later than now, and than what others did before: the
// versions of a record have times of their own.
func (p *pair) moment() time.Time {
	if now := p.a.clock.Now(); p.last.Before(now) {
		p.last = now
	}
	p.last = p.last.Add(time.Millisecond)
	return p.last
}

// others changes what the principal may see, and looks at where it shows.
func (p *pair) others() {
	p.holdsV()
	m, now := p.ask.maker, p.a.clock.Now()
	var changed []*record
	for range m.number(1, 3) {
		if r := p.someone(p.moment()); r != nil {
			p.write(r)
			changed = append(changed, r)
		}
	}
	p.a.clock.Set(now)
	p.align(m)
	p.turn()
	for _, r := range changed {
		p.list(r)
	}
}

// someone makes a change of a record that shows it, or hides it, or whatever.
func (p *pair) someone(now time.Time) *record {
	m, o := p.ask.maker, p.oracle(p.who)
	way := m.one("(shown by others)", "(shown by others)", "(shown by others)", "(hidden by others)", "(care team asserted)", "(changed by others)")
	if way == "(care team asserted)" && strings.HasPrefix(o.p.FHIRUser, "Practitioner/") {
		p.tally.kinds[way]++
		return p.team(now)
	}
	for range 40 {
		r := pick(m.r, p.records)
		last := len(r.versions) - 1
		was := o.inV(r, last)
		if was && way == "(shown by others)" || !was && way == "(hidden by others)" {
			continue
		}
		if r.current().deleted || m.chance(50) {
			m.next(r, now)
		} else {
			m.relabel(r, now)
		}
		is := o.inV(r, last+1)
		if is == was && way != "(changed by others)" {
			r.versions = r.versions[:last+1]
			continue
		}
		p.tally.kinds[way]++
		return r
	}
	return nil
}

// team is a new care team of a patient, of which the principal is a member, or
// one that has ended.
func (p *pair) team(now time.Time) *record {
	m := p.ask.maker
	for _, t := range p.oracle(p.who).ties {
		if t.holder == p.people[p.who].FHIRUser && m.chance(30) {
			v := *t.source.current()
			v.vid, v.at, v.body = fmt.Sprintf("v%016x", m.r.Uint64()), now, m.resource("CareTeam", v.id)
			v.body["status"], v.raw, v.by = "inactive", "", writer{"Organization/" + m.organization(), "Practitioner/importer", true}
			v.raw = encode(v.body)
			t.source.versions = append(t.source.versions, v)
			return t.source
		}
	}
	r := &record{typ: "CareTeam", id: fmt.Sprint("team", len(p.records), "-", p.compare)}
	m.next(r, now)
	v := r.current()
	v.by = writer{"Organization/" + m.organization(), "Practitioner/importer", true}
	v.body["status"], v.body["participant"] = "active", []any{obj{"member": obj{"reference": p.people[p.who].FHIRUser}}}
	delete(v.body, "period")
	if m.chance(50) {
		v.body["period"] = obj{"start": now.Add(time.Duration(m.number(1, 200)) * time.Second).Format(time.RFC3339)}
	}
	v.raw = encode(v.body)
	p.records = append(p.records, r)
	return r
}

// turn lets time pass to where a care relation of the principal has begun, when
// it would do so in the midst of the next requests: V grows by it.
func (p *pair) turn() {
	patient := ""
	for _, t := range p.oracle(p.who).ties {
		if now := p.a.clock.Now(); t.holder == p.people[p.who].FHIRUser && t.from.After(now) && t.from.Before(now.Add(4*time.Minute)) {
			if patient == "" {
				p.holdsV()
			}
			patient = t.patient
			p.a.clock.Set(t.from.Add(time.Second))
			p.tally.kinds["(care relation begun)"]++
		}
	}
	if patient == "" {
		return
	}
	p.align(p.ask.maker)
	p.both(request{kind: "listing", method: "GET", url: "Observation?patient=" + patient + "&_sort=code"})
	p.both(request{kind: "listing", method: "GET", url: "Patient/" + patient + "/*?_count=3"})
}

// list asks for lists in which a record would stand among others, with values
// that others have, too.
func (p *pair) list(r *record) {
	m, typ := p.ask.maker, r.typ
	patient := "none"
	if l := subjectsOf(r.current()); len(l) > 0 {
		patient = l[0]
	}
	for range 3 {
		if p.Failed() {
			return
		}
		url := m.one(typ, typ+"?_count=2", typ+"?_sort=_lastUpdated&_count=3", typ+"/_history?_count=3", "_history?_count=7", "?_type=Patient,"+typ+"&_count=4",
			"Patient/"+patient+"/$everything?_count=3", "Patient/"+patient+"?_summary=true", "Patient?_revinclude=*", r.ref()+"/_history")
		if l := sorts[typ]; len(l) > 0 && m.chance(50) {
			url = typ + "?_count=2&_sort=" + pick(m.r, l)
		} else if l := includes[typ]; len(l) > 0 && m.chance(40) {
			url = typ + "?" + pick(m.r, l)
		}
		p.both(request{kind: "listing", method: "GET", url: url})
	}
}

// align makes B hold V of what A holds, as of its last refresh and what others
// did since. What B lacks it comes to hold in any order, a resource's versions
// after each other; what has left V it has never held.
func (w *world) align(m *maker) {
	o := w.oracle(w.who)
	have := w.b.dump()
	var missing [][]*version
	for _, r := range w.records {
		want := o.held(r)
		was := have[r.ref()]
		if slices.EqualFunc(was, want, func(d dumped, v *version) bool { return d.vid == v.vid }) {
			continue
		}
		if len(was) > 0 {
			w.b.forget(r, was)
		}
		if len(want) > 0 {
			missing = append(missing, want)
		}
	}
	for len(missing) > 0 {
		n := m.r.IntN(len(missing))
		w.b.load(missing[n][0])
		if missing[n] = missing[n][1:]; len(missing[n]) == 0 {
			missing = slices.Delete(missing, n, n+1)
		}
	}
	var ties []tie
	for _, t := range o.ties {
		if !o.inV(t.source, len(t.source.versions)-1) {
			ties = append(ties, t)
		}
	}
	w.b.giveTies(ties)
	w.b.clock.Set(w.a.clock.Now())
}

// held are the versions of a record that B must hold: those in V, and of a
// tombstone in V what it buried.
func (o *oracle) held(r *record) []*version {
	var out []*version
	for k := range r.versions {
		if o.inV(r, k) || k+1 < len(r.versions) && r.versions[k+1].deleted && o.inV(r, k+1) {
			out = append(out, &r.versions[k])
		}
	}
	return out
}
