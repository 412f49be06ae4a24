package ui

import "slices"

// Consent asks a person what an application may do. It posts to PathConsent:
// answer is "allow" or "refuse"; what was chosen is read by Granted.
type Consent struct {
	Common
	App       string // the application's name
	Publisher string // who runs it; empty when unknown
	AppURI    string // the application's own page; empty when unknown
	ReturnsTo string // the host the person is sent back to, from the redirect URI
	Patient   *Patient
	Groups    []ScopeGroup
	// Offline is whether the application keeps access after the person leaves
	// (offline_access), asked on its own; nil when it was not asked for.
	Offline *ScopeChoice
	// Until says how long the grant lasts: "for 90 days". May be empty.
	Until string
	// Again is set when the person has allowed the application before and what
	// it asks for has changed since.
	Again bool
}

func (*Consent) about() about { return about{file: "consent", title: "Share with an application"} }

// ScopeGroup is a group of things an application may do, under one heading.
type ScopeGroup struct {
	Title   string // "Health record"
	Text    string // a sentence about them all; may be empty
	Choices []ScopeChoice
}

// ScopeChoice is one thing that an application may do.
type ScopeChoice struct {
	ID     string // what Granted returns: the scope, usually
	Text   string // in plain words: "Read your test results"
	Detail string // more of it; may be empty
	// Checked is whether it is granted when the person changes nothing.
	Checked bool
	// Required things can't be left out; only the whole can be refused.
	Required bool
	// Parts are what it can be narrowed to, such as the categories of
	// Observation: the person grants all of it, only some parts, or none.
	Parts []ScopeChoice
}

// The values of the radio buttons of a choice that has parts.
const (
	takeAll  = "all"
	takeSome = "some"
	takeNone = "none"
)

// take is which radio button is set at first.
func (c ScopeChoice) take() string {
	switch {
	case c.Checked || c.Required:
		return takeAll
	case slices.ContainsFunc(c.Parts, func(p ScopeChoice) bool { return p.Checked }):
		return takeSome
	}
	return takeNone
}

// Granted are the IDs a posted form grants, in the page's order: of choices
// taken whole, and of the parts where only some were taken. What was not offered
// is not in it, whatever was posted; what is required is in it. The form's
// fields are scope (IDs), and take:<ID> for a choice with parts.
func (v *Consent) Granted(form map[string][]string) []string {
	var out []string
	ticked := func(c ScopeChoice) bool { return c.Required || slices.Contains(form["scope"], c.ID) }
	add := func(c ScopeChoice) {
		if len(c.Parts) == 0 || c.Required {
			if ticked(c) {
				out = append(out, c.ID)
			}
			return
		}
		switch take := form["take:"+c.ID]; {
		case slices.Equal(take, []string{takeAll}):
			out = append(out, c.ID)
		case slices.Equal(take, []string{takeSome}):
			for _, p := range c.Parts {
				if ticked(p) {
					out = append(out, p.ID)
				}
			}
		}
	}
	for _, g := range v.Groups {
		for _, c := range g.Choices {
			add(c)
		}
	}
	if v.Offline != nil {
		add(*v.Offline)
	}
	return out
}
