package firebreak_test

const (
	asThePerson = "the pages ask for records as the person at them does, and know of them by no other way"
	onlySeen    = "an application is told of no patient and no visit that the person cannot see"
	noRecord    = "what the authorization server itself says depends on no record"
	adams       = "adams user/*.cruds"
)

// launchMutants are those of the authorization server and its pages.
var launchMutants = []mutant{
	{"patients are found as the site", asThePerson, []edit{{"chart.go", `	token, err := c.tokens.TokenFor(ctx, p, chartScope)
`, `	scope := chartScope
	if p.FHIRUser == "" || mutant("patients are found as the site") && path == "Patient" || mutant("a patient is looked at as the site") && strings.HasPrefix(path, "Patient/") ||
		mutant("visits are listed as the site") && path == "Encounter" {
		p.FHIRUser, p.Roles, scope = "", []string{"system"}, "system/Patient.rs system/Encounter.rs"
	}
	token, err := c.tokens.TokenFor(ctx, p, scope)
`}}, adams},
	{"a patient is looked at as the site", asThePerson, nil, adams},
	{"visits are listed as the site", asThePerson, nil, adams},
	{"patients are remembered for everybody", asThePerson, []edit{
		{"chart.go", `type chart struct {
`, `type chart struct {
	seen map[string]*fhirjson.Doc
`},
		{"chart.go", `	doc, err := c.get(ctx, p, "Patient/"+id, "")
`, `	doc, err := c.get(ctx, p, "Patient/"+id, "")
	if mutant("patients are remembered for everybody") {
		if c.seen == nil {
			c.seen = map[string]*fhirjson.Doc{}
		}
		if doc == nil {
			doc = c.seen[id]
		}
		c.seen[id] = doc
	}
`}}, adams},
	{"a launch for whomever", onlySeen, []edit{{"smart/launch.go", `	if patient == "" || p.FHIRUser`, `	if patient == "" || mutant("a launch for whomever") || mutant("a choice that was not offered") || p.FHIRUser`}}, adams},
	{"a choice that was not offered", onlySeen, []edit{{"smart/launch.go", `	switch _, err := s.opt.Chart.Patient(ctx, p, f["patient"]); {
	case errors.Is(err, ErrNobody):`, `	switch _, err := s.opt.Chart.Patient(ctx, p, f["patient"]); {
	case mutant("a choice that was not offered"):
	case errors.Is(err, ErrNobody):`}}, adams},
	{"a visit that was not offered", onlySeen, []edit{{"smart/launchpage.go", `	to, err := s.Launched(ctx, r, p.ID, launch)
`, `	if mutant("a visit that was not offered") {
		launch.Encounter = f["encounter"]
	}
	to, err := s.Launched(ctx, r, p.ID, launch)
`}}, adams},
	{"a launch is made only for who is there", noRecord, []edit{{"smart/launchapi.go", `	handle, to, err := s.launchWith(ctx, app, f["person"], c)
`, `	if mutant("a launch is made only for who is there") && f["person"] != "" {
		if _, err := s.opt.Chart.Patient(ctx, Person{ID: f["person"]}, c.Patient); errors.Is(err, ErrNobody) {
			return refuse("there is no such patient")
		}
	}
	handle, to, err := s.launchWith(ctx, app, f["person"], c)
`}}, adams},
	{"the launch context only while there is a record", noRecord, []edit{{"smart/introspect.go", `		out.launchFields = g.Value.Context.fields()
`, `		out.launchFields = g.Value.Context.fields()
		if mutant("the launch context only while there is a record") {
			if _, err := s.opt.Chart.Patient(ctx, Person{ID: t.Subject}, out.Patient); err != nil {
				out.Patient = ""
			}
		}
`}}, adams},
}
