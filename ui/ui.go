// Package ui renders the pages of the authorization server: sign-in, choosing
// a patient, consent, a person's own account, launching an application,
// administration. It serves RFC 6749's resource owner and SMART App Launch 2.2's
// person at the screen; the rules of WCAG 2.2 AA are its rules.
//
// It does no I/O, holds no session and decides nothing: values in, HTML and the
// Content-Security-Policy to send with it out. Pages work without scripts;
// scripts only add passkeys and small comforts. Its surprise: Render needs the
// origins a form may end up at, because browsers apply form-action also to the
// redirect that answers a form (see Pages.Render).
package ui

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"
)

//go:embed templates/*.html
var templates embed.FS

// Site is what all pages of a server have in common.
type Site struct {
	// Name is the organisation's name, as people know it: "North Hospital".
	Name string
	// Help says in a sentence whom to ask: "Service desk: 555 0100". May be empty.
	Help string
	// Base is the path below which the pages are served; "/auth" when empty.
	Base string
	// Zone is the time zone times are shown in; UTC when nil.
	Zone *time.Location
}

// Pages renders. It is safe for concurrent use and never changes.
type Pages struct {
	site   Site
	assets map[string]Asset
	pages  map[string]*template.Template
}

// A View is one page's content: a struct of this package, such as SignIn. Only
// this package can make more of them.
type View interface {
	about() about
	common() *Common
}

// about is what the frame must know of a page.
type about struct {
	file  string // the template, without ".html"
	title string
	wide  bool   // a page of a signed-in person, with the menu
	menu  string // the menu's item the page belongs to
}

// Page is what to answer with: status and other headers are the caller's.
type Page struct {
	HTML []byte // text/html; charset=utf-8
	CSP  string // the value of Content-Security-Policy
}

// New reads the templates, once a process. An error is a defect of the program.
func New(site Site) (*Pages, error) {
	if site.Base == "" {
		site.Base = "/auth"
	}
	if site.Zone == nil {
		site.Zone = time.UTC
	}
	p := &Pages{site: site, pages: map[string]*template.Template{}}
	var err error
	if p.assets, err = readAssets(site.Base); err != nil {
		return nil, err
	}
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		page := strings.TrimSuffix(path.Base(name), ".html")
		if page == "frame" || page == "parts" {
			continue
		}
		t, err := template.New("frame.html").Funcs(p.functions()).
			ParseFS(templates, "templates/frame.html", "templates/parts.html", name)
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", page, err)
		}
		p.pages[page] = t
	}
	return p, nil
}

// frame is what templates are given.
type frame struct {
	Site  Site
	Title string
	Wide  bool
	Menu  string
	C     *Common
	V     View
}

// Render makes a page. formAction are the sources, beside this server itself,
// that posting a form of the page may lead to: the application's redirect URI
// on every page of an authorization flow, an identity provider's on the sign-in
// page. Each is made by FormAction. Chromium applies form-action to redirects
// that follow a form's submission (CSP 3, section 6.4.1 leaves it open), so a
// page without them would keep the person from returning to the application.
//
// An error means that the view or a source is not well formed: a defect of the
// caller, never of what a person typed.
func (p *Pages) Render(v View, formAction ...string) (Page, error) {
	if v == nil {
		return Page{}, errors.New("ui: no view")
	}
	a := v.about()
	t := p.pages[a.file]
	if t == nil {
		return Page{}, fmt.Errorf("ui: no page %q", a.file)
	}
	policy, err := policy(formAction)
	if err != nil {
		return Page{}, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, frame{p.site, a.title, a.wide, a.menu, v.common(), v}); err != nil {
		return Page{}, fmt.Errorf("ui: page %s: %w", a.file, err)
	}
	return Page{b.Bytes(), policy}, nil
}
