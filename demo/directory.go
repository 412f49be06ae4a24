package demo

import (
	"fmt"
	"time"
)

// A house is one of the two hospitals.
type house struct {
	name, title, state, areaCode string
	zone                         *time.Location
	places                       []place
	org                          ref
	wards                        map[string]ref // encounter class code → Location
	generalists                  []*clinician   // those who have patients of their own
	nurse                        *clinician
	specialist                   map[string]*clinician // by speciality, as specialities names them
	writers                      []string              // users who enter what others do
}

type place struct{ city, zip string }

// A clinician practises in one house.
type clinician struct {
	ref  ref
	user string // the User's name, or ""
}

const (
	systemSNOMED   = "http://snomed.info/sct"
	systemNPI      = "http://hl7.org/fhir/sid/us-npi"
	systemRoleCode = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
)

// A post is a practitioner to be, and the role to be filled.
type post struct {
	id, user       string
	family, given  string
	prefix, gender string
	role           concept
	speciality     string
}

func specialities() map[string]concept {
	return map[string]concept{
		"family":     {systemSNOMED, "419772000", "Family practice"},
		"internal":   {systemSNOMED, "419192003", "Internal medicine"},
		"emergency":  {systemSNOMED, "773568002", "Emergency medicine"},
		"paediatric": {systemSNOMED, "394537008", "Pediatrics"},
		"psychiatry": {systemSNOMED, "394587001", "Psychiatry"},
		"obstetrics": {systemSNOMED, "394585009", "Obstetrics and gynecology"},
		"cardiology": {systemSNOMED, "394579002", "Cardiology"},
		"surgery":    {systemSNOMED, "394609007", "General surgery"},
	}
}

func posts() (north, south []post) {
	physician := concept{systemSNOMED, "309343006", "Physician"}
	nurse := concept{systemSNOMED, "224535009", "Registered nurse"}
	north = []post{
		{adamsID, "dr-adams", "Adams", "Miriam", "Dr.", "female", physician, "family"},
		{bakerID, "dr-baker", "Baker", "Thomas", "Dr.", "male", physician, "internal"},
		{diazID, "nurse-diaz", "Díaz", "Carmen", "", "female", nurse, "family"},
		{"", "", "Haverford", "Edith", "Dr.", "female", physician, "paediatric"},
		{"", "", "Lindqvist", "Jonas", "Dr.", "male", physician, "emergency"},
		{"", "", "Mbeki", "Thandiwe", "Dr.", "female", physician, "psychiatry"},
		{"", "", "Novák", "Petr", "Dr.", "male", physician, "cardiology"},
		{"", "", "Rao", "Anjali", "Dr.", "female", physician, "obstetrics"},
		{"", "", "Stein", "Rahel", "Dr.", "female", physician, "surgery"},
		{"", "", "Tully", "Brendan", "", "male", nurse, "emergency"},
	}
	south = []post{
		{chenID, "dr-chen", "Chen", "Wei-Ling", "Dr.", "female", physician, "internal"},
		{"", "", "Delacroix", "René", "Dr.", "male", physician, "family"},
		{"", "", "Eriksen", "Søren", "Dr.", "male", physician, "emergency"},
		{"", "", "Farrell", "Maeve", "Dr.", "female", physician, "paediatric"},
		{"", "", "González", "Tomás", "Dr.", "male", physician, "psychiatry"},
		{"", "", "Holloway", "Ruth", "Dr.", "female", physician, "obstetrics"},
		{"", "", "Ishikawa", "Ken", "", "male", nurse, "internal"},
	}
	return north, south
}

func (g *generator) directory() {
	g.north = &house{name: northOrg, title: "North General Hospital", state: "VT", areaCode: "802",
		zone:    time.FixedZone("", -5*3600),
		places:  []place{{"Burlington", "05401"}, {"Winooski", "05404"}, {"Colchester", "05446"}, {"Saint Albans", "05478"}},
		writers: []string{"dr-adams", "dr-baker", "nurse-diaz"}}
	g.south = &house{name: southOrg, title: "South Valley Hospital", state: "TX", areaCode: "956",
		zone:    time.FixedZone("", -6*3600),
		places:  []place{{"Laredo", "78040"}, {"McAllen", "78501"}, {"Harlingen", "78550"}, {"Peñitas", "78576"}},
		writers: []string{"dr-chen"}}
	north, south := posts()
	g.hospital(g.north, north, 10)
	g.hospital(g.south, south, 20)
	g.practitioner(post{id: officerID, user: "officer", family: "Osei", given: "Grace", gender: "female"}, 30)
	g.practitioner(post{id: adminID, user: "admin", family: "Whitlock", given: "Owen", gender: "male"}, 31)
	kind := concept{"http://terminology.hl7.org/CodeSystem/organization-type", "ins", "Insurance Company"}
	for _, name := range []string{"Lakeside Mutual Health Plan", "Commonwealth Care Fund"} {
		g.payers = append(g.payers, g.put(entry{typ: "Organization", asserts: true, display: name,
			body: obj("active", true, "type", list{kind.bare()}, "name", name)}))
	}
	g.drugs = map[string]ref{}
	for _, d := range drugTable() {
		if d.form.code == "" {
			continue
		}
		g.drugs[d.code] = g.put(entry{typ: "Medication", display: d.display, body: obj(
			"code", concept{systemRxNorm, d.code, d.display}.codeable(), "status", "active", "form", d.form.codeable())})
	}
}

// hospital writes an Organization with departments, places and staff.
func (g *generator) hospital(h *house, staff []post, number int) {
	prov := concept{"http://terminology.hl7.org/CodeSystem/organization-type", "prov", "Healthcare Provider"}
	dept := concept{"http://terminology.hl7.org/CodeSystem/organization-type", "dept", "Hospital Department"}
	home := h.places[0]
	h.org = g.put(entry{typ: "Organization", id: h.name, asserts: true, display: h.title, narrative: para(h.title, home.city),
		body: obj("identifier", list{obj("system", systemNPI, "value", npi(number))}, "active", true,
			"type", list{prov.codeable()}, "name", h.title,
			"telecom", list{obj("system", "phone", "value", "+1-"+h.areaCode+"-555-0100", "use", "work")},
			"address", list{obj("line", list{"1 Hospital Drive"}, "city", home.city, "state", h.state,
				"postalCode", home.zip, "country", "US")})})
	for _, name := range []string{"Emergency Department", "Department of Medicine", "Department of Psychiatry", "Department of Obstetrics"} {
		g.put(entry{typ: "Organization", asserts: true, display: name, body: obj("active", true,
			"type", list{dept.codeable()}, "name", h.title+", "+name, "partOf", h.org.plain())})
	}
	h.wards = map[string]ref{}
	for _, w := range []struct {
		class, name string
		kind        concept
	}{
		{"AMB", "Outpatient clinic", concept{systemRoleCode, "OF", "Outpatient facility"}},
		{"EMER", "Emergency room", concept{systemRoleCode, "ER", "Emergency room"}},
		{"IMP", "Ward 3 West", concept{systemRoleCode, "HU", "Hospital unit"}},
		{"VR", "Telehealth", concept{systemRoleCode, "OF", "Outpatient facility"}},
	} {
		h.wards[w.class] = g.put(entry{typ: "Location", display: h.title + ", " + w.name, body: obj("status", "active",
			"name", h.title+", "+w.name, "mode", "instance", "type", list{w.kind.codeable()}, "managingOrganization", h.org.plain())})
	}
	h.specialist = map[string]*clinician{}
	for i, p := range staff {
		c := &clinician{ref: g.practitioner(p, number+1+i), user: p.user}
		g.practitionerRole(h, p, c)
		switch {
		case p.prefix == "" && h.nurse == nil:
			h.nurse = c
		case p.prefix == "":
		case p.speciality == "family" || p.speciality == "internal":
			h.generalists = append(h.generalists, c)
		default:
			h.specialist[p.speciality] = c
		}
	}
}

func (g *generator) practitioner(p post, number int) ref {
	full := p.given + " " + p.family
	body := obj("identifier", list{obj("system", systemNPI, "value", npi(number))}, "active", true)
	name := obj("use", "official", "family", p.family, "given", list{p.given})
	if p.prefix != "" {
		name = append(name, member{"prefix", list{p.prefix}})
		full = p.prefix + " " + full
	}
	body = append(body, member{"name", list{name}}, member{"gender", p.gender})
	return g.put(entry{typ: "Practitioner", id: p.id, asserts: true, display: full, body: body})
}

func (g *generator) practitionerRole(h *house, p post, c *clinician) {
	g.put(entry{typ: "PractitionerRole", asserts: true, body: obj("active", true,
		"period", obj("start", date(g.today.AddDate(-g.between(3, 15), -g.between(0, 11), 0))),
		"practitioner", c.ref.named(), "organization", h.org.plain(),
		"code", list{p.role.codeable()}, "specialty", list{specialities()[p.speciality].codeable()},
		"location", list{h.wards["AMB"].plain()})})
}

// npi is a number of the form of a US National Provider Identifier, with the
// check digit of ISO/IEC 7812 over the prefix 80840. It belongs to nobody known.
func npi(n int) string {
	body := fmt.Sprintf("1999000%02d", n)
	sum := 24 // what the prefix 80840 contributes
	for i := range body {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return fmt.Sprintf("%s%d", body, (10-sum%10)%10)
}
