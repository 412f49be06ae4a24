package demo

import (
	"slices"
	"time"
)

// plan lays out the visits of the last years, in order of time. What cannot be
// moved is placed first.
func (c *chart) plan() {
	from := c.today.AddDate(-c.p.years, 0, 0)
	if c.p.born.After(from) {
		from = c.p.born
		c.add(&visit{cause: birth, clinician: c.p.home.specialist["obstetrics"], class: "IMP"}, c.p.born)
	}
	if age := c.p.age(c.today); c.p.female && age >= 21 && age <= 41 && c.p.died.IsZero() && c.chance(0.2) {
		c.planPregnancy()
	}
	if c.p.other != nil {
		c.planElsewhere()
	}
	if certain(c.p.number) == abused {
		c.add(c.acuteVisit(abuse()), c.today.AddDate(0, 0, -c.between(40, 300)))
	}
	c.planFollowUps(from)
	c.planAilments(from)
	c.planCheckUps(from)
	slices.SortFunc(c.visits, func(a, b *visit) int { return a.start.Compare(b.start) })
}

// add gives the visit an hour of the day, unless it would overlap another or
// would not be over before today or before the patient's death.
func (c *chart) add(v *visit, day time.Time) {
	if v.house == nil {
		v.house = c.p.home
	}
	if v.clinician == nil {
		v.clinician = c.p.doctor
	}
	y, m, d := day.Date()
	v.start = time.Date(y, m, d, c.between(8, 16), 5*c.rand.IntN(12), 0, 0, v.house.zone)
	switch v.class {
	case "IMP":
		v.end = v.start.Add(time.Duration(c.between(44, 120)) * time.Hour)
	case "EMER":
		v.end = v.start.Add(time.Duration(c.between(100, 420)) * time.Minute)
	default:
		v.end = v.start.Add(time.Duration(5*c.between(5, 10)) * time.Minute)
	}
	if !v.end.Add(12 * time.Hour).Before(c.until()) { // the laboratory needs some hours
		return
	}
	for _, o := range c.visits {
		if v.start.Add(-12*time.Hour).Before(o.end) && o.start.Add(-12*time.Hour).Before(v.end) {
			return
		}
	}
	v.author = c.writer(v)
	c.visits = append(c.visits, v)
}

// writer is the user who enters the visit's records.
func (c *chart) writer(v *visit) string {
	if c.p.sharing == visitor && v.house != c.p.home {
		return ""
	}
	if v.clinician.user != "" && c.chance(0.85) {
		return v.clinician.user
	}
	return pick(c.generator, v.house.writers)
}

func (c *chart) planCheckUps(from time.Time) {
	months := []int{1, 2, 4, 6, 9, 12, 15, 18, 24, 30, 36, 48, 60, 72, 84, 96, 108, 120, 132, 144, 156, 168, 180, 192, 204}
	for _, m := range months {
		if day := c.p.born.AddDate(0, m, c.between(0, 9)); !day.Before(from) {
			c.add(&visit{cause: checkUp, class: "AMB"}, day)
		}
	}
	grown := c.p.born.AddDate(18, 0, 0)
	for day := from.AddDate(0, 0, c.between(5, 300)); day.Before(c.until()); day = day.AddDate(1, 0, c.between(-20, 20)) {
		likely := 0.6
		if c.p.age(day) >= 60 {
			likely = 0.85
		}
		if day.After(grown) && c.chance(likely) {
			c.add(&visit{cause: checkUp, class: "AMB"}, day)
		}
	}
}

// planFollowUps sees all ordinary problems together, and each sensitive one by
// itself, since its records are labelled.
func (c *chart) planFollowUps(from time.Time) {
	var ordinary []*problem
	first := c.until()
	for _, k := range c.p.problems {
		if k.sensitivity != normal {
			c.planSensitive(k, from)
			continue
		}
		ordinary = append(ordinary, k)
		if k.onset.Before(first) {
			first = k.onset
		}
	}
	if first.Before(from) {
		first = from
	}
	for day := first.AddDate(0, 0, c.between(3, 60)); day.Before(c.until()); day = day.AddDate(0, 0, c.between(190, 320)) {
		v := &visit{cause: followUp, class: "AMB", problems: known(ordinary, day)}
		if c.chance(0.12) {
			v.class = "VR"
		}
		if len(v.problems) > 0 {
			c.add(v, day)
		}
	}
}

func known(problems []*problem, day time.Time) []*problem {
	var out []*problem
	for _, k := range problems {
		if k.onset.Before(day) {
			out = append(out, k)
		}
	}
	return out
}

func (c *chart) planSensitive(k *problem, from time.Time) {
	if recent := c.today.AddDate(-4, 0, 0); from.Before(recent) {
		from = recent
	}
	if from.Before(k.onset) {
		from = k.onset
	}
	doctor := c.p.doctor
	if k.sensitivity == psychiatry && c.chance(0.6) {
		doctor = c.p.home.specialist["psychiatry"]
	}
	for day := from.AddDate(0, 0, c.between(2, 40)); day.Before(c.until()); day = day.AddDate(0, 0, c.between(110, 200)) {
		c.add(&visit{cause: followUp, class: "AMB", clinician: doctor, problems: []*problem{k}, sensitivity: k.sensitivity}, day)
	}
}

func (c *chart) planAilments(from time.Time) {
	span := int(c.until().Sub(from).Hours() / 24)
	if span < 60 {
		return
	}
	number := c.between(0, max(1, span/600))
	if c.p.age(c.today) < 10 {
		number++
	}
	for range number {
		day := from.AddDate(0, 0, c.between(20, span-5))
		if a, ok := c.drawAilment(day, ""); ok {
			c.add(c.acuteVisit(a), day)
		}
	}
}

func (c *chart) acuteVisit(a ailment) *visit {
	v := &visit{cause: acute, class: a.class, ailment: a, sensitivity: a.sensitivity}
	switch a.class {
	case "EMER":
		v.clinician = c.p.home.specialist["emergency"]
	case "IMP":
		v.clinician = c.p.home.generalists[0]
		if s := c.p.home.specialist["surgery"]; s != nil && a.procedure.code == "80146002" {
			v.clinician = s
		}
	}
	return v
}

// drawAilment is one that fits age and sex; class "" is any.
func (c *chart) drawAilment(day time.Time, class string) (ailment, bool) {
	age, total := c.p.age(day), 0
	var fit []ailment
	for _, a := range ailments() {
		if fits(a.sex, c.p.female) && a.from <= age && age <= a.to && (class == "" || a.class == class) {
			fit = append(fit, a)
			total += a.weight
		}
	}
	if total == 0 {
		return ailment{}, false
	}
	n := c.rand.IntN(total)
	for _, a := range fit {
		if n -= a.weight; n < 0 {
			return a, true
		}
	}
	return ailment{}, false
}

// planPregnancy is three visits and a delivery, within the last four years.
func (c *chart) planPregnancy() {
	conceived := c.today.AddDate(0, 0, -c.between(290, 1300))
	midwife := c.p.home.specialist["obstetrics"]
	for _, week := range []int{9, 20, 32} {
		c.add(&visit{cause: antenatal, class: "AMB", clinician: midwife}, conceived.AddDate(0, 0, 7*week))
	}
	c.add(&visit{cause: delivery, class: "IMP", clinician: midwife}, conceived.AddDate(0, 0, 7*c.between(37, 41)))
}

// planElsewhere is what the second hospital does for a patient it shares.
func (c *chart) planElsewhere() {
	day := c.today.AddDate(0, 0, -c.between(30, 80))
	if c.p.sharing == visitor {
		for range 2 {
			if a, ok := c.drawAilment(day, "EMER"); ok && a.sensitivity == normal {
				v := c.acuteVisit(a)
				v.house, v.clinician = c.p.other, c.p.other.specialist["emergency"]
				c.add(v, day)
			}
			day = day.AddDate(0, 0, -c.between(100, 300))
		}
		return
	}
	for range 5 {
		v := &visit{cause: checkUp, class: "AMB", house: c.p.other, clinician: c.p.other.generalists[0]}
		var ordinary []*problem
		for _, k := range known(c.p.problems, day) {
			if k.sensitivity == normal {
				ordinary = append(ordinary, k)
			}
		}
		if len(ordinary) > 0 {
			v.cause, v.problems = followUp, ordinary
		}
		c.add(v, day)
		day = day.AddDate(0, 0, -c.between(90, 160))
	}
}
