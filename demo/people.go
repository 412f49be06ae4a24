package demo

import (
	"fmt"
	"strings"
	"time"
)

// The systems of the demo's own identifiers. example.org is reserved (RFC 2606).
const (
	systemMRN      = "https://%s.hospital.example.org/mrn" // one per hospital
	systemNational = "https://id.example.org/national"
	systemMember   = "https://insurance.example.org/member"
	systemUCUM     = "http://unitsofmeasure.org"
)

// How the two hospitals share a patient.
type sharing uint8

const (
	single    sharing = iota // the home hospital only
	bothTeams                // a care team asserted at home names dr-chen too
	visitor                  // seen in the other's emergency department, no care team
)

type person struct {
	family, native string // the family name, and the whole name in the bearer's script
	given          []string
	syllabic       bool
	language       concept
}

func (p person) full() string { return strings.Join(p.given, " ") + " " + p.family }

// A patient is what the generator knows of one; one with two charts is two.
type patient struct {
	person
	ref         ref
	home, other *house // other: the second hospital that writes, or nil
	sharing     sharing
	female      bool
	born        time.Time
	died        time.Time // zero: alive
	gender      string
	national    string
	number      int // index, for the record number
	link        ref // the same person's chart in the other hospital
	doctor      *clinician
	address     object
	phone       string
	stature     float64 // adult height relative to the median
	girth       float64 // weight relative to the median
	problems    []*problem
	smoker      int // 0 never, 1 former, 2 current
	years       int // how far back this chart goes
}

// age is in whole years at a date.
func (p *patient) age(at time.Time) int {
	years := at.Year() - p.born.Year()
	if at.Month() < p.born.Month() || at.Month() == p.born.Month() && at.Day() < p.born.Day() {
		years--
	}
	return max(years, 0)
}

func (p *patient) months(at time.Time) int { return int(at.Sub(p.born).Hours() / 24 / 30.44) }

func (g *generator) drawName(female bool) person {
	all := cultures()
	n := g.rand.IntN(100)
	c := all[0]
	for _, c = range all {
		if n -= c.weight; n < 0 {
			break
		}
	}
	i := g.rand.IntN(len(c.family))
	family, givens := c.family[i], c.men
	if female {
		givens = c.women
		if c.familyWoman != nil {
			family.latin, family.native, _ = strings.Cut(c.familyWoman[i], "/")
		}
	}
	given := pick(g, givens)
	p := person{family: family.latin, given: []string{given.latin}, language: c.language, syllabic: c.syllabic}
	switch {
	case c.syllabic:
		p.native = family.native + given.native
	case given.native != "":
		p.native = given.native + " " + family.native
	case g.chance(0.35):
		if second := pick(g, givens).latin; second != given.latin {
			p.given = append(p.given, second)
		}
	}
	return p
}

// person draws somebody between newborn and a hundred years of age.
func (g *generator) person(i int, home, other *house, s sharing) *patient {
	p := &patient{home: home, other: other, sharing: s, number: i, female: g.chance(0.52), years: 4}
	p.gender = "male"
	if p.female {
		p.gender = "female"
	}
	if certain(i) == abused {
		p.female, p.gender = true, "female"
	} else if g.chance(0.01) {
		p.gender = "other"
	}
	p.person = g.drawName(p.female)
	p.born = g.today.AddDate(0, 0, -g.ageInDays(i, s))
	if a := p.age(g.today); a > 55 && s == single && g.chance(0.01*float64(a-50)/2) {
		p.died = g.today.AddDate(0, 0, -g.between(20, 700))
	}
	p.national = fmt.Sprintf("%09d", 100_000_000+g.scramble(i+1<<22)) // not the record number again
	p.doctor = pick(g, home.generalists)
	if p.age(g.today) < 16 {
		p.doctor = home.specialist["paediatric"]
	}
	p.stature, p.girth = 1+0.035*g.rand.NormFloat64(), 1+0.14*g.rand.NormFloat64()
	p.girth = min(max(p.girth, 0.75), 1.7)
	if a := p.age(g.today); a > 17 {
		p.smoker = pick(g, []int{0, 0, 0, 0, 1, 1, 2})
	}
	p.address, p.phone = g.drawAddress(home), fmt.Sprintf("+1-%s-555-01%02d", home.areaCode, g.rand.IntN(100))
	return p
}

// abused stands for the one story that is no lasting disorder.
const abused = "abused"

// certain is what the patient of that index has whatever the seed: disorders too
// rare to be left to chance, so that every kind of label occurs.
func certain(i int) string {
	switch i {
	case 33:
		return abused
	case 34:
		return "86406008" // HIV infection
	case 35:
		return "75544000" // opioid dependence
	case 36:
		return "7200002" // alcoholism
	case 37:
		return "370143000" // depression
	}
	return ""
}

// ageInDays follows a population that goes to hospital: the very young, the old.
func (g *generator) ageInDays(i int, s sharing) int {
	switch {
	case s != single:
		return g.between(25*365, 75*365)
	case certain(i) != "":
		return g.between(25*365, 50*365)
	case i%40 == 25:
		return g.between(5, 28) // a newborn
	case i%110 == 60:
		return g.between(97*365, 100*365)
	}
	switch n := g.rand.IntN(100); {
	case n < 6:
		return g.between(29, 2*365)
	case n < 20:
		return g.between(2*365, 18*365)
	case n < 42:
		return g.between(18*365, 40*365)
	case n < 74:
		return g.between(40*365, 68*365)
	default:
		return g.between(68*365, 94*365)
	}
}

// scramble is a permutation of the numbers below 2²³, so that record numbers are
// unique and still do not count.
func (g *generator) scramble(i int) int {
	const size = 1 << 23
	a, b := g.seed*2654435761|1, g.seed>>7
	return int((uint64(i)*(a|0x2F5B1)*31 + b + 0x35A1C7) % size)
}

// amy is the patient who can sign in: of the north, treated in the south as well.
func (g *generator) amy() *patient {
	p := g.person(0, g.north, g.south, bothTeams)
	p.person = person{family: "Rivera", given: []string{"Amy", "Lucía"}, language: concept{systemLanguage, "en", "English"}}
	p.female, p.gender, p.died, p.smoker = true, "female", time.Time{}, 1
	p.born = g.today.AddDate(-41, -4, -11)
	p.stature, p.girth = 0.99, 1.08
	p.doctor = g.north.generalists[0]
	p.problems = []*problem{
		{disorder: disorderOf("195967001"), onset: p.born.AddDate(23, 2, 5)},    // asthma
		{disorder: disorderOf("59621000"), onset: g.today.AddDate(-3, -7, -20)}, // hypertension
		{disorder: disorderOf("370143000"), onset: g.today.AddDate(-2, -5, -9)}, // depression
	}
	return p
}

// twin is the same person in the south, with a chart and a number of its own.
func (g *generator) twin(i int, north *patient) *patient {
	p := *north
	p.home, p.other, p.sharing, p.number = g.south, nil, single, i
	p.doctor, p.years = pick(g, g.south.generalists), 2
	if p.age(g.today) < 16 {
		p.doctor = g.south.specialist["paediatric"]
	}
	p.problems = []*problem{}
	for _, known := range north.problems {
		if known.sensitivity == normal {
			p.problems = append(p.problems, &problem{disorder: known.disorder, onset: known.onset})
		}
	}
	if i%2 == 0 {
		p.link = north.ref // half of the twins are recognised as one person
	}
	return &p
}

func (g *generator) drawAddress(h *house) object {
	place := pick(g, h.places)
	line := fmt.Sprintf("%d %s", g.between(2, 980), pick(g, streets()))
	lines := list{line}
	if g.chance(0.3) {
		lines = append(lines, fmt.Sprintf("Apt %d", g.between(1, 40)))
	}
	return obj("use", "home", "line", lines, "city", place.city, "state", h.state,
		"postalCode", place.zip, "country", "US")
}

func streets() []string {
	return []string{"Alder Street", "Birch Lane", "Cañon Road", "Dock Street", "Elm Avenue", "Foundry Row",
		"Garnet Way", "Harbor Drive", "Juniper Court", "Kiln Road", "Larkspur Lane", "Mill Street"}
}

// humanNames is Patient.name: the Latin form, and the bearer's own where there is one.
func (p person) humanNames() list {
	given := make(list, len(p.given))
	for i, n := range p.given {
		given[i] = n
	}
	names := list{obj("use", "official", "text", p.full(), "family", p.family, "given", given)}
	if p.native == "" {
		return names
	}
	script := "SYL" // http://hl7.org/fhir/R4/extension-iso21090-en-representation.html
	if p.syllabic {
		script = "IDE"
	}
	return append(names, obj("extension", list{obj(
		"url", "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode", script)},
		"use", "usual", "text", p.native))
}
