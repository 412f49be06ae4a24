package demo_test

import (
	"slices"
	"testing"
	"time"

	"firebreak/demo"
	"firebreak/fhirjson"
)

func home() map[string]string {
	out := map[string]string{}
	for _, r := range full() {
		if r.Type == "Patient" {
			out[key(r)] = r.Organization
		}
	}
	return out
}

func TestEveryUserIsInTheData(t *testing.T) {
	have := map[string]bool{}
	for _, r := range full() {
		have[key(r)] = true
	}
	for _, u := range demo.Users() {
		if u.FHIRUser != "" && !have[u.FHIRUser] {
			t.Errorf("%s: no %s", u.Name, u.FHIRUser)
		}
		if u.Organization != "" && (!have[u.Organization] || u.Organization != "Organization/"+u.OrgName) {
			t.Errorf("%s: organization %s of %s", u.Name, u.Organization, u.OrgName)
		}
		if len(u.Roles) != 1 || u.Scope == "" {
			t.Errorf("%s: roles %v, scope %q", u.Name, u.Roles, u.Scope)
		}
	}
}

func TestAuthorsWriteForTheirOwnHospital(t *testing.T) {
	org, wrote := map[string]string{}, map[string]int{}
	for _, u := range demo.Users() {
		org[u.Name] = u.OrgName
	}
	for _, r := range full() {
		wrote[r.Author]++
		if r.Author != "" && org[r.Author] != r.Organization {
			t.Errorf("%s of %q writes %s for %q", r.Author, org[r.Author], key(r), r.Organization)
		}
	}
	for _, name := range []string{"dr-adams", "dr-baker", "nurse-diaz", "dr-chen"} {
		if wrote[name] < 500 {
			t.Errorf("%s wrote %d records, want 500 or more", name, wrote[name])
		}
	}
}

func TestAuthorityIsAsserted(t *testing.T) {
	authority := []string{"CareTeam", "PractitionerRole", "Organization", "Practitioner", "Patient", "Group", "RelatedPerson"}
	for _, r := range full() {
		if want := slices.Contains(authority, r.Type); r.Asserts != want {
			t.Errorf("%s: Asserts = %v, want %v", key(r), r.Asserts, want)
		}
		if r.Asserts && r.Author != "" {
			t.Errorf("%s is asserted by %s, want the operator", key(r), r.Author)
		}
	}
}

func TestFiveNorthCareTeamsNameDrChen(t *testing.T) {
	whose := home()
	var named []string
	for i, r := range full() {
		if r.Type != "CareTeam" || r.Organization != "north" {
			continue
		}
		for p := range parsed()[i].Field("participant").Children() {
			if p.Field("member").Field("reference").Is("Practitioner/dr-chen") {
				named = append(named, subject(parsed()[i]))
			}
		}
	}
	if len(named) != 5 || !slices.Contains(named, "Patient/amy") {
		t.Errorf("teams with dr-chen are of %v, want five with Amy's", named)
	}
	for _, p := range named {
		if whose[p] != "north" {
			t.Errorf("%s is of %s", p, whose[p])
		}
		wrote := map[string]int{}
		for i, r := range full() {
			if subject(parsed()[i]) == p {
				wrote[r.Organization]++
			}
		}
		if wrote["north"] < 5 || wrote["south"] < 5 {
			t.Errorf("%s: records %v, want five or more by each", p, wrote)
		}
	}
}

func TestAmyHasAChartInBothHospitals(t *testing.T) {
	by, labelled := map[string]int{}, 0
	for i, r := range full() {
		if subject(parsed()[i]) == "Patient/amy" {
			by[r.Organization]++
			if parsed()[i].Field("meta").Field("security").Exists() {
				labelled++
			}
			if r.Organization == "south" && r.Author != "dr-chen" {
				t.Errorf("%s of the south is by %q", key(r), r.Author)
			}
		}
	}
	if by["north"]+by["south"] < 20 || by["south"] < 5 || labelled == 0 {
		t.Errorf("records by hospital %v, labelled %d; want 20 in all, 5 by the south, 1 labelled", by, labelled)
	}
}

// Most of the south is nothing to the north: neither its patients nor its records.
func TestTheSouthHasWhatTheNorthMustNotSee(t *testing.T) {
	whose, apart := home(), 0
	for i, r := range full() {
		if r.Organization == "south" && whose[subject(parsed()[i])] == "south" {
			apart++
		}
		if r.Organization == "north" && whose[subject(parsed()[i])] == "south" {
			t.Errorf("%s of the north is about a patient of the south", key(r))
		}
	}
	if apart < 3000 {
		t.Errorf("%d records, want 3000 or more", apart)
	}
}

func TestTwinsShareOnlyTheNationalNumber(t *testing.T) {
	numbers := map[string][]string{} // system|value → hospitals
	linked := 0
	for i, r := range full() {
		if r.Type != "Patient" {
			continue
		}
		for id := range parsed()[i].Field("identifier").Children() {
			k := id.Field("system").Text() + "|" + id.Field("value").Text()
			numbers[k] = append(numbers[k], r.Organization)
		}
		if parsed()[i].Field("link").Exists() {
			linked++
		}
	}
	twins := 0
	for k, hospitals := range numbers {
		if len(hospitals) == 1 {
			continue
		}
		twins++
		if !slices.Equal(hospitals, []string{"north", "south"}) {
			t.Errorf("%s is in %v", k, hospitals)
		}
	}
	if twins != 8 || linked != 4 {
		t.Errorf("%d twins, %d linked; want 8 and 4", twins, linked)
	}
}

func TestAboutThreeInAHundredAreLabelled(t *testing.T) {
	codes, labelled := map[string]int{}, 0
	for _, n := range parsed() {
		if !n.Field("meta").Field("security").Exists() {
			continue
		}
		labelled++
		for c := range n.Field("meta").Field("security").Children() {
			codes[c.Field("code").Text()]++
		}
	}
	t.Logf("%d of %d: %v", labelled, len(full()), codes)
	if share := float64(labelled) / float64(len(full())); share < 0.02 || share > 0.05 {
		t.Errorf("%.1f %% are labelled, want 2 to 5", share*100)
	}
	for _, code := range []string{"R", "V", "PSY", "ETHUD", "OPIOIDUD", "HIV", "SDV", "42CFRPart2"} {
		if codes[code] == 0 {
			t.Errorf("no record is labelled %s", code)
		}
	}
}

func TestLabelsGoWithTheirEncounter(t *testing.T) {
	label := map[string]string{}
	for i, r := range full() {
		n := parsed()[i]
		if r.Type == "Encounter" {
			label[key(r)] = string(n.Field("meta").Field("security").Raw())
			continue
		}
		at := n.Field("encounter").Field("reference").Text()
		if got := string(n.Field("meta").Field("security").Raw()); at != "" && got != label[at] {
			t.Errorf("%s is labelled %s, its encounter %s", key(r), got, label[at])
		}
	}
}

type span struct{ from, to time.Time }

func when(t *testing.T, n fhirjson.Node) time.Time {
	t.Helper()
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, n.Text()); err == nil {
			return at
		}
	}
	t.Fatalf("%s is not a time", n.Path(""))
	return time.Time{}
}

func TestWhatHappenedHappenedInItsEncounter(t *testing.T) {
	in := map[string]span{}
	for i, r := range full() {
		n := parsed()[i]
		if r.Type == "Encounter" {
			p := n.Field("period")
			in[key(r)] = span{when(t, p.Field("start")), when(t, p.Field("end"))}
			if !in[key(r)].from.Before(in[key(r)].to) || !in[key(r)].to.Before(today.AddDate(0, 0, 1)) {
				t.Errorf("%s has no sound period", key(r))
			}
		}
		at, ok := in[n.Field("encounter").Field("reference").Text()]
		for _, name := range []string{"effectiveDateTime", "occurrenceDateTime", "authoredOn", "recordedDate"} {
			if x := n.Field(name); ok && x.Exists() && (when(t, x).Before(at.from) || when(t, x).After(at.to)) {
				t.Errorf("%s: %s is outside its encounter", key(r), name)
			}
		}
	}
}

func TestNobodyIsTreatedBeforeBirthOrAfterDeath(t *testing.T) {
	life, dead, newborn, old := map[string]span{}, 0, 0, 0
	for i, r := range full() {
		n := parsed()[i]
		if r.Type == "Patient" {
			s := span{when(t, n.Field("birthDate")), today.AddDate(0, 0, 1)}
			if d := n.Field("deceasedDateTime"); d.Exists() {
				dead++
				s.to = when(t, d)
			}
			if age := today.Sub(s.from).Hours() / 24; age < 29 {
				newborn++
			} else if age > 36000 || age > 97*365 {
				old++
			}
			life[key(r)] = s
		}
		p, ok := life[subject(n)]
		for _, x := range []fhirjson.Node{n.Field("period").Field("start"), n.Field("effectiveDateTime"), n.Field("onsetDateTime"), n.Field("issued")} {
			if ok && x.Exists() && r.Type != "CareTeam" && (when(t, x).Before(p.from) || when(t, x).After(p.to)) {
				t.Errorf("%s: %s lies outside the patient's life", key(r), x.Name())
			}
		}
	}
	if dead < 3 || newborn < 3 || old < 1 {
		t.Errorf("%d deceased, %d newborn, %d of 97 years and over; want 3, 3 and 1", dead, newborn, old)
	}
}

func TestDisordersFitAgeAndSex(t *testing.T) {
	type who struct {
		born   time.Time
		gender string
	}
	all := map[string]who{}
	women := []string{"Normal pregnancy", "Endometriosis", "Osteoporosis", "Urinary tract infection"}
	men := []string{"Benign prostatic hyperplasia", "Malignant neoplasm of prostate", "Gout"}
	grown := []string{"Essential hypertension", "Diabetes mellitus type 2", "Heart failure", "Normal pregnancy", "Opioid dependence", "Alcoholism"}
	for i, r := range full() {
		n := parsed()[i]
		switch r.Type {
		case "Patient":
			all[key(r)] = who{when(t, n.Field("birthDate")), n.Field("gender").Text()}
		case "Condition":
			p, name := all[subject(n)], n.Field("code").Field("text").Text()
			if slices.Contains(women, name) && p.gender == "male" || slices.Contains(men, name) && p.gender == "female" {
				t.Errorf("%s: %s of a %s patient", key(r), name, p.gender)
			}
			onset := when(t, n.Field("onsetDateTime"))
			if slices.Contains(grown, name) && onset.Before(p.born.AddDate(17, 0, 0)) {
				t.Errorf("%s: %s of a child", key(r), name)
			}
		}
	}
}

func TestLastingDisordersAreTreated(t *testing.T) {
	follow := map[string][2]string{ // what each brings: a drug, an analyte
		"59621000": {"314076", "2160-0"}, "44054006": {"861007", "4548-4"}, "55822004": {"617310", "2093-3"}}
	has := map[string]bool{} // patient|code
	drugs := map[string]string{}
	for i := range full() {
		n := parsed()[i]
		code := n.Field("code").Field("coding").Item(0).Field("code").Text()
		switch full()[i].Type {
		case "Medication":
			drugs[key(full()[i])] = code
		case "MedicationRequest":
			code = n.Field("medicationCodeableConcept").Field("coding").Item(0).Field("code").Text() +
				drugs[n.Field("medicationReference").Field("reference").Text()]
		}
		has[subject(n)+"|"+code] = true
	}
	all, drug, measured := 0, 0, 0
	for i, r := range full() {
		n := parsed()[i]
		f, ok := follow[n.Field("code").Field("coding").Item(0).Field("code").Text()]
		if r.Type != "Condition" || !ok || !when(t, n.Field("onsetDateTime")).Before(today.AddDate(-3, 0, 0)) {
			continue
		}
		all++
		if has[subject(n)+"|"+f[0]] {
			drug++
		}
		if has[subject(n)+"|"+f[1]] {
			measured++
		}
	}
	if all < 50 || drug*100 < 95*all || measured*100 < 85*all {
		t.Errorf("of %d, %d get the drug and %d are measured; want 95 %% and 85 %%", all, drug, measured)
	}
}

func TestExamplesAreWhatTheirNamesSay(t *testing.T) {
	at := map[string]int{}
	for i, r := range full() {
		at[key(r)] = i
	}
	examples, whose := demo.Examples(full()), home()
	for _, name := range exampleNames() {
		if _, ok := at[examples[name]]; !ok {
			t.Errorf("%s: %q is not in the data", name, examples[name])
		}
	}
	for name, org := range map[string]string{"north-patient": "north", "south-patient": "south", "amy-observation": "north",
		"amy-south-observation": "south", "shared-south-observation": "south", "twin-north": "north", "twin-south": "south"} {
		if got := full()[at[examples[name]]].Organization; got != org {
			t.Errorf("%s is of %q, want %q", name, got, org)
		}
	}
	for _, name := range []string{"shared-patient", "visitor-patient"} {
		if got := whose[examples[name]]; got != "north" {
			t.Errorf("%s is of %q, want north", name, got)
		}
	}
	for _, name := range []string{"restricted-condition", "restricted-observation", "amy-restricted-condition"} {
		if !parsed()[at[examples[name]]].Field("meta").Field("security").Exists() {
			t.Errorf("%s carries no label", name)
		}
	}
}
