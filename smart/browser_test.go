package smart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"

	"firebreak/smart"
	"firebreak/transport"
)

// browser keeps cookies and follows redirects within the server.
type browser struct {
	n       *node
	cookies map[string]string
}

func (n *node) browser() *browser { return &browser{n, map[string]string{}} }

// page is what a browser shows, or where another site was to be opened.
type page struct {
	b      *browser
	answer smart.Answer
	path   string // of ours
	to     string // elsewhere
	forms  []formOf
	title  string
	text   string
}

type formOf struct {
	action  string
	fields  url.Values          // as they would be sent
	offered map[string][]string // values of what can be ticked or pressed
}

// send is one request with the browser's cookies; what it is answered is kept.
func (b *browser) send(req transport.WebRequest) smart.Answer {
	req.Cookies = map[string]string{}
	for k, v := range b.cookies {
		req.Cookies[k] = v
	}
	a := b.n.serve(req)
	for _, c := range a.Reply.Cookies {
		if c.Life < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
		b.n.w.secret(c.Value)
	}
	return a
}

// open is what happens when a link is followed.
func (b *browser) open(to string) page {
	b.n.w.t.Helper()
	u, err := url.Parse(to)
	must(b.n.w.t, err)
	return b.follow(b.send(transport.WebRequest{Method: "GET", Path: u.Path, Query: u.RawQuery}), u.Path)
}

// post sends a form as a page of the server does.
func (b *browser) post(path string, fields url.Values) page {
	b.n.w.t.Helper()
	return b.postFrom(path, fields, origin, "same-origin")
}

func (b *browser) postFrom(path string, fields url.Values, from, site string) page {
	b.n.w.t.Helper()
	return b.follow(b.send(transport.WebRequest{Method: "POST", Path: path, Body: []byte(fields.Encode()), Origin: from, Site: site,
		ContentType: "application/x-www-form-urlencoded"}), path)
}

func (b *browser) follow(a smart.Answer, path string) page {
	b.n.w.t.Helper()
	for range 10 {
		if a.Reply.Status != 303 {
			p := page{b: b, answer: a, path: path}
			p.read()
			return p
		}
		to := a.Reply.Location
		if strings.HasPrefix(to, "/") {
			to = origin + to
		}
		u, err := url.Parse(to)
		must(b.n.w.t, err)
		if !strings.HasPrefix(to, issuer+"/") {
			b.n.w.secret(u.Query().Get("code"))
			return page{b: b, answer: a, path: path, to: to}
		}
		path = u.Path
		a = b.send(transport.WebRequest{Method: "GET", Path: u.Path, Query: u.RawQuery})
	}
	b.n.w.t.Fatal("the browser is sent round in a circle")
	return page{}
}

// read takes the forms out of a page. Pages are written so that they parse as XML.
func (p *page) read() {
	p.b.n.w.t.Helper()
	if !strings.HasPrefix(p.answer.Reply.ContentType, "text/html") {
		return
	}
	d := xml.NewDecoder(strings.NewReader(string(p.answer.Reply.Body)))
	d.Entity = xml.HTMLEntity
	var at *formOf
	within := ""
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		must(p.b.n.w.t, err)
		switch x := tok.(type) {
		case xml.StartElement:
			within = x.Name.Local
			attr := map[string]string{}
			for _, a := range x.Attr {
				attr[a.Name.Local] = a.Value
			}
			if within == "form" {
				p.forms = append(p.forms, formOf{attr["action"], url.Values{}, map[string][]string{}})
				at = &p.forms[len(p.forms)-1]
			} else if at != nil {
				at.field(within, attr)
			}
		case xml.EndElement:
			if x.Name.Local == "form" {
				at = nil
			}
			within = ""
		case xml.CharData:
			p.text += string(x)
			if within == "h1" {
				p.title += strings.TrimSpace(string(x))
			}
		}
	}
}

func (f *formOf) field(element string, attr map[string]string) {
	name := attr["name"]
	_, checked := attr["checked"]
	_, disabled := attr["disabled"]
	choice := attr["type"] == "checkbox" || attr["type"] == "radio"
	switch {
	case name == "" || disabled:
	case element == "button" || choice:
		f.offered[name] = append(f.offered[name], attr["value"])
		if choice && checked {
			f.fields.Add(name, attr["value"])
		}
	case element == "input":
		f.fields.Add(name, attr["value"])
	}
}

// at is the page's form that posts to a path; of several, the first with the field.
func (p page) at(path string, field ...string) *formOf {
	p.b.n.w.t.Helper()
	for i := range p.forms {
		f := &p.forms[i]
		if f.action == "/auth"+path && (len(field) == 0 || f.fields.Has(field[0]) || f.offered[field[0]] != nil) {
			return f
		}
	}
	p.b.n.w.t.Fatalf("%s (%d %q, to %q) has no form for %s: %s", p.path, p.answer.Reply.Status, p.title, p.to, path, p.text)
	return nil
}

func (p page) has(path string) bool {
	return slices.ContainsFunc(p.forms, func(f formOf) bool { return f.action == "/auth"+path })
}

// submit posts the form for a path with fields changed; a value of "" takes one out.
func (p page) submit(path string, pairs ...string) page {
	p.b.n.w.t.Helper()
	var field []string
	if len(pairs) > 0 {
		field = pairs[:1]
	}
	f := p.at(path, field...)
	for i := 0; i < len(pairs); i += 2 {
		if f.fields.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			f.fields.Del(pairs[i])
		}
	}
	return p.b.post(f.action, f.fields)
}

// signIn gives name and password.
func (p page) signIn(login string) page {
	p.b.n.w.t.Helper()
	return p.submit("/signin", "username", login, "password", password)
}

// allow grants what is ticked; without are the ids that are unticked first, and
// with those that are ticked.
func (p page) allow(with, without []string) page {
	p.b.n.w.t.Helper()
	f := p.at("/consent")
	f.fields["scope"] = slices.DeleteFunc(append(f.fields["scope"], with...), func(s string) bool { return slices.Contains(without, s) })
	for _, id := range without {
		if f.fields.Has("take:" + id) {
			f.fields.Set("take:"+id, "none")
		}
	}
	f.fields.Set("answer", "allow")
	return p.b.post(f.action, f.fields)
}

// back is what the application is told at its redirect URI.
func (p page) back() url.Values {
	p.b.n.w.t.Helper()
	u, err := url.Parse(p.to)
	if err != nil || p.to == "" {
		p.b.n.w.t.Fatalf("the browser is not back at the application: %s %d %q %s", p.path, p.answer.Reply.Status, p.title, p.text)
	}
	return u.Query()
}
