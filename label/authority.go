package label

import (
	"strings"
	"time"

	"firebreak/fhirjson"
	"firebreak/gate"
)

// authorityBearing are the types whose content could change who sees what. They
// count for decisions only in versions written by a principal with the right to
// assert; other versions are stored and carry no authority.
var authorityBearing = map[string]bool{
	"CareTeam": true, "PractitionerRole": true, "Practitioner": true, "Organization": true,
	"Group": true, "List": true, "Consent": true, "Encounter": true, "Appointment": true,
	"Patient": true, "RelatedPerson": true, "Binary": true, "EpisodeOfCare": true, "CarePlan": true,
	"CapabilityStatement": true, "SearchParameter": true, "StructureDefinition": true,
}

// AuthorityBearing reports whether a change to the type is an
// authorization-change event in the audit trail.
func AuthorityBearing(typ string) bool { return authorityBearing[typ] }

// ties are the relations an asserted version establishes. Only an active
// CareTeam does so far: each participant, for its period, with the subject.
func (l Labeler) ties(typ string, root fhirjson.Node) []gate.Tie {
	if typ != "CareTeam" || !root.Field("status").Is("active") || qualified(root) {
		return nil
	}
	patient := strings.TrimPrefix(l.local(root.Field("subject"), "Patient"), "Patient/")
	if patient == "" {
		return nil
	}
	from, until, ok := period(root.Field("period"))
	if !ok {
		return nil
	}
	var out []gate.Tie
	for part := range root.Field("participant").Each() {
		holder := l.local(part.Field("member"), "Practitioner")
		pf, pu, ok := period(part.Field("period"))
		if holder == "" || !ok || qualified(part) {
			continue
		}
		out = append(out, gate.Tie{Relation: gate.InCareTeam, Patient: patient, Holder: holder,
			From: later(from, pf), Until: earlier(until, pu)})
	}
	return out
}

// qualified reports whether an element says of itself that it means something else
// to those who know what: "not a member any more". Nobody here knows, and what is
// not understood grants nothing (http://hl7.org/fhir/R4/extensibility.html#modifierExtension,
// resource-definitions.html#Resource.implicitRules).
func qualified(n fhirjson.Node) bool {
	return n.Field("modifierExtension").Exists() || n.Field("implicitRules").Exists()
}

// period reads a Period with day precision or finer; ends are inclusive of the
// day they name. A period that cannot be read establishes nothing.
func period(p fhirjson.Node) (from, until time.Time, ok bool) {
	if s := p.Field("start"); s.Exists() {
		if from, _, ok = moment(s.Text()); !ok {
			return
		}
	}
	if e := p.Field("end"); e.Exists() {
		if _, until, ok = moment(e.Text()); !ok {
			return
		}
	}
	return from, until, true
}

// moment is the half-open interval a dateTime denotes.
func moment(s string) (from, until time.Time, ok bool) {
	for _, f := range []struct {
		layout string
		end    func(time.Time) time.Time
	}{
		{time.RFC3339Nano, func(t time.Time) time.Time { return t.Add(time.Second) }},
		{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
	} {
		if t, err := time.Parse(f.layout, s); err == nil {
			return t, f.end(t), true
		}
	}
	return time.Time{}, time.Time{}, false
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earlier treats the zero time as open.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
