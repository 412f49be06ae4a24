package demo

import (
	"fmt"
	"strings"
	"time"
)

// What a hospital's registration desk enters before anybody is treated.

// office writes an entry of the registration desk: in the hospital's name, by import.
func (c *chart) office(asserts bool, e entry) ref {
	e.house, e.asserts = c.p.home, asserts
	return c.put(e)
}

func (c *chart) register() {
	c.patient()
	if c.p.age(c.today) < 16 {
		c.mother()
	}
	c.coverage()
	if c.p.sharing == bothTeams || c.chance(0.3) {
		c.careTeam()
	}
}

func (c *chart) patient() {
	p := c.p
	mr := concept{"http://terminology.hl7.org/CodeSystem/v2-0203", "MR", "Medical record number"}
	number := fmt.Sprintf("%c%07d", p.home.name[0]-'a'+'A', 1_000_000+c.scramble(p.number))
	id := ""
	if p.number == 0 {
		id = amyID
	}
	body := obj("identifier", list{
		obj("use", "usual", "type", mr.bare(), "system", fmt.Sprintf(systemMRN, p.home.name), "value", number),
		obj("use", "official", "system", systemNational, "value", p.national)},
		"active", true, "name", p.humanNames(),
		"telecom", list{obj("system", "phone", "value", p.phone, "use", "home")},
		"gender", p.gender, "birthDate", date(p.born))
	if !p.died.IsZero() {
		body = append(body, member{"deceasedDateTime", stamp(p.died)})
	}
	body = append(body, member{"address", list{p.address}})
	if age := p.age(c.today); age >= 20 {
		marital := concept{"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M", "Married"}
		if p.number%3 == 0 {
			marital.code, marital.display = "S", "Never Married"
		}
		body = append(body, member{"maritalStatus", marital.codeable()})
	}
	body = append(body, obj("communication", list{obj("language", p.language.codeable(), "preferred", true)},
		"generalPractitioner", list{p.doctor.ref.named()}, "managingOrganization", p.home.org.plain())...)
	if p.link.target != "" {
		body = append(body, member{"link", list{obj("other", p.link.plain(), "type", "seealso")}})
	}
	story := ""
	if c.chance(0.3) {
		story = para(p.full(), strings.TrimSpace(p.native+" born "+date(p.born)))
	}
	p.ref = c.office(true, entry{typ: "Patient", id: id, display: p.full(), narrative: story, body: body})
}

// mother is a related person only; she need not be a patient.
func (c *chart) mother() {
	p := c.drawName(true)
	p.family, p.native = c.p.family, ""
	kind := concept{systemRoleCode, "MTH", "mother"}
	c.office(true, entry{typ: "RelatedPerson", display: p.full(), body: obj("active", true, "patient", c.p.ref.plain(),
		"relationship", list{kind.codeable()}, "name", p.humanNames(),
		"telecom", list{obj("system", "phone", "value", c.p.phone, "use", "home")}, "gender", "female")})
}

func (c *chart) coverage() {
	from := time.Date(c.today.Year()-c.between(0, 3), 1, 1, 0, 0, 0, 0, c.p.home.zone)
	if from.Before(c.p.born) {
		from = c.p.born
	}
	self := concept{"http://terminology.hl7.org/CodeSystem/subscriber-relationship", "self", "Self"}
	if c.p.age(c.today) < 18 {
		self.code, self.display = "child", "Child"
	}
	kind := concept{"http://terminology.hl7.org/CodeSystem/v3-ActCode", "EHCPOL", "extended healthcare"}
	number := fmt.Sprintf("M%08d", c.rand.IntN(1e8))
	c.office(false, entry{typ: "Coverage", body: obj("identifier", list{obj("system", systemMember, "value", number)},
		"status", "active", "type", kind.codeable(), "subscriberId", number, "beneficiary", c.cite(c.p.ref),
		"relationship", self.codeable(), "period", obj("start", date(from), "end", date(time.Date(c.today.Year()+1, 12, 31, 0, 0, 0, 0, time.UTC))),
		"payor", list{c.cite(pick(c.generator, c.payers))})})
}

// careTeam names the patient's own clinicians and, for a shared patient, dr-chen:
// that is what lets her see what the north has written.
func (c *chart) careTeam() {
	p := c.p
	primary := snomed("446050000", "Primary care provider")
	nurse := snomed("224535009", "Registered nurse")
	consultant := snomed("158967008", "Consultant physician")
	seat := func(role concept, who ref, org ref) object {
		return obj("role", list{role.codeable()}, "member", who.named(), "onBehalfOf", org.plain())
	}
	members := list{
		obj("role", list{snomed("116154003", "Patient").codeable()}, "member", p.ref.plain()),
		seat(primary, p.doctor.ref, p.home.org), seat(nurse, p.home.nurse.ref, p.home.org)}
	managing := list{p.home.org.plain()}
	name := "Care team of " + p.home.title
	if p.sharing == bothTeams {
		members = append(members, seat(consultant, p.other.generalists[0].ref, p.other.org))
		managing = append(managing, p.other.org.plain())
		name = "Joint care team of " + p.home.title + " and " + p.other.title
	}
	longitudinal := loinc("LA28865-6", "Longitudinal care-coordination focused care team")
	from := c.today.AddDate(-5, 0, 0)
	if from.Before(p.born) {
		from = p.born
	}
	span := obj("start", date(from))
	status := "active"
	if !p.died.IsZero() {
		status, span = "inactive", append(span, member{"end", date(p.died)})
	}
	c.team = c.office(true, entry{typ: "CareTeam", display: name, body: obj("status", status,
		"category", list{longitudinal.codeable()}, "name", name, "subject", p.ref.plain(), "period", span,
		"participant", members, "managingOrganization", managing)})
}
