package demo

// A sensitivity is why a record is confidential beyond the normal, as HL7's
// security labels say it (http://hl7.org/fhir/R4/security-labels.html).
type sensitivity uint8

const (
	normal sensitivity = iota
	psychiatry
	alcohol
	opioid
	hiv
	std
	violence
)

const (
	systemConfidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	systemActCode         = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
)

// labels is what Resource.meta.security carries for a sensitivity; nothing for
// normal, since a resource without a label is N.
func (s sensitivity) labels() list {
	restricted := concept{systemConfidentiality, "R", "restricted"}
	part2 := concept{systemActCode, "42CFRPart2", "42 CFR Part2"}
	var out []concept
	switch s {
	case normal:
		return nil
	case psychiatry:
		out = []concept{restricted, {systemActCode, "PSY", "psychiatry disorder information sensitivity"}}
	case alcohol:
		out = []concept{restricted, {systemActCode, "ETHUD", "alcohol use disorder information sensitivity"}, part2}
	case opioid:
		out = []concept{restricted, {systemActCode, "OPIOIDUD", "opioid use disorder information sensitivity"}, part2}
	case hiv:
		out = []concept{restricted, {systemActCode, "HIV", "HIV/AIDS information sensitivity"}}
	case std:
		out = []concept{restricted, {systemActCode, "STD", "sexually transmitted disease information sensitivity"}}
	case violence:
		out = []concept{{systemConfidentiality, "V", "very restricted"},
			{systemActCode, "SDV", "sexual assault, abuse, or domestic violence information sensitivity"}}
	}
	codings := make(list, len(out))
	for i, c := range out {
		codings[i] = c.coding()
	}
	return codings
}
