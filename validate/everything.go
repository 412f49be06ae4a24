package validate

import (
	"slices"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// everything reads Patient/[id]/$everything
// (http://hl7.org/fhir/R4/patient-operation-everything.html) as a search of the
// patient's compartment, with what it refers to.
func (p *Parser) everything(i *fhir.Interaction, req *fhir.Request, t target, pairs []search.Pair) error {
	if t.typ != "Patient" || t.id == "" {
		return fhir.NewProblem(fhir.NotSupported, "$everything is supported on a Patient instance").At(placeURL)
	}
	if req.Method == "POST" {
		more, err := parameters(req)
		if err != nil {
			return err
		}
		pairs = append(pairs, more...)
	} else if req.Method != "GET" && req.Method != "HEAD" {
		return errMethod.Allowing(reading + ", POST")
	}
	ask := everythingAsk{seen: map[string]bool{}, from: search.MinDate, to: search.MaxDate}
	for _, pair := range pairs {
		if err := ask.read(pair, i.Strict); err != nil {
			return err
		}
	}
	if len(ask.outside) == 0 && len(ask.inside) > 0 {
		ask.kept = append(ask.kept, search.Pair{Name: "_type", Value: strings.Join(ask.inside, ",")})
	}
	q, err := search.Parse(nil, ask.kept, p.searchOptions(i.Strict, &search.Compartment{Type: "Patient", ID: t.id}))
	if err != nil {
		return searchProblem(err)
	}
	ask.span(q)
	// The patient's record refers to what is outside of it: practitioners,
	// places, products. Of these _type may ask for some, or none.
	q.Used, q.Includes = ask.used, nil
	if ask.types == nil {
		q.Includes = []search.Include{{All: true}}
	}
	for _, typ := range ask.outside {
		q.Includes = append(q.Includes, search.Include{All: true, Target: typ})
	}
	if len(ask.outside) > 0 {
		q.Total = search.TotalNone // what is referred to is not counted
	}
	i.Query, i.Types = q, ask.types
	return nil
}

// OfARecord reports whether resources of a type are parts of patients' records,
// by R4's definition of the compartment. $everything finds those in the
// compartment, with the dates asked for; one that is only referred to is of
// other dates, or of another patient's record, and is no part of the answer.
func OfARecord(typ string) bool {
	_, ok := r4.CompartmentParams("Patient", typ)
	return ok
}

// everythingAsk collects the parameters of $everything.
type everythingAsk struct {
	seen            map[string]bool
	kept, used      []search.Pair
	from, to        int64    // of care: microseconds since 1970 UTC, half-open
	types           []string // of _type: all of them, those in the
	inside, outside []string // patient compartment, and the others
}

func (a *everythingAsk) read(pair search.Pair, strict bool) error {
	place := "http." + pair.Name
	switch pair.Name {
	case "start", "end", "_since", "_type", "_count":
		if a.seen[pair.Name] && pair.Name != "_type" { // which may be given several times
			return fhir.NewProblem(fhir.Invalid, "a parameter of $everything may be given once").At(place)
		}
		a.seen[pair.Name] = true
		a.used = append(a.used, pair)
	case "_format", "_pretty":
		return nil
	default:
		if strict {
			return fhir.NewProblem(fhir.Invalid, "$everything takes start, end, _since, _type and _count").At(placeURL)
		}
		return nil
	}
	var ok bool
	switch pair.Name {
	case "start":
		if a.from, _, ok = search.DateInterval(pair.Value); !ok {
			return errSpan.At(place)
		}
	case "end":
		if _, a.to, ok = search.DateInterval(pair.Value); !ok {
			return errSpan.At(place)
		}
	case "_since":
		if _, _, ok = search.DateInterval(pair.Value); !ok {
			return fhir.NewProblem(fhir.Value, "_since must be an instant").At(place)
		}
		a.kept = append(a.kept, search.Pair{Name: "_lastUpdated", Value: "ge" + pair.Value})
	case "_count":
		if pair.Value == "" { // a search would pass over it
			return fhir.NewProblem(fhir.Value, "_count must be a number").At(place)
		}
		a.kept = append(a.kept, pair)
	case "_type":
		return a.ofTypes(pair.Value)
	}
	return nil
}

var errSpan = fhir.NewProblem(fhir.Value, "start and end must be dates")

func (a *everythingAsk) ofTypes(list string) error {
	for typ := range strings.SplitSeq(list, ",") {
		if _, ok := r4.TypeID(typ); !ok {
			return fhir.NewProblem(fhir.Value, "_type must name resource types").At("http._type")
		}
		if slices.Contains(a.types, typ) {
			continue
		}
		a.types = append(a.types, typ)
		if OfARecord(typ) {
			a.inside = append(a.inside, typ)
			continue
		}
		a.outside = append(a.outside, typ)
	}
	return nil
}

// span restricts types with care dates to those of which one overlaps the span
// asked for, and to what has none of them.
func (a *everythingAsk) span(q *search.Query) {
	if !a.seen["start"] && !a.seen["end"] {
		return
	}
	// The interval of ap is widened already, so it says "overlaps".
	span := []search.Value{{Prefix: search.Ap, DateLow: a.from, DateHigh: a.to}}
	for n := range q.Branches {
		b := &q.Branches[n]
		var in search.Or
		var none search.And
		for _, code := range careDates[b.Type] {
			if param, ok := r4.LookupSearchParam(b.Type, code); ok {
				in = append(in, search.Test{Param: param, Values: span})
				none = append(none, search.Missing{Param: param, Missing: true})
			}
		}
		if len(in) > 0 {
			b.Where = search.And{b.Where, append(in, none)}
		}
	}
}

// careDates are the search parameters that say when the care was, or when it was
// asked for, by type ("care dates, not record currency dates"). Where a type has
// the date of what was done and that of its recording, either counts. A type of
// the patient compartment that is not here has no such date and is always in:
// Patient, RelatedPerson, Person, Group, Coverage, AppointmentResponse,
// BodyStructure, DeviceUseStatement, EnrollmentRequest, MolecularSequence,
// SupplyDelivery.
var careDates = map[string][]string{
	"Account":                     {"period"},
	"AdverseEvent":                {"date"},
	"AllergyIntolerance":          {"onset", "last-date", "date"},
	"Appointment":                 {"date"},
	"AuditEvent":                  {"date"},
	"Basic":                       {"created"},
	"CarePlan":                    {"date", "activity-date"},
	"CareTeam":                    {"date"},
	"ChargeItem":                  {"occurrence", "entered-date"},
	"Claim":                       {"created"},
	"ClaimResponse":               {"created"},
	"ClinicalImpression":          {"date"},
	"Communication":               {"sent", "received"},
	"CommunicationRequest":        {"occurrence", "authored"},
	"Composition":                 {"period", "date"},
	"Condition":                   {"onset-date", "abatement-date", "recorded-date"},
	"Consent":                     {"period", "date"},
	"CoverageEligibilityRequest":  {"created"},
	"CoverageEligibilityResponse": {"created"},
	"DetectedIssue":               {"identified"},
	"DeviceRequest":               {"event-date", "authored-on"},
	"DiagnosticReport":            {"date", "issued"},
	"DocumentManifest":            {"created"},
	"DocumentReference":           {"period", "date"},
	"Encounter":                   {"date"},
	"EpisodeOfCare":               {"date"},
	"ExplanationOfBenefit":        {"created"},
	"FamilyMemberHistory":         {"date"},
	"Flag":                        {"date"},
	"Goal":                        {"start-date", "target-date"},
	"ImagingStudy":                {"started"},
	"Immunization":                {"date"},
	"ImmunizationEvaluation":      {"date"},
	"ImmunizationRecommendation":  {"date"},
	"Invoice":                     {"date"},
	"List":                        {"date"},
	"MeasureReport":               {"period", "date"},
	"Media":                       {"created"},
	"MedicationAdministration":    {"effective-time"},
	"MedicationDispense":          {"whenprepared", "whenhandedover"},
	"MedicationRequest":           {"authoredon", "date"},
	"MedicationStatement":         {"effective"},
	"NutritionOrder":              {"datetime"},
	"Observation":                 {"date"},
	"Procedure":                   {"date"},
	"Provenance":                  {"when", "recorded"},
	"QuestionnaireResponse":       {"authored"},
	"RequestGroup":                {"authored"},
	"ResearchSubject":             {"date"},
	"RiskAssessment":              {"date"},
	"Schedule":                    {"date"},
	"ServiceRequest":              {"occurrence", "authored"},
	"Specimen":                    {"collected"},
	"SupplyRequest":               {"date"},
	"VisionPrescription":          {"datewritten"},
}
