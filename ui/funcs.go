package ui

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"time"
)

// functions are what templates may call.
func (p *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"path":    func(s string) string { return p.site.Base + s },
		"asset":   p.asset,
		"field":   newField,
		"faulty":  (*Common).fault,
		"choices": func(f field, list []Choice) choices { return choices{f, list} },
		"place":   func(now, name, path, text string) place { return place{path, text, now == name} },
		"passkey": func(f frame, action, class string, k *Passkey) ask {
			return ask{f, p.site.Base + action, class, k.Options, k.Ceremony}
		},
		"search": func(f frame, find, choose string, s PatientSearch) search {
			return search{f, p.site.Base + find, p.site.Base + choose, s}
		},
		"split": func(c ScopeChoice) bool { return len(c.Parts) > 0 && !c.Required },
		"take":  ScopeChoice.take,
		"png": func(b []byte) template.URL {
			// Safe: a fixed media type and base64, which holds nothing of a URL's syntax.
			return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b))
		},
		"lead": func(uri string) template.URL {
			// Safe: not of a scheme that runs or holds content. Those that the library
			// knows are too few: an application may be at "org.example.app:/bye".
			if _, ok := FormAction(uri); !ok {
				return ""
			}
			return template.URL(uri)
		},
		"length": func(n int) string {
			return fmt.Sprintf("At least %d characters. A few words make a good one.", n)
		},
		"zone": func() string { return "Time zone " + p.site.Zone.String() },
		"iso":  func(m Moment) string { return m.UTC().Format(time.RFC3339) },
		"time": func(m Moment) string { return m.In(p.site.Zone).Format("2 January 2006, 15:04 MST") },
		"day":  func(m Moment) string { return m.In(p.site.Zone).Format("2 January 2006") },
	}
}

// What the parts of pages are given.
type (
	choices struct {
		Field   field
		Choices []Choice
	}
	place struct {
		Path, Text string
		Here       bool
	}
	ask struct {
		Frame                            frame
		Action, Class, Options, Ceremony string
	}
	search struct {
		Frame          frame
		Action, Choose string
		Search         PatientSearch
	}
)

// field is one labelled input.
type field struct {
	Name, Label, Hint, Type, Value, Error string
	Autocomplete, Mode, Pattern, Max      string
	Rows                                  int // of a text area; 0 for a single line
	Required, Optional                    bool
	Summary                               bool // the summary speaks of the form as a whole
}

// Described lists the ids of what explains the input, for aria-describedby.
func (f field) Described() string {
	var ids []string
	if f.Error != "" {
		ids = append(ids, "e-"+f.Name)
	}
	if f.Hint != "" {
		ids = append(ids, "h-"+f.Name)
	}
	if f.Summary {
		ids = append(ids, "errors")
	}
	return strings.Join(ids, " ")
}

// Plain is whether the browser must leave what is typed as it is.
func (f field) Plain() bool { return f.Autocomplete != "off" || f.Type == "url" }

// newField makes a field from pairs of a property and its value, so that a
// template can say only what matters.
func newField(c *Common, name, label string, pairs ...any) (field, error) {
	f := field{Name: name, Label: label, Type: "text", Error: c.fault(name), Autocomplete: "off", Summary: c.fault("") != ""}
	if len(pairs)%2 != 0 {
		return f, fmt.Errorf("field %s: odd number of properties", name)
	}
	for i := 0; i < len(pairs); i += 2 {
		var to *string
		switch pairs[i] {
		case "hint":
			to = &f.Hint
		case "type":
			to = &f.Type
		case "value":
			to = &f.Value
		case "autocomplete":
			to = &f.Autocomplete
		case "mode":
			to = &f.Mode
		case "pattern":
			to = &f.Pattern
		case "max":
			to = &f.Max
		case "rows":
			n, ok := pairs[i+1].(int)
			if !ok {
				return f, fmt.Errorf("field %s: rows is no number", name)
			}
			f.Rows = n
			continue
		case "required":
			f.Required = pairs[i+1] == true
			continue
		case "optional":
			f.Optional = pairs[i+1] == true
			continue
		default:
			return f, fmt.Errorf("field %s: unknown property %v", name, pairs[i])
		}
		s, ok := pairs[i+1].(string)
		if !ok {
			return f, fmt.Errorf("field %s: %v is no text", name, pairs[i])
		}
		*to = s
	}
	return f, nil
}

// fault is what is wrong with a field; empty for nothing.
func (c *Common) fault(name string) string {
	for _, e := range c.Errors {
		if e.Field == name {
			return e.Text
		}
	}
	return ""
}
