package ui_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"firebreak/ui"
)

// element is one element of a page. Pages are written so that they parse as XML
// too: what is opened is closed, in order.
type element struct {
	name   string
	attr   map[string]string
	text   string // of itself and of those inside
	parent *element
	inside []*element // in the page's order, at any depth
}

func parse(html string) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(html))
	d.Entity = xml.HTMLEntity
	root := &element{attr: map[string]string{}}
	at := root
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch x := token.(type) {
		case xml.StartElement:
			e := &element{name: x.Name.Local, attr: map[string]string{}, parent: at}
			for _, a := range x.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			for up := at; up != nil; up = up.parent {
				up.inside = append(up.inside, e)
			}
			at = e
		case xml.EndElement:
			at = at.parent
		case xml.CharData:
			for up := at; up != nil; up = up.parent {
				up.text += string(x)
			}
		}
	}
}

func newPages(t testing.TB) *ui.Pages {
	t.Helper()
	p, err := ui.New(ui.Site{Name: "North Hospital", Help: "Questions? Service desk: 555 0100, day and night."})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// eachPage runs a test on every page of the gallery.
func eachPage(t *testing.T, check func(t *testing.T, s specimen, page *element)) {
	p := newPages(t)
	for _, s := range gallery(t) {
		t.Run(s.name, func(t *testing.T) {
			out, err := p.Render(s.view)
			if err != nil {
				t.Fatal(err)
			}
			page, err := parse(string(out.HTML))
			if err != nil {
				t.Fatalf("%v\n%s", err, out.HTML)
			}
			check(t, s, page)
		})
	}
}

func (e *element) within(name string) *element {
	for up := e.parent; up != nil; up = up.parent {
		if up.name == name {
			return up
		}
	}
	return nil
}

func TestNothingInlineAndNothingFromElsewhere(t *testing.T) {
	eachPage(t, func(t *testing.T, _ specimen, page *element) {
		for _, e := range page.inside {
			for name, value := range e.attr {
				if name == "style" || strings.HasPrefix(name, "on") {
					t.Errorf("<%s> has %s=%q", e.name, name, value)
				}
				if strings.HasPrefix(strings.TrimSpace(value), "javascript:") && (name == "href" || name == "src" || name == "action" || name == "formaction") {
					t.Errorf("<%s> leads to %q", e.name, value)
				}
				if name == "src" && !strings.HasPrefix(value, "/auth/assets/") && !strings.HasPrefix(value, "data:image/png;base64,") {
					t.Errorf("<%s> loads %q", e.name, value)
				}
			}
			switch e.name {
			case "style", "iframe", "object", "embed", "base":
				t.Errorf("a <%s>", e.name)
			case "script":
				if e.attr["src"] == "" || strings.TrimSpace(e.text) != "" {
					t.Errorf("an inline script: %q", e.text)
				}
			case "link":
				if !strings.HasPrefix(e.attr["href"], "/auth/assets/") {
					t.Errorf("a link to %q", e.attr["href"])
				}
			}
		}
	})
}

func TestHostileTextStaysText(t *testing.T) {
	eachPage(t, func(t *testing.T, s specimen, page *element) {
		if !strings.HasSuffix(s.name, "-hostile") {
			return
		}
		found := strings.Contains(page.text, hostile)
		for _, e := range page.inside {
			for _, value := range e.attr {
				found = found || value == hostile
			}
			if e.attr["src"] == "x" || strings.Contains(e.text, "alert") && e.name == "script" {
				t.Errorf("text became <%s>", e.name)
			}
		}
		if !found {
			t.Error("the text is not on the page: nothing was tried")
		}
	})
}

func TestEveryInputHasALabel(t *testing.T) {
	eachPage(t, func(t *testing.T, _ specimen, page *element) {
		labelled := map[string]bool{}
		for _, e := range page.inside {
			if e.name == "label" && strings.TrimSpace(e.text) != "" {
				labelled[e.attr["for"]] = true
			}
		}
		for _, e := range page.inside {
			switch e.name {
			case "input", "select", "textarea":
				around := e.within("label")
				if e.attr["type"] != "hidden" && !(e.attr["id"] != "" && labelled[e.attr["id"]]) && around == nil && e.attr["aria-label"] == "" {
					t.Errorf("%s %q has no label", e.name, e.attr["name"])
				}
			case "button", "a", "legend", "h1", "h2", "h3", "summary":
				if strings.TrimSpace(e.text) == "" && e.attr["aria-label"] == "" && !strings.HasSuffix(t.Name(), "-empty") {
					t.Errorf("an empty <%s>", e.name)
				}
			case "img":
				if _, ok := e.attr["alt"]; !ok {
					t.Error("an image without alt")
				}
			}
		}
	})
}

func TestEveryFormCarriesTokenAndFlow(t *testing.T) {
	eachPage(t, func(t *testing.T, s specimen, page *element) {
		csrf, flow := "csrf-token", "flow-id"
		switch {
		case strings.HasSuffix(s.name, "-empty"):
			csrf, flow = "", ""
		case strings.HasSuffix(s.name, "-hostile"):
			csrf, flow = hostile, hostile
		case strings.HasSuffix(s.name, "-long"):
			csrf = strings.Repeat("Longname", 25)
			flow = csrf
		}
		for _, form := range page.inside {
			if form.name != "form" {
				continue
			}
			got := map[string][]string{}
			for _, e := range form.inside {
				if e.name == "input" && e.attr["type"] == "hidden" {
					got[e.attr["name"]] = append(got[e.attr["name"]], e.attr["value"])
				}
			}
			if form.attr["method"] != "post" {
				t.Errorf("form to %s: method %q", form.attr["action"], form.attr["method"])
			}
			if len(got["csrf"]) != 1 || got["csrf"][0] != csrf || len(got["flow"]) != 1 || got["flow"][0] != flow {
				t.Errorf("form to %s: csrf %q, flow %q", form.attr["action"], got["csrf"], got["flow"])
			}
		}
	})
}

func TestIDsAreUniqueAndReferencesLead(t *testing.T) {
	eachPage(t, func(t *testing.T, _ specimen, page *element) {
		ids := map[string]int{}
		for _, e := range page.inside {
			if id := e.attr["id"]; id != "" {
				ids[id]++
			}
		}
		for id, n := range ids {
			if n > 1 {
				t.Errorf("id %q %d times", id, n)
			}
		}
		for _, e := range page.inside {
			refs := strings.Fields(e.attr["aria-describedby"] + " " + e.attr["aria-labelledby"] + " " + e.attr["for"])
			if to, ok := strings.CutPrefix(e.attr["href"], "#"); ok {
				refs = append(refs, to)
			}
			for _, ref := range refs {
				if ids[ref] != 1 {
					t.Errorf("<%s> refers to %q, which is not there", e.name, ref)
				}
			}
		}
		if h := count(page, "h1"); h != 1 {
			t.Errorf("%d main headings", h)
		}
	})
}

func count(page *element, name string) int {
	n := 0
	for _, e := range page.inside {
		if e.name == name {
			n++
		}
	}
	return n
}

func TestAWrongFieldSaysWhy(t *testing.T) {
	seen := 0
	eachPage(t, func(t *testing.T, s specimen, page *element) {
		ids := map[string]*element{}
		for _, e := range page.inside {
			ids[e.attr["id"]] = e
		}
		for _, e := range page.inside {
			if e.attr["aria-invalid"] != "true" {
				continue
			}
			seen++
			why := ids["e-"+e.attr["name"]]
			if why == nil || strings.TrimSpace(why.text) == "" || !strings.Contains(" "+e.attr["aria-describedby"]+" ", " e-"+e.attr["name"]+" ") {
				t.Errorf("%s is wrong and doesn't say why", e.attr["name"])
			}
			if ids["errors"] == nil || ids["errors"].attr["role"] != "alert" {
				t.Error("no summary of errors")
			}
		}
		if s.name == "signin-wrong" && ids["f-password"].attr["aria-describedby"] != "errors" {
			t.Errorf("the password is described by %q, want the summary", ids["f-password"].attr["aria-describedby"])
		}
	})
	if seen < 20 {
		t.Errorf("%d wrong fields seen: the gallery has lost them", seen)
	}
}

func TestAPageHasLanguageAndTitle(t *testing.T) {
	eachPage(t, func(t *testing.T, s specimen, page *element) {
		for _, e := range page.inside {
			if e.name == "html" && e.attr["lang"] != "en" {
				t.Error("no language")
			}
			if e.name == "title" && s.name == "newpassword" && e.text != "Error: Choose a new password · North Hospital" {
				t.Errorf("title %q", e.text)
			}
		}
	})
}
