package demo

import (
	"strings"

	"firebreak/fhirjson"
)

// Examples names records that documentation and tests point at, as "Type/id". In
// the data of DefaultPatients these, and some more, are there; in a smaller set what does
// not occur is absent.
//
//	amy, amy-observation, amy-south-observation, amy-restricted-condition
//	north-patient, north-observation, north-condition, north-document
//	south-patient, south-observation, south-condition, south-document
//	careteam-both, shared-patient, shared-south-observation
//	visitor-patient, visitor-south-encounter
//	twin-north, twin-south
//	restricted-condition, restricted-observation
//	deceased-patient
//
// North and south examples are of unlabelled records of living patients whom the
// other hospital doesn't know. The shared patient is not Amy.
func Examples(records []Record) map[string]string {
	x := examiner{found: map[string]string{}, kind: map[string]string{}}
	for _, r := range records {
		doc, err := fhirjson.Parse(r.JSON)
		if err != nil {
			continue // not one of Generate's
		}
		x.survey(r, doc.Root())
	}
	for _, r := range records {
		doc, err := fhirjson.Parse(r.JSON)
		if err != nil {
			continue
		}
		if r.Type == "Patient" {
			x.patient(r, doc.Root())
			continue
		}
		x.clinical(r, doc.Root())
	}
	return x.found
}

// An examiner first learns of each patient who writes about them, then chooses.
type examiner struct {
	found    map[string]string
	kind     map[string]string // Patient/id → "", "shared", "visitor", "twin", "dead"
	national map[string]string // national number → the chart seen first
	home     map[string]string // Patient/id → hospital
}

// keep takes the first record for a name.
func (x *examiner) keep(name string, r Record) {
	if _, ok := x.found[name]; !ok {
		x.found[name] = r.Type + "/" + r.ID
	}
}

func subject(root fhirjson.Node) string {
	for _, name := range []string{"subject", "patient"} {
		if s := root.Field(name).Field("reference").Text(); strings.HasPrefix(s, "Patient/") {
			return s
		}
	}
	return ""
}

func (x *examiner) survey(r Record, root fhirjson.Node) {
	if x.national == nil {
		x.national, x.home = map[string]string{}, map[string]string{}
	}
	switch r.Type {
	case "Patient":
		target := "Patient/" + r.ID
		x.home[target] = r.Organization
		if root.Field("deceasedDateTime").Exists() {
			x.kind[target] = "dead"
		}
		for id := range root.Field("identifier").Children() {
			if !id.Field("system").Is(systemNational) {
				continue
			}
			number := id.Field("value").Text()
			if other, ok := x.national[number]; ok {
				x.kind[other], x.kind[target] = "twin", "twin"
				x.keep("twin-"+x.home[other], Record{Type: "Patient", ID: strings.TrimPrefix(other, "Patient/")})
				x.keep("twin-"+r.Organization, r)
			}
			x.national[number] = target
		}
	case "CareTeam":
		for p := range root.Field("participant").Children() {
			if r.Organization == northOrg && p.Field("member").Field("reference").Is("Practitioner/"+chenID) {
				x.kind[subject(root)] = "shared"
				if subject(root) != "Patient/"+amyID {
					x.keep("careteam-both", r)
				}
			}
		}
	default:
		if s := subject(root); s != "" && r.Organization != x.home[s] && x.kind[s] == "" {
			x.kind[s] = "visitor"
		}
	}
}

func (x *examiner) patient(r Record, _ fhirjson.Node) {
	if r.ID == amyID {
		x.keep("amy", r)
		return
	}
	switch kind := x.kind["Patient/"+r.ID]; kind {
	case "":
		x.keep(r.Organization+"-patient", r)
	case "dead":
		x.keep("deceased-patient", r)
	case "shared", "visitor":
		x.keep(kind+"-patient", r)
	}
}

func (x *examiner) clinical(r Record, root fhirjson.Node) {
	short := map[string]string{"Observation": "observation", "Condition": "condition",
		"DocumentReference": "document", "Encounter": "encounter"}[r.Type]
	s := subject(root)
	if short == "" || s == "" {
		return
	}
	labelled := root.Field("meta").Field("security").Exists()
	far := r.Organization != x.home[s]
	switch {
	case s == "Patient/"+amyID && labelled:
		x.keep("amy-restricted-"+short, r)
	case s == "Patient/"+amyID && far:
		x.keep("amy-south-"+short, r)
	case s == "Patient/"+amyID:
		x.keep("amy-"+short, r)
	case labelled:
		x.keep("restricted-"+short, r)
	case far:
		x.keep(x.kind[s]+"-"+r.Organization+"-"+short, r)
	case x.kind[s] == "":
		x.keep(r.Organization+"-"+short, r)
	}
}
