package scope

// Choice is one thing that a person can grant or not, in plain words.
type Choice struct {
	ID      string // for Grant; fit for a form's value, unique among the choices of a request
	Text    string // "See your conditions"
	Detail  string // what narrows it down or should be known; may be ""
	Default bool   // ticked at first
	// Required goes with any grant, ticked or not: shown, and not to be unticked.
	Required bool
	// Parts are what the choice can be cut down to. They count while the choice
	// itself is ticked, and it is granted whole when all of them are.
	Parts []Choice
}

// Group is choices under one title, never empty.
type Group struct {
	Title   string
	Choices []Choice
}

// Choices are a request in plain words, in the order of a page. Two requests that
// mean the same on resources give the same choices.
func Choices(r Request, to Reader) []Group {
	var out []Group
	add := func(title string, list ...Choice) {
		if at := len(out) - 1; at >= 0 && out[at].Title == title {
			out[at].Choices = append(out[at].Choices, list...)
			return
		}
		if len(list) > 0 {
			out = append(out, Group{Title: title, Choices: list})
		}
	}
	add("Signing in", to.plain(r.Identity)...)
	add("Signing in", to.plain(r.Launch)...)
	for _, u := range units(r.Resources) {
		add(to.title(u), to.choice(u))
	}
	add("How long", to.plain(r.Access)...)
	return out
}

func (to Reader) title(u unit) string {
	if u.scope.Type == "*" {
		return "Everything"
	}
	switch nameOf(u.scope.Type).theme {
	case aboutYou:
		if to.Own && u.scope.Context == "patient" {
			return "About you"
		}
		return "Personal details"
	case conditions:
		return "Conditions"
	case medications:
		return "Medications"
	case allergies:
		return "Allergies"
	case results:
		return "Test results and measurements"
	case visits:
		return "Visits"
	case documents:
		return "Documents"
	case plans:
		return "Care plans and teams"
	case money:
		return "Insurance and bills"
	case directory:
		return "The directory"
	}
	return "Everything else"
}

func (to Reader) choice(u unit) Choice {
	out := Choice{ID: u.id(), Default: true}
	if u.rest {
		out.Text = "All others, also kinds that are added later"
		out.Detail = "Only together with all of the above."
		return out
	}
	out.Text, out.Detail = to.sentence(u.scope)
	for _, p := range u.parts {
		out.Parts = append(out.Parts, to.part(p))
	}
	return out
}

// part is named by its noun alone: what is done with it, and whose it is, stands
// above it.
func (to Reader) part(u unit) Choice {
	out := to.choice(u)
	if !u.rest {
		noun, _ := nounOf(u.scope)
		out.Text = capital(noun)
	}
	return out
}

// plain are the scopes that are not on resources. Access without the person is
// not ticked at first: it is to be chosen ((g)(10), AUT-PAT-11). Who signed in and
// what is open go with any grant, for the rest means nothing without.
func (to Reader) plain(tokens []string) []Choice {
	var out []Choice
	for _, t := range tokens {
		c := Choice{ID: t, Default: true}
		switch t {
		case "openid":
			c.Text, c.Required = "Know that it is you who signed in", true
		case "fhirUser":
			c.Text = "Know who you are in the records here"
		case "profile":
			c.Text = "Know your name"
		case "launch":
			c.Text, c.Required = "Know what was open where you started it", true
		case "launch/patient":
			c.Text, c.Required = "Know which patient you choose", true
			if to.Own {
				c.Text = "Know which record is yours"
			}
		case "launch/encounter":
			c.Text, c.Required = "Know which visit it is about", true
		case "online_access":
			c.Text = "Keep access while you stay signed in"
		case "offline_access":
			c.Text, c.Default = "Keep access when you are not using it", false
			c.Detail = "Until you take it back."
		}
		out = append(out, c)
	}
	return out
}
