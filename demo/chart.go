package demo

import (
	"slices"
	"time"
)

// A chart is what a patient's records are made from: what is known of the
// patient, and the visits, first to last.
type chart struct {
	*generator
	p      *patient
	visits []*visit
	team   ref // the CareTeam, if there is one
}

// Why a visit takes place.
type cause uint8

const (
	checkUp cause = iota
	followUp
	acute
	birth
	antenatal
	delivery
)

// A visit becomes an Encounter and what was found and done at it.
type visit struct {
	ref         ref
	cause       cause
	house       *house
	clinician   *clinician
	author      string
	start, end  time.Time
	class       string // v3-ActCode of Encounter.class
	problems    []*problem
	ailment     ailment
	sensitivity sensitivity
}

// chart writes all records of one patient.
func (g *generator) chart(p *patient) {
	c := &chart{generator: g, p: p}
	c.register()
	if p.problems == nil {
		c.drawProblems()
	}
	c.plan()
	c.allergies()
	for _, v := range c.visits {
		c.attend(v)
	}
	c.carePlans()
	c.appointments()
	for _, known := range p.problems {
		if known.panel == "A1c" && p.died.IsZero() {
			g.diabetics = append(g.diabetics, p)
		}
	}
}

func (c *chart) until() time.Time {
	if c.p.died.IsZero() {
		return c.today
	}
	return c.p.died
}

func fits(sex byte, female bool) bool { return sex == 0 || (sex == 'f') == female }

// drawProblems gives the patient disorders that age and sex allow.
func (c *chart) drawProblems() {
	old := c.p.age(c.until())
	for _, d := range disorders() {
		sure := d.code.code == certain(c.p.number)
		if !fits(d.sex, c.p.female) || old < d.from || !sure && !c.chance(d.share) {
			continue
		}
		age := c.between(d.from, min(d.to, old))
		if sure {
			age = min(age, old-2)
		}
		onset := c.p.born.AddDate(age, 0, c.between(0, 350))
		if onset.After(c.until().AddDate(0, -2, 0)) {
			continue
		}
		if d.code.code == "44054006" && slices.ContainsFunc(c.p.problems, func(k *problem) bool { return k.panel == "A1c" }) {
			continue
		}
		c.p.problems = append(c.p.problems, &problem{disorder: d, onset: onset})
	}
}
