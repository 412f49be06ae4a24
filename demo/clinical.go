package demo

import (
	"slices"
	"time"
)

// What a visit leaves behind: the encounter, its diagnoses, procedures, drugs and
// vaccines. Measurements are in observations.go, papers in documents.go.

// write puts an entry of this visit into its hospital's records.
func (c *chart) write(v *visit, e entry) ref {
	e.house, e.author = v.house, v.author
	e.sensitivity = max(e.sensitivity, v.sensitivity)
	return c.put(e)
}

func (c *chart) attend(v *visit) {
	v.ref = c.encounter(v)
	if v.class != "VR" && (v.sensitivity == normal || v.class == "EMER") {
		c.vitals(v)
	}
	switch v.cause {
	case checkUp:
		c.checkUp(v)
	case birth:
		c.laboratory(v, "bilirubin", 0)
		c.vaccinate(v)
	case followUp:
		c.followUp(v)
	case acute:
		c.treat(v)
	case antenatal, delivery:
		c.pregnancy(v)
	}
	c.note(v)
}

func (c *chart) encounter(v *visit) ref {
	class := map[string]string{"AMB": "ambulatory", "EMER": "emergency", "IMP": "inpatient encounter", "VR": "virtual"}
	kind := snomed("185349003", "Encounter for check up")
	var reason concept
	switch v.cause {
	case followUp:
		kind, reason = snomed("390906007", "Follow-up encounter"), v.problems[0].code
	case acute:
		kind, reason = snomed("185345009", "Encounter for symptom"), v.ailment.code
	case antenatal:
		kind = snomed("424619006", "Prenatal visit")
	case delivery:
		reason = snomed("72892002", "Normal pregnancy")
	}
	switch {
	case v.class == "EMER":
		kind = snomed("50849002", "Emergency room admission")
	case v.class == "IMP":
		kind = snomed("32485007", "Hospital admission")
	}
	attender := concept{"http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "ATND", "attender"}
	body := obj("status", "finished", "class", concept{systemActCode, v.class, class[v.class]}.coding(),
		"type", list{kind.codeable()}, "subject", c.cite(c.p.ref),
		"participant", list{obj("type", list{attender.bare()}, "individual", c.cite(v.clinician.ref))},
		"period", period(v.start, v.end))
	if reason.code != "" {
		body = append(body, member{"reasonCode", list{reason.codeable()}})
	}
	if v.class == "IMP" {
		home := concept{"http://terminology.hl7.org/CodeSystem/discharge-disposition", "home", "Home"}
		body = append(body, member{"hospitalization", obj("dischargeDisposition", home.codeable())})
	}
	body = append(body, member{"location", list{obj("location", c.cite(v.house.wards[v.class]))}},
		member{"serviceProvider", v.house.org.plain()})
	return c.write(v, entry{typ: "Encounter", display: kind.display, body: body})
}

// condition writes a Condition found at v. A zero abated leaves it active.
func (c *chart) condition(v *visit, code concept, category string, onset, abated time.Time) ref {
	status := concept{"http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active"}
	if !abated.IsZero() {
		status.code, status.display = "resolved", "Resolved"
	}
	categories := map[string]string{"problem-list-item": "Problem List Item", "encounter-diagnosis": "Encounter Diagnosis"}
	story := ""
	if c.chance(0.3) {
		story = para(code.display, "since "+date(onset))
	}
	return c.write(v, entry{typ: "Condition", display: code.display, narrative: story, body: obj(
		"clinicalStatus", status.bare(),
		"verificationStatus", concept{"http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed", "Confirmed"}.bare(),
		"category", list{concept{"http://terminology.hl7.org/CodeSystem/condition-category", category, categories[category]}.bare()},
		"code", code.codeable(), "subject", c.cite(c.p.ref), "encounter", v.ref.plain(),
		"onsetDateTime", date(onset), "abatementDateTime", date(abated), "recordedDate", stamp(v.start.Add(15*time.Minute)),
		"recorder", c.cite(v.clinician.ref), "asserter", c.cite(v.clinician.ref))})
}

func (c *chart) followUp(v *visit) {
	done := map[string]bool{}
	for _, k := range v.problems {
		known, ok := k.recorded[v.house]
		if !ok {
			known = c.condition(v, k.code, "problem-list-item", k.onset, time.Time{})
			if k.recorded == nil {
				k.recorded = map[*house]ref{}
			}
			k.recorded[v.house] = known
		}
		if k.panel != "" && !done[k.panel] && c.chance(0.5) && (v.class != "VR" || k.panel == "mood") {
			done[k.panel] = true
			c.laboratory(v, k.panel, k.shift)
		}
		if k.drug != "" && v.house == c.p.home {
			c.renew(v, k, known)
		}
		switch k.code.code {
		case "195967001", "13645005":
			if v.class != "VR" && c.chance(0.3) {
				c.procedure(v, snomed("127783003", "Spirometry"), known)
			}
		case "7200002", "75544000":
			if c.chance(0.4) {
				c.procedure(v, snomed("60112009", "Drug addiction counseling"), known)
			}
		}
	}
}

// renew prescribes at every second visit for the problem; the last prescription
// of a living patient is the active one.
func (c *chart) renew(v *visit, k *problem, reason ref) {
	before, after := 0, 0
	for _, o := range c.visits {
		if o.house != v.house || !slices.Contains(o.problems, k) {
			continue
		}
		if o.start.Before(v.start) {
			before++
		} else if o != v {
			after++
		}
	}
	if before%2 == 1 {
		return
	}
	status := "completed"
	if after < 2 && c.p.died.IsZero() {
		status = "active"
	}
	c.prescribe(v, k.drug, status, reason)
}

func (c *chart) prescribe(v *visit, code, status string, reason ref) {
	table := drugTable()
	d := table[slices.IndexFunc(table, func(d drug) bool { return d.code == code })]
	unit := obj("value", d.dose, "unit", d.unit)
	body := obj("status", status, "intent", "order")
	if m, ok := c.drugs[d.code]; ok && c.chance(0.5) {
		body = append(body, member{"medicationReference", c.cite(m)})
	} else {
		body = append(body, member{"medicationCodeableConcept", concept{systemRxNorm, d.code, d.display}.codeable()})
	}
	route := snomed("26643006", "Oral route")
	if d.unit == "puff" {
		route = snomed("447694001", "Respiratory tract route")
	}
	repeats := 0
	if d.days >= 14 {
		repeats = 3
	}
	body = append(body, obj("subject", c.cite(c.p.ref), "encounter", v.ref.plain(),
		"authoredOn", stamp(v.start.Add(20*time.Minute)), "requester", c.cite(v.clinician.ref),
		"reasonReference", list{c.cite(reason)},
		"dosageInstruction", list{obj("text", d.sig,
			"timing", obj("repeat", obj("frequency", d.times, "period", 1, "periodUnit", "d")),
			"route", route.codeable(), "doseAndRate", list{obj("doseQuantity", unit)})},
		"dispenseRequest", obj("numberOfRepeatsAllowed", repeats,
			"quantity", obj("value", d.days*d.times*d.dose, "unit", d.unit),
			"expectedSupplyDuration", quantity(number(float64(d.days), 0), "days", "d")))...)
	c.write(v, entry{typ: "MedicationRequest", display: d.display, body: body})
}

func (c *chart) treat(v *visit) {
	a := v.ailment
	abated := v.start.AddDate(0, 0, a.days)
	if a.days == 0 || abated.After(c.until()) {
		abated = time.Time{}
	}
	found := c.condition(v, a.code, "encounter-diagnosis", v.start.AddDate(0, 0, -min(2, a.days)), abated)
	if a.procedure.code != "" {
		c.procedure(v, a.procedure, found)
	}
	if a.panel != "" {
		shift := 0.0
		if a.panel == "blood count" {
			shift = 3.5
		}
		c.laboratory(v, a.panel, shift)
	}
	if a.drug != "" && c.p.age(v.start) >= 6 {
		status := "completed"
		if abated.IsZero() && c.p.died.IsZero() {
			status = "active"
		}
		c.prescribe(v, a.drug, status, found)
	}
}

func (c *chart) procedure(v *visit, code concept, reason ref) {
	from := v.start.Add(10 * time.Minute)
	body := obj("status", "completed", "code", code.codeable(), "subject", c.cite(c.p.ref),
		"encounter", v.ref.plain(), "performedPeriod", period(from, from.Add(time.Duration(c.between(5, 14))*time.Minute)),
		"performer", list{obj("actor", c.cite(v.clinician.ref))}, "location", c.cite(v.house.wards[v.class]))
	if reason.target != "" {
		body = append(body, member{"reasonReference", list{c.cite(reason)}})
	}
	c.write(v, entry{typ: "Procedure", display: code.display, body: body})
}

func (c *chart) checkUp(v *visit) {
	age := c.p.age(v.start)
	c.vaccinate(v)
	if age >= 18 {
		c.smoking(v)
		for _, name := range []string{"blood count", "metabolic", "lipids"} {
			likely := 0.15
			if age >= 50 {
				likely = 0.25
			}
			if c.chance(likely) {
				c.laboratory(v, name, 0)
			}
		}
	}
	switch {
	case age >= 50 && age <= 75 && c.chance(0.1):
		c.procedure(v, snomed("73761001", "Colonoscopy"), ref{})
	case c.p.female && age >= 45 && age <= 74 && c.chance(0.3):
		c.procedure(v, snomed("71651007", "Mammography"), ref{})
	case age >= 55 && c.chance(0.2):
		c.procedure(v, snomed("29303009", "Electrocardiographic procedure"), ref{})
	case age >= 18 && c.chance(0.2):
		c.procedure(v, snomed("430193006", "Medication reconciliation"), ref{})
	}
}

func (c *chart) pregnancy(v *visit) {
	first := !slices.ContainsFunc(c.visits, func(o *visit) bool { return o.cause == antenatal && o.start.Before(v.start) })
	if v.cause == delivery {
		c.procedure(v, snomed("177184002", "Normal delivery procedure"), ref{})
		return
	}
	if !first {
		c.laboratory(v, "blood count", -0.8)
		return
	}
	var abated time.Time
	for _, o := range c.visits {
		if o.cause == delivery {
			abated = o.start
		}
	}
	c.condition(v, snomed("72892002", "Normal pregnancy"), "problem-list-item", v.start.AddDate(0, 0, -63), abated)
	c.laboratory(v, "pregnancy", 0)
}

// vaccinate gives what is due at this age; one in forty declines.
func (c *chart) vaccinate(v *visit) {
	months, age := c.p.months(v.start.Add(24*time.Hour)), c.p.age(v.start)
	for _, x := range vaccines() {
		due := slices.ContainsFunc(x.months, func(m int) bool { return months >= m && months < m+max(1, m/12) })
		due = due || x.yearly > 0 && age >= x.yearly && c.chance(0.6)
		due = due || x.once > 0 && age >= x.once && c.chance(0.12)
		if !due {
			continue
		}
		body := obj("status", "completed")
		if c.chance(0.025) {
			declined := concept{"http://terminology.hl7.org/CodeSystem/v3-ActReason", "PATOBJ", "patient objection"}
			body = obj("status", "not-done", "statusReason", declined.codeable())
		}
		body = append(body, obj("vaccineCode", concept{systemCVX, x.code, x.display}.codeable(),
			"patient", c.cite(c.p.ref), "encounter", v.ref.plain(), "occurrenceDateTime", stamp(v.start.Add(12*time.Minute)),
			"primarySource", true, "location", c.cite(v.house.wards[v.class]))...)
		if body[0].value == "completed" {
			body = append(body, obj("lotNumber", lot(c.between(0, 1<<24)),
				"performer", list{obj("actor", c.cite(v.house.nurse.ref))})...)
		}
		c.write(v, entry{typ: "Immunization", display: x.display, body: body})
	}
}
