package demo

import "time"

// last is the latest visit at the home hospital, or nil.
func (c *chart) last() *visit {
	for i := len(c.visits) - 1; i >= 0; i-- {
		if v := c.visits[i]; v.house == c.p.home && v.sensitivity == normal {
			return v
		}
	}
	return nil
}

// allergies are noted at the first visit, when everybody is asked.
func (c *chart) allergies() {
	if len(c.visits) == 0 || c.p.age(c.today) < 1 || !c.chance(0.45) {
		return
	}
	var first *visit
	for _, v := range c.visits {
		if v.house == c.p.home && v.sensitivity == normal {
			first = v
			break
		}
	}
	if first == nil {
		return
	}
	common := func(code string) concept {
		return concept{"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", code, "Active"}
	}
	var lots []allergen
	for _, a := range allergens() {
		for range a.frequency {
			lots = append(lots, a)
		}
	}
	seen := map[string]bool{}
	for range c.between(1, 2) {
		a := pick(c.generator, lots)
		if seen[a.code.code] {
			continue
		}
		seen[a.code.code] = true
		criticality, severity := "low", "mild"
		if a.reaction.code == "39579001" {
			criticality, severity = "high", "severe"
		}
		verified := concept{"http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "confirmed", "Confirmed"}
		c.write(first, entry{typ: "AllergyIntolerance", display: a.code.display, body: obj(
			"clinicalStatus", common("active").bare(), "verificationStatus", verified.bare(), "type", "allergy",
			"category", list{a.category}, "criticality", criticality, "code", a.code.codeable(), "patient", c.cite(c.p.ref),
			"recordedDate", stamp(first.start.Add(10*time.Minute)), "recorder", c.cite(first.clinician.ref),
			"reaction", list{obj("manifestation", list{a.reaction.codeable()}, "severity", severity)})})
	}
}

func (c *chart) carePlans() {
	v := c.last()
	if v == nil {
		return
	}
	assess := concept{"http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan", "Assessment and Plan of Treatment"}
	for _, k := range c.p.problems {
		about, ok := k.recorded[c.p.home]
		if !ok || k.plan.code == "" {
			continue
		}
		status := "active"
		if !c.p.died.IsZero() {
			status = "completed"
		}
		from := v.start
		for _, o := range c.visits {
			if o.house == c.p.home && k.onset.Before(o.start) && o.start.Before(from) {
				from = o.start
			}
		}
		body := obj("status", status, "intent", "plan", "category", list{assess.bare(), k.plan.codeable()},
			"title", k.plan.display, "subject", c.cite(c.p.ref), "period", obj("start", date(from)),
			"created", date(from), "author", c.cite(v.clinician.ref))
		if c.team.target != "" {
			body = append(body, member{"careTeam", list{c.cite(c.team)}})
		}
		body = append(body, obj("addresses", list{c.cite(about)}, "activity", list{
			obj("detail", obj("code", snomed("183301007", "Physical exercises").codeable(), "status", "in-progress")),
			obj("detail", obj("code", snomed("226234005", "Healthy diet").codeable(), "status", "in-progress"))})...)
		c.write(v, entry{typ: "CarePlan", display: k.plan.display, narrative: para(k.plan.display, "since "+date(from)), body: body})
	}
}

// appointments are booked for a few of the living.
func (c *chart) appointments() {
	v := c.last()
	if v == nil || !c.p.died.IsZero() || !c.chance(0.15) {
		return
	}
	day := c.today.AddDate(0, 0, c.between(2, 60))
	y, m, d := day.Date()
	from := time.Date(y, m, d, c.between(8, 16), 15*c.rand.IntN(4), 0, 0, c.p.home.zone)
	seat := func(r ref) object { return obj("actor", c.cite(r), "status", "accepted") }
	kind := concept{"http://terminology.hl7.org/CodeSystem/v2-0276", "FOLLOWUP", "A follow up visit from a previous appointment"}
	c.write(v, entry{typ: "Appointment", body: obj("status", "booked", "appointmentType", kind.codeable(),
		"description", "Follow-up visit", "start", stamp(from), "end", stamp(from.Add(30*time.Minute)), "minutesDuration", 30,
		"created", stamp(v.end), "participant", list{seat(c.p.ref), seat(c.p.doctor.ref), seat(c.p.home.wards["AMB"])})})
}

// groups are the hospitals' lists of the patients with diabetes.
func (g *generator) groups() {
	for _, h := range []*house{g.north, g.south} {
		var members list
		for _, p := range g.diabetics {
			if p.home == h {
				members = append(members, obj("entity", p.ref.plain()))
			}
		}
		name := "Diabetes programme, " + h.title
		g.put(entry{typ: "Group", house: h, asserts: true, display: name, body: obj("active", true, "type", "person",
			"actual", true, "name", name, "quantity", len(members), "managingEntity", h.org.plain(), "member", members)})
	}
}
