package demo

import (
	"fmt"
	"math"
	"time"
)

func lot(n int) string { return fmt.Sprintf("L%06X", n) }

// observation is what all Observations have in common.
func (c *chart) observation(v *visit, at time.Time, category string, code concept, performer ref, rest ...any) ref {
	names := map[string]string{"vital-signs": "Vital Signs", "laboratory": "Laboratory",
		"social-history": "Social History", "survey": "Survey"}
	status := "final"
	if category == "laboratory" && c.chance(0.01) {
		status = "amended"
	}
	body := obj("status", status, "category", list{concept{systemCategory, category, names[category]}.codeable()},
		"code", code.codeable(), "subject", c.cite(c.p.ref), "encounter", v.ref.plain(),
		"effectiveDateTime", stamp(at), "performer", list{c.cite(performer)})
	return c.write(v, entry{typ: "Observation", display: code.display, body: append(body, obj(rest...)...)})
}

// measure is a vital sign of one quantity.
func (c *chart) measure(v *visit, at time.Time, code, display string, value decimal, unit, ucum string) {
	c.observation(v, at, "vital-signs", loinc(code, display), v.house.nurse.ref, "valueQuantity", quantity(value, unit, ucum))
}

// body is height in cm, weight in kg and, of infants, head circumference in cm.
func (c *chart) body(at time.Time) (height, weight, head float64) {
	months, heights, weights, heads := growth()
	m := at.Sub(c.p.born).Hours() / 24 / 30.44
	last := len(months) - 1
	if m >= float64(months[last]) {
		height, weight = 162, 71
		if !c.p.female {
			height, weight = 176, 84
		}
		return height * c.p.stature, weight * c.p.girth * (1 + 0.015*c.rand.NormFloat64()), 0
	}
	i := 0
	for float64(months[i+1]) <= m {
		i++
	}
	part := max(0, (m-float64(months[i]))/float64(months[i+1]-months[i]))
	mix := func(t []float64) float64 { return t[i] + part*(t[i+1]-t[i]) }
	girth := 1 + (c.p.girth-1)*0.6
	if m < 40 {
		head = mix(heads) * (1 + (c.p.stature-1)*0.5)
	}
	return mix(heights) * c.p.stature, mix(weights) * girth, head
}

func (c *chart) vitals(v *visit) {
	at := v.start.Add(time.Duration(c.between(3, 8)) * time.Minute)
	age := c.p.age(at)
	height, weight, head := c.body(at)
	grown := age >= 18
	if !grown || c.chance(0.6) {
		c.measure(v, at, "29463-7", "Body weight", number(weight, 1), "kg", "kg")
	}
	if !grown || c.chance(0.25) {
		c.measure(v, at, "8302-2", "Body height", number(height, 1), "cm", "cm")
		if age >= 2 {
			c.measure(v, at, "39156-5", "Body mass index (BMI) [Ratio]", number(weight/height/height*1e4, 1), "kg/m2", "kg/m2")
		}
	}
	if head > 0 && v.class == "AMB" {
		c.measure(v, at, "9843-4", "Head Occipital-frontal circumference", number(head, 1), "cm", "cm")
	}
	if age >= 3 && (!grown || c.chance(0.85)) {
		c.bloodPressure(v, at, age)
	}
	fever := v.cause == acute && v.ailment.days >= 6 && v.ailment.days <= 30
	if !grown || v.class != "AMB" || c.chance(0.4) {
		c.pulse(v, at, age)
	}
	if fever || v.class != "AMB" || c.chance(0.15) {
		temp := 36.7 + 0.2*c.rand.NormFloat64()
		if fever {
			temp += 0.9
		}
		c.measure(v, at, "8310-5", "Body temperature", number(temp, 1), "Cel", "Cel")
	}
	if v.class != "AMB" || c.chance(0.1) {
		rate := 15 + 1.5*c.rand.NormFloat64()
		if age < 8 {
			rate += float64(8-age) * 2.6
		}
		c.measure(v, at, "9279-1", "Respiratory rate", number(math.Round(rate), 0), "/min", "/min")
		c.measure(v, at, "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry",
			number(min(100, math.Round(97+1.1*c.rand.NormFloat64())), 0), "%", "%")
	}
}

func (c *chart) pulse(v *visit, at time.Time, age int) {
	pulse := 74 + 7*c.rand.NormFloat64()
	if age < 12 {
		pulse += float64(12-age) * 4.5
	}
	c.measure(v, at, "8867-4", "Heart rate", number(math.Round(pulse), 0), "/min", "/min")
}

func (c *chart) bloodPressure(v *visit, at time.Time, age int) {
	upper := 96 + 0.35*float64(min(age, 80)) + 6*c.rand.NormFloat64()
	if age < 18 {
		upper -= 0.6 * float64(18-age)
	}
	for _, k := range c.p.problems {
		if k.code.code == "59621000" && k.onset.Before(at) {
			upper += 17
		}
	}
	lower := upper*0.62 + 3*c.rand.NormFloat64()
	part := func(code, display string, value float64) object {
		return obj("code", loinc(code, display).codeable(),
			"valueQuantity", quantity(number(math.Round(value), 0), "mmHg", "mm[Hg]"))
	}
	c.observation(v, at, "vital-signs", loinc("85354-9", "Blood pressure panel with all children optional"), v.house.nurse.ref,
		"component", list{part("8480-6", "Systolic blood pressure", upper), part("8462-4", "Diastolic blood pressure", lower)})
}

func (c *chart) smoking(v *visit) {
	if c.chance(0.4) {
		return
	}
	state := []concept{snomed("266919005", "Never smoked tobacco"), snomed("8517006", "Ex-smoker"), snomed("77176002", "Smoker")}
	c.observation(v, v.start.Add(9*time.Minute), "social-history", loinc("72166-2", "Tobacco smoking status"),
		v.clinician.ref, "valueCodeableConcept", state[c.p.smoker].codeable())
}

// laboratory writes the results of a panel and, if it is one, its report. shift
// moves the first analyte, and the others a little.
func (c *chart) laboratory(v *visit, name string, shift float64) {
	p := panels()[name]
	at := v.start.Add(time.Duration(c.between(11, 18)) * time.Minute)
	issued := at.Add(time.Duration(c.between(1, 5)) * time.Hour)
	var results list
	values := map[string]float64{} // by LOINC code
	for i, a := range p.members {
		off := shift
		if i > 0 {
			off *= 0.35
		}
		values[a.code] = c.draw(a, off, values, c.p.age(at))
		results = append(results, c.cite(c.result(v, at, issued, a, values[a.code])))
	}
	if p.code.code == "" {
		return
	}
	lab := concept{"http://terminology.hl7.org/CodeSystem/v2-0074", "LAB", "Laboratory"}
	story := ""
	if c.chance(0.25) {
		story = para(p.code.display, "of "+date(at))
	}
	conclusion := ""
	if shift > 2 || shift < -2 {
		conclusion = "Results outside the reference range; please see the single values."
	}
	c.write(v, entry{typ: "DiagnosticReport", display: p.code.display, narrative: story, body: obj("status", "final",
		"category", list{lab.codeable()}, "code", p.code.codeable(), "subject", c.cite(c.p.ref), "encounter", v.ref.plain(),
		"effectiveDateTime", stamp(at), "issued", stamp(issued), "performer", list{c.cite(v.house.org)},
		"result", results, "conclusion", conclusion)})
}

// draw is a value for an analyte, by those drawn before it for the same panel:
// some are defined by others.
func (c *chart) draw(a analyte, shift float64, before map[string]float64, age int) float64 {
	switch a.code {
	case "2093-3": // total cholesterol, by Friedewald's formula
		return before["18262-6"] + before["2085-9"] + before["2571-8"]/5
	case "4544-3": // haematocrit is some three times haemoglobin
		return before["718-7"]*2.97 + 0.4*c.rand.NormFloat64()
	case "98979-8": // CKD-EPI 2021, by creatinine, age and sex
		kappa, alpha, factor := 0.9, -0.302, 142.0
		if c.p.female {
			kappa, alpha, factor = 0.7, -0.241, 142*1.012
		}
		ratio := before["2160-0"] / kappa
		return factor * math.Pow(min(ratio, 1), alpha) * math.Pow(max(ratio, 1), -1.2) * math.Pow(0.9938, float64(age))
	case "44261-6": // a score of at most 27
		return min(27, max(0, a.mean+a.sd*(shift+c.rand.NormFloat64())))
	}
	return max(a.mean*0.12, a.mean+a.sd*(shift+min(max(c.rand.NormFloat64(), -2.5), 2.5)))
}

func (c *chart) result(v *visit, at, issued time.Time, a analyte, value float64) ref {
	category := "laboratory"
	if a.code == "44261-6" {
		category = "survey"
	}
	low, high := a.low, a.high
	if a.code == "718-7" && c.p.female {
		high = 16
	}
	flag := concept{"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "N", "Normal"}
	switch {
	case value > high:
		flag.code, flag.display = "H", "High"
	case value < low:
		flag.code, flag.display = "L", "Low"
	}
	bounds := obj("high", quantity(number(high, a.digits), a.unit, a.ucum))
	if low > 0 {
		bounds = append(object{{"low", quantity(number(low, a.digits), a.unit, a.ucum)}}, bounds...)
	}
	return c.observation(v, at, category, loinc(a.code, a.display), v.house.org, "issued", stamp(issued),
		"valueQuantity", quantity(number(value, a.digits), a.unit, a.ucum), "interpretation", list{flag.codeable()},
		"referenceRange", list{bounds})
}
