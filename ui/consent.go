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
	// Observation: the person grants all of it, some parts, or none. Parts may
	// have parts.
	Parts []ScopeChoice
}

// The values of the radio buttons of a choice that has parts.
const (
	takeAll  = "all"
	takeSome = "some"
	takeNone = "none"
)

// take is which radio button is set at first: all when it and all in it are
// checked, some when it and something in it are.
func (c ScopeChoice) take() string {
	every, some := true, false
	for _, p := range c.Parts {
		whole := p.Checked || p.Required
		if len(p.Parts) > 0 {
			t := p.take()
			whole, some = t == takeAll, some || t == takeSome
		}
		every, some = every && whole, some || whole
	}
	switch {
	case c.Required, c.Checked && every:
		return takeAll
	case c.Checked && some:
		return takeSome
	}
	return takeNone
}

// whole are the IDs of a choice and all that is in it.
func (c ScopeChoice) whole() []string {
	out := []string{c.ID}
	for _, p := range c.Parts {
		out = append(out, p.whole()...)
	}
	return out
}

// Granted are the IDs a posted form grants, in the page's order. A choice taken
// whole is there with all its parts, a choice taken in part with those parts: so
// a part counts beside the choice it belongs to, never alone. What was not
// offered is not there, whatever was posted; what is required always is.
//
// The form's fields are scope (IDs), and take:<ID> for a choice with parts.
func (v *Consent) Granted(form map[string][]string) []string {
	var out []string
	for _, g := range v.Groups {
		out = append(out, granted(g.Choices, form)...)
	}
	if v.Offline != nil {
		out = append(out, granted([]ScopeChoice{*v.Offline}, form)...)
	}
	return out
}

func granted(list []ScopeChoice, form map[string][]string) []string {
	var out []string
	for _, c := range list {
		take := form["take:"+c.ID]
		switch {
		case c.Required, len(c.Parts) > 0 && slices.Equal(take, []string{takeAll}):
			out = append(out, c.whole()...)
		case len(c.Parts) > 0:
			if parts := granted(c.Parts, form); len(parts) > 0 && slices.Equal(take, []string{takeSome}) {
				out = append(append(out, c.ID), parts...)
			}
		case slices.Contains(form["scope"], c.ID):
			out = append(out, c.ID)
		}
	}
	return out
}
