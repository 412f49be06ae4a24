// Package label says what a version is, in the terms decisions are made in: its
// security class and its keys, from HL7 security labels
// (http://hl7.org/fhir/R4/security-labels.html), from the references that say
// whose record it is, and from who wrote it. It does not decide who may see
// it: that is authz.
//
// Its surprise is what it does not believe: who an encounter's participants,
// a list's entries or a practitioner's roles are grants nothing here. Only a
// version whose writer has the right to assert carries ties (authority.go).
package label

import (
	"slices"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/gate"
)

// Labeler classifies versions. It is a gate.Labeler.
type Labeler struct {
	// Base is the service's base URL: absolute references to it are local ones.
	Base string
}

// Classify says what class, keys and ties a version has. An error is a
// *fhir.Problem when the content is at fault.
func (l Labeler) Classify(p gate.Principal, content *gate.Content, asserted bool) (gate.Class, gate.Keys, []gate.Tie, error) {
	root, err := content.Root()
	if err != nil {
		return gate.Class{}, gate.Keys{}, nil, fhir.NewProblem(fhir.Structure, "the content is not well-formed").Because(err)
	}
	id := p.Identity()
	typ := root.Field("resourceType").Text()
	c := gate.Class{Tenant: id.Tenant, Type: typ, Organization: id.Organization, Asserted: asserted && authorityBearing[typ]}
	if err := l.labels(&c, root); err != nil {
		return gate.Class{}, gate.Keys{}, nil, err
	}
	if c.Asserted {
		c.Custodian = l.local(root.Field("managingOrganization"), "Organization")
	}
	k := gate.Keys{Author: id.FHIRUser, Encounter: strings.TrimPrefix(l.local(root.Field("encounter"), "Encounter"), "Encounter/")}
	k.Subjects = l.subjects(typ, root)
	k.Mentions = l.mentions(root, k.Subjects)
	if _, clinical := r4.CompartmentParams("Patient", typ); !clinical {
		c.Linked = len(k.Subjects)+len(k.Mentions) > 0 || tellsOfPatient(root)
	}
	var ties []gate.Tie
	if c.Asserted {
		ties = l.ties(typ, root)
	}
	return c, k, ties, nil
}

const (
	systemConfidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	systemActCode         = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
)

// codeSystem is the URI of a code system by any of its names: the one that R4 has
// for it, STU3's, or the OID of v2 and CDA. Converted content keeps the others, and
// a label that is not understood would protect nothing.
func codeSystem(name string) string {
	switch name {
	case "http://hl7.org/fhir/v3/Confidentiality", "urn:oid:2.16.840.1.113883.5.25":
		return systemConfidentiality
	case "http://hl7.org/fhir/v3/ActCode", "urn:oid:2.16.840.1.113883.5.4":
		return systemActCode
	}
	return name
}

// labels reads the labels of a resource and of those that are in it, entries of a
// Bundle and parameters: together they are as sensitive as the most sensitive one
// (security-labels.html, the high water mark). Unlabelled means normal.
func (l Labeler) labels(c *gate.Class, root fhirjson.Node) error {
	if err := l.label(c, root); err != nil {
		return err
	}
	if c.Confidentiality == 0 {
		c.Confidentiality = gate.Normal
	}
	slices.Sort(c.Sensitivities)
	slices.Sort(c.Caveats)
	c.Sensitivities = slices.Compact(c.Sensitivities)
	c.Caveats = slices.Compact(c.Caveats)
	return nil
}

func (l Labeler) label(c *gate.Class, n fhirjson.Node) error {
	if n.Field("resourceType").Exists() {
		if err := l.security(c, n.Field("meta").Field("security")); err != nil {
			return err
		}
	}
	if c.Type != "Bundle" && c.Type != "Parameters" {
		return nil
	}
	for child := range n.Children() {
		if err := l.label(c, child); err != nil {
			return err
		}
	}
	return nil
}

// security adds the codes of one meta.security. Of two confidentiality codes the
// higher counts. A code that is not known as a sensitivity or a caveat counts as
// the caveat "unknown", so that policies can deny it and no client can make
// classes without end.
func (l Labeler) security(c *gate.Class, security fhirjson.Node) error {
	for coding := range security.Each() {
		code := coding.Field("code").Text()
		switch codeSystem(coding.Field("system").Text()) {
		case systemConfidentiality:
			level := gate.ConfidentialityOf(code)
			if level == 0 {
				return fhir.NewProblem(fhir.CodeInvalid, "the confidentiality code is unknown").At(coding.Path(c.Type) + ".code")
			}
			c.Confidentiality = max(c.Confidentiality, level)
		case systemActCode:
			if gate.IsSensitivity(code) {
				c.Sensitivities = append(c.Sensitivities, code)
				continue
			}
			if !gate.IsCaveat(code) {
				code = gate.UnknownCaveat
			}
			c.Caveats = append(c.Caveats, code)
		}
	}
	return nil
}

// further names, beside subject and patient, the elements that make a resource
// a patient's own record. Performers, authors, links and members don't: they
// are mentions.
var further = map[string][]string{
	"Coverage":            {"beneficiary"},
	"ResearchSubject":     {"individual"},
	"EnrollmentRequest":   {"candidate"},
	"Appointment":         {"participant.actor"},
	"AppointmentResponse": {"actor"},
	"Schedule":            {"actor"},
	"Person":              {"link.target"},
}

// subjects are the patients whose record the resource is.
func (l Labeler) subjects(typ string, root fhirjson.Node) []string {
	var out []string
	if typ == "Patient" {
		if id := root.Field("id").Text(); id != "" {
			out = append(out, id)
		}
	}
	for _, path := range append([]string{"subject", "patient"}, further[typ]...) {
		out = l.collect(out, root, strings.Split(path, "."))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (l Labeler) collect(out []string, n fhirjson.Node, path []string) []string {
	for x := range n.Field(path[0]).Each() {
		if len(path) > 1 {
			out = l.collect(out, x, path[1:])
			continue
		}
		if ref := l.local(x, "Patient"); ref != "" {
			out = append(out, strings.TrimPrefix(ref, "Patient/"))
		}
	}
	return out
}

// mentions are the patients that any other reference names.
func (l Labeler) mentions(root fhirjson.Node, subjects []string) []string {
	var out []string
	var walk func(n fhirjson.Node)
	walk = func(n fhirjson.Node) {
		for c := range n.Children() {
			switch {
			case c.Kind() == fhirjson.String:
				if c.Name() != "reference" {
					continue
				}
				if ref := l.local(n, "Patient"); ref != "" {
					if id := strings.TrimPrefix(ref, "Patient/"); !slices.Contains(subjects, id) {
						out = append(out, id)
					}
				}
			default:
				walk(c)
			}
		}
	}
	walk(root)
	slices.Sort(out)
	return slices.Compact(out)
}

// tellsOfPatient reports whether a record is tied to a patient of whom no local
// reference tells: one of another server, one known by an identifier or by what a
// search would find, one that it contains (references.html).
func tellsOfPatient(n fhirjson.Node) bool {
	for c := range n.Children() {
		if c.Kind() != fhirjson.String {
			if tellsOfPatient(c) {
				return true
			}
			continue
		}
		text, patient := c.Text(), c.Is("Patient")
		switch c.Name() {
		case "reference":
			patient = strings.Contains("/"+text, "/Patient/") || strings.HasPrefix(text, "Patient?")
		case "type": // of a Reference; other elements of this name stand beside no single identifier
			patient = patient && n.Field("identifier").Kind() == fhirjson.Object
		case "resourceType":
		default:
			continue
		}
		if patient {
			return true
		}
	}
	return false
}

// local is the "Type/id" a Reference names on this server, or "". An absolute
// URL may hold anything; what is no logical id names nothing here.
func (l Labeler) local(reference fhirjson.Node, typ string) string {
	text := reference.Field("reference").Text()
	if l.Base != "" {
		text = strings.TrimPrefix(text, l.Base+"/")
	}
	rest, ok := strings.CutPrefix(text, typ+"/")
	if !ok {
		return ""
	}
	id, history, versioned := strings.Cut(rest, "/")
	if !r4.IsID(id) || versioned && !strings.HasPrefix(history, "_history/") {
		return ""
	}
	return typ + "/" + id
}
